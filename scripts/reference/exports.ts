/** The contents of the reference: all exports of the package and its subpaths. */
export * from "../../src/index.ts";
export * as insight from "../../src/insight/index.ts";
export * as plot from "../../src/plot/index.ts";
export * as reports from "../../src/report/index.ts";

/** What the reference shows: all that the package and its subpaths export. */
export * from "../../src/index.ts";
export * as insight from "../../src/insight/index.ts";

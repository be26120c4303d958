// Bundles pages, each with a bundler in its usual configuration, without settings for Myelin.
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { rolldown } from "rolldown";
import { build } from "vite";
import { importTool } from "./app.ts";

/** The page's entry, and the folder for its bundle. */
interface Order {
  readonly app: string;
  readonly entry: string;
  readonly out: string;
}

export type BundlePage = (order: Order) => Promise<unknown>;

/** A page without scripts of its own: a policy may refuse them. */
export const html = (script: string) =>
  `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><body><script type="module" src="${script}"></script>`;

const withPage = (bundle: BundlePage): BundlePage => {
  return async (order) => {
    await bundle(order);
    mkdirSync(order.out, { recursive: true });
    writeFileSync(join(order.out, "index.html"), html("./page.js"));
  };
};

/** Bundlers that copy the modules by themselves. */
export const copying: Readonly<Record<string, BundlePage>> = {
  Vite: async ({ app, entry, out }) => {
    writeFileSync(join(app, "index.html"), html(`./${entry}`));
    await build({ root: app, configFile: false, logLevel: "error", build: { outDir: out } });
  },
  "webpack 5": withPage(async ({ app, entry, out }) => {
    const webpack = await importTool("webpack");
    const options = {
      mode: "production",
      context: app,
      entry: `./${entry}`,
      performance: false,
      optimization: { minimize: false },
    };
    const output = { path: out, filename: "page.js" };
    await new Promise<void>((done, fail) =>
      webpack({ ...options, output }, (error: unknown, stats: { hasErrors(): boolean }) =>
        error || stats.hasErrors() ? fail(error ?? stats) : done(),
      ),
    );
  }),
};

/** Bundlers for which a user copies them. */
export const others: Readonly<Record<string, BundlePage>> = {
  esbuild: withPage(async ({ app, entry, out }) => {
    const { build } = await importTool("esbuild");
    await build({
      entryPoints: [join(app, entry)],
      outfile: join(out, "page.js"),
      bundle: true,
      format: "esm",
    });
  }),
  Rollup: withPage(async ({ app, entry, out }) => {
    const { rollup } = await importTool("rollup");
    const resolve = await importTool("@rollup/plugin-node-resolve");
    const bundle = await rollup({ input: join(app, entry), plugins: [resolve({ browser: true })] });
    await bundle.write({ file: join(out, "page.js"), format: "esm" });
  }),
  Rolldown: withPage(async ({ app, entry, out }) => {
    const bundle = await rolldown({ input: join(app, entry), platform: "browser" });
    await bundle.write({ file: join(out, "page.js"), format: "esm", codeSplitting: false });
  }),
};

/** Copies the modules beside a bundle, as docs/browser.md tells users of the others. */
export function copyModules(app: string, out: string): void {
  for (const name of ["myelin.wasm", "myelin-unfused.wasm"])
    cpSync(join(app, "node_modules", "myelin", "dist", "kernel", name), join(out, name));
}

// Server bundles by other bundlers, in both module formats. Bundlers that are not dependencies of the
// checkout are installed when this test first runs.
import { cpSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import {
  describeNative,
  expectSuccess,
  importTool,
  install,
  installTools,
  type Packed,
  pack,
  type Result,
  run,
  runElsewhere,
  target,
  tools,
} from "./app.ts";

/** The entry, the file to write, and whether the setting that excludes Myelin is used. */
interface Order {
  readonly entry: string;
  readonly file: string;
  readonly format: "esm" | "cjs";
  readonly external: boolean;
}

interface Bundler {
  readonly name: string;
  /** The setting, as the warning gives it. */
  readonly setting: string;
  bundle(order: Order): Promise<unknown>;
}

const external = ["myelin"];
const listed = 'external: ["myelin"]';

const bundlers: readonly Bundler[] = [
  {
    name: "esbuild",
    setting: listed,
    bundle: async ({ entry, file, format, external: isExternal }) => {
      const { build } = await importTool("esbuild");
      const options = { bundle: true, platform: "node", format, logLevel: "silent" };
      const done = await build({
        ...{ entryPoints: [entry], outfile: file, ...options, external: isExternal ? external : [] },
      });
      expect(done.warnings).toEqual([]);
    },
  },
  { name: "Rollup", setting: listed, bundle: (order) => rollUp(order, ["node"]) },
  {
    name: "Rolldown",
    setting: listed,
    bundle: async ({ entry, file, format, external: isExternal }) => {
      const { rolldown } = await import("rolldown");
      const warnings: string[] = [];
      const bundle = await rolldown({
        ...{ input: entry, platform: "node", external: isExternal ? external : [] },
        onLog: (_level, log) => void warnings.push(log.message),
      });
      await bundle.write({ file, format, codeSplitting: false });
      expect(warnings).toEqual([]);
    },
  },
  {
    name: "Vite",
    setting: "ssr.external",
    bundle: async ({ entry, file, format, external: isExternal }) => {
      const { build } = await import("vite");
      const rolldownOptions = { output: { format, entryFileNames: file.slice(dirname(file).length + 1) } };
      await build({
        ...{ root: dirname(entry), configFile: false, logLevel: "error" },
        ssr: isExternal ? { noExternal: true, external } : { noExternal: true },
        build: { ssr: entry, outDir: dirname(file), emptyOutDir: false, rolldownOptions },
      });
    },
  },
  {
    name: "webpack",
    setting: 'externals: { myelin: "node-commonjs myelin" }',
    bundle: async ({ entry, file, format, external: isExternal }) => {
      const webpack = await importTool("webpack");
      const options = {
        ...{ mode: "production", target: "node20", devtool: false, optimization: { minimize: false } },
        experiments: { outputModule: format === "esm" },
        ...{ entry, externals: isExternal ? { myelin: "node-commonjs myelin" } : {} },
        output: {
          ...{ path: dirname(file), filename: file.slice(dirname(file).length + 1) },
          ...(format === "esm" && { module: true, library: { type: "module" } }),
        },
      };
      const { compilation } = await new Promise<{ compilation: Record<string, unknown[]> }>((done, fail) =>
        webpack(options, (error: unknown, stats: never) => (error ? fail(error) : done(stats))),
      );
      expect([compilation.errors, compilation.warnings].flat().map(String)).toEqual([]);
    },
  },
];

/** Rollup uses the condition "node" only if its plugin is configured to. */
async function rollUp({ entry, file, format, external: isExternal }: Order, conditions: string[]) {
  const { rollup } = await importTool("rollup");
  const resolve = await importTool("@rollup/plugin-node-resolve");
  const warnings: string[] = [];
  const bundle = await rollup({
    ...{ input: entry, plugins: [resolve({ exportConditions: conditions, preferBuiltins: true })] },
    ...{ external: isExternal ? external : [] },
    onLog: (_level: string, log: { message: string }) => void warnings.push(log.message),
  });
  await bundle.write({ file, format, inlineDynamicImports: true });
  expect(warnings).toEqual([]);
}

let packed: Packed;
let app: string;
let entry: string;
beforeAll(() => {
  installTools(tools);
  packed = pack();
  app = install(packed.myelin, packed.platform);
  entry = putEntry(app);
});

function putEntry(folder: string): string {
  const file = join(folder, "entry.mjs");
  cpSync(join(tools, "entry.mjs"), file);
  return file;
}

const start = (file: string) => run(dirname(file), process.execPath, [file]);
const kernelOf = (result: Result) => JSON.parse(expectSuccess(result).trim());
const warningsOf = (result: Result) => result.errors.match(/\[MYELIN_\w+\].*/g) ?? [];

const cases = bundlers.flatMap((bundler) =>
  (["esm", "cjs"] as const).map((format) => ({ ...bundler, format })),
);

describeNative("a server bundle", () => {
  describe.each(cases)("by $name as $format", ({ name, setting, bundle, format }) => {
    const fileFor = (kind: string) => join(app, "out", `${name}-${kind}.${format === "esm" ? "mjs" : "cjs"}`);

    test("loads the native kernel from node_modules, or warns once with the setting that fixes it", async () => {
      const file = fileFor("bundled");
      await bundle({ entry, file, format, external: false });
      const beside = start(file);
      expect(kernelOf(beside).name).toBe("native");
      expect(beside.errors).toBe("");

      const result = runElsewhere(app, file);
      expect(kernelOf(result)).toEqual({
        name: "typescript",
        reason: expect.stringContaining("this bundle does not find the native addon"),
      });
      expect(warningsOf(result)).toEqual([expect.stringMatching(/^\[MYELIN_UNREACHABLE_ADDON\]/)]);
      expect(result.errors).toContain(setting);
      expect(runElsewhere(app, file, { MYELIN_KERNEL: "typescript" }).errors).toBe("");
    });

    test("loads the native kernel with that setting", async () => {
      const file = fileFor("external");
      await bundle({ entry, file, format, external: true });
      const result = start(file);
      expect(kernelOf(result).name).toBe("native");
      expect(result.errors).toBe("");
    });
  });

  test("built for browsers by mistake gives a warning with the fix", async () => {
    const file = join(app, "out", "browser.mjs");
    await rollUp({ entry, file, format: "esm", external: false }, []);
    const result = start(file);
    expect(kernelOf(result).reason).toMatch(/^this bundle was made for browsers: .*external: \["myelin"\]/);
    expect(warningsOf(result)).toEqual([expect.stringMatching(/^\[MYELIN_UNREACHABLE_ADDON\]/)]);
  });
});

test("a server bundle beside a Myelin without its platform package gives a warning that names that package", async () => {
  const bare = install(packed.myelin);
  const file = join(bare, "out.cjs");
  await bundlers[0]!.bundle({ entry: putEntry(bare), file, format: "cjs", external: false });
  const result = start(file);
  expect(kernelOf(result).reason).toContain(`myelin-${target} is not installed: npm install`);
  expect(warningsOf(result)).toEqual([expect.stringMatching(/^\[MYELIN_ABSENT_ADDON\]/)]);
});

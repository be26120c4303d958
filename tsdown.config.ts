import { existsSync, readFileSync } from "node:fs";
import { minifySync, parseSync, Visitor } from "rolldown/utils";
import { defineConfig, type UserConfig } from "tsdown";
import { thirdPartyLicenses } from "./scripts/licenses.js";
import { SEARCH, schemaOf, TRAIN } from "./src/cli/train/settings.ts";

/** A file of a build, as far as the plugin below needs it. */
interface BuiltFile {
  code?: string;
  readonly modules?: Readonly<Record<string, { readonly renderedLength: number }>>;
}

/**
 * Comments that tell a bundler what to leave alone, and what it may leave out, and the form in which it finds
 * files. A minifier loses them.
 */
const FOR_BUNDLERS = /webpackIgnore|@vite-ignore|@__PURE__|new URL\("\.\//;

/** The length from which a line of code ends before the next statement. */
const LINE = 120;

/**
 * Breaks code without spaces into lines: Node prints the line that threw, above the message of an error that
 * nothing catches.
 */
function inLines(name: string, code: string): string {
  const starts: number[] = [];
  const visit = ({ body }: { body: readonly { start: number }[] }) => {
    for (const { start } of body) starts.push(start);
  };
  const { program } = parseSync(name, code);
  new Visitor({ Program: visit, BlockStatement: visit, StaticBlock: visit, ClassBody: visit }).visit(program);
  let result = "";
  let from = 0;
  for (const start of starts.sort((a, b) => a - b)) {
    if (start - from < LINE) continue;
    result += `${code.slice(from, start)}\n`;
    from = start;
  }
  return result + code.slice(from);
}

/**
 * Removes the spaces from the code of optional parts, and shortens the names in chunks that are mostly libraries,
 * which nobody debugs here.
 */
const smallCode = {
  name: "small-code",
  generateBundle(_options: unknown, bundle: Readonly<Record<string, BuiltFile>>) {
    for (const [name, file] of Object.entries(bundle)) {
      const { code, modules = {} } = file;
      const places = Object.entries(modules);
      const lengthOf = (isCounted: (id: string) => boolean) =>
        places.reduce((sum, [id, { renderedLength }]) => sum + (isCounted(id) ? renderedLength : 0), 0);
      const isLibrary = 2 * lengthOf((id) => id.includes("node_modules")) > lengthOf(() => true);
      if (code === undefined || !name.endsWith(".js") || (!isLibrary && FOR_BUNDLERS.test(code))) continue;
      const names = isLibrary ? {} : { compress: false, mangle: false };
      const { code: small, errors } = minifySync(name, code, { module: true, ...names });
      if (errors.length > 0) throw new Error(`${name} cannot be minified: ${errors[0].message}`);
      // Says where the code is from, as the comments between modules do elsewhere.
      const from = Array.from(code.matchAll(/^\/\/#region (?:node_modules|src)\/[^/\n]+/gm), ([text]) =>
        text.slice(10),
      );
      file.code = `// ${[...new Set(from)].join(", ")}/\n${isLibrary ? small : inLines(name, small)}`;
    }
  },
};

const shared = {
  format: "esm",
  target: "es2022",
  clean: false,
  fixedExtension: false,
  // An import that is not found would be left for the user's machine to miss.
  failOnWarn: true,
  plugins: [thirdPartyLicenses()],
  // The documentation is in the types, where editors look for it.
  outputOptions: { comments: { legal: true, annotation: true, jsdoc: false } },
} satisfies UserConfig;

/** Writes the JSON schemas of the files that `--config` of `myelin train` and `myelin search` takes. */
const configurationSchema = {
  name: "configuration-schema",
  generateBundle(this: { emitFile(file: object): unknown }) {
    for (const training of [TRAIN, SEARCH]) {
      const source = `${JSON.stringify(schemaOf(training), undefined, 2)}\n`;
      this.emitFile({ type: "asset", fileName: `cli/${training.command}.schema.json`, source });
    }
  },
};

/** The type of an import of a module: what it is depends on the bundler. */
const MODULE_TYPE = `/** An address, bytes or a WebAssembly.Module: what \`ready({ module })\` takes. */
declare const module: string | object;
export default module;
`;

/** Copies the WebAssembly modules beside the file that reads them, if `scripts/setup.js` could build them. */
const wasmModules = {
  name: "wasm-modules",
  generateBundle(this: { emitFile(file: object): unknown }) {
    for (const name of ["myelin.wasm", "myelin-unfused.wasm"]) {
      const file = `src/kernel/${name}`;
      if (existsSync(file))
        this.emitFile({ type: "asset", fileName: `kernel/${name}`, source: readFileSync(file) });
    }
    this.emitFile({ type: "asset", fileName: "kernel/module.d.ts", source: MODULE_TYPE });
  },
};

export default defineConfig([
  // What any host can load; what begins with `#` is resolved by package.json, by host.
  {
    ...shared,
    entry: {
      index: "src/index.ts",
      "insight/index": "src/insight/index.ts",
      "plot/index": "src/plot/index.ts",
      "plot/png": "src/plot/png.ts",
      "plot/noPng": "src/plot/noPng.ts",
      "report/index": "src/report/index.ts",
      "table/index": "src/table/index.ts",
      "files/saveLoad": "src/files/saveLoad.ts",
      "files/noFiles": "src/files/noFiles.ts",
      "training/callbacks/files": "src/training/callbacks/files.ts",
      "training/callbacks/noFiles": "src/training/callbacks/noFiles.ts",
      "serve/index": "src/serve/index.ts",
      "serve/http": "src/serve/http.ts",
      "serve/noHttp": "src/serve/noHttp.ts",
      "table/readers/sql": "src/table/readers/sql.ts",
      "table/readers/noSql": "src/table/readers/noSql.ts",
      "kernel/native": "src/kernel/native.ts",
      "kernel/noNative": "src/kernel/noNative.ts",
      "kernel/wasm": "src/kernel/wasm.ts",
      "kernel/fetchWasm": "src/kernel/fetchWasm.ts",
    },
    platform: "neutral",
    plugins: [smallCode, wasmModules, ...shared.plugins],
    inputOptions: { resolve: { mainFields: ["module", "main"] } },
    deps: { neverBundle: [/^#/, /^node:/] },
    // Without it the types do not compile in an app that has neither the types of Node nor a library as new
    // as this.
    banner: { dts: '/// <reference lib="esnext.disposable" />' },
    dts: true,
  },
  // The command, with the libraries that it alone needs. It reaches the rest as any user does.
  {
    ...shared,
    entry: { "cli/main": "src/cli/main.ts" },
    platform: "node",
    deps: { neverBundle: [/^myelin(\/|$)/] },
    dts: false,
    // Most of it is libraries, which nobody debugs here.
    minify: true,
    outputOptions: { ...shared.outputOptions, chunkFileNames: "cli/[name]-[hash].js" },
    plugins: [...shared.plugins, configurationSchema],
  },
]);

/**
 * The structure of the sources: the directions of imports, what runs off Node, the places of `unsafe`, and
 * that shared code knows no entry of a table by name.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, posix } from "node:path";
import { describe, expect, test } from "vitest";
import * as noFiles from "../src/files/noFiles.ts";
import * as files from "../src/files/saveLoad.ts";
import * as fetchWasm from "../src/kernel/fetchWasm.ts";
import * as native from "../src/kernel/native.ts";
import * as noNative from "../src/kernel/noNative.ts";
import * as wasm from "../src/kernel/wasm.ts";
import * as metrics from "../src/metrics/table.ts";
import * as activations from "../src/nn/activations.ts";
import * as initializers from "../src/nn/initializers.ts";
import { layers } from "../src/nn/layers.ts";
import * as losses from "../src/nn/losses.ts";
import { measures } from "../src/nn/measures.ts";
import * as optimizers from "../src/nn/optimizers.ts";
import { NETWORK_OPTIONS } from "../src/nn/program.ts";
import * as schedules from "../src/nn/schedules.ts";
import * as strategies from "../src/selection/search/strategies.ts";
import * as http from "../src/serve/http.ts";
import * as noHttp from "../src/serve/noHttp.ts";
import * as noSql from "../src/table/readers/noSql.ts";
import * as sql from "../src/table/readers/sql.ts";
import * as callbackFiles from "../src/training/callbacks/files.ts";
import * as noCallbackFiles from "../src/training/callbacks/noFiles.ts";

/**
 * The groups of files of src/ from the bottom up. A file imports from the groups before its own in this list.
 * If its group has a star, it also imports from its own group, but never in a circle.
 */
const order: readonly (readonly string[])[] = [
  [
    "version",
    "host",
    "abort",
    "errors",
    "memory",
    "random",
    "seed",
    "options",
    "options/*",
    "synonyms",
    "textTable",
  ],
  ["data/*"],
  ["nn/*"],
  ["metrics/*"],
  ["formats/*"],
  ["kernel/*"],
  ["files/*"],
  ["training/*"],
  ["model"],
  // Functions that take a Model are above it, in any folder.
  ["training/modelArgument", "training/trainMany", "files/saveLoad", "files/noFiles"],
  ["insight/*"],
  ["plot/*"],
  ["selection/*"],
  ["table/*"],
  ["report/*"],
  ["serve/*"],
  ["index"],
  ["cli/*"],
];

/** Imports in the other direction. They import only types, so nothing remains of them when compiled. */
const exceptions: readonly string[] = [
  // The names that a schedule may monitor are those of metrics. The compiler reads them from the table.
  "nn/schedules/plateau → metrics/names",
];

/** Files that may import node:* and use Node's globals. */
const onNode = [
  "kernel/findAddon",
  "kernel/native",
  "kernel/wasm",
  "files/*",
  "training/callbacks/checkpoint",
  "training/callbacks/files",
  "training/callbacks/log",
  "training/callbacks/tensorBoard",
  "table/readers/sql",
  "serve/http",
  "plot/png",
  "cli/*",
];

const root = new URL("../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), "utf8");

const filesUnder = (folder: string, ending: string): string[] =>
  readdirSync(new URL(folder, root), { recursive: true, encoding: "utf8" })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => path.endsWith(ending))
    .sort();

const sources = filesUnder("src", ".ts").map((path) => path.slice(0, -".ts".length));

const matches = (pattern: string, file: string) =>
  pattern.endsWith("/*") ? file.startsWith(pattern.slice(0, -1)) : file === pattern;

/** Returns the index of a file's group. A name takes precedence over the star of its folder. */
function rankOf(file: string): number {
  const exact = order.findIndex((group) => group.includes(file));
  return exact >= 0 ? exact : order.findIndex((group) => group.some((pattern) => matches(pattern, file)));
}

/** Returns source without comments, so that words in them are not found. */
const withoutComments = (text: string) =>
  text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "$1");

/** Returns the specifiers of a file's imports, including those of types. */
function specifiers(file: string): string[] {
  const text = withoutComments(read(`src/${file}.ts`));
  const clauses = text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*["']([^"'\n]+)["']/g);
  return Array.from(clauses, ([, specifier]) => specifier);
}

/**
 * Returns the files that an import may reach. An entry of `imports` in package.json reaches one file per
 * host.
 */
function reached(file: string, specifier: string): string[] {
  if (specifier === "myelin") return ["index"];
  if (specifier.startsWith("myelin/")) return [`${specifier.slice("myelin/".length)}/index`];
  if (specifier.startsWith("#")) {
    const targets: Record<string, string> = JSON.parse(read("package.json")).imports[specifier];
    const paths = Object.values(targets).map((path) =>
      path.replace(/^\.\/(dist|src)\/(.+?)(\.d)?\.(js|ts)$/, "$2"),
    );
    return [...new Set(paths)];
  }
  return specifier.startsWith(".") ? [posix.join(dirname(file), specifier.replace(/\.ts$/, ""))] : [];
}

const importsOf = (file: string) => specifiers(file).flatMap((specifier) => reached(file, specifier));

describe("src/", () => {
  test("has a group for every file", () => {
    expect(sources.filter((file) => rankOf(file) < 0)).toEqual([]);
  });

  test("imports only files that exist", () => {
    const wanted = sources.flatMap((file) => importsOf(file).map((target) => `${file} → ${target}`));
    expect(wanted.filter((edge) => !sources.includes(edge.split(" → ")[1]))).toEqual([]);
  });

  test.each(sources)("%s imports only from lower groups", (file) => {
    const above = importsOf(file).filter((target) => rankOf(target) > rankOf(file));
    expect(above.filter((target) => !exceptions.includes(`${file} → ${target}`))).toEqual([]);
  });

  test("has at most twelve files at its root", () => {
    expect(sources.filter((file) => !file.includes("/")).length).toBeLessThanOrEqual(12);
  });

  test("has no circular imports", () => {
    const circles: string[] = [];
    const done = new Set<string>();
    const visit = (file: string, path: readonly string[]) => {
      if (path.includes(file)) circles.push([...path, file].join(" → "));
      else if (!done.has(file)) {
        for (const target of importsOf(file)) visit(target, [...path, file]);
        done.add(file);
      }
    };
    for (const file of sources) visit(file, []);
    expect(circles).toEqual([]);
  });

  test("has the same exports, with the same types, on Node and off it", () => {
    // The assignments are checked by the compiler.
    const standIns: Pick<typeof native, "loadNative"> & typeof files = { ...noNative, ...noFiles };
    expect(Object.keys(standIns).sort()).toEqual(["loadNative", ...Object.keys(files)].sort());
    const callbacks: typeof callbackFiles = noCallbackFiles;
    expect(Object.keys(callbacks)).toEqual(Object.keys(callbackFiles));
    const databases: typeof sql = noSql;
    expect(Object.keys(databases).sort()).toEqual(Object.keys(sql).sort());
    const servers: typeof http = noHttp;
    expect(Object.keys(servers)).toEqual(Object.keys(http));
    const modules: typeof wasm = fetchWasm;
    expect(Object.keys(modules)).toEqual(Object.keys(wasm));
    expect(native.loadNative).toBeTypeOf("function");
  });

  const portable = sources.filter((file) => !onNode.some((pattern) => matches(pattern, file)));

  test.each(portable)("%s runs off Node", (file) => {
    expect(specifiers(file).filter((specifier) => specifier.startsWith("node:"))).toEqual([]);
    expect(nodeGlobals(withoutComments(read(`src/${file}.ts`)))).toEqual([]);
  });

  test("reads environment variables in one place, because a host may deny access to them", () => {
    const readers = sources.filter((file) => /\benv[?.]/.test(withoutComments(read(`src/${file}.ts`))));
    // Next replaces this variable at build time, so the source has the exact text that Next searches for, in
    // a `try`.
    expect(readers).toEqual(["host", "kernel/findAddon"]);
  });

  /**
   * Returns Node's globals in a text. Properties of objects and names taken from globalThis are not included.
   */
  function nodeGlobals(text: string): string[] {
    const uses = text.matchAll(
      /(?<![.\w$"'`])(process|Buffer|require|module|global|__dirname|__filename|setImmediate)\s*(?:\?\.|[.([])/g,
    );
    const names = Array.from(uses, ([, name]) => name);
    return names.filter((name) => !new RegExp(`const \\{[^}]*\\b${name}\\b[^}]*\\} = globalThis`).test(text));
  }
});

const tablesOfEntries = [
  activations,
  initializers,
  losses,
  measures,
  metrics,
  optimizers,
  schedules,
  layers,
  strategies,
];
/** Without `precision`, a metric that has the name of an option of models. */
const entries = tablesOfEntries
  .flatMap((table) => Object.keys(table))
  .filter((name) => !(NETWORK_OPTIONS as readonly string[]).includes(name));

/** Returns the string literals of a source that are an entry's name. */
function namedEntries(text: string): string[] {
  return Array.from(text.matchAll(/(["'`])(\w+)\1/g), ([, , literal]) => literal).filter((literal) =>
    entries.includes(literal),
  );
}

describe("no shared code knows an entry by name", () => {
  const inNetworks = (path: string) => `nn/${path}`;
  const tables = [
    ...["activations", "losses", "losses/*", "optimizers", "optimizers/*", "initializers"].map(inNetworks),
    ...["schedules", "schedules/*", "layers", "layers/*", "measures"].map(inNetworks),
    ...["metrics/*", "selection/search/strategies"],
  ];
  /**
   * The self-test is a small program. The command is a user of the package, and so are the recipe of a table model's
   * networks and the scores of its answers. Pictures have words of their own for axes and options.
   */
  const users = [
    "kernel/selfTest",
    "cli/*",
    "table/learner/members",
    "table/learner/configurations",
    "table/learner/portfolio",
    "table/metric",
    "table/scores",
    "table/bytes",
    "plot/*",
    "report/*",
  ];
  const shared = sources.filter((file) => ![...tables, ...users].some((pattern) => matches(pattern, file)));

  test.each(shared)("src/%s.ts", (file) => {
    expect(namedEntries(withoutComments(read(`src/${file}.ts`)))).toEqual([]);
  });

  const rustTables =
    /^core\/src\/(activations|losses|measures|optimizers|layers)\.rs$|^core\/src\/(layers|losses|optimizers)\//;
  const rustShared = rustSources().filter((path) => !rustTables.test(path));

  test.each(rustShared)("crates/%s", (path) => {
    expect(namedEntries(rustCode(path))).toEqual([]);
  });
});

/** Returns the Rust files that are compiled into the addon or into the WebAssembly module. */
function rustSources(): string[] {
  return ["core/src", "node/src", "wasm/src"].flatMap((folder) =>
    filesUnder(`crates/${folder}`, ".rs").map((path) => `${folder}/${path}`),
  );
}

/** Returns a Rust source without comments and without its tests, which are at the end. */
function rustCode(path: string): string {
  return withoutComments(read(`crates/${path}`)).split("#[cfg(test)]")[0];
}

describe("crates/", () => {
  /** The modules of the core from the bottom up. The network and its loop over steps are one group. */
  const modules = [
    ["errors", "random"],
    ["engine"],
    ["options", "dataset"],
    ["activations", "losses", "measures", "optimizers"],
    ["layers"],
    ["operations"],
    ["ways"],
    ["plan"],
    ["program"],
    ["workspace", "network", "step", "update", "state", "run", "predictor"],
    ["kernel"],
  ];
  const rankOfModule = (name: string) => modules.findIndex((group) => group.includes(name));
  const moduleOf = (path: string) => path.replace("core/src/", "").replace(/(\.rs|\/.*)$/, "");
  const core = rustSources().filter((path) => path.startsWith("core/src/") && !path.endsWith("/lib.rs"));

  test.each(core)("%s uses only lower groups", (path) => {
    const uses = Array.from(rustCode(path).matchAll(/\bcrate::(?:\{([^;]*)\}|(\w+))/g), ([, list, name]) =>
      list === undefined ? [name] : list.replaceAll(/\{[^}]*\}/g, "").match(/(?<!::|\w)\w+/g)!,
    ).flat();
    const used = uses.filter((name) => modules.flat().includes(name));
    const own = rankOfModule(moduleOf(path));
    expect(own).toBeGreaterThanOrEqual(0);
    expect(used.filter((name) => rankOfModule(name) > own)).toEqual([]);
  });

  test("has a core without napi and JavaScript", () => {
    const manifest = read("crates/core/Cargo.toml");
    expect(manifest).not.toMatch(/napi/);
    for (const path of core) expect(rustCode(path)).not.toMatch(/\bnapi\b/);
  });

  test("has `unsafe` only in the tokens of instruction sets, for threads, pages and the clock, and for arrays of JavaScript", () => {
    const found = rustSources()
      .map((path) => [path, rustCode(path).match(/\bunsafe\b/g)?.length ?? 0] as const)
      .filter(
        ([path, count]) =>
          count > 0 && !/^core\/src\/engine\/(simd\/\w+|scoped_threads|huge_pages|clock)\.rs$/.test(path),
      );
    // Every function of the WebAssembly module receives pointers.
    const files = ["lib", "memory", "messages", "network"].map((name) => `wasm/src/${name}.rs`);
    expect(found.map(([path]) => path)).toEqual(["node/src/arrays.rs", ...files]);
    expect(found[0][1]).toBe(2);
  });

  test("gives the reason for each `unsafe`", () => {
    for (const name of ["core", "node", "wasm"]) {
      expect(read(`crates/${name}/Cargo.toml`)).toMatch(/\[lints\]\s+workspace = true/);
    }
    expect(read("Cargo.toml")).toMatch(/undocumented_unsafe_blocks = "deny"/);
  });

  test("has a counterpart in src/ for each module of the core, except the engine and fast paths", () => {
    // Some ways to step, rows in panels and the forward pass on threads have no counterpart: the TypeScript
    // kernel has one way to step, an array, and a call of the network. Its plan is part of network.ts.
    const alone = [
      ...["/engine/", "/step/", "/run/"],
      "/engine.rs",
      "/ways.rs",
      "/dataset.rs",
      "/predictor.rs",
      "/plan.rs",
    ];
    const twins = core.filter((path) => !alone.some((part) => path.includes(part)));
    const missing = twins.filter((path) => {
      const twin = path
        .replace("core/src/", "")
        .replace(/\.rs$/, ".ts")
        .replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
      const folders = ["", "nn/", "kernel/typescript/"];
      return !folders.some((folder) => existsSync(new URL(`src/${folder}${twin}`, root)));
    });
    expect(missing).toEqual([]);
  });
});

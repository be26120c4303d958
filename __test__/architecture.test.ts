/**
 * The shape of the sources: who may import whom, what runs off Node, where `unsafe` is, and that tables
 * stay tables.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, posix } from "node:path";
import { describe, expect, test } from "vitest";
import * as activations from "../src/activations.ts";
import * as callbackFiles from "../src/callbacks/files.ts";
import * as noCallbackFiles from "../src/callbacks/no-files.ts";
import * as files from "../src/files.ts";
import * as initializers from "../src/initializers.ts";
import * as native from "../src/kernel/native.ts";
import * as noNative from "../src/kernel/no-native.ts";
import { layers } from "../src/layers.ts";
import * as losses from "../src/losses.ts";
import * as metrics from "../src/metrics/table.ts";
import * as noFiles from "../src/no-files.ts";
import * as optimizers from "../src/optimizers.ts";
import * as schedules from "../src/schedules.ts";
import * as strategies from "../src/search/strategies.ts";

/**
 * The files of src/ from the bottom up. A file imports from groups above its own in this list, never from
 * its own or from those below; inside a folder, which a star stands for, files may import each other, but
 * not in a circle.
 */
const order: readonly (readonly string[])[] = [
  ["version", "host", "abort", "errors", "environment", "names", "random", "matmul", "text-table"],
  ["memory"],
  ["options", "seed"],
  ["losses/*", "optimizers/*"],
  ["activations", "losses", "optimizers", "initializers"],
  ["data/*"],
  ["metrics/*"],
  ["schedules/*"],
  ["schedules"],
  ["metrics"],
  ["plot/*"],
  ["layers/*"],
  ["layers"],
  ["program"],
  ["weights"],
  ["formats/*"],
  ["kernel"],
  ["stages/*"],
  ["stages"],
  ["workspace"],
  ["network"],
  ["update"],
  ["state"],
  ["run"],
  ["kernel/load", "kernel/scheduler"],
  ["kernel/find-addon"],
  ["kernel/typescript", "kernel/native", "kernel/no-native"],
  ["kernel/choose"],
  ["fit/history"],
  ["training/*"],
  ["files/*"],
  ["callbacks/*"],
  ["callbacks"],
  ["fit/*"],
  ["fit"],
  ["trainee", "summary"],
  ["insight/*"],
  ["first-layers"],
  ["predictor", "online"],
  ["model"],
  ["model-argument"],
  ["many", "ensemble", "find-learning-rate"],
  ["search/*"],
  ["cross-validate", "search"],
  ["files", "no-files"],
  ["index"],
  ["cli/*"],
];

/** Files that may import node:* and use Node's globals. */
const onNode = [
  "kernel/find-addon",
  "kernel/native",
  "files",
  "files/*",
  "callbacks/checkpoint",
  "callbacks/files",
  "callbacks/log",
  "callbacks/tensor-board",
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

/** The group of a file; a name goes before the star of its folder. */
function rankOf(file: string): number {
  const exact = order.findIndex((group) => group.includes(file));
  return exact >= 0 ? exact : order.findIndex((group) => group.some((pattern) => matches(pattern, file)));
}

/** Source without comments, so that words in them count for nothing. */
const withoutComments = (text: string) =>
  text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "$1");

/** What a file imports, types included: a specifier as written. */
function specifiers(file: string): string[] {
  const text = withoutComments(read(`src/${file}.ts`));
  const clauses = text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*["']([^"'\n]+)["']/g);
  return Array.from(clauses, ([, specifier]) => specifier);
}

/** The files that an import may reach: those in package.json's `imports` one of several, by host. */
function reached(file: string, specifier: string): string[] {
  if (specifier === "myelin") return ["index"];
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
  test("has a place in the order for every file", () => {
    expect(sources.filter((file) => rankOf(file) < 0)).toEqual([]);
  });

  test("imports only files that exist", () => {
    const wanted = sources.flatMap((file) => importsOf(file).map((target) => `${file} → ${target}`));
    expect(wanted.filter((edge) => !sources.includes(edge.split(" → ")[1]))).toEqual([]);
  });

  test.each(sources)("%s imports nothing from its own group or above it", (file) => {
    const isBelow = (target: string) =>
      rankOf(target) < rankOf(file) || (rankOf(target) === rankOf(file) && isFolderOfBoth(file, target));
    expect(importsOf(file).filter((target) => !isBelow(target))).toEqual([]);
  });

  const isFolderOfBoth = (file: string, target: string) =>
    order[rankOf(file)].some(
      (pattern) => pattern.endsWith("/*") && matches(pattern, file) && matches(pattern, target),
    );

  test("has no circles", () => {
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
    expect(native.loadNative).toBeTypeOf("function");
  });

  const portable = sources.filter((file) => !onNode.some((pattern) => matches(pattern, file)));

  test.each(portable)("%s runs off Node", (file) => {
    expect(specifiers(file).filter((specifier) => specifier.startsWith("node:"))).toEqual([]);
    expect(nodeGlobals(withoutComments(read(`src/${file}.ts`)))).toEqual([]);
  });

  test("reads environment variables in one place, because a host may refuse to show them", () => {
    const readers = sources.filter((file) => /\benv[?.]/.test(withoutComments(read(`src/${file}.ts`))));
    // The variable of Next is replaced when Next bundles, so it stands there as Next looks for it, in a `try`.
    expect(readers).toEqual(["environment", "kernel/find-addon"]);
  });

  /** Node's globals that are used as such: no property of an object, no name taken from globalThis. */
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
  metrics,
  optimizers,
  schedules,
  layers,
  strategies,
];
const entries = tablesOfEntries.flatMap((table) => Object.keys(table));

/** The string literals of a source that are an entry's name. */
function namedEntries(text: string): string[] {
  return Array.from(text.matchAll(/(["'`])(\w+)\1/g), ([, , literal]) => literal).filter((literal) =>
    entries.includes(literal),
  );
}

describe("no shared code knows an entry by name", () => {
  const tables = [
    ...["activations", "losses", "losses/*", "optimizers", "optimizers/*", "initializers"],
    ...["schedules", "schedules/*", "layers", "layers/*"],
    ...["metrics/*", "search/strategies"],
  ];
  /** The self-test is a small program; a verb of the command is a use of the package. */
  const users = ["kernel/native", "cli/*"];
  const shared = sources.filter((file) => ![...tables, ...users].some((pattern) => matches(pattern, file)));

  test.each(shared)("src/%s.ts", (file) => {
    expect(namedEntries(withoutComments(read(`src/${file}.ts`)))).toEqual([]);
  });

  const rustTables =
    /^core\/src\/(activations|losses|optimizers|layers)\.rs$|^core\/src\/(layers|losses|optimizers)\//;
  const rustShared = rustSources().filter((path) => !rustTables.test(path));

  test.each(rustShared)("crates/%s", (path) => {
    expect(namedEntries(rustCode(path))).toEqual([]);
  });
});

/** Rust files that are compiled into the addon. */
function rustSources(): string[] {
  return ["core/src", "node/src"].flatMap((folder) =>
    filesUnder(`crates/${folder}`, ".rs").map((path) => `${folder}/${path}`),
  );
}

/** A Rust source without comments and without its tests, which stand at the end. */
function rustCode(path: string): string {
  return withoutComments(read(`crates/${path}`)).split("#[cfg(test)]")[0];
}

describe("crates/", () => {
  /** The modules of the core from the bottom up; the network and its loop over steps are one. */
  const modules = [
    ["errors", "random"],
    ["engine"],
    ["options", "dataset"],
    ["activations", "losses", "optimizers"],
    ["layers"],
    ["stages"],
    ["program"],
    ["workspace", "network", "tiny", "update", "state", "run", "predictor"],
    ["kernel"],
  ];
  const rankOfModule = (name: string) => modules.findIndex((group) => group.includes(name));
  const moduleOf = (path: string) => path.replace("core/src/", "").replace(/(\.rs|\/.*)$/, "");
  const core = rustSources().filter((path) => path.startsWith("core/src/") && !path.endsWith("/lib.rs"));

  test.each(core)("%s uses nothing above its module", (path) => {
    const uses = Array.from(rustCode(path).matchAll(/\bcrate::(?:\{([^;]*)\}|(\w+))/g), ([, list, name]) =>
      list === undefined ? [name] : list.replaceAll(/\{[^}]*\}/g, "").match(/(?<!::|\w)\w+/g)!,
    ).flat();
    const used = uses.filter((name) => modules.flat().includes(name));
    const own = rankOfModule(moduleOf(path));
    expect(own).toBeGreaterThanOrEqual(0);
    expect(used.filter((name) => rankOfModule(name) > own)).toEqual([]);
  });

  test("has a core that knows neither napi nor JavaScript", () => {
    const manifest = read("crates/core/Cargo.toml");
    expect(manifest).not.toMatch(/napi/);
    for (const path of core) expect(rustCode(path)).not.toMatch(/\bnapi\b/);
  });

  test("has `unsafe` in the tokens of the instruction sets, where threads and pages are, and for the addon's arrays", () => {
    const found = rustSources()
      .map((path) => [path, rustCode(path).match(/\bunsafe\b/g)?.length ?? 0] as const)
      .filter(([path, count]) => count > 0 && !/^core\/src\/engine\/(simd\/\w+|team|pages)\.rs$/.test(path));
    expect(found).toEqual([["node/src/arrays.rs", 2]]);
  });

  test("says why at each `unsafe`", () => {
    for (const name of ["core", "node"]) {
      expect(read(`crates/${name}/Cargo.toml`)).toMatch(/\[lints\]\s+workspace = true/);
    }
    expect(read("Cargo.toml")).toMatch(/undocumented_unsafe_blocks = "deny"/);
  });

  test("has a twin in src/ for each of the core's modules but the engine and the step of tiny networks", () => {
    // Where few rows make a step so short that it is one function, the typescript kernel has no second way.
    const alone = ["/engine/", "/engine.rs", "/tiny.rs"];
    const twins = core.filter((path) => !alone.some((part) => path.includes(part)));
    const missing = twins.filter((path) => {
      const twin = path
        .replace("core/src/", "")
        .replace(/\.rs$/, ".ts")
        .replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
      return !existsSync(new URL(`src/${twin}`, root)) && !existsSync(new URL(`src/data/${twin}`, root));
    });
    expect(missing).toEqual([]);
  });
});

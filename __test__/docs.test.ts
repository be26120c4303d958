// The documents are correct: programs run, quotes match the sources, hunks apply, links have a target.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ARCHITECTURE } from "../src/formats/configuration.ts";
import * as myelin from "../src/index.ts";
import * as insight from "../src/insight/index.ts";
import * as metrics from "../src/metrics/table.ts";
import * as activations from "../src/nn/activations.ts";
import { layers } from "../src/nn/layers.ts";
import * as optimizers from "../src/nn/optimizers.ts";
import * as plot from "../src/plot/index.ts";
import * as reports from "../src/report/index.ts";
import * as serving from "../src/serve/index.ts";
import * as table from "../src/table/index.ts";
import { data, makeModel } from "./samples.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (file: string) => readFileSync(join(root, file), "utf8");

/** Returns the files below a folder with this ending, as paths from the root. */
const filesIn = (folder: string, ending: string) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .map((file) => join(folder, file))
    .filter((file) => file.endsWith(ending));

const documents = [
  ...readdirSync(root).filter((file) => file.endsWith(".md")),
  ...filesIn("docs", ".md"),
  join("bench", "README.md"),
  join("bench", "RESULTS.md"),
];

/** A fenced block of a document. After the language, the fence may name the file that the block quotes. */
interface Block {
  readonly place: string;
  readonly language: string;
  readonly quoted: string | undefined;
  readonly text: string;
}

const blocks: Block[] = documents.flatMap((file) => {
  const text = read(file);
  return [...text.matchAll(/^```(\w+)(?: (\S+))?\n(.*?)^```$/gms)].map((match) => ({
    place: `${file}:${text.slice(0, match.index).split("\n").length}`,
    language: match[1],
    quoted: match[2],
    text: match[3],
  }));
});

const namespaces = [
  myelin.callbacks,
  myelin.initializers,
  myelin.losses,
  myelin.metrics,
  myelin.schedules,
  myelin.strategies,
];

/** Returns the exports of a file that are not for users of the package. */
const internals = (file: string) =>
  [...read(file).matchAll(/^export (?:function|const|class) (\w+)/gm)]
    .map((match) => match[1])
    .filter(
      (name) =>
        ![myelin, insight, plot, reports, serving, table, ...namespaces].some((module) => name in module),
    );

/** What examples of a Model take for granted. */
const modelPrelude = [
  `import { ${Object.keys(insight).join(", ")} } from "myelin/insight";`,
  `import { ${Object.keys(plot).join(", ")} } from "myelin/plot";`,
  "const data = xor({ examples: 20, seed: 1 });",
  'const model = new Model({ inputs: 2, layers: [dense(1)], loss: "meanSquaredError", optimizer: sgd() });',
];

/** What examples of a table model take for granted. */
const tablePrelude = [
  `import { ${Object.keys(table).join(", ")} } from "myelin/table";`,
  'import { report } from "myelin/report";',
  `const rows = Array.from({ length: 60 }, (_, i) => ({
    island: ["Biscoe", "Dream"][i % 2],
    billLength: i % 9 === 0 ? null : 35 + ((i * 7) % 20),
    mass: 3000 + ((i * 70) % 2000),
    species: i % 2 === 0 && (i * 7) % 20 > 8 ? "Gentoo" : "Adelie",
  }));`,
  "const otherRows = rows.slice(0, 20);",
  'const model = await fitTable(rows, { target: "species", quality: "fast", seed: 1 });',
];

/** What examples of a server take for granted. */
const servePrelude = [...tablePrelude, 'import { requestHandler, serve } from "myelin/serve";'];

/** Returns the definitions that the examples of a file assume. */
const preludeOf = (file: string) =>
  file.includes("/serve/") ? servePrelude : /\/(table|report)\//.test(file) ? tablePrelude : modelPrelude;

/** Returns the examples in docstrings, with the definitions that they assume. */
const examples: Block[] = filesIn("src", ".ts").flatMap((file) =>
  [...read(file).matchAll(/@example\n +\* ```ts\n(.*?) +\* ```/gs)].map((match, index) => ({
    place: `${file}: example ${index + 1}`,
    language: "ts",
    quoted: undefined,
    text: [
      `import { ${Object.keys(myelin).join(", ")} } from "myelin";`,
      `import { ${internals(file).join(", ")} } from "./${file}";`,
      ...preludeOf(file),
      `{\n${match[1].replace(/^ +\* ?/gm, "")}}`,
    ].join("\n"),
  })),
);

const programs = [...blocks.filter(({ language, quoted }) => language === "ts" && !quoted), ...examples];
const byPlace = (list: readonly Block[]) => list.map((block) => [block.place, block] as const);

describe("programs", () => {
  // Some write files.
  const before = process.cwd();
  const folder = mkdtempSync(join(tmpdir(), "myelin-docs-"));
  beforeAll(() => process.chdir(folder));
  afterAll(() => {
    process.chdir(before);
    rmSync(folder, { recursive: true });
  });

  test("have the right types", () => {
    expect(typeErrors(programs)).toEqual([]);
  });

  test.each(byPlace(programs))("%s runs, and its comments give the right values", async (_, { text }) => {
    expect(await run(text)).not.toContain(false);
  });
});

const quotes = blocks.filter(({ quoted }) => quoted !== undefined);
test.each(byPlace(quotes))("%s matches the file that it quotes", (_, { quoted, text }) => {
  expect(read(quoted!)).toContain(text);
});

const hunks = blocks.filter(({ language }) => language === "diff");
test.each(byPlace(hunks))("%s applies to the file", (_, { text }) => {
  const [, file, hunk] = /^--- a\/\S+\n\+\+\+ b\/(\S+)\n(.*)$/s.exec(text)!;
  const context = hunk.replace(/^\+.*\n/gm, "").replace(/^ /gm, "");
  expect(read(file).split(context)).toHaveLength(2);
});

describe.each(documents)("%s", (file) => {
  const text = read(file).replace(/^```.*?^```$/gms, "");

  test("has links with targets", () => {
    const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1]);
    const broken = targets.filter((target) => !/^https?:/.test(target) && !linkHolds(file, target));
    expect(broken).toEqual([]);
  });

  test("names scripts that exist", () => {
    const { scripts } = JSON.parse(read("package.json"));
    const named = [...read(file).matchAll(/npm (?:run )?(start|test|(?<=run )\w+)/g)].map(
      (match) => match[1],
    );
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });
});

test("the README begins with the commands of a fresh clone", () => {
  const first = blocks.find(({ place }) => place.startsWith("README.md"))!;
  expect(first.text).toMatch(/^npm start .*\nnpm test /);
});

describe("the table of features", () => {
  const named = (title: string) => {
    const row = read("docs/reference.md").match(new RegExp(`^\\| ${title} *\\|(.*)\\|$`, "m"))![1];
    return [...row.matchAll(/`([\w.]+)`/g)].map((match) => match[1]);
  };

  test("names every export", () => {
    for (const name of named("functions")) expect(myelin).toHaveProperty(name);
    expect(named("functions of `myelin/insight`").sort()).toEqual(Object.keys(insight).sort());
    expect(named("functions of `myelin/serve`").sort()).toEqual(Object.keys(serving).sort());
    expect(named("functions of `myelin/plot`").sort()).toEqual(Object.keys(plot).sort());
    expect(named("functions of `myelin/report`")).toEqual(Object.keys(reports));
    const ofTables = Object.entries(table).filter(
      ([name, value]) => /^[a-z]/.test(name) && typeof value === "function",
    );
    expect(named("functions of `myelin/table`").sort()).toEqual(ofTables.map(([name]) => name).sort());
    type Entries = Readonly<Record<string, { readonly type: string; readonly options: object }>>;
    const kinds = (table: Entries) =>
      new Set(Object.values(table).flatMap(({ type, options }) => [type, ...Object.keys(options)]));
    expect(new Set(named("activations"))).toEqual(kinds(activations));
    expect(new Set(named("losses"))).toEqual(kinds(myelin.losses));
    expect(new Set(named("schedules"))).toEqual(kinds(myelin.schedules));
    expect(new Set(named("metrics"))).toEqual(kinds(metrics));
    expect(new Set(named("strategies of `search`"))).toEqual(kinds(myelin.strategies));
    expect(new Set(named("initializers"))).toEqual(kinds(myelin.initializers));
    expect(new Set(named("optimizers"))).toEqual(kinds(optimizers));
    expect(new Set(named("`callbacks`"))).toEqual(new Set(Object.keys(myelin.callbacks)));
    const [, ...options] = Object.keys(myelin.dense.options);
    const others = Object.values(layers).filter(({ type }) => type !== "dense" && !(type in activations));
    const described = others.flatMap(({ type, options }) => [type, ...Object.keys(options)]);
    expect(named("layers")).toEqual(["dense", ...options, ...described]);
  });

  test("names only options and methods that exist", () => {
    const exported = new Map(Object.entries(myelin));
    let generate: (options: object) => unknown = myelin.xor;
    for (const name of named("data")) {
      if (exported.has(name)) generate = exported.get(name) as typeof generate;
      else expect(() => generate({ [name]: undefined })).not.toThrow();
    }
    const model = makeModel();
    const options = Object.fromEntries(named("options of `fit`").map((name) => [name, undefined]));
    expect(() => model.fitSync(data, options as object)).not.toThrow();
    expect(named("options of `Model`")).toEqual([...ARCHITECTURE, "seed", "kernel"]);
    for (const name of named("methods of `Model`")) {
      const holder = name.startsWith("Model.") ? myelin.Model : myelin.Model.prototype;
      expect(holder).toHaveProperty(name.replace("Model.", ""));
    }
  });
});

test("the license texts name the locked versions", () => {
  const crates = [...read("Cargo.lock").matchAll(/name = "(.*)"\nversion = "(.*)"/g)];
  const packages = Object.entries<{ version?: string }>(JSON.parse(read("package-lock.json")).packages);
  const locked = new Set([
    ...crates.map(([, name, version]) => `${name} ${version}`),
    ...packages.map(([path, { version }]) => `${path.split("node_modules/").at(-1)} ${version}`),
  ]);
  const rows = [...read("THIRD-PARTY-LICENSES.md").matchAll(/^\| ([\w-]+) +\| (\d\S+) +\|/gm)];
  expect(rows.length).toBeGreaterThan(20);
  expect(rows.map(([, name, version]) => `${name} ${version}`).filter((row) => !locked.has(row))).toEqual([]);
});

/** Returns whether a link from a document has a target, including a heading if it names one. */
function linkHolds(from: string, target: string): boolean {
  const [path, anchor] = target.split("#");
  const file = path === "" ? from : join(dirname(from), path);
  if (!existsSync(join(root, file))) return false;
  if (anchor === undefined) return true;
  const headings = [...read(file).matchAll(/^#+ (.*)$/gm)].map((match) => match[1]);
  const anchors = headings.map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\d\s-]/gu, "")
      .replaceAll(" ", "-"),
  );
  return anchors.includes(anchor);
}

/** Type-checks programs as modules of the project. */
function typeErrors(list: readonly Block[]): string[] {
  const { config } = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  // A document may define names that it does not use.
  Object.assign(options, { noUnusedLocals: false, noUnusedParameters: false });
  const sources = new Map(list.map(({ text }, index) => [join(root, `document-${index}.ts`), text]));
  const places = new Map([...sources.keys()].map((name, index) => [name, list[index].place]));
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.getCurrentDirectory = () => root;
  host.fileExists = (name) => sources.has(name) || fileExists(name);
  host.readFile = (name) => sources.get(name) ?? readFile(name);
  host.getSourceFile = (name, version, ...rest) => {
    const source = sources.get(name);
    return source === undefined
      ? getSourceFile(name, version, ...rest)
      : ts.createSourceFile(name, source, version);
  };
  const program = ts.createProgram([...sources.keys()], options, host);
  return [...sources.keys()].flatMap((name) => {
    const file = program.getSourceFile(name)!;
    const diagnostics = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
    return diagnostics.map(
      ({ messageText }) => `${places.get(name)}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`,
    );
  });
}

const modules: Readonly<Record<string, object>> = {
  myelin,
  "myelin/insight": insight,
  "myelin/serve": serving,
  "myelin/plot": plot,
  "myelin/report": reports,
  "myelin/table": table,
};

/** Runs a program that imports only the package and our files. Returns what it prints. */
async function run(text: string): Promise<unknown[]> {
  const { outputText } = ts.transpileModule(text, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  });
  const code = outputText
    .replace(/^import (\{.*?\}) from (".*?");$/gm, "const $1 = await importModule($2);")
    .replace(/^export \{\};$/gm, "");
  const importModule = (name: string) => modules[name] ?? import(join(root, name));
  const printed: unknown[] = [];
  const console = { log: (...values: unknown[]) => void printed.push(...values) };
  const AsyncFunction = (async () => {}).constructor as FunctionConstructor;
  await new AsyncFunction("importModule", "console", code)(importModule, console);
  return printed;
}

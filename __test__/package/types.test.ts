// The types of the packed package as an app's compiler reads them: every module resolution, both branches of
// the package's imports, two versions of TypeScript. `types/` has the programs.
import { cpSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import typescript60 from "typescript";
import typescript59 from "typescript-5.9";
import { beforeAll, describe, expect, test } from "vitest";
import { install, pack, root } from "./app.ts";

type TypeScript = typeof typescript60;
type CompilerOptions = typescript60.CompilerOptions;
type Program = typescript60.Program;
type SourceFile = typescript60.SourceFile;

const compilers: readonly TypeScript[] = [typescript60, typescript59 as unknown as TypeScript];
const { ModuleKind, ModuleResolutionKind, ScriptTarget } = typescript60;
const bundler = { module: ModuleKind.ESNext, moduleResolution: ModuleResolutionKind.Bundler };

/** The module resolutions. Node's own always take the branches for Node. */
const resolutions: readonly (readonly [title: string, options: CompilerOptions])[] = [
  ["nodenext", { module: ModuleKind.NodeNext, moduleResolution: ModuleResolutionKind.NodeNext }],
  ["node16", { module: ModuleKind.Node16, moduleResolution: ModuleResolutionKind.Node16 }],
  ["bundler", bundler],
  ["bundler with the condition node", { ...bundler, customConditions: ["node"] }],
  ["bundler with the condition browser", { ...bundler, customConditions: ["browser"] }],
];

/** The types that apps may have besides the package's. */
const libraries: readonly (readonly [title: string, options: CompilerOptions])[] = [
  ["exact optional properties", { exactOptionalPropertyTypes: true }],
  ["the types of Node and not of a browser", { lib: ["lib.es2022.d.ts"], types: ["node"] }],
  ["the newest library", { lib: ["lib.esnext.d.ts", "lib.dom.d.ts"] }],
];

const ways = [
  ...resolutions,
  ...libraries.map(([title, options]) => [title, { ...bundler, ...options }] as const),
];

let app: string;
beforeAll(() => {
  app = install(pack().myelin);
  cpSync(join(root, "__test__", "package", "types"), join(app, "types"), { recursive: true });
  mkdirSync(join(app, "node_modules", "@types"));
  for (const name of ["@types/node", "undici-types"]) {
    symlinkSync(join(root, "node_modules", name), join(app, "node_modules", name));
  }
});

const parsed = new Map<string, SourceFile>();

/** Returns a host that parses the library of each version once. */
function hostOf(typescript: TypeScript, options: CompilerOptions) {
  const host = typescript.createCompilerHost(options);
  const parse = host.getSourceFile;
  host.getSourceFile = (file, ...rest) => {
    if (!file.includes("/typescript")) return parse(file, ...rest);
    const source = parsed.get(file) ?? parse(file, ...rest);
    if (source !== undefined) parsed.set(file, source);
    return source;
  };
  return host;
}

function compile(typescript: TypeScript, files: readonly string[], options: CompilerOptions) {
  const complete: CompilerOptions = {
    target: ScriptTarget.ES2022,
    lib: ["lib.es2022.d.ts", "lib.dom.d.ts"],
    types: [],
    typeRoots: [join(app, "node_modules", "@types")],
    strict: true,
    noEmit: true,
    // The package's types are checked, but not TypeScript's own library.
    skipLibCheck: false,
    skipDefaultLibCheck: true,
    ...options,
  };
  const programs = files.map((file) => join(app, "types", file));
  return typescript.createProgram(programs, complete, hostOf(typescript, complete));
}

/** Returns the compiler's errors with their places, including those in the package's types. */
function errorsOf(typescript: TypeScript, program: Program): string[] {
  return typescript.getPreEmitDiagnostics(program).map(({ file, start, code, messageText }) => {
    const line = file ? file.getLineAndCharacterOfPosition(start ?? 0).line + 1 : 0;
    const text = typescript.flattenDiagnosticMessageText(messageText, "\n");
    return `${file?.fileName.split("/").at(-1)}:${line}: ${code} ${text}`;
  });
}

/** The comments that give the expected error of the next statement: its code, and a part of its text. */
const EXPECTED = /^\/\/ expect error: (\d+) ?(.*)$/;

/** Returns the statements with their lines, from 1, and their expected errors. */
function statementsOf(source: SourceFile) {
  const lines = source.text.split("\n");
  return source.statements.map((statement) => {
    const first = source.getLineAndCharacterOfPosition(statement.getStart(source)).line;
    const last = source.getLineAndCharacterOfPosition(statement.getEnd()).line;
    const [, code, text = ""] = lines[first - 1]?.match(EXPECTED) ?? [];
    return { first: first + 1, last: last + 1, code, text };
  });
}

for (const typescript of compilers) {
  describe.each(ways)(`TypeScript ${typescript.version} by %s`, (_title, options) => {
    let program: Program;
    let errors: readonly string[];
    beforeAll(() => {
      program = compile(typescript, ["right.ts", "wrong.ts"], options);
      errors = errorsOf(typescript, program);
    });

    test("compiles correct programs, and the package's types themselves", () => {
      expect(errors.filter((error) => !error.startsWith("wrong.ts:"))).toEqual([]);
    });

    test("refuses each wrong statement, with a helpful error", () => {
      const source = program.getSourceFile(join(app, "types", "wrong.ts"))!;
      for (const { first, last, code, text } of statementsOf(source)) {
        const found = errors.filter((error) => {
          const [file, line] = error.split(":");
          return file === "wrong.ts" && Number(line) >= first && Number(line) <= last;
        });
        const expected = code === undefined ? [] : [expect.stringContaining(`: ${code} `)];
        expect(found, `wrong.ts:${first}`).toEqual(expected);
        for (const error of found) expect(error).toContain(text);
      }
    });
  });
}

test("Float16Array is accepted if the library has it", () => {
  const options = { ...bundler, lib: ["lib.esnext.d.ts", "lib.dom.d.ts"] };
  for (const typescript of compilers) {
    expect(errorsOf(typescript, compile(typescript, ["float16.ts"], options))).toEqual([]);
  }
});

describe("an editor", () => {
  const options = { ...bundler, target: ScriptTarget.ES2022, types: [], strict: true };
  let text: string;
  let service: typescript60.LanguageService;
  let file: string;
  beforeAll(() => {
    file = join(app, "types", "editor.ts");
    text = readFileSync(file, "utf8");
    const { sys } = typescript60;
    service = typescript60.createLanguageService({
      getCompilationSettings: () => options,
      getScriptFileNames: () => [file],
      getScriptVersion: () => "1",
      getScriptSnapshot: (path) => {
        const content = sys.readFile(path);
        return content === undefined ? undefined : typescript60.ScriptSnapshot.fromString(content);
      },
      getCurrentDirectory: () => app,
      getDefaultLibFileName: typescript60.getDefaultLibFilePath,
      fileExists: sys.fileExists,
      readFile: sys.readFile,
    });
  });

  /** Returns the completions at the end of this piece of the program. */
  function offered(piece: string): string[] {
    const end = text.indexOf(piece) + piece.length;
    const completions = service.getCompletionsAtPosition(file, end - 1, {});
    return completions?.entries.map(({ name }) => name) ?? [];
  }

  function shown(name: string): string {
    const at = text.indexOf(`const ${name}`) + "const ".length;
    return service
      .getQuickInfoAtPosition(file, at)!
      .displayParts!.map(({ text }) => text)
      .join("");
  }

  test.each(["earlyStopping", "reduceOnPlateau"])("completes the metrics that %s can monitor", (callback) => {
    const names = ["loss", "validationLoss", "accuracy", "validationAccuracy", "rocAuc", "validationRocAuc"];
    expect(offered(`${callback}({ monitor: ""`)).toEqual(expect.arrayContaining(names));
  });

  test("completes the names of entries and of options, and nothing else", () => {
    expect(offered('dense(1), ""')).toEqual(expect.arrayContaining(["relu", "gelu", "softmax"]));
    expect(offered('["r2", ""')).toEqual(expect.arrayContaining(["accuracy", "r2"]));
    expect(offered("sgd({}").sort()).toEqual([
      "decayBiases",
      "learningRate",
      "momentum",
      "nesterov",
      "weightDecay",
    ]);
    expect(offered("model.fit(data, {}")).toEqual(expect.arrayContaining(["epochs", "validationSplit"]));
    expect(offered("model.fit(data, {}").length).toBeLessThan(20);
  });

  test("shows short types", () => {
    expect(shown("model")).toBe('const model: Model<readonly ["r2"]>');
    expect(shown("plain")).toBe("const plain: Model<MetricList>");
    expect(shown("history")).toBe('const history: History<readonly ["r2"], true>');
    expect(shown("outputs")).toBe("const outputs: number[][]");
  });
});

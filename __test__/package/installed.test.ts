// The packed package in users' apps: with its platform package, without it, and with an unusable one.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import {
  addonFile,
  describeNative,
  expectSuccess,
  expectTrained,
  install,
  type Packed,
  pack,
  readTrained,
  run,
  runNpm,
  runTool,
  target,
  train,
} from "./app.ts";

let packed: Packed;
beforeAll(() => {
  packed = pack();
});

describeNative("installed beside its platform package", () => {
  let app: string;
  beforeAll(() => {
    app = install(packed.myelin, packed.platform);
  });

  test("trains on the native kernel as an ES module, saves and loads", () => {
    const trained = readTrained(train(app));
    expect(trained.kernel.name).toBe("native");
    expectTrained(trained);
    expect(trained.fromFile).toEqual(trained.prediction);
    expect(trained.logged).toBe("done");
    expect(readFileSync(join(app, "log.jsonl"), "utf8").trim().split("\n")).toHaveLength(2);
  });

  test("trains on the native kernel when required from CommonJS", () => {
    writeFileSync(
      join(app, "train.cjs"),
      `const { Model, dense, sgd, xor } = require("myelin");
       const model = new Model({ inputs: 2, layers: [dense(1)], loss: "meanSquaredError", optimizer: sgd(), seed: 1 });
       model.fit(xor({ examples: 20, seed: 1 }), { epochs: 2 }).then((history) => {
         console.log(JSON.stringify({ kernel: model.kernel, epochs: history.loss.length }));
       });`,
    );
    const trained = JSON.parse(expectSuccess(run(app, process.execPath, ["train.cjs"])));
    expect(trained).toMatchObject({ kernel: { name: "native" }, epochs: 2 });
  });

  test("trains on the TypeScript kernel if MYELIN_KERNEL chooses it", () => {
    const trained = readTrained(train(app, { MYELIN_KERNEL: "typescript" }));
    expect(trained.kernel.name).toBe("typescript");
    expectTrained(trained);
  });

  test("runs the article's network as `myelin xor` in a pipe, and writes both plots", () => {
    const output = expectSuccess(runNpm(app, "exec", "--offline", "--no", "--", "myelin", "xor"));
    expect(output).toContain("kernel: native");
    expect(readFileSync(join(app, "xor.svg"), "utf8")).toContain("<svg");
    expect(readFileSync(join(app, "xor.html"), "utf8")).toContain("<html");
  });
});

describe("installed without its platform package", () => {
  let app: string;
  beforeAll(() => {
    app = install(packed.myelin);
  });

  test("trains on the WebAssembly kernel, gives the reason in `kernel.reason`, and warns once with the fix", () => {
    const result = train(app);
    const trained = readTrained(result);
    expect(trained.kernel).toEqual({
      name: "wasm",
      reason: expect.stringContaining(`myelin-${target}`),
    });
    expectTrained(trained);
    expect(result.errors.match(/^\(node:\d+\) \[MYELIN_\w+\].*/gm)).toEqual([
      expect.stringMatching(
        `MYELIN_ABSENT_ADDON.*myelin-${target} is not installed: npm install --save-optional myelin-${target}@`,
      ),
    ]);
    for (const kernel of ["wasm", "typescript"])
      expect(train(app, { MYELIN_KERNEL: kernel }).errors).toBe("");
  });

  test("throws an error that names the package if MYELIN_KERNEL chooses the native kernel", () => {
    const result = train(app, { MYELIN_KERNEL: "native" });
    expect(result.status).not.toBe(0);
    expect(result.errors).toContain(`myelin-${target}`);
  });

  test("runs `myelin xor` and prints its kernel and the reason", () => {
    const output = expectSuccess(runNpm(app, "exec", "--offline", "--no", "--", "myelin", "xor"));
    expect(output).toMatch(/kernel: wasm \(.+\)/);
    expect(existsSync(join(app, "xor.html"))).toBe(true);
  });

  test("compiles in a strict TypeScript app, as an ES module and as CommonJS", () => {
    writeFileSync(
      join(app, "consumer.mts"),
      consumer('import { dense, load, Model, relu, save, sgd, xor, type Layer } from "myelin";'),
    );
    writeFileSync(
      join(app, "consumer.cts"),
      consumer('import { dense, load, Model, relu, save, sgd, xor, type Layer } from "myelin";'),
    );
    writeFileSync(
      join(app, "required.cts"),
      'import myelin = require("myelin");\nmyelin.xor({ examples: 2, seed: 1 });\n',
    );
    writeFileSync(
      join(app, "tsconfig.json"),
      JSON.stringify({
        compilerOptions: {
          ...{ module: "nodenext", target: "es2022", lib: ["ES2022", "DOM"], types: [] },
          ...{ strict: true, exactOptionalPropertyTypes: true, noEmit: true, skipLibCheck: false },
        },
        include: ["*.mts", "*.cts"],
      }),
    );
    expectSuccess(runTool("typescript", ["-p", app, "--pretty", "false"]));
  });
});

const unusable = [
  { title: "that is not a library", breakPackage: breakAddon, reason: /does not load/ },
  { title: "of another version", breakPackage: giveOtherVersion, reason: /version 0\.0\.9, expected/ },
];

for (const { title, breakPackage, reason } of unusable) {
  describeNative(`beside an addon ${title}`, () => {
    let app: string;
    beforeAll(() => {
      app = install(packed.myelin, packed.platform);
      breakPackage(join(app, "node_modules", `myelin-${target}`));
    });

    test("trains on the WebAssembly kernel, keeps the reason, and warns once with a code", () => {
      const result = train(app);
      const trained = readTrained(result);
      expect(trained.kernel).toEqual({ name: "wasm", reason: expect.stringMatching(reason) });
      expectTrained(trained);
      expect(result.errors.match(/^\(node:\d+\) \[MYELIN_\w+\].*/gm)).toEqual([
        expect.stringMatching(reason),
      ]);
    });

    test("throws an error with the reason if MYELIN_KERNEL chooses the native kernel", () => {
      const result = train(app, { MYELIN_KERNEL: "native" });
      expect(result.status).not.toBe(0);
      expect(result.errors).toContain(`myelin-${target}`);
      expect(result.errors).toMatch(reason);
    });
  });
}

function breakAddon(folder: string): void {
  writeFileSync(join(folder, addonFile), "this is no addon");
}

/** Like after an incomplete update: the addon works, but belongs to another version of the package. */
function giveOtherVersion(folder: string): void {
  writeFileSync(
    join(folder, "other.cjs"),
    `module.exports = { ...require("./${addonFile}"), version: () => "0.0.9" };`,
  );
  const manifest = { name: `myelin-${target}`, version: "0.0.9", main: "other.cjs" };
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
}

function consumer(imports: string): string {
  return `${imports}
const layers = [dense(8, { activation: "relu" }), relu(), dense(1)] satisfies Layer[];
const model = new Model({ inputs: 2, layers, loss: "meanSquaredError", optimizer: sgd({ learningRate: 0.1 }) });
export async function train(): Promise<number[]> {
  const history = await model.fit(xor({ examples: 10, seed: 1 }), { epochs: 2, batchSize: 5 });
  return Array.from(history.loss);
}
export const kernel: "native" | "wasm" | "typescript" = model.kernel.name;
export const row: ArrayLike<number> = model.predict([0.2, 0.9]);
export const bytes: Uint8Array = model.toBytes({ optimizerState: true });
export async function keep(path: string): Promise<number[]> {
  await save(model, path, { history: false });
  return (await load(path, { kernel })).predict([0.2, 0.9]);
}
// @ts-expect-error: abbreviations are no options
sgd({ lr: 0.1 });
// @ts-expect-error: the nearest name is meanSquaredError
new Model({ inputs: 2, layers, loss: "meanSquareError", optimizer: sgd() });
`;
}

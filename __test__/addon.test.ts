/** The addon checks every argument: no input ends the process. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hostTarget } from "../scripts/toolchain.js";
import { version } from "../src/index.ts";
import { platformPackages } from "../src/kernel/findAddon.ts";
import type { Part, Run } from "../src/kernel/kernel.ts";
import { type Addon, findAddon } from "../src/kernel/native.ts";
import { root, runNode, script } from "./child.ts";

const program = {
  inputs: 2,
  layers: [
    { type: "dense", units: 3, useBias: true, trainable: true, learningRateFactor: 1, l1: 0, l2: 0 },
    { type: "relu" },
    { type: "dense", units: 1, useBias: false, trainable: true, learningRateFactor: 1, l1: 0, l2: 0 },
  ],
  loss: { type: "meanSquaredError" },
  clipGradients: null,
  precision: "float32",
  measures: [],
  optimizer: { type: "sgd", momentum: 0.5, nesterov: false, weightDecay: 0, decayBiases: true },
};

function load(): Addon {
  const { addon } = findAddon();
  if (addon === undefined) throw new Error("the addon is not built: node scripts/setup.js");
  return addon as Addon;
}

/** Returns a part of the network of `program`: 12 parameters, or as many slots. */
function read(network: InstanceType<Addon["NativeNetwork"]>, part: Part): Float32Array {
  const values = new Float32Array(12);
  network.read(part, values);
  return values;
}

// Runs in a separate process, which must survive, because Rust prints every panic to standard error.
test("a panic in a call throws an error, one on a thread rejects the promise, and training continues", async () => {
  const { status, output } = await runNode([script("panic.mjs")]);
  expect(status).toBe(0);
  expect(JSON.parse(output)).toEqual({
    messages: [expect.stringContaining("provoked"), expect.stringContaining("panicked: provoked")],
    epochs: 2,
  });
});

describe("the addon refuses", () => {
  const addon = load();
  const make = (given: unknown) =>
    new addon.NativeNetwork(typeof given === "string" ? given : JSON.stringify(given));
  const [dense, relu, last] = program.layers;
  const { loss, optimizer } = program;

  test.each<[what: string, program: unknown, message: RegExp]>([
    ["no JSON", "{", /program/],
    ["a list", [], /program/],
    ["nothing", "", /program/],
    ["deep nesting", "[".repeat(100_000), /program/],
    ["a program without layers", { ...program, layers: [] }, /at least 1 layer/],
    ["a program without a loss", { ...program, loss: undefined }, /loss/],
    ["a field of no meaning", { ...program, learningRate: 1 }, /learningRate/],
    ["an unknown layer", { ...program, layers: [dense, { type: "television" }] }, /television/],
    ["an unknown loss", { ...program, loss: { type: "nonsense" } }, /nonsense/],
    ["an unknown optimizer", { ...program, optimizer: { type: "nonsense" } }, /nonsense/],
    ["an option that is missing", { ...program, layers: [{ type: "dense", units: 3 }] }, /useBias/],
    ["an unknown option", { ...program, layers: [dense, { ...relu, colour: 1 }] }, /colour/],
    ["an option of the wrong type", { ...program, layers: [{ ...dense, units: "3" }] }, /units/],
    ["no units", { ...program, layers: [{ ...dense, units: 0 }] }, /units/],
    ["half a unit", { ...program, layers: [{ ...dense, units: 1.5 }] }, /units/],
    ["negative units", { ...program, layers: [{ ...dense, units: -1 }] }, /units/],
    ["units beyond all memory", { ...program, layers: [{ ...dense, units: 2 ** 53 }] }, /units|large|memory/],
    [
      "weights that exceed any memory",
      { ...program, inputs: 2 ** 31 - 1, layers: [{ ...dense, units: 2 ** 31 - 1 }, last] },
      /large|memory/,
    ],
    ["no inputs", { ...program, inputs: 0 }, /inputs/],
    ["inputs in a string", { ...program, inputs: "2" }, /inputs/],
    ["a momentum in a string", { ...program, optimizer: { ...optimizer, momentum: "0.5" } }, /momentum/],
    ["an option of a loss that has none", { ...program, loss: { ...loss, colour: 1 } }, /colour/],
  ])("%s", (_, given, message) => {
    expect(() => make(given)).toThrow(message);
  });

  test("unknown instruction sets", () => {
    expect(() => new addon.NativeNetwork(JSON.stringify(program), "mmx")).toThrow(/mmx/);
    expect(addon.instructions()).toContain("portable");
  });

  test("data that is not a table", () => {
    const data = (x: number, y: number, inputs: number, outputs: number) => () =>
      new addon.NativeDataset(new Float32Array(x), new Float32Array(y), inputs, outputs);
    expect(data(4, 2, 2, 1)).not.toThrow();
    expect(data(5, 2, 2, 1)).toThrow(/multiple of 2/);
    expect(data(4, 3, 2, 1)).toThrow(/expected 2 rows of 1/);
    expect(data(0, 0, 2, 1)).toThrow(/at least 1 row/);
    expect(data(4, 2, 0, 1)).toThrow(/inputs/);
    expect(data(4, 2, 2, 0)).toThrow(/outputs/);
    const weighted =
      (...weights: number[]) =>
      () =>
        new addon.NativeDataset(new Float32Array(4), new Float32Array(2), 2, 1, Float32Array.from(weights));
    expect(weighted(0, 2)).not.toThrow();
    expect(weighted(1)).toThrow(/expected 2 weights, received 1/);
    expect(weighted(1, -1)).toThrow(/row 1: expected a finite weight of at least 0, received -1/);
    expect(weighted(0, 0)).toThrow(/all are 0/);
  });

  describe("invalid arguments of a network, which stays unchanged:", () => {
    const network = make(program);
    const parameters = Float32Array.from({ length: 12 }, (_, index) => index / 10);
    network.write("parameters", parameters);
    const data = new addon.NativeDataset(Float32Array.of(1, 2, 3, 4), Float32Array.of(1, 2), 2, 1);
    const other = new addon.NativeDataset(Float32Array.of(1, 2, 3), Float32Array.of(1, 2, 3), 1, 1);
    const wide = new addon.NativeDataset(Float32Array.of(1, 2), Float32Array.of(1, 2), 2, 2);
    const start = { epoch: 0, step: 0, steps: 0, loss: 0 };
    const learningRates = Float64Array.of(0.1);
    const rules = { batchSize: 2, accumulate: 1, seed: 1, shuffle: false, learningRates };
    const run: Run = { from: start, steps: 1, ...rules };
    const overlapping = new Float32Array(4);
    const sizes = { inputs: 2, outputs: 1, rows: 2 };
    const freed = new addon.NativeDataset(new Float32Array(2), new Float32Array(1), 2, 1);
    freed.free();
    freed.free();
    // biome-ignore lint/suspicious/noExplicitAny: what the types forbid is what this test passes
    const any = (value: unknown) => value as any;

    test.each<[what: string, call: () => unknown, message: RegExp]>([
      ["an unknown part", () => read(network, any("gradients")), /part: expected "parameters" or "slots"/],
      [
        "too few parameters",
        () => network.write("parameters", new Float32Array(11)),
        /expected 12 values, received 11/,
      ],
      [
        "too many slots",
        () => network.write("slots", new Float32Array(13)),
        /expected 12 values, received 13/,
      ],
      [
        "a parameter that is not finite",
        () => network.write("parameters", new Float32Array(12).fill(Number.NaN)),
        /finite/,
      ],
      ["doubles", () => network.write("parameters", any(new Float64Array(12))), /./],
      ["a list", () => network.write("parameters", any(Array.from(parameters))), /./],
      ["half a row", () => network.predictions()(new Float32Array(3), new Float32Array(1)), /multiple of 2/],
      [
        "an output that is too short",
        () => network.predictions()(new Float32Array(4), new Float32Array(1)),
        /expected 2 rows of 1/,
      ],
      [
        "an output that overlaps x",
        () => network.predictions()(overlapping, overlapping.subarray(0, 2)),
        /overlap/,
      ],
      ["data with other inputs", () => network.train(other, run), /expected 2 inputs, received 1/],
      ["data with other outputs", () => network.evaluate(wide), /expected 1 outputs, received 2/],
      [
        "predictions of an evaluation that do not fit",
        () => network.evaluate(data, new Float32Array(1)),
        /expected 2 rows of 1, received 1 values/,
      ],
      [
        "a validation with other inputs",
        () => network.train(data, run, other),
        /expected 2 inputs, received 1/,
      ],
      ["an invalid validation", () => network.train(data, run, any({})), /./],
      [
        "gradients that do not fit",
        () => network.gradients(data, new Float32Array(11)),
        /expected room for 12 values, received 11/,
      ],
      [
        "predictions that overlap the evaluated rows",
        () => network.evaluate({ x: overlapping, y: new Float32Array(2), ...sizes }, overlapping.subarray(2)),
        /overlap/,
      ],
      [
        "rows of another length",
        () => network.evaluate({ x: new Float32Array(3), y: new Float32Array(2), ...sizes }),
        /multiple of 2/,
      ],
      ["data that was freed", () => network.evaluate(freed), /the data has been freed/],
      ["no data", () => network.gradients(any({}), new Float32Array(12)), /./],
      ["no run", () => network.train(data, any(undefined)), /./],
      ["a run without a start", () => network.train(data, any({ steps: 1 })), /./],
      ["half a step", () => network.train(data, { ...run, steps: 0.5 }), /steps must be a whole number/],
      ["negative steps", () => network.train(data, { ...run, steps: -1 }), /steps must be a whole number/],
      ["empty batches", () => network.train(data, { ...run, batchSize: 0 }), /batchSize must be at least 1/],
      [
        "a batch size of NaN",
        () => network.train(data, { ...run, batchSize: Number.NaN }),
        /batchSize must be a whole/,
      ],
      [
        "too few learning rates",
        () => network.train(data, { ...run, steps: 2 }),
        /need 2 learning rates, received 1/,
      ],
      [
        "a step outside of the epoch",
        () => network.train(data, { ...run, from: { ...start, step: 1 } }),
        /received step 1/,
      ],
      [
        "updates from no step",
        () => network.train(data, { ...run, accumulate: 0 }),
        /accumulate must be at least 1/,
      ],
      [
        "updates from half a step",
        () => network.train(data, { ...run, accumulate: 1.5 }),
        /accumulate must be a whole/,
      ],
      [
        "clipping at 0",
        () => make({ ...program, clipGradients: { norm: 0 } }),
        /clipGradients must be null, or/,
      ],
      [
        "two clips",
        () => make({ ...program, clipGradients: { norm: 1, value: 1 } }),
        /clipGradients must be null, or/,
      ],
      ["a negative seed", () => network.train(data, { ...run, seed: -1 }), /seed must be a whole/],
      ["a seed for `shuffle`", () => network.train(data, { ...run, shuffle: any(1) }), /./],
      [
        "more steps than can be counted",
        () => network.train(data, { ...run, from: { ...start, steps: 2 ** 53 - 1 }, steps: 2 ** 53 - 1 }),
        /./,
      ],
    ])("%s", async (_, call, message) => {
      expect(call).toThrow(message);
      expect(read(network, "parameters")).toEqual(parameters);
      expect(read(network, "slots")).toEqual(new Float32Array(12));
    });

    test("and `start` rejects with the errors that `train` throws", async () => {
      await expect(network.start(data, { ...run, batchSize: 0 })).rejects.toThrow(
        /batchSize must be at least 1/,
      );
      await expect(network.start(other, run)).rejects.toThrow(/expected 2 inputs/);
      expect(read(network, "parameters")).toEqual(parameters);
    });

    test("and a second run during another", async () => {
      const busy = make(program);
      busy.write("parameters", parameters);
      const steps = 1e6;
      const running = busy.start(data, { ...run, steps, learningRates: new Float64Array(steps).fill(1e-6) });
      while (isDeepStrictEqual(read(busy, "parameters"), parameters)) await turn();
      expect(() => busy.start(data, run)).toThrow(/under way/);
      expect(() => busy.train(data, run)).toThrow(/under way/);
      expect(() => busy.write("parameters", parameters)).toThrow(/under way/);
      busy.stop();
      expect(await running).toMatchObject({ stopped: true });
    });
  });
});

test("the addon is expected in the packages that package.json names, and on no other platform", () => {
  const { optionalDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const platforms = ["darwin", "linux", "win32", "freebsd"];
  const names = platforms.flatMap((platform) =>
    ["arm64", "x64", "ia32"].flatMap((arch) => platformPackages({ platform, arch })),
  );
  expect(names.sort()).toEqual(Object.keys(optionalDependencies).sort());
});

describe("if the addon's package", () => {
  const name = `myelin-${hostTarget()}`;
  let app: string;

  beforeAll(() => {
    app = mkdtempSync(join(tmpdir(), "myelin-addon-"));
    cpSync(join(root, "dist"), join(app, "dist"), { recursive: true });
    cpSync(join(root, "package.json"), join(app, "package.json"));
    cpSync(script("chosen.mjs"), join(app, "chosen.mjs"));
  });
  afterAll(() => rmSync(app, { recursive: true, force: true }));

  /** Writes a package with these files in place of the addon's package, or removes it. */
  const give = (files: Record<string, string>) => {
    const folder = join(app, "node_modules", name);
    rmSync(folder, { recursive: true, force: true });
    if (Object.keys(files).length > 0) mkdirSync(folder, { recursive: true });
    for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text);
  };
  const chosen = async (kernel?: string) => {
    const environment = kernel === undefined ? {} : { MYELIN_KERNEL: kernel };
    const { status, output } = await runNode(["chosen.mjs"], { folder: app, environment });
    expect(status).toBe(0);
    return JSON.parse(output);
  };
  const warning = (code: string, reason: string) => ({
    name: "MyelinWarning",
    code,
    message: `Myelin uses its WebAssembly kernel, which is slower than the native one: ${reason}`,
    detail: 'kernel: "wasm" or "typescript", or MYELIN_KERNEL, silences this warning.',
  });
  const asked = "the native kernel, requested by MYELIN_KERNEL=native: ";

  test("is missing, the wasm kernel replaces it, and one warning gives the fix", async () => {
    give({});
    const reason = `${name} is not installed: npm install --save-optional ${name}@${version}`;
    expect(await chosen()).toEqual({
      kernel: { name: "wasm", reason: expect.stringContaining(`${reason}; WebAssembly, `) },
      warnings: [warning("MYELIN_ABSENT_ADDON", reason)],
    });
    const error = { name: "KernelError", code: "MYELIN_KERNEL", message: asked + reason };
    expect(await chosen("native")).toEqual({ error, warnings: [] });
  });

  const main = (code: string) => ({
    "package.json": JSON.stringify({ name, main: "main.cjs" }),
    "main.cjs": code,
  });
  const basicExports = `version: () => ${JSON.stringify(version)}, instructions: () => ["portable"]`;
  test.each([
    [
      "is not a library",
      { "package.json": JSON.stringify({ name, main: "addon.node" }), "addon.node": "this is no addon" },
      " does not load: ",
    ],
    ["fails while loading", main("throw new Error('no GLIBC_9.9')"), " does not load: no GLIBC_9.9"],
    [
      "has no addon file",
      { "package.json": JSON.stringify({ name, main: "gone.node" }) },
      " does not load: ",
    ],
    [
      "has another version",
      main("exports.version = () => '0.0.9';"),
      `: it has version 0.0.9, expected ${version}: install both packages of one version`,
    ],
    ["lacks an expected function", main("exports.other = 1;"), ": addon.version is not a function"],
    [
      "computes wrong numbers",
      main(
        `module.exports = { ${basicExports}, NativeNetwork: class { write() {} predictions() { return () => {}; } } };`,
      ),
      ": the self-test gave 0, expected 11.5",
    ],
    [
      "panics",
      main(
        `module.exports = { ${basicExports}, NativeNetwork: class { constructor() { throw new Error("panicked"); } } };`,
      ),
      ": native kernel: panicked",
    ],
  ])("%s, the wasm kernel replaces it, and one warning gives the reason", async (_, files, reason) => {
    give(files);
    const { kernel, warnings } = await chosen();
    expect(kernel.name).toBe("wasm");
    const [cause] = kernel.reason.split("; WebAssembly, ");
    expect(cause).toContain(name + reason);
    expect(warnings).toEqual([warning("MYELIN_BROKEN_ADDON", cause)]);
    const forced = await chosen("native");
    expect(forced).toEqual({
      error: { name: "KernelError", code: "MYELIN_KERNEL", message: asked + cause },
      warnings: [],
    });
  });

  test.each([
    ["is missing", {}],
    ["is broken", main("throw new Error('broken')")],
  ])("%s, a caller that chooses the typescript kernel gets no warning", async (_, files) => {
    give(files);
    expect(await chosen("typescript")).toEqual({
      kernel: { name: "typescript", reason: "requested by MYELIN_KERNEL=typescript" },
      warnings: [],
    });
  });
});

describe("a network of the addon", () => {
  const addon = load();
  const run = (steps: number): Run => ({
    from: { epoch: 0, step: 0, steps: 0, loss: 0 },
    steps,
    batchSize: 1,
    accumulate: 1,
    seed: 1,
    shuffle: false,
    learningRates: new Float64Array(steps),
  });

  test("allows one training at a time, from the call that starts it to its end", async () => {
    const network = new addon.NativeNetwork(JSON.stringify(program));
    const data = new addon.NativeDataset(Float32Array.of(1, 2), Float32Array.of(1), 2, 1);
    const first = network.start(data, run(100_000));
    const underWay = /under way/;
    expect(() => network.start(data, run(1))).toThrow(underWay);
    expect(() => network.train(data, run(1))).toThrow(underWay);
    expect(() => network.write("parameters", new Float32Array(12))).toThrow(underWay);
    expect(() => network.gradients(data, new Float32Array(12))).toThrow(underWay);
    expect(() => network.dispose()).toThrow(underWay);
    expect(() => read(network, "slots")).toThrow(underWay);
    expect(read(network, "parameters")).toHaveLength(12);
    network.stop();
    expect((await first).stopped).toBe(true);
    expect(network.train(data, run(1)).position.steps).toBe(1);
  });

  test("continues a training on data that is freed meanwhile, and refuses calls after its end", async () => {
    const network = new addon.NativeNetwork(JSON.stringify(program));
    const data = new addon.NativeDataset(Float32Array.of(1, 2), Float32Array.of(1), 2, 1);
    const running = network.start(data, run(1000));
    data.free();
    expect((await running).position.steps).toBe(1000);
    const predict = network.predictions();
    network.dispose();
    network.dispose();
    const disposed = /the network has been disposed/;
    expect(() => predict(new Float32Array(2), new Float32Array(1))).toThrow(disposed);
    expect(() => read(network, "parameters")).toThrow(disposed);
    expect(() => network.train(data, run(1))).toThrow(disposed);
  });
});

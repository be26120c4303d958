/** The WebAssembly kernel: bits, panics, memory, and modules that do not load. */
import { readFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { describe, expect, test } from "vitest";
import { KernelError } from "../src/errors.ts";
import type { KernelData, Network } from "../src/kernel/kernel.ts";
import { Instance, instantiate } from "../src/kernel/wasm/instance.ts";
import { loadModules } from "../src/kernel/wasm/kernel.ts";
import { WasmData, WasmNetwork } from "../src/kernel/wasm/network.ts";
import { runNode } from "./child.ts";
import { kernels } from "./kernels.ts";
import { dataset, networkOf, programOf, rowsFor, runOf, stateOf, tablePrograms } from "./programs.ts";

const [native, wasm] = kernels;
const read = (name: string) => readFileSync(new URL(`../src/kernel/${name}`, import.meta.url));
const program = programOf({
  inputs: 3,
  layers: [
    { type: "dense", units: 20, activation: "tanh" },
    { type: "dense", units: 2 },
  ],
  optimizer: "adam",
});

/** Calls the function that panics. The kernel itself never calls it. */
const panic = (network: Network) => {
  const { instance } = network as WasmNetwork;
  return (network as WasmNetwork).call((pointer) => instance.exports.network_panic(pointer));
};

const bits = (values: Float32Array) => new Uint32Array(values.slice().buffer);

/** Whether this host fuses; Node 20 has no relaxed SIMD. */
const { isFused } = (wasm.network(program) as WasmNetwork).instance;

test("this host fuses the multiply-add if it has relaxed SIMD", () => {
  expect(isFused).toBe(Number(process.versions.node.split(".")[0]) >= 22);
});

const reason = "skipped: this host does not fuse, so bits may differ; Node 22 runs this";
describe.skipIf(!isFused)(`the bits equal the native kernel's (${reason})`, () => {
  test.each(tablePrograms)("%s", (_, given) => {
    // 7 rows use the code for few rows and 600 the chunks.
    for (const [rows, batchSize] of [
      [7, 5],
      [40, 32],
      [600, 600],
    ]) {
      const [actual, expected] = [wasm, native].map((kernel) => {
        const network = networkOf(kernel, given);
        const data = dataset(kernel, given, rowsFor(given, rows));
        const run = runOf(rows, { batchSize, shuffle: true, validation: data });
        const { losses, validationLosses } = network.train(data, run);
        return { ...stateOf(network), losses, validationLosses };
      });
      expect(bits(actual.parameters)).toEqual(bits(expected.parameters));
      expect(bits(actual.slots)).toEqual(bits(expected.slots));
      expect(actual.losses).toEqual(expected.losses);
      expect(actual.validationLosses).toEqual(expected.validationLosses);
    }
  });
});

describe("a panic", () => {
  test("is an error that ends only its own network, and its memory is freed", () => {
    const data = dataset(wasm, program, rowsFor(program, 30));
    const [panicked, other] = [networkOf(wasm, program), networkOf(wasm, program)];
    const before = stateOf(other);
    for (let round = 0; round < 3; round++) {
      const network = networkOf(wasm, program);
      expect(() => panic(network)).toThrow(/panicked: .*provoked, with 122 parameters/s);
      network.dispose();
    }
    expect(() => panic(panicked)).toThrow(KernelError);
    for (const call of [
      () => panicked.read("parameters"),
      () => panicked.train(data, runOf(30)),
      () => panicked.predict(new Float32Array(3), new Float32Array(2)),
    ])
      expect(call).toThrow("an earlier call of this network panicked; make a new one");
    expect(stateOf(other)).toEqual(before);
    expect(other.train(data, runOf(30)).losses).toEqual(
      networkOf(wasm, program).train(data, runOf(30)).losses,
    );
    panicked.dispose();
    panicked.dispose();
    expect(() => panicked.read("parameters")).toThrow("has been disposed");
  });

  test("during a training rejects its promise, and other trainings continue", async () => {
    const data = dataset(wasm, program, rowsFor(program, 30));
    const run = runOf(30, { steps: 8000, learningRates: new Float64Array(1000).fill(0.001) });
    const [first, second] = [networkOf(wasm, program), networkOf(wasm, program)];
    const trainings = [first.start(data, run), second.start(data, run)];
    await new Promise(setImmediate);
    expect(() => panic(first)).toThrow("provoked");
    await expect(trainings[0]).rejects.toThrow("panicked");
    expect((await trainings[1]).losses).toEqual(networkOf(wasm, program).train(data, run).losses);
  });

  test("of the whole instance, of unknown cause, ends the instance", () => {
    const instance = new Instance(instantiate(read("myelin-unfused.wasm")));
    const unknown = () => {
      throw new RangeError("Maximum call stack size exceeded");
    };
    expect(() => instance.call(unknown)).toThrow("the wasm kernel failed: RangeError");
    expect(() => instance.call(() => 1)).toThrow("the wasm kernel failed: RangeError");
  });
});

describe("a training in turns of the event loop", () => {
  const rows = rowsFor(program, 5000);
  const run = runOf(5000, { batchSize: 50, learningRates: new Float64Array(150).fill(0.001) });

  test("gives what one call gives, with a validation, and two trainings share the turns", async () => {
    const data = dataset(wasm, program, rows);
    const validated = { ...run, shuffle: true, validation: data };
    const networks = [networkOf(wasm, program), networkOf(wasm, program)];
    const inTurns = await Promise.all(networks.map((network) => network.start(data, validated)));
    const { seconds: _, ...expected } = networkOf(wasm, program).train(data, validated);
    for (const { seconds: _, ...actual } of inTurns) expect(actual).toEqual(expected);
  });

  test("leaves the event loop after a few milliseconds", async () => {
    const delay = monitorEventLoopDelay({ resolution: 1 });
    const data = dataset(wasm, program, rows);
    let turns = 0;
    const count = () => {
      turns++;
      timer = setImmediate(count);
    };
    let timer = setImmediate(count);
    delay.enable();
    await networkOf(wasm, program).start(data, run);
    delay.disable();
    clearImmediate(timer);
    expect(turns).toBeGreaterThan(2);
  });

  test("refuses everything that would change the network, and predicts from the last completed epoch", async () => {
    // An epoch takes many turns.
    const many = 400_000;
    const data = dataset(wasm, program, rowsFor(program, many));
    const run = runOf(many, { batchSize: 50, learningRates: new Float64Array(10).fill(1e-4) });
    const network = networkOf(wasm, program);
    const before = network.read("parameters");
    const training = network.start(data, run);
    await expect(network.start(data, run)).rejects.toThrow("under way");
    for (const call of [
      () => network.train(data, run),
      () => network.write("parameters", before),
      () => network.gradients(data),
      () => network.read("slots"),
      () => network.dispose(),
    ])
      expect(call).toThrow("a training of this network is under way");
    expect(network.read("parameters")).toEqual(before);
    data.free();
    network.stop();
    expect((await training).stopped).toBe(true);
    network.dispose();
  });

  test("ends at any of 200 aborts and continues to the same bits", async () => {
    const few = rowsFor(program, 40);
    const data = dataset(wasm, program, few);
    const rates = new Float64Array(400).fill(0.01);
    const whole = networkOf(wasm, program);
    const total = 4000;
    const all = runOf(40, { batchSize: 4, steps: total, learningRates: rates, shuffle: true });
    const { position } = whole.train(data, all);
    const network = networkOf(wasm, program);
    let [from, left] = [all.from, total];
    for (let abort = 0; left > 0 && abort < 1000; abort++) {
      const steps = abort < 200 ? Math.min(left, 1 + ((abort * 7) % 20)) : left;
      const training = network.start(data, {
        ...all,
        from,
        steps,
        learningRates: rates.subarray(from.epoch),
      });
      if (abort % 3 === 0) network.stop();
      const progress = await training;
      left -= progress.position.epoch * 10 + progress.position.step - from.epoch * 10 - from.step;
      from = progress.position;
    }
    expect(from).toEqual(position);
    expect(stateOf(network)).toEqual(stateOf(whole));
  });
});

describe("memory", () => {
  const bytes = (network: Network) => (network as WasmNetwork).instance.exports.memory.buffer.byteLength;

  test("is free again after each call, each dispose and each panic", () => {
    const wide = programOf({ inputs: 300, layers: [{ type: "dense", units: 300 }], optimizer: "adam" });
    const rows = rowsFor(wide, 100);
    const data: KernelData = dataset(wasm, wide, rows);
    let most = 0;
    for (let round = 0; round < 100; round++) {
      const network = networkOf(wasm, wide);
      network.train(data, runOf(100, { batchSize: 50, steps: 2 }));
      network.predict(rows.x, new Float32Array(100 * 300));
      if (round % 10 === 0) expect(() => panic(network)).toThrow("provoked");
      network.dispose();
      dataset(wasm, wide, rows).free();
      if (round === 20) most = bytes(network);
    }
    expect(bytes(networkOf(wasm, wide))).toBeLessThanOrEqual(most + 2 ** 21);
  });

  /** 1.2 MB in the memory of an instance. */
  const wide = programOf({
    inputs: 200,
    layers: [{ type: "dense", units: 200, activation: "tanh" }],
    optimizer: "adam",
  });
  const many = 75;

  /** Makes networks until those that were made before have been moved out. */
  const crowd = (instance: Instance) =>
    Array.from({ length: many }, () => new WasmNetwork(instance, wide)).at(-1)!;

  test("of networks that are made and dropped in one turn of the event loop does not grow", () => {
    const instance = new Instance(instantiate(read("myelin-unfused.wasm")));
    const rows = { ...rowsFor(wide, 10), inputs: 200, outputs: 200 };
    for (let made = 0; made < many; made++) {
      const network = new WasmNetwork(instance, wide);
      network.train(rows, runOf(10));
      network.predict(rows.x, new Float32Array(10 * 200));
    }
    // Networks have 64 MB, of which the last one may take more than its part.
    expect(instance.exports.allocated()).toBeLessThan(70e6);
    expect(instance.exports.memory.buffer.byteLength).toBeLessThan(80e6);
  });

  test("that others need is taken from a network, which then gives the same bits", () => {
    const instance = new Instance(instantiate(read("myelin-unfused.wasm")));
    const rows = { ...rowsFor(program, 10), inputs: 3, outputs: 2 };
    const run = runOf(10, { batchSize: 4, steps: 6, shuffle: true });
    const trainings = (leave: () => void) => {
      const network = networkOf({ network: () => new WasmNetwork(instance, program) } as never, program);
      const results: unknown[] = [];
      const output = new Float32Array(10 * 2);
      for (const use of [
        () => network.train(rows, run).losses,
        () => network.predict(rows.x, output),
        () => network.evaluate(rows, output),
        () => network.gradients(rows),
        () => network.read("parameters"),
        () => network.read("slots"),
        () => network.write("parameters", network.read("parameters").fill(0.01, 5, 20)),
        () => network.train(rows, { ...run, from: { epoch: 2, step: 0, steps: 6, loss: 0 } }).losses,
      ]) {
        results.push(use(), output.slice(), stateOf(network));
        leave();
      }
      network.dispose();
      expect(() => network.read("parameters")).toThrow("has been disposed");
      return results;
    };
    expect(trainings(() => crowd(instance).dispose())).toEqual(trainings(() => {}));
  });

  test("is not taken from a network during its training, or after a panic", async () => {
    const instance = new Instance(instantiate(read("myelin-unfused.wasm")));
    const make = () => networkOf({ network: () => new WasmNetwork(instance, program) } as never, program);
    const data = new WasmData(instance, { ...rowsFor(program, 400), inputs: 3, outputs: 2 });
    const run = runOf(400, { batchSize: 4, learningRates: new Float64Array(200).fill(0.001) });
    const [network, panicked] = [make(), make()];
    const training = network.start(data, run);
    expect(() => panic(panicked)).toThrow("provoked");
    crowd(instance);
    expect(() => panicked.read("parameters")).toThrow("an earlier call of this network panicked");
    panicked.dispose();
    expect((await training).losses).toEqual(make().train(data, run).losses);
  });

  test("of networks that are used in turn is enough for all after one round", () => {
    const instance = new Instance(instantiate(read("myelin-unfused.wasm")));
    const networks = Array.from({ length: 90 }, () => new WasmNetwork(instance, wide));
    const round = () => networks.map((network) => network.pointer);
    // They do not have room together, before they are used again.
    expect(instance.exports.allocated()).toBeLessThan(90 * 1_100_000);
    round();
    expect(round()).toEqual(round());
  });

  test("that grows in a call leaves no stale view", () => {
    const instance = new Instance(instantiate(read("myelin-unfused.wasm")));
    const network = new WasmNetwork(instance, program);
    const before = instance.floats;
    const rows = rowsFor(program, 2_000_000 / 5);
    const output = new Float32Array((2 * rows.x.length) / 3);
    network.write("parameters", new Float32Array(122).fill(0.1));
    network.predict(rows.x, output);
    expect(before.length).toBe(0);
    const expected = new Float32Array(2);
    for (const row of [0, 5, 399_999]) {
      network.predict(rows.x.slice(3 * row, 3 * row + 3), expected);
      expect(output.slice(2 * row, 2 * row + 2)).toEqual(expected);
    }
  });

  test("that runs out is an error at any moment, and afterwards the kernel works", () => {
    const instance = new Instance(instantiate(read("myelin-unfused.wasm")));
    const taken: [pointer: number, count: number][] = [];
    // Memory that nothing touches takes addresses only.
    for (let count = 2 ** 28; count >= 4; count /= 2) {
      try {
        for (;;) taken.push([instance.allocate(count), count]);
      } catch (error) {
        expect(error).toBeInstanceOf(KernelError);
        expect(String(error)).toMatch("out of memory: take fewer rows at a time, or narrower layers");
      }
    }
    const release = () => instance.exports.floats_free(...taken.pop()!);
    let failures = 0;
    for (;;) {
      try {
        new WasmNetwork(instance, program).dispose();
        break;
      } catch (error) {
        expect(String(error)).toMatch("out of memory");
        failures++;
        release();
      }
    }
    expect(failures).toBeGreaterThan(3);
    while (taken.length > 0) release();
    const network = new WasmNetwork(instance, program);
    network.write("parameters", new Float32Array(122).fill(0.1));
    const rows = rowsFor(program, 10);
    const { losses } = network.train({ ...rows, inputs: 3, outputs: 2 }, runOf(10));
    expect(losses.every((loss) => Number.isFinite(loss))).toBe(true);
  });
});

describe("a module that does not load gives the reason", () => {
  const bytes = read("myelin-unfused.wasm");
  const changed = (change: (bytes: Uint8Array) => Uint8Array) => () => change(Uint8Array.from(bytes));

  test.each<[string, () => Uint8Array, RegExp]>([
    ["an empty file", changed(() => new Uint8Array(0)), /BufferSource|empty|magic|end/i],
    ["half of the file", changed((all) => all.subarray(0, all.length / 2)), /WebAssembly/],
    ["a file whose code is damaged", changed((all) => all.fill(255, 20_000, 20_100)), /WebAssembly/],
    ["a missing file", () => read("nothing.wasm"), /ENOENT/],
    [
      "a module of another version",
      changed((all) => {
        const at = Buffer.from(all).indexOf("0.1.0");
        all[at] = "9".charCodeAt(0);
        return all;
      }),
      /version 9.1.0, expected 0.1.0/,
    ],
    ["another module", () => Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0), /./],
  ])("%s", (_, make, message) => {
    const { kernel, reason } = loadModules([make]);
    expect(kernel).toBeUndefined();
    expect(reason).toMatch(/^the WebAssembly module does not load: /);
    expect(reason).toMatch(message);
    expect(loadModules([make, () => bytes]).kernel?.name).toBe("wasm");
  });
});

test("a host without WebAssembly or addons trains in TypeScript, and says why; forced, it is an error", async () => {
  const source = `
    const { dense, Model } = await import(${JSON.stringify(new URL("../dist/index.js", import.meta.url).href)});
    const options = { inputs: 1, layers: [dense(1)], loss: "meanSquaredError", optimizer: "sgd" };
    const { kernel } = new Model(options);
    let forced;
    try {
      new Model({ ...options, kernel: "wasm" });
    } catch ({ code, message }) {
      forced = { code, message };
    }
    console.log(JSON.stringify({ kernel, forced }));`;
  const given = ["--jitless", "--no-addons", "--input-type=module", "--eval", source];
  const { kernel, forced } = JSON.parse((await runNode(given)).output);
  const reason = "the WebAssembly module does not load: this host has no WebAssembly";
  expect(kernel.name).toBe("typescript");
  expect(kernel.reason).toMatch(reason);
  expect(forced.code).toBe("MYELIN_KERNEL");
  expect(forced.message).toMatch(`the wasm kernel, requested by the option kernel: "wasm": ${reason}`);
});

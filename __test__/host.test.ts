/**
 * What the package takes from the host when it loads: fake timers change nothing, and everything has a
 * fallback.
 */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ManyProgress } from "../src/index.ts";
import type { KernelName } from "../src/kernel/kernel.ts";
import { kernelNames } from "./kernels.ts";
import { data } from "./samples.ts";

type Package = typeof import("../src/index.ts");

/** All functions that vitest can replace by fakes. */
const toFake = [
  ...["setTimeout", "clearTimeout", "setInterval", "clearInterval", "setImmediate", "clearImmediate"],
  ...["Date", "performance", "queueMicrotask", "hrtime"],
] as NonNullable<Parameters<typeof vi.useFakeTimers>[0]>["toFake"];

/** Loads the package again. */
async function loadAgain(): Promise<Package> {
  vi.resetModules();
  return import("../src/index.ts");
}

/** Runs every call that waits for the event loop, a timer or the clock. */
async function trainInAllWays(loaded: Package, kernel: KernelName) {
  const { Model, dense, trainMany, crossValidate, search, callbacks } = loaded;
  const architecture = (units: number) => ({
    ...({ inputs: 2, layers: [dense(units), dense(1)], loss: "meanSquaredError", optimizer: "sgd" } as const),
    ...{ kernel, seed: 1 },
  });
  const make = () => new Model(architecture(4));
  const options = { epochs: 40, batchSize: 5, validationSplit: 0.2 };
  const hooks = [callbacks.earlyStopping({ patience: 40 }), { onEpochEnd: () => Promise.resolve() }];
  const { loss } = await make().fit(data, { ...options, callbacks: hooks });
  await make().fit(data, { epochs: 1e7, budget: { seconds: 0.02 } });
  for await (const _ of make().epochs(data, options));
  let finished = 0;
  const onProgress = (progress: ManyProgress) => {
    finished = progress.finished;
  };
  await trainMany([make(), make()], data, { ...options, onProgress });
  await crossValidate({ model: architecture(4), fit: { epochs: 2 } }, data, { folds: 2 });
  const build = ({ units }: { units: number }) => ({ model: architecture(units), fit: { epochs: 2 } });
  await search({ units: [2, 3] }, data, { build, folds: 2, seed: 1 });
  expect(finished).toBe(2);
  return loss;
}

describe.each(kernelNames)("with fake timers on the %s kernel", (kernel) => {
  afterEach(() => void vi.useRealTimers());

  test("installed before or after the package loads, every training ends as with real ones", async () => {
    const real = await loadAgain();
    const expected = await trainInAllWays(real, kernel);
    vi.useFakeTimers({ toFake: toFake! });
    expect(await trainInAllWays(real, kernel)).toEqual(expected);
    expect(await trainInAllWays(await loadAgain(), kernel)).toEqual(expected);
  });
});

describe("a host that lacks", () => {
  beforeEach(() => void vi.resetModules());
  afterEach(() => void vi.unstubAllGlobals());

  const load = () => import("../src/host.ts");
  const turnOf = async () => {
    const { nextTurn } = await load();
    await new Promise<void>(nextTurn);
  };
  const without = (...names: string[]) => {
    for (const name of names) vi.stubGlobal(name, undefined);
  };

  test.each([
    [["setImmediate"]],
    [["setImmediate", "process"]],
    [["setImmediate", "process", "MessageChannel"]],
    [["setImmediate", "process", "MessageChannel", "setTimeout"]],
  ])("%j still lets the event loop run", async (names) => {
    without(...names);
    await turnOf();
  });

  test("timers calls no timer, and a timer that is cleared early is not called either", async () => {
    const host = await load();
    const called: string[] = [];
    host.after(1, () => called.push("ended"))();
    await new Promise<void>((resolve) => {
      const end = host.every(1, () => {
        called.push("every");
        end();
        host.after(1, resolve);
      });
    });
    expect(called).toEqual(["every"]);
    without("setTimeout", "setInterval", "process");
    vi.resetModules();
    const bare = await load();
    bare.after(1, () => called.push("never"))();
    bare.every(1, () => called.push("never"))();
    expect(called).toEqual(["every"]);
  });

  test("a clock uses the date", async () => {
    without("performance", "process");
    const { now } = await load();
    expect(Math.abs(now() - Date.now())).toBeLessThan(60_000);
  });

  test("a source of random numbers still draws seeds", async () => {
    without("crypto");
    const { randomNumber } = await load();
    const drawn = new Set(Array.from({ length: 20 }, randomNumber));
    expect(drawn.size).toBeGreaterThan(15);
    for (const number of drawn)
      expect(number >= 0 && number < 2 ** 32 && Number.isInteger(number)).toBe(true);
  });

  const texts = ["", "a", "{}\n~\u0000\u007f", "é ß ж 日本 €", "😀𝒳", "\ufeffbom", "half \ud800 pair \udc00"];

  test("an encoder encodes UTF-8 with the same bytes", async () => {
    const expected = texts.map((text) => new TextEncoder().encode(text));
    without("TextEncoder", "TextDecoder");
    const { encodeText, decodeText } = await load();
    for (const [at, text] of texts.entries()) {
      expect(encodeText(text)).toEqual(expected[at]);
      if (!text.includes("\ud800")) expect(decodeText(expected[at]!)).toBe(text);
    }
  });

  test("a decoder refuses invalid UTF-8, as a real one does", async () => {
    const wrong = [[0x80], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf8, 0x88, 0x80, 0x80, 0x80]];
    const there = await load();
    without("TextDecoder");
    vi.resetModules();
    const lacking = await load();
    for (const bytes of wrong) {
      expect(() => there.decodeText(Uint8Array.from(bytes))).toThrow();
      expect(() => lacking.decodeText(Uint8Array.from(bytes))).toThrow();
    }
  });
});

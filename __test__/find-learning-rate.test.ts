/** The learning rate range test, on both kernels. */
import { setImmediate as turn } from "node:timers/promises";
import { DOMParser } from "@xmldom/xmldom";
import { describe, expect, test } from "vitest";
import {
  adam,
  DivergenceError,
  dense,
  dropout,
  findLearningRate,
  type ModelOptions,
  OptionError,
  relu,
  StateError,
  sgd,
  xor,
} from "../src/index.ts";
import { sessionOf } from "../src/model.ts";
import { permutation, purpose } from "../src/random.ts";
import { kernelNames } from "./kernels.ts";
import { data, failureOf, makeModel, rows } from "./samples.ts";

/** The rows with these numbers, as lists. */
const pick = (numbers: Iterable<number>) => {
  const list = [...numbers];
  return { x: list.map((row) => rows.x[row]), y: list.map((row) => rows.y[row]) };
};

/** Returns the order of rows in an epoch of a training. */
const orderOf = (seed: number, epoch: number) => {
  const order = new Uint32Array(data.rows);
  permutation(seed, { purpose: purpose.shuffle, index: epoch }, order);
  return order;
};

/** fastai's valley, computed by its definition, from all pairs of losses. */
function valleyOf(losses: readonly number[]): number {
  const lengths = losses.map(() => 1);
  let end = 0;
  for (const [at, loss] of losses.entries()) {
    for (let before = 0; before < at; before++) {
      if (loss < losses[before]) lengths[at] = Math.max(lengths[at], lengths[before] + 1);
    }
    if (lengths[at] > lengths[end]) end = at;
  }
  const third = lengths[end] / 3;
  return Math.max(0, end - lengths[end] + Math.floor(third) + Math.floor(third / 2));
}

describe.each(kernelNames)("findLearningRate on the %s kernel", (kernel) => {
  const make = (options: Partial<ModelOptions> = {}) => makeModel({ kernel, ...options });
  const noisy = { layers: [dense(8), dropout({ rate: 0.2 }), relu(), dense(1)], optimizer: adam() };

  test("takes the steps of a training, each with its own learning rate", async () => {
    const [model, other] = [make(noisy), make(noisy)];
    for (const each of [model, other]) each.fitSync(data, { epochs: 3 });
    const { learningRates, losses } = await findLearningRate(model, data, {
      from: 1e-4,
      to: 1e-2,
      steps: 20,
      batchSize: 20,
    });
    expect(learningRates).toHaveLength(20);
    expect(learningRates[0]).toBe(1e-4);
    expect(learningRates[19]).toBe(1e-2);
    for (const [step, learningRate] of learningRates.entries()) {
      expect(learningRate).toBeCloseTo(1e-4 * 100 ** (step / 19), 12);
      // An epoch of 50 rows has batches of 20, 20 and 10.
      const [epoch, start] = [3 + Math.floor(step / 3), 20 * (step % 3)];
      const batch = pick(orderOf(model.seed, epoch).subarray(start, start + 20));
      expect(losses[step]).toBeCloseTo(other.trainOnBatch(batch, { learningRate }).loss, 12);
    }
  });

  test("changes neither the model nor its next training", async () => {
    const [model, other] = [make(noisy), make(noisy)];
    for (const each of [model, other]) each.fitSync(data, { epochs: 2 });
    const before = [model.toJSON(), sessionOf(model).position, model.history];
    await findLearningRate(model, data, { to: 1e6 });
    expect([model.toJSON(), sessionOf(model).position, model.history]).toEqual(before);
    for (const each of [model, other]) each.fitSync(data, { epochs: 2 });
    expect(model.toJSON()).toEqual(other.toJSON());
  });

  test("returns the same curve for the same seed, and another one for another seed", async () => {
    const losses = async (seed: number) => (await findLearningRate(make({ seed }), data)).losses;
    expect(await losses(1)).toEqual(await losses(1));
    expect(await losses(1)).not.toEqual(await losses(2));
  });

  test("smooths the losses by a bias-corrected exponential mean", async () => {
    const { losses, smoothed } = await findLearningRate(make(), data, { smoothing: 0.9, to: 0.1 });
    for (const at of [0, 1, 7, 50]) {
      const weights = losses.slice(0, at + 1).map((_, index) => 0.9 ** (at - index));
      const total = weights.reduce((sum, weight) => sum + weight);
      const mean = weights.reduce((sum, weight, index) => sum + (weight * losses[index]) / total, 0);
      expect(smoothed[at]).toBeCloseTo(mean, 10);
    }
    const rough = await findLearningRate(make(), data, { smoothing: 0, to: 0.1 });
    for (const [at, loss] of rough.losses.entries()) expect(rough.smoothed[at]).toBeCloseTo(loss, 12);
  });

  test("suggests the rates of fastai's rules for the curve without its ends", async () => {
    for (const [seed, smoothing] of [
      [1, 0.98],
      [2, 0.9],
      [3, 0],
    ] as const) {
      const curve = await findLearningRate(make({ seed }), data, { smoothing, batchSize: 8 });
      const [rates, smoothed] = [curve.learningRates, curve.smoothed].map((list) => list.slice(10, -5));
      expect(curve.suggestion).toBe(rates[valleyOf(smoothed)]);
      expect(curve.lowest).toBe(rates[smoothed.indexOf(Math.min(...smoothed))]);
    }
  });

  test("suggests a rate with which a training learns more than with a hundredth of it", async () => {
    const many = xor({ examples: 500, seed: 1 });
    const layers = [dense(16), relu(), dense(1)];
    const { suggestion, lowest } = await findLearningRate(make({ layers, optimizer: sgd() }), many, {
      batchSize: 8,
    });
    const lossWith = (learningRate: number) => {
      const model = make({ layers, optimizer: sgd({ learningRate }) });
      return model.fitSync(many, { epochs: 20, batchSize: 8 }).loss.at(-1)!;
    };
    expect(lossWith(suggestion!)).toBeLessThan(lossWith(suggestion! / 100) / 2);
    expect(suggestion).toBeLessThan(lowest!);
  });

  test("ends when the loss is not finite, or above four times its minimum", async () => {
    for (const to of [10, 1e30]) {
      const { losses, smoothed, diverged } = await findLearningRate(make(), data, { to });
      expect(diverged).toBe(true);
      expect(losses.length).toBeLessThan(100);
      expect(losses.every(Number.isFinite)).toBe(true);
      const best = (end: number) => Math.min(...smoothed.slice(10, end));
      for (let at = 11; at < smoothed.length - 1; at++)
        expect(smoothed[at]).toBeLessThanOrEqual(4 * best(at + 1));
    }
    const { losses, diverged } = await findLearningRate(make(), data, { to: 0.01 });
    expect(diverged).toBe(false);
    expect(losses).toHaveLength(100);
  });

  test("reports a loss that never falls", async () => {
    const curve = await findLearningRate(make(), { x: [[0, 0]], y: [0] }, { to: 1e-5 });
    expect([curve.suggestion, curve.lowest]).toEqual([undefined, undefined]);
    expect(curve.text).toContain("no suggestion: the loss never fell");
  });

  test("throws if the first loss is not finite", async () => {
    const error = await failureOf(() => findLearningRate(make(), { x: [[1e30, 1e30]], y: [1] }));
    expect(error).toBeInstanceOf(DivergenceError);
    expect(String(error)).toMatch(
      /findLearningRate: step 0: .* column 0 is about 1e\+30 in every row; .*: remove the column/,
    );
  });

  test("accepts sample weights", async () => {
    const sampleWeight = rows.y.map(() => 3);
    const [weighted, plain] = [
      await findLearningRate(make(), data, { sampleWeight, steps: 20, to: 1e-5 }),
      await findLearningRate(make(), data, { steps: 20, to: 1e-5 }),
    ];
    expect(weighted.losses[0]).toBeCloseTo(3 * plain.losses[0], 5);
  });

  test("lets the event loop run", async () => {
    let [turns, done] = [0, false];
    const finding = findLearningRate(
      make({ layers: [dense(300), relu(), dense(1)] }),
      xor({ examples: 1000 }),
      {
        batchSize: 500,
      },
    ).finally(() => {
      done = true;
    });
    while (!done) {
      await turn();
      turns++;
    }
    await finding;
    expect(turns).toBeGreaterThan(3);
  });

  test("rejects with the signal's reason", async () => {
    const [reason, model] = [new Error("enough"), make()];
    expect(await failureOf(() => findLearningRate(model, data, { signal: AbortSignal.abort(reason) }))).toBe(
      reason,
    );
    const controller = new AbortController();
    const finding = findLearningRate(model, data, { signal: controller.signal, steps: 100_000, to: 1e-6 });
    setTimeout(() => controller.abort(reason), 20);
    expect(await failureOf(() => finding)).toBe(reason);
  });

  test("is refused while the model trains; the model can train during the test, which uses a copy", async () => {
    const model = make();
    const training = model.fit(data, { epochs: 200 });
    expect(await failureOf(() => findLearningRate(model, data))).toBeInstanceOf(StateError);
    await training;
    const finding = findLearningRate(make(), data);
    const [first, second] = [make(), make()];
    const also = findLearningRate(first, data);
    first.fitSync(data);
    expect((await also).losses).toEqual((await finding).losses);
    second.fitSync(data);
    expect(first.toJSON()).toEqual(second.toJSON());
  });
});

describe("the result", () => {
  test("has a text with the curve and the suggestion, and an SVG file", async () => {
    const curve = await findLearningRate(makeModel(), data);
    expect(String(curve)).toBe(curve.text);
    const lines = curve.text.split("\n");
    expect(lines[0]).toBe("Learning rate range test");
    expect(lines.every((line) => line.length <= 80)).toBe(true);
    expect(lines.filter((line) => line.includes("•"))).not.toHaveLength(0);
    const rate = String(Number(curve.suggestion!.toPrecision(2))); // above 0.001
    expect(lines.at(-1)).toContain(`suggestion ${rate}; the loss was lowest at `);
    const svg = new DOMParser({ onError: (_, message) => expect.fail(message) }).parseFromString(
      curve.svg(),
      "text/xml",
    );
    expect(svg.documentElement?.tagName).toBe("svg");
    const paths = Array.from(svg.getElementsByTagName("path"), (path) => path.getAttribute("d")!);
    expect(paths.map((path) => path.split("L").length)).toEqual([curve.losses.length, curve.losses.length]);
    expect(paths.join("")).not.toContain("NaN");
    const texts = Array.from(svg.getElementsByTagName("text"), ({ textContent }) => textContent);
    expect(texts).toContain(`suggestion ${rate}`);
  });
});

describe("refuses", () => {
  // biome-ignore lint/suspicious/noExplicitAny: what the types forbid
  const bad: readonly (readonly [string, any, string])[] = [
    ["an unknown option", { epochs: 2 }, 'findLearningRate: unknown option "epochs"'],
    [
      "a first rate of 0",
      { from: 0 },
      "findLearningRate: from: expected a finite number above 0, received 0",
    ],
    [
      "rates that do not increase",
      { from: 1, to: 1 },
      "findLearningRate: to: expected more than from, 1, received 1",
    ],
    ["few steps", { steps: 19 }, "findLearningRate: steps: expected at least 20, received 19"],
    ["half a step", { steps: 20.5 }, "findLearningRate: steps: expected a whole number of at least 1"],
    ["a smoothing of 1", { smoothing: 1 }, "findLearningRate: smoothing: expected"],
    ["a batch size of 0", { batchSize: 0 }, "findLearningRate: batchSize: expected"],
    ["an invalid signal", { signal: "stop" }, "findLearningRate: signal: expected an AbortSignal"],
    ["no options", null, "findLearningRate: expected an object of options, received null"],
  ];

  test.each(bad)("%s", async (_, options, message) => {
    const error = await failureOf(() => findLearningRate(makeModel(), data, options));
    expect(error).toBeInstanceOf(OptionError);
    expect((error as Error).message).toContain(message);
  });

  test("arguments that are not a model or not data", async () => {
    // biome-ignore lint/suspicious/noExplicitAny: what the types forbid
    const find = findLearningRate as any;
    expect(String(await failureOf(() => find({}, data)))).toContain("findLearningRate: expected a Model");
    expect(String(await failureOf(() => find(makeModel(), [1])))).toContain(
      "pass both x and y, as (x, y) or { x, y }",
    );
  });
});

test("x and y can be two arguments", async () => {
  const options = { steps: 20 };
  const curve = await findLearningRate(makeModel(), data.x, data.y, options);
  expect(curve.losses).toEqual((await findLearningRate(makeModel(), data, options)).losses);
});

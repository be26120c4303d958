/** Online learning: one update from new rows, on both kernels. */
import { setImmediate as turn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  adam,
  batchNorm,
  DataError,
  DivergenceError,
  dense,
  dropout,
  gaussianNoise,
  type Model,
  type ModelOptions,
  OptionError,
  relu,
  rmsprop,
  ShapeError,
  StateError,
  sgd,
} from "../src/index.ts";
import { sessionOf } from "../src/model.ts";
import { kernelNames } from "./kernels.ts";
import { data, failureOf, makeModel, rows, someRows } from "./samples.ts";

describe.each(kernelNames)("trainOnBatch on the %s kernel", (kernel) => {
  const make = (options: Partial<ModelOptions> = {}) => makeModel({ kernel, ...options });
  const plain = sgd({ learningRate: 0.05 });

  /** Returns everything that training changes, except the number of epochs. */
  const learnedBy = (model: Model) => {
    const { weights, optimizerState, training } = model.toJSON();
    return { weights, optimizerState, steps: training.steps };
  };

  const noisy = [dense(8), dropout({ rate: 0.3 }), relu(), gaussianNoise(), dense(1)];
  const architectures: readonly (readonly [string, Partial<ModelOptions>])[] = [
    ["momentum", {}],
    ["momentum and noise", { layers: noisy }],
    ["adam", { optimizer: adam() }],
    ["adam and noise", { optimizer: adam({ amsgrad: true }), layers: noisy }],
    ["rmsprop, clipping and penalties", { optimizer: rmsprop(), clipGradients: { norm: 0.1 }, l2: 0.01 }],
    ["statistics of a batch", { layers: [dense(8), batchNorm(), relu(), dense(1)] }],
  ];

  test.each(architectures)("with %s, an epoch's batches give the same bits as the epoch", (_, options) => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 2 }), (batchSize, before) => {
        const [whole, inCalls] = [make(options), make(options)];
        for (const model of [whole, inCalls]) model.fitSync(data, { epochs: before + 1 });
        const { loss } = whole.fitSync(data, { batchSize, shuffle: false });
        let sum = 0;
        for (let start = 0; start < data.rows; start += batchSize) {
          const batch = someRows(start, Math.min(start + batchSize, data.rows));
          sum += inCalls.trainOnBatch(batch).loss * batch.y.length;
        }
        expect(learnedBy(inCalls)).toEqual(learnedBy(whole));
        expect(sum / data.rows).toBeCloseTo(loss[0], 12);
      }),
      { numRuns: 10 },
    );
  });

  test("accepts sample weights, class weights and a learning rate, with the same effect as in a training", () => {
    const sampleWeight = rows.y.map((_, row) => 1 + (row % 4));
    const options = { sampleWeight, classWeight: [1, 3] };
    const classifier = {
      loss: "binaryCrossentropy",
      layers: [dense(4), dense(1), { type: "sigmoid" }],
    } as const;
    const [model, fast] = [
      make(classifier),
      make({ ...classifier, optimizer: sgd({ learningRate: 0.2, momentum: 0.9 }) }),
    ];
    const { loss } = fast.fitSync(data, { ...options, batchSize: 50, shuffle: false });
    expect(model.trainOnBatch(data, { ...options, learningRate: 0.2 }).loss).toBe(loss[0]);
    expect(learnedBy(model)).toEqual(learnedBy(fast));
    const [balanced, whole] = [make(classifier), make(classifier)];
    balanced.trainOnBatch(data, { classWeight: "balanced" });
    whole.fitSync(data, { classWeight: "balanced", batchSize: 50, shuffle: false });
    expect(learnedBy(balanced)).toEqual(learnedBy(whole));
  });

  test("accepts a dataset, x and y, or one row", () => {
    const [first, second, third] = [make(), make(), make()];
    first.trainOnBatch(someRows(0, 1));
    second.trainOnBatch(rows.x.slice(0, 1), rows.y.slice(0, 1));
    third.trainOnBatch(rows.x[0], [rows.y[0]], {});
    expect(learnedBy(second)).toEqual(learnedBy(first));
    expect(learnedBy(third)).toEqual(learnedBy(first));
  });

  test("returns the loss and the metrics before the update", () => {
    const model = make({ metrics: ["accuracy", "meanAbsoluteError"], layers: [dense(3), relu(), dense(1)] });
    for (let step = 0; step < 3; step++) {
      const expected = model.evaluate(data);
      const given = model.trainOnBatch(data);
      expect(Object.keys(given)).toEqual(["loss", "accuracy", "meanAbsoluteError"]);
      expect(given.loss).toBeCloseTo(expected.loss, 6);
      expect(given.accuracy).toBe(expected.accuracy);
      expect(given.meanAbsoluteError).toBeCloseTo(expected.meanAbsoluteError!, 6);
    }
  });

  test("draws different noise in each call, and the same from the same seed", () => {
    const losses = () => {
      const model = make({ layers: noisy });
      return Array.from({ length: 5 }, () => model.trainOnBatch(data, { learningRate: 0 }).loss);
    };
    expect(new Set(losses()).size).toBe(5);
    expect(losses()).toEqual(losses());
  });

  test("does not count as an epoch: the next fit has the same order of rows and the same epochs", () => {
    const [model, other] = [make({ optimizer: plain }), make({ optimizer: plain })];
    const history = other.fitSync(data, { epochs: 2, batchSize: 5 });
    model.trainOnBatch(data, { learningRate: 0 });
    const first = model.fitSync(data, { batchSize: 5 });
    expect(model.history).toEqual(first);
    model.trainOnBatch(data, { learningRate: 0 });
    expect(model.history).toEqual(first);
    const second = model.fitSync(data, { batchSize: 5 });
    expect([...first.loss, ...second.loss]).toEqual(history.loss);
    expect([...first.epoch, ...second.epoch]).toEqual([0, 1]);
    expect(model.getWeights()).toEqual(other.getWeights());
    expect(model.toJSON().training).toEqual({ epochs: 2, steps: 22 });
  });

  test("ends an epoch that an aborted training left incomplete, as the next training would", () => {
    const model = make();
    sessionOf(model).commit({ epoch: 3, step: 2, steps: 14, loss: 0.5 });
    model.trainOnBatch(data);
    expect(sessionOf(model).position).toEqual({ epoch: 4, step: 0, steps: 15, loss: 0 });
  });

  test("learns from rows one at a time", () => {
    const model = make({ optimizer: sgd({ learningRate: 0.1 }) });
    const before = model.evaluate(data).loss;
    for (let pass = 0; pass < 60; pass++) {
      for (const [row, x] of rows.x.entries()) model.trainOnBatch(x, [rows.y[row]]);
    }
    expect(model.evaluate(data).loss).toBeLessThan(before / 3);
  });

  test.each([
    ["the loss", { x: [[1e20, 1e20]], y: [-1e20] }, {}],
    ["a weight", { x: [[1e3, 1e3]], y: [1e3] }, { learningRate: 1e38 }],
  ])("leaves the model unchanged if %s is not finite", async (_, examples, options) => {
    const model = make();
    model.fitSync(data, { epochs: 2 });
    const before = [model.toJSON(), sessionOf(model).position];
    const error = (await failureOf(() => model.trainOnBatch(examples, options))) as DivergenceError;
    expect(error).toBeInstanceOf(DivergenceError);
    expect(error.message).toMatch(/^trainOnBatch: update 4: .* scale it to about .* before the call\.$/);
    expect([model.toJSON(), sessionOf(model).position]).toEqual(before);
    expect(Number.isFinite(model.trainOnBatch(data).loss)).toBe(true);
  });

  test("is refused during a training", async () => {
    const model = make();
    const controller = new AbortController();
    const training = model.fit(data, { epochs: 1e9, signal: controller.signal });
    const error = await failureOf(() => model.trainOnBatch(data));
    controller.abort();
    await failureOf(() => training);
    expect(error).toBeInstanceOf(StateError);
    expect(String(error)).toContain("trainOnBatch: a training of this model is running");
    model.trainOnBatch(data);
  });

  test("is refused in a hook of a training", () => {
    const model = make();
    const onEpochEnd = () => void model.trainOnBatch(data);
    expect(() => model.fitSync(data, { callbacks: [{ onEpochEnd }] })).toThrow(StateError);
    model.trainOnBatch(data);
  });

  // biome-ignore lint/suspicious/noExplicitAny: what the types forbid
  type Anything = any;
  const bad: readonly (readonly [string, Anything[], Anything, string])[] = [
    ["an unknown option", [data, { epochs: 1 }], OptionError, 'trainOnBatch: unknown option "epochs"'],
    ["no options", [data, null], OptionError, "trainOnBatch: expected an object of options, received null"],
    [
      "a negative learning rate",
      [data, { learningRate: -1 }],
      OptionError,
      "trainOnBatch: learningRate: expected a finite number of at least 0, received -1",
    ],
    [
      "a fourth argument",
      [data, {}, {}],
      OptionError,
      "trainOnBatch: expected (data, options) or (x, y, options)",
    ],
    [
      "weights for another number of rows",
      [data, { sampleWeight: [1] }],
      ShapeError,
      "trainOnBatch: sampleWeight: ",
    ],
    ["a row that is too long", [[1, 2, 3], [1]], ShapeError, "x: expected 2 inputs in a row, received 3"],
    ["NaN", [[Number.NaN, 0], [1]], DataError, "x: row 0, column 0: expected a finite number, received NaN"],
  ];

  test.each(bad)("refuses %s, without any change", async (_, given, kind, message) => {
    const model = make();
    const before = model.toJSON();
    const error = await failureOf(() => (model.trainOnBatch as Anything)(...given));
    expect(error).toBeInstanceOf(kind);
    expect((error as Error).message).toContain(message);
    expect(model.toJSON()).toEqual(before);
  });

  test("does not leak memory", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const model = make();
    const used = async () => {
      collect();
      for (let round = 0; round < 3; round++) await turn();
      collect();
      const { heapUsed, external } = process.memoryUsage();
      return heapUsed + external;
    };
    const calls = () => {
      for (let call = 0; call < 5000; call++) model.trainOnBatch(rows.x[call % 50], [rows.y[call % 50]]);
    };
    calls();
    const before = await used();
    for (let round = 0; round < 3; round++) calls();
    // 15,000 calls that each leaked 100 bytes would leak 1.5 MB.
    expect((await used()) - before).toBeLessThan(1e6);
  });
});

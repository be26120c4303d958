/** Comparing models: cross-validation and search, on both kernels. */
import { describe, expect, test } from "vitest";
import {
  adam,
  crossValidate,
  DataError,
  DivergenceError,
  dense,
  ensemble,
  Model,
  type ModelOptions,
  metrics,
  OptionError,
  range,
  type SearchOptions,
  type SearchProgress,
  search,
  sgd,
  strategies,
  tanh,
  trainMany,
} from "../src/index.ts";
import type { MetricEntry } from "../src/metrics/metric.ts";
import * as table from "../src/metrics/table.ts";
import type { AnyPoint } from "../src/selection/search/space.ts";
import { drawPoints, gridOf } from "../src/selection/search/space.ts";
import { kernelNames } from "./kernels.ts";
import { data, failureOf, rows } from "./samples.ts";

/** The rows with these numbers, as lists. */
const pick = (numbers: Iterable<number>) => {
  const list = [...numbers];
  return { x: list.map((row) => rows.x[row]), y: list.map((row) => rows.y[row]) };
};

describe.each(kernelNames)("on the %s kernel", (kernel) => {
  const architecture = (options: Partial<ModelOptions> = {}): ModelOptions => ({
    inputs: 2,
    layers: [dense(6), tanh(), dense(1)],
    loss: "meanSquaredError",
    optimizer: sgd({ learningRate: 0.1 }),
    kernel,
    ...options,
  });
  const build = ({ learningRate, units }: { learningRate: number; units: number }) => ({
    model: architecture({
      layers: [dense(units), tanh(), dense(1)],
      optimizer: sgd({ learningRate }),
    }),
    fit: { epochs: 3 },
  });
  const space = { learningRate: [0.3, 0.1, 0.01], units: [2, 5] };

  describe("crossValidate", () => {
    test("measures each fold with the model that fit trains on the other rows, bit for bit", async () => {
      const model = architecture({ metrics: ["accuracy"] });
      const weights = data.y.map((_, row) => 1 + (row % 3));
      const fit = { epochs: 2, batchSize: 8, sampleWeight: weights };
      const result = await crossValidate({ model, fit }, data, { folds: 4, seed: 9 });
      expect(result.folds.map(({ rows }) => rows.length)).toEqual([13, 13, 12, 12]);
      for (const { rows, evaluation, model: trained, history } of result.folds) {
        const others = [...data.y.keys()].filter((row) => !rows.includes(row));
        const alone = new Model({ ...model, seed: 9 });
        const sampleWeight = others.map((row) => weights[row]);
        const { loss } = alone.fitSync(pick(others), { ...fit, sampleWeight });
        expect(history.loss).toEqual(loss);
        expect(trained.getWeights()).toEqual(alone.getWeights());
        expect(evaluation).toEqual(alone.evaluate(pick(rows)));
      }
    });

    test("returns mean and standard deviation of every measure", async () => {
      const model = architecture({ metrics: ["accuracy"] });
      const { folds, mean, stddev } = await crossValidate({ model }, data, { folds: 3, seed: 2 });
      for (const name of ["loss", "accuracy"] as const) {
        const [a, b, c] = folds.map(({ evaluation }) => evaluation[name]!);
        const expected = (a + b + c) / 3;
        expect(mean[name]).toBeCloseTo(expected, 12);
        const variance = ((a - expected) ** 2 + (b - expected) ** 2 + (c - expected) ** 2) / 3;
        expect(stddev[name]).toBeCloseTo(Math.sqrt(variance), 12);
      }
    });

    test("returns the seed, which reproduces the result", async () => {
      const first = await crossValidate({ model: architecture() }, data);
      const again = await crossValidate({ model: architecture() }, data, { seed: first.seed });
      expect(again.mean).toEqual(first.mean);
      const own = { ...architecture(), seed: 3 };
      const { folds } = await crossValidate({ model: own }, data, { seed: first.seed });
      expect(folds.map(({ model }) => model.seed)).toEqual([3, 3, 3, 3, 3]);
    });

    test("can stratify by class, and keep groups together", async () => {
      const stratified = await crossValidate({ model: architecture() }, data, { stratify: true, seed: 1 });
      const ones = stratified.folds.map(({ rows }) => rows.filter((row) => data.y[row] === 1).length);
      expect(Math.max(...ones) - Math.min(...ones)).toBeLessThanOrEqual(1);
      const groups = Array.from(data.y, (_, row) => `person ${row % 7}`);
      const grouped = await crossValidate({ model: architecture() }, data, { groups, folds: 7, seed: 1 });
      for (const { rows } of grouped.folds) expect(new Set(rows.map((row) => row % 7)).size).toBe(1);
    });

    test("returns an error for a fold that diverges, and NaN for values that depend on it", async () => {
      const model = architecture({ optimizer: sgd({ learningRate: 1e30 }), metrics: ["accuracy"] });
      const { folds, mean } = await crossValidate({ model, fit: { epochs: 3 } }, data);
      expect(folds[0].error).toBeInstanceOf(DivergenceError);
      expect(mean).toEqual({ loss: Number.NaN, accuracy: Number.NaN });
    });

    test.each<[unknown, unknown, RegExp]>([
      [{ model: {} }, {}, /^crossValidate: model: layers: expected a list of at least 1 layer/],
      [
        new Model(architecture()),
        {},
        /crossValidate: expected an object \{ model, fit \}, received an object \(Model\)\. Fix: pass the options/,
      ],
      [
        { model: architecture(), fit: { callbacks: () => [] } },
        {},
        /fit: callbacks: expected a list, received a function\. Fix: call it, or list the callbacks/,
      ],
      [{ model: architecture(), fitt: {} }, {}, /crossValidate: unknown option "fitt".*"fit"/],
      [{ model: architecture(), fit: { epoch: 2 } }, {}, /crossValidate: fit: unknown option "epoch"/],
      [{ model: architecture(), fit: { threads: 2 } }, {}, /fit: unknown option "threads"/],
      [{ model: architecture(), fit: { sampleWeight: [1] } }, {}, /sampleWeight: expected 50 weights/],
      [{ model: architecture() }, { folds: 51 }, /crossValidate: folds: expected at most the 50 rows/],
      [{ model: architecture() }, { fold: 3 }, /unknown option "fold".*"folds"/],
      [{ model: architecture() }, { stratify: 1 }, /stratify: expected true or false/],
      [{ model: architecture() }, { seed: -1 }, /crossValidate: seed/],
      [{ model: architecture() }, { signal: 1 }, /signal: expected an AbortSignal/],
      [{ model: architecture() }, { onProgress: 1 }, /onProgress: expected a function/],
    ])("refuses %j with %j", async (candidate, options, text) => {
      const failure = await failureOf(() => crossValidate(candidate as never, data, options as object));
      expect((failure as Error).message).toMatch(text);
    });
  });

  describe("search", () => {
    test("scores each point of a grid as crossValidate does, and sorts by score", async () => {
      const { rows, best } = await search(space, data, { build, folds: 3, seed: 4 });
      expect(rows.map(({ rank }) => rank)).toEqual([1, 2, 3, 4, 5, 6]);
      expect(rows[0]).toBe(best);
      for (const { point, score, scores, stddev, epochs } of rows) {
        const {
          mean,
          stddev: expected,
          folds,
        } = await crossValidate(build(point), data, { folds: 3, seed: 4 });
        expect([score, stddev, epochs]).toEqual([mean.loss, expected.loss, 3]);
        expect(scores).toEqual(folds.map(({ evaluation }) => evaluation.loss));
      }
      expect(rows.map(({ score }) => score)).toEqual(rows.map(({ score }) => score).sort((a, b) => a - b));
      const names = new Set(rows.map(({ point }) => `${point.learningRate} ${point.units}`));
      expect(names.size).toBe(6);
    });

    test("ranks by a metric for which larger is better", async () => {
      const { rows, text } = await search(space, data, { build, metric: "accuracy", folds: 3, seed: 4 });
      const scores = rows.map(({ score }) => score);
      expect(scores).toEqual([...scores].sort((a, b) => b - a));
      expect(text.split("\n")[0]).toMatch(/^rank +accuracy +± +epochs +learningRate +units$/);
      expect(text.split("\n")).toHaveLength(7);
    });

    test("can hold out the last rows instead of using folds", async () => {
      const options = { build, validationSplit: 0.2, validationShuffle: false, seed: 4 };
      const { rows } = await search(space, data, options);
      const [{ point, scores }] = rows;
      const alone = new Model({ ...build(point).model, seed: 4 });
      const all = [...data.y.keys()];
      alone.fitSync(pick(all.slice(0, 40)), { epochs: 3 });
      expect(scores).toEqual([alone.evaluate(pick(all.slice(40))).loss]);
    });

    test("trains the best configuration on all rows on request", async () => {
      const { best, model, history } = await search(space, data, { build, refit: true, folds: 3, seed: 4 });
      const alone = new Model({ ...build(best.point).model, seed: 4 });
      expect(history?.loss).toEqual(alone.fitSync(data, { epochs: 3 }).loss);
      expect(model?.getWeights()).toEqual(alone.getWeights());
      const without = await search(space, data, { build, folds: 3, seed: 4 });
      expect(without.model).toBeUndefined();
    });

    const wide = { learningRate: range(0.001, 1, { log: true }), units: range(2, 9, { integer: true }) };

    test.each([
      strategies.random({ configurations: 5 }),
      strategies.halving({ epochs: 6, configurations: 6, factor: 2 }),
    ])("gives equal rows for equal seeds: $type", async (strategy) => {
      const given: SearchOptions<{ learningRate: number; units: number }> = {
        build: (point) => ({ ...build(point), fit: strategy.type === "random" ? { epochs: 2 } : {} }),
        strategy,
        folds: 2,
      };
      const first = await search(wide, data, given);
      const again = await search(wide, data, { ...given, seed: first.seed });
      expect(again.rows).toEqual(first.rows);
      const other = await search(wide, data, { ...given, seed: first.seed + 1 });
      expect(other.rows[0].point).not.toEqual(first.rows[0].point);
    });

    test("with halving trains the best of a round again, for more epochs", async () => {
      const seen: SearchProgress[] = [];
      const strategy = strategies.halving({ epochs: 9, configurations: 9 });
      const make = (point: { learningRate: number; units: number }) => ({ model: build(point).model });
      const onProgress = (progress: SearchProgress) => void seen.push(progress);
      const options = { build: make, strategy, folds: 2, seed: 1, refit: true };
      const { rows, history } = await search(wide, data, { ...options, onProgress });
      expect(rows.map(({ round }) => round)).toEqual([3, 2, 2, 1, 1, 1, 1, 1, 1]);
      expect(rows.map(({ epochs }) => epochs)).toEqual([9, 3, 3, 1, 1, 1, 1, 1, 1]);
      expect(history?.loss).toHaveLength(9);
      const ends = [1, 2, 3].map((round) => seen.filter((progress) => progress.round === round).at(-1));
      expect(ends).toEqual([
        { finished: 18, total: 18, round: 1, rounds: 3 },
        { finished: 6, total: 6, round: 2, rounds: 3 },
        { finished: 2, total: 2, round: 3, rounds: 3 },
      ]);
      const candidate = { ...make(rows[0].point), fit: { epochs: 9 } };
      const alone = await crossValidate(candidate, data, { folds: 2, seed: 1 });
      expect(rows[0].score).toBe(alone.mean.loss);
      // The configurations of the second round scored better in the first than the others.
      const first = await search(wide, data, {
        build: (point) => ({ ...make(point), fit: { epochs: 1 } }),
        strategy: strategies.random({ configurations: 9 }),
        folds: 2,
        seed: 1,
      });
      const best = first.rows.slice(0, 3).map(({ point }) => point.learningRate);
      expect(new Set(rows.slice(0, 3).map(({ point }) => point.learningRate))).toEqual(new Set(best));
    });

    test("returns a configuration that diverges with its error, after all others", async () => {
      const rates = { learningRate: [1e30, 0.1, 0.01], units: [3] };
      const { rows, text } = await search(rates, data, { build, folds: 2, seed: 1 });
      expect(rows.map(({ point }) => point.learningRate)).toEqual([0.1, 0.01, 1e30]);
      expect(rows[2].error).toBeInstanceOf(DivergenceError);
      expect(rows[2].score).toBeNaN();
      expect(text).toMatch(/error\n/);
      const all = await search({ learningRate: [1e30], units: [3] }, data, { build, folds: 2, refit: true });
      expect([all.best.error?.name, all.model]).toEqual(["DivergenceError", undefined]);
      const halved = await search({ learningRate: [1e30], units: [3, 4, 5] }, data, {
        build: (point) => ({ model: build(point).model }),
        strategy: strategies.halving({ epochs: 6, configurations: 3 }),
        folds: 2,
      });
      expect(halved.rows).toHaveLength(3);
    });

    test("can vary any option of a training", async () => {
      const { rows } = await search(
        { batchSize: [4, 16], epochs: [1, 3], schedule: ["cosine", "step"] },
        data,
        {
          build: ({ batchSize, epochs, schedule }) => ({
            model: architecture(),
            fit: {
              batchSize,
              epochs,
              schedule:
                schedule === "cosine"
                  ? { type: "cosine", epochs: 4 }
                  : { type: "step", every: 1, factor: 0.1 },
            },
          }),
          folds: 2,
          seed: 1,
        },
      );
      expect(new Set(rows.map(({ score }) => score)).size).toBeGreaterThanOrEqual(6);
      for (const { point, epochs } of rows) expect(epochs).toBe(point.epochs);
    });

    test("stops with the signal's reason, and with an error that onProgress throws", async () => {
      const reason = new Error("enough");
      const abort = new AbortController();
      const forever = (point: { learningRate: number; units: number }) => ({
        ...build(point),
        fit: { epochs: 1e8 },
      });
      setTimeout(() => abort.abort(reason), 50);
      expect(
        await failureOf(() => search(space, data, { build: forever, folds: 2, signal: abort.signal })),
      ).toBe(reason);
      const onProgress = () => {
        throw reason;
      };
      expect(await failureOf(() => search(space, data, { build: forever, folds: 2, onProgress }))).toBe(
        reason,
      );
    });

    const random = strategies.random();
    test.each<[unknown, object, RegExp]>([
      [{}, {}, /search: space: expected at least one name, received none/],
      [[], {}, /search: space: expected an object with values by name/],
      [
        { units: [] },
        {},
        /search: space: units: expected a list of at least 1 value, or a range, received an array of 0/,
      ],
      [{ units: 3 }, {}, /space: units: expected a list of at least 1 value, or a range, received 3/],
      [{ units: { minimum: 1, maximum: 0 } }, {}, /space: units: maximum: expected more than 1/],
      [
        { ...space, units: range(1, 3) },
        {},
        /space: units: expected a list of values for a grid, .*; draw .*strategies\.random\(/,
      ],
      [space, { build: 3 }, /search: build: expected a function/],
      [
        space,
        { build: () => 3 },
        /search: configuration 0 \(learningRate 0.3, units 2\): expected an object \{ model, fit \}, received 3/,
      ],
      [{ ...space, units: [2, 0] }, {}, /search: configuration 1 \(learningRate 0.3, units 0\): .*units/],
      [space, { strategy: "gird" }, /search: strategy: unknown strategy "gird".*"grid"/],
      [space, { strategy: { type: "random", configuration: 3 } }, /unknown option "configuration"/],
      [space, { strategy: strategies.halving({ epochs: 9 }) }, /fit: epochs: the strategy sets the epochs/],
      [
        space,
        { strategy: strategies.halving({ epochs: 2, minimumEpochs: 3 }) },
        /minimumEpochs: expected at most 2/,
      ],
      [space, { metric: "acuracy" }, /search: metric: unknown metric "acuracy".*"accuracy"/],
      [space, { metric: metrics.topK({ k: 2 }) }, /configuration 0 .*metric topK/],
      [space, { validationSplit: 0.2, folds: 3 }, /validationSplit or folds, received both/],
      [space, { validationSplit: 1 }, /search: validationSplit: expected a share/],
      [space, { validationSplit: 0.999 }, /search: validationSplit: .*nothing to train on/],
      [space, { folds: 100 }, /search: folds: expected at most the 50 rows, received 100/],
      [space, { refit: 1 }, /search: refit: expected true or false/],
      [space, { strategy: random, seeds: 1 }, /search: unknown option "seeds".*"seed"/],
    ])("refuses the space %j with %j", async (given, options, text) => {
      const call = () => search(given as typeof space, data, { build, ...options });
      const failure = await failureOf(call);
      expect(failure).toBeInstanceOf(OptionError);
      expect((failure as Error).message).toMatch(text);
    });

    test("refuses data that does not fit, before any training", async () => {
      const bad = { x: data.x, y: [...data.y.slice(1), Number.NaN] };
      const failure = await failureOf(() => search(space, bad, { build }));
      expect(failure).toBeInstanceOf(DataError);
      expect((failure as Error).message).toMatch(/search: y: row 49, column 0/);
      for (const given of [undefined, [[1, 2]], { x: data.x }]) {
        const failure = await failureOf(() => search(space, given as never, { build }));
        expect(failure).toBeInstanceOf(DataError);
        expect((failure as Error).message).toMatch(/^search: data: expected x and y/);
      }
    });
  });

  describe("ensemble", () => {
    const train = async (options: Partial<ModelOptions> = {}) => {
      const models = [1, 2, 3].map((seed) => new Model(architecture({ seed, ...options })));
      await trainMany(models, data, { epochs: 2 });
      return models;
    };

    test("predicts mean and standard deviation over the models, in the form of x", async () => {
      const models = await train();
      const together = ensemble(models);
      const { mean, spread } = together.predict(rows.x);
      const each = models.map((model) => model.predict(rows.x).map(([value]) => value));
      for (const [row, [value]] of mean.entries()) {
        const values = each.map((of) => of[row]);
        const expected = (values[0] + values[1] + values[2]) / 3;
        const variance = values.reduce((sum, other) => sum + (other - expected) ** 2, 0) / 3;
        expect(value).toBeCloseTo(expected, 12);
        expect(spread[row][0]).toBeCloseTo(Math.sqrt(variance), 12);
      }
      expect(together.predict(rows.x[4])).toEqual({ mean: mean[4], spread: spread[4] });
      const flat = together.predict(data);
      expect(flat.mean).toEqual(Float32Array.from(mean.flat()));
      expect(together.predict(data.x)).toEqual(flat);
      expect(ensemble([models[0]]).predict(rows.x[0])).toEqual({
        mean: models[0].predict(rows.x[0]),
        spread: [0],
      });
    });

    test("averages probabilities, also of models that predict logits", async () => {
      const logits = { layers: [dense(4), dense(2)], loss: "sparseCategoricalCrossentropy" } as const;
      const shares = { ...logits, layers: [dense(4), dense(2, { activation: "softmax" })] } as const;
      const [fromLogits, fromShares] = [await train(logits), await train(shares)];
      const [{ mean }, other] = [fromLogits, fromShares].map((list) => ensemble(list).predict(rows.x[0]));
      expect(mean[0] + mean[1]).toBeCloseTo(1, 6);
      for (const at of [0, 1]) expect(mean[at]).toBeCloseTo(other.mean[at], 5);
      expect(ensemble([...fromLogits, ...fromShares]).predict(rows.x[0]).mean[0]).toBeCloseTo(mean[0], 5);
      const yes = await train({ layers: [dense(1)], loss: "binaryCrossentropy" });
      const [[value]] = ensemble([yes[0]]).predict([rows.x[0]]).mean;
      expect(value).toBeCloseTo(1 / (1 + Math.exp(-yes[0].predict(rows.x[0])[0])), 6);
    });

    test("refuses models that do not fit together", () => {
      const model = new Model(architecture());
      const other = (options: Partial<ModelOptions>) => new Model(architecture(options));
      const cases: [unknown, RegExp][] = [
        [[], /ensemble: expected a list of at least 1 model/],
        [[model, 3], /entry 1: expected a Model, received 3/],
        [[model, other({ inputs: 3 })], /entry 1: expected 2 inputs, as entry 0 has, received 3/],
        [[model, other({ layers: [dense(2)] })], /entry 1: expected 1 outputs, as entry 0 has, received 2/],
        [[model, other({ loss: "binaryCrossentropy" })], /entry 1: expected a loss .*probabilities/],
      ];
      for (const [models, text] of cases) expect(() => ensemble(models as Model[])).toThrow(text);
      expect(() => ensemble([model]).predict([1, 2, 3])).toThrow(/x: expected 2 inputs/);
    });
  });
});

test("models of a fold share its rows: a search copies them once for any number of configurations", async () => {
  const wide = {
    x: new Float32Array(2000 * 500).map((_, at) => (at * 7919) % 13),
    y: new Float32Array(2000),
  };
  const build = ({ learningRate }: { learningRate: number }) => ({
    model: {
      inputs: 500,
      layers: [dense(1)],
      loss: "meanSquaredError",
      optimizer: adam({ learningRate }),
      kernel: "native",
    } as const,
  });
  const learningRate = Array.from({ length: 100 }, (_, at) => 1e-4 * (at + 1));
  let most = 0;
  const onProgress = () => {
    most = Math.max(most, process.memoryUsage().rss);
  };
  const before = process.memoryUsage().rss;
  await search({ learningRate }, wide, { build, folds: 2, seed: 1, onProgress });
  // The table has 4 MB. A copy for each of the 200 models, of half the rows, would take 400 MB.
  expect(most - before).toBeLessThan(150e6);
});

describe("spaces", () => {
  test("of lists are a grid in which the last name changes first", () => {
    expect(gridOf({ a: [1, 2], b: ["x", "y"] })).toEqual([
      { a: 1, b: "x" },
      { a: 1, b: "y" },
      { a: 2, b: "x" },
      { a: 2, b: "y" },
    ]);
    const seven = Array.from({ length: 10 }, (_, at) => at);
    const names = Object.fromEntries("abcdefg".split("").map((name) => [name, seven]));
    expect(() => gridOf(names)).toThrow(/expected a grid of at most 1000000 points, received 10000000/);
  });

  test("are refused as a grid of more than a million points, and the error names random search", () => {
    const wide = { a: Array(1001).fill(1), b: Array(1000).fill(1) };
    expect(() => gridOf(wide)).toThrow(
      /at most 1000000 points, received 1001000; draw .*strategies\.random\(/,
    );
  });

  test("are sampled without repetition, and completely if they are small", () => {
    const space = { a: [1, 2, 3], b: range(1, 4, { integer: true }) };
    const points = drawPoints(space, 100, 1);
    expect(new Set(points.map(({ a, b }) => `${a} ${b}`)).size).toBe(12);
    expect(points).toHaveLength(12);
    expect(drawPoints(space, 5, 1)).toEqual(points.slice(0, 5));
  });

  const drawn = (given: ReturnType<typeof range>) =>
    drawPoints({ v: given }, 4000, 1).map(({ v }: AnyPoint) => v as number);
  const share = (values: number[], below: number) =>
    values.filter((value) => value < below).length / values.length;

  test("accept ranges that are uniform, or uniform in the logarithm", () => {
    expect(share(drawn(range(2, 4)), 2.5)).toBeCloseTo(0.25, 1);
    const logarithmic = drawn(range(1e-4, 1, { log: true }));
    for (const [below, expected] of [1e-3, 1e-2, 1e-1].map((end, at) => [end, (at + 1) / 4])) {
      expect(Math.abs(share(logarithmic, below) - expected)).toBeLessThan(0.03);
    }
    expect(Math.min(...logarithmic)).toBeGreaterThanOrEqual(1e-4);
    expect(Math.max(...logarithmic)).toBeLessThanOrEqual(1);
  });

  test.each([false, true])("accept ranges of whole numbers that include both ends; log: %s", (log) => {
    const values = drawPoints({ v: range(1, 5, { integer: true, log }), w: range(0, 1) }, 2000, 3);
    const counts = [1, 2, 3, 4, 5].map((of) => values.filter(({ v }) => v === of).length / 2000);
    const widths = log
      ? [1, 2, 3, 4, 5].map((of) => Math.log((of + 0.5) / (of - 0.5)) / Math.log(11))
      : [0.2, 0.2, 0.2, 0.2, 0.2];
    for (const [at, expected] of widths.entries()) expect(Math.abs(counts[at] - expected)).toBeLessThan(0.04);
  });

  test.each<[unknown[], RegExp]>([
    [[1, 1], /range: maximum: expected more than 1/],
    [[0, 1, { log: true }], /range: minimum: expected a number above 0, for log, received 0/],
    [[0.5, 2, { integer: true }], /range: minimum: expected a whole number, received 0.5/],
    [[0, Number.POSITIVE_INFINITY], /range: maximum: expected a finite number, received Infinity/],
    [[0, 1, { logarithmic: true }], /range: unknown option "logarithmic"/],
    [[0, 1, { log: 1 }], /range: log: expected true or false/],
  ])("refuse the range %j", (given, text) => {
    expect(() => range(...(given as Parameters<typeof range>))).toThrow(text);
  });
});

// The candidates, and the epochs of each, in HalvingRandomSearchCV of scikit-learn 1.9.1.
test.each([
  [27, 81, 3, null, "27 3, 9 9, 3 27, 1 81"],
  [27, 100, 3, null, "27 3, 9 9, 3 27, 1 81"],
  [10, 100, 3, null, "10 11, 4 33, 2 99"],
  [27, 10, 3, null, "27 1, 9 3, 3 9"],
  [16, 50, 2, null, "16 3, 8 6, 4 12, 2 24, 1 48"],
  [60, 30, 3, 2, "60 2, 20 6, 7 18"],
  [9, 81, 3, 1, "9 1, 3 3, 1 9"],
  [20, 40, 2.5, null, "20 2, 8 5, 4 12, 2 31"],
  [5, 81, 3, null, "5 27, 2 81"],
])(
  "halving %i candidates with %i epochs by %d from %s",
  (configurations, epochs, factor, minimumEpochs, text) => {
    const strategy = strategies.halving.create({ epochs, configurations, factor, minimumEpochs });
    const rounds = strategy.rounds(configurations);
    expect(rounds.map((round) => `${round.candidates} ${round.epochs}`).join(", ")).toBe(text);
  },
);

describe("every metric defines whether smaller or larger values are better", () => {
  const right = [
    [0.9, 0.1],
    [0.2, 0.8],
    [0.7, 0.3],
  ];
  const wrong = right.map(([no, yes]) => [yes, no]);
  const options: Record<string, object> = { topK: { k: 1 } };
  const entries = new Map<string, unknown>(Object.entries(table));

  test.each(Object.keys(table) as (keyof typeof table)[])("%s", (name) => {
    const entry = { type: name, ...options[name] } as Parameters<typeof metrics.measure>[0];
    const labels = ["r2", "Error"].some((end) => name.endsWith(end)) ? right : [0, 1, 0];
    const [good, bad] = [right, wrong].map((given) => metrics.measure(entry, labels, given));
    const { create } = entries.get(name) as { create(options: object): MetricEntry };
    const problem = { targets: labels === right ? "values" : "labels", predictions: "estimates", outputs: 2 };
    const created = create({ average: "macro", ...options[name] })(problem as never);
    expect(created.smallerIsBetter === true ? good < bad : good > bad).toBe(true);
  });
});

/**
 * Warnings of a training before its first step and after its last: one for each cause, and none for healthy
 * data.
 */

import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, type MockInstance, test, vi } from "vitest";
import { rangeOf, readColumns } from "../src/data/columns.ts";
import {
  adam,
  batchNorm,
  callbacks,
  crossValidate,
  DivergenceError,
  dense,
  dropout,
  embedding,
  type FitOptions,
  findLearningRate,
  type Layer,
  layerNorm,
  losses,
  Model,
  type ModelOptions,
  relu,
  residual,
  schedules,
  search,
  sgd,
  sigmoid,
  softmax,
  softplus,
  trainMany,
} from "../src/index.ts";
import { diagnose } from "../src/insight/index.ts";
import { sessionOf } from "../src/model.ts";
import * as lossTable from "../src/nn/losses.ts";
import { baselineOf } from "../src/training/warnings/baseline.ts";
import { endOf, type Healthy, healthy, modelOf, rawTables } from "./faults.ts";
import { kernelNames } from "./kernels.ts";
import { rows } from "./samples.ts";

let warn: MockInstance<typeof process.emitWarning>;
beforeEach(() => {
  warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
});
afterEach(() => {
  warn.mockRestore();
});

const AFTER = ["MYELIN_WORSE_THAN_CONSTANT", "MYELIN_STALLED"];

/** Returns the codes of the warnings, in order, without those given after the last step. */
const all = () => warn.mock.calls.map(([, options]) => (options as unknown as { code: string }).code);
const codes = () => all().filter((code) => !AFTER.includes(code));
const texts = () => warn.mock.calls.map(([text]) => String(text));

type Rows = number[][];
const noise = (row: number, seed = 1) => Math.sin(12.9898 * (row + 1) * seed) * 1.7;

/** 200 cars: weight, displacement, horsepower, cylinders, and distance per amount of fuel. */
const cars = (() => {
  const x = Array.from({ length: 200 }, (_, row) => {
    const size = 1 + noise(row) / 2;
    const weight = Math.round(3000 + 1200 * noise(row) * 0.5);
    return [weight, 60 + 150 * size, 70 + 40 * size, size > 1.3 ? 8 : 4];
  });
  return { x, y: x.map(([weight], row) => 60 - weight / 100 + noise(row, 3)) };
})();

const small = (options: Partial<ModelOptions> = {}): ModelOptions => ({
  inputs: 4,
  layers: [dense(8), relu(), dense(1)],
  loss: "meanSquaredError",
  optimizer: adam(),
  seed: 1,
  ...options,
});

type Way = (model: ModelOptions, x: Rows, y: number[], options: FitOptions) => Promise<unknown>;
const ways: readonly (readonly [string, Way])[] = [
  ["fit", (model, x, y, options) => new Model(model).fit(x, y, options)],
  ["fitSync", async (model, x, y, options) => new Model(model).fitSync(x, y, options)],
  [
    "epochs",
    async (model, x, y, options) => {
      for await (const { loss } of new Model(model).epochs(x, y, options)) expect(loss).toBeDefined();
    },
  ],
  [
    "trainMany",
    (model, x, y, options) =>
      trainMany(
        [1, 2, 3].map((seed) => new Model({ ...model, seed })),
        { x, y },
        options,
      ),
  ],
  ["crossValidate", (model, x, y, fit) => crossValidate({ model, fit }, { x, y }, { folds: 3, seed: 1 })],
  [
    "search",
    (model, x, y, fit) =>
      search(
        { units: [4, 8] },
        { x, y },
        {
          build: ({ units }) => ({
            model: { ...model, layers: [...model.layers.slice(0, -1), dense(units), dense(1)] },
            fit,
          }),
          folds: 3,
          refit: true,
          seed: 1,
        },
      ),
  ],
];

/** Trains in one of these ways. The training may diverge after it has warned. */
const trained =
  (way: Way) =>
  async (...given: Parameters<Way>) => {
    await way(...given).catch((error) => expect(error).toBeInstanceOf(DivergenceError));
  };

const short: FitOptions = { epochs: 2, batchSize: 50 };

describe.each(kernelNames)("warnings before the first step on the %s kernel", (kernel) => {
  describe.each(ways)("%s", (call, way) => {
    test("name unscaled columns and targets, once, with the fix", async () => {
      await trained(way)(
        small({ kernel }),
        cars.x.map((row) => [...row]),
        cars.y,
        short,
      );
      expect(codes()).toEqual(["MYELIN_UNSCALED_COLUMN", "MYELIN_UNSCALED_TARGET"]);
      expect(texts()[0]).toMatch(
        new RegExp(
          `^${call}: x: column 0 has values from \\d+ to \\d+, the largest in row \\d+, and is not scaled; `,
        ),
      );
      expect(texts()[0]).toMatch(/; likewise columns 1, 2\. To fix it: scale it to about -1 to 1 with/);
      expect(texts()[1]).toMatch(/y: column 0 .* scale predictions back/);
      expect(warn.mock.calls[0][1]).toMatchObject({ type: "MyelinWarning" });
    });

    test("name a column whose values are equal in 32 bits, given as 64-bit numbers", async () => {
      const x = rows.x.map((row, at) => [...row, 1.71e12 + 2000 * at]);
      await trained(way)(small({ kernel, inputs: 3 }), x, rows.y, short);
      expect(codes()[0]).toBe("MYELIN_PRECISION_LOSS");
      expect(codes().filter((code, at) => codes().indexOf(code) < at)).toEqual([]);
      expect(texts()[0]).toMatch(
        new RegExp(
          `^${call}: x: column 2 has values near 1.71e\\+12 that differ by at most 98000: 32-bit floats leave 1 of the 50 distinct values in 50 rows`,
        ),
      );
      expect(texts()[0]).toMatch(/subtract the first value or the mean and divide by the standard deviation/);
    });

    test("are absent with warnings: false", async () => {
      const x = cars.x.map((row, at) => [...row, 1.71e12 + 2000 * at]);
      await trained(way)(small({ kernel, inputs: 5, layers: [dense(8), batchNorm(), dense(1)] }), x, cars.y, {
        epochs: 4,
        batchSize: 1,
        warnings: false,
      });
      expect(codes()).toEqual([]);
    });
  });

  /** Returns the warnings of fitSync for a model and data. */
  const said = (options: Partial<ModelOptions>, x: Rows, y: number[], fit: FitOptions = short) => {
    const inputs = x[0].length;
    try {
      const copy = x.map((row) => [...row]);
      new Model({ ...small({ kernel, inputs }), ...options }).fitSync(copy, y, fit);
    } catch (error) {
      expect(error).toBeInstanceOf(DivergenceError);
    }
    return codes();
  };
  const classes = (count: number) => ({
    loss: "sparseCategoricalCrossentropy" as const,
    layers: [dense(8), relu(), dense(count), softmax()],
  });

  test("name a value much larger than the rest of its column", () => {
    const x = rows.x.map(([first, second], row) => [first, row === 30 ? 1e4 : second]);
    expect(said({}, x, rows.y)).toEqual(["MYELIN_OUTLIER"]);
    expect(texts()[0]).toMatch(/row 30, column 1 has a value of size 10000/);
  });

  test("give the caller's row number in a large dataset", () => {
    const x = Array.from({ length: 5000 }, (_, row) => [noise(row), row >= 4000 ? 1e5 + row : noise(row, 2)]);
    expect(
      said(
        {},
        x,
        x.map(([value]) => value),
        { batchSize: 5000 },
      ),
    ).toEqual(["MYELIN_UNSCALED_COLUMN"]);
    expect(Number(/largest in row (\d+)/.exec(texts()[0])?.[1])).toBeGreaterThanOrEqual(4960);
  });

  test.each<[string, (values: number[]) => Float64Array | Uint32Array | Int32Array | number[][]]>([
    ["Float64Array", (values) => Float64Array.from(values)],
    ["Uint32Array", (values) => Uint32Array.from(values)],
    ["nested lists", (values) => values.map((value) => [value])],
  ])("check a %s in its own precision", (_, form) => {
    const times = Array.from({ length: 100 }, (_, row) => 1.71e9 + row);
    const model = () => new Model(small({ kernel, inputs: 1 }));
    model().fitSync(form(times) as number[][], times.map(Math.sin), short);
    expect(codes()).toEqual(["MYELIN_PRECISION_LOSS"]);
    const [finding] = diagnose(model(), form(times) as number[][], times.map(Math.sin)).findings;
    expect(finding).toMatchObject({ cause: "precisionLoss", column: 0 });
    expect(finding.fix).toMatch(/subtract the first value/);
    // Rounding that happened before the call cannot be detected.
    model().fitSync(Float32Array.from(times), times.map(Math.sin), short);
    expect(codes()).toHaveLength(2);
    expect(codes()[1]).toBe("MYELIN_UNSCALED_COLUMN");
  });

  test("name targets that are equal in 32 bits, but not constant targets", () => {
    const y = rows.y.map((_, row) => 5e9 + row);
    expect(said({}, rows.x, y)).toEqual(["MYELIN_PRECISION_LOSS"]);
    expect(texts()[0]).toMatch(/y: column 0/);
    expect(
      said(
        {},
        rows.x.map((row) => [...row, 0.1, 0.1 + 0.2]),
        rows.y,
      ),
    ).toHaveLength(1);
  });

  test("name classes that only the training rows or only the validation rows have", () => {
    const x = Array.from({ length: 150 }, (_, row) => [noise(row), noise(row, 2)]);
    const y = x.map((_, row) => Math.floor(row / 50));
    const part = (from: number, to: number) => [x.slice(from, to), y.slice(from, to)] as const;
    const fit = { ...short, validationData: part(100, 150) };
    said(classes(3), ...(part(0, 100) as [Rows, number[]]), fit);
    expect(codes()).toEqual(["MYELIN_MISSING_CLASS", "MYELIN_MISSING_CLASS"]);
    expect(texts()[0]).toMatch(
      /y: 50 of 100 training rows have class 0, but none of 50 validation rows; likewise class 1\. To fix it: shuffle rows/,
    );
    expect(texts()[1]).toMatch(
      /y: 50 of 50 validation rows have class 2, but none of 100 training rows\. To fix it/,
    );
    said(
      { loss: "binaryCrossentropy", layers: [dense(1), sigmoid()] },
      x.slice(50),
      y.slice(50).map((label) => label - 1),
      {
        ...short,
        validationData: part(0, 50),
      },
    );
    expect(texts()[2]).toMatch(/50 of 100 training rows have class 1, but none of 50/);
  });

  test("do not name a class that a small validation lacks by chance", () => {
    const x = Array.from({ length: 100 }, (_, row) => [noise(row), noise(row, 2)]);
    const y = x.map((_, row) => (row < 90 ? row % 2 : 2));
    const validationData = [x.slice(0, 8), y.slice(0, 8)] as const;
    expect(said(classes(3), x, y, { ...short, validationData })).toEqual([]);
    const sparse = x.map((_, row) =>
      Array.from({ length: 30 }, (_, at) => Number((row * 7 + at) % 60 === 0)),
    );
    const model = new Model({
      ...small({ kernel, inputs: 2 }),
      layers: [dense(30), sigmoid()],
      loss: "binaryCrossentropy",
    });
    model.fitSync(x, sparse, { ...short, validationData: [x.slice(0, 8), sparse.slice(0, 8)] });
    expect(codes()).toEqual([]);
  });

  test.each<[string, FitOptions]>([
    ["early stopping", { callbacks: callbacks.earlyStopping({ monitor: "validationRocAuc", patience: 3 }) }],
    ["a schedule", { schedule: schedules.reduceOnPlateau({ monitor: "validationRocAuc", patience: 3 }) }],
  ])("name a NaN metric that %s watches, and the reason", (_, options) => {
    const validationData = [rows.x.slice(0, 2), [1, 1]] as const;
    const metrics = ["rocAuc"] as const;
    const model = { loss: "binaryCrossentropy", layers: [dense(1), sigmoid()], metrics } as const;
    expect(said(model, rows.x, rows.y, { epochs: 9, validationData, ...options })).toEqual([
      "MYELIN_MONITOR_NOT_A_NUMBER",
    ]);
    expect(texts()[0]).toMatch(
      /^fitSync: validationRocAuc is NaN in epoch 0, because all validation rows have the same target: /,
    );
    said(model, rows.x, rows.y, {
      epochs: 9,
      validationData: [rows.x.slice(0, 9), rows.y.slice(0, 9)],
      ...options,
    });
    expect(codes()).toHaveLength(1);
  });

  describe("for batches of one row before batchNorm", () => {
    const layers = [dense(4), batchNorm(), relu(), dense(1)];
    test.each<[number, number, RegExp | undefined]>([
      [50, 1, /every batch has one row: .*another batchSize, such as 32/],
      [33, 32, /with 33 rows and batchSize 32 the last batch has one row: .*another batchSize, such as 33/],
      [1, 32, /every batch has one row/],
      [50, 32, undefined],
      [50, 50, undefined],
      [49, 64, undefined],
    ])("%i rows at batchSize %i", (count, batchSize, expected) => {
      said({ layers }, rows.x.slice(0, count), rows.y.slice(0, count), { batchSize });
      expect(codes()).toEqual(expected === undefined ? [] : ["MYELIN_BATCH_OF_ONE"]);
      if (expected !== undefined) expect(texts()[0]).toMatch(expected);
    });

    test("in trainOnBatch, once", () => {
      const model = new Model(small({ kernel, inputs: 2, layers }));
      for (let times = 0; times < 3; times++) model.trainOnBatch([rows.x[times]], [rows.y[times]]);
      expect(codes()).toEqual(["MYELIN_BATCH_OF_ONE"]);
      new Model(small({ kernel, inputs: 2, layers })).trainOnBatch(rows.x, rows.y);
      new Model(small({ kernel, inputs: 2 })).trainOnBatch([rows.x[0]], [rows.y[0]]);
      expect(codes()).toHaveLength(1);
    });
  });

  test.each<[string, Layer[], ModelOptions["loss"], string]>([
    ["softmax over one output", [dense(1), softmax()], "meanSquaredError", "MYELIN_CONSTANT_OUTPUT"],
    ["the same and a binary loss", [dense(1), softmax()], "binaryCrossentropy", "MYELIN_CONSTANT_OUTPUT"],
    [
      "layerNorm over one value",
      [dense(1), layerNorm(), dense(1)],
      "meanSquaredError",
      "MYELIN_CONSTANT_OUTPUT",
    ],
    [
      "the same in a residual block",
      [dense(1), residual([layerNorm()])],
      "meanSquaredError",
      "MYELIN_CONSTANT_OUTPUT",
    ],
    ["sigmoids as logits", [dense(2), sigmoid()], "sparseCategoricalCrossentropy", "MYELIN_OUTPUT_MISMATCH"],
    [
      "sigmoids as probabilities of classes",
      [dense(2), sigmoid()],
      losses.sparseCategoricalCrossentropy({ fromLogits: false }),
      "MYELIN_OUTPUT_MISMATCH",
    ],
    ["a sigmoid that is to give 0 and 3", [dense(1), sigmoid()], "huber", "MYELIN_TARGET_OUT_OF_RANGE"],
  ])("name %s", (name, layers, loss, code) => {
    const y = name.includes("3") ? rows.y.map((value) => 3 * value) : rows.y;
    expect(said({ layers, loss }, rows.x, y)).toEqual([code]);
    expect(texts()[0]).toMatch(/^fitSync: layer 1 \(.* To fix it: /);
  });

  test("name a loss of classes over a single output", () => {
    const zeros = rows.y.map(() => 0);
    expect(said({ layers: [dense(1)], loss: "sparseCategoricalCrossentropy" }, rows.x, zeros)).toEqual([
      "MYELIN_CONSTANT_OUTPUT",
    ]);
  });
});

describe("a warning is given once", () => {
  const unscaled = () => cars.x.map((row) => [...row]);
  const y = cars.y.map((value) => value / 30);

  test("for the same data, however many models train on it", () => {
    const x = unscaled();
    for (let seed = 1; seed < 5; seed++) new Model(small({ seed })).fitSync(x, y, short);
    expect(codes()).toEqual(["MYELIN_UNSCALED_COLUMN"]);
    new Model(small()).fitSync(unscaled(), y, short);
    expect(codes()).toHaveLength(2);
  });

  test("for the same model, however often it trains", () => {
    const model = new Model(small());
    for (let times = 0; times < 4; times++) model.fitSync(unscaled(), y, short);
    expect(codes()).toEqual(["MYELIN_UNSCALED_COLUMN"]);
  });

  test("by trainMany with data for each model, for each kind of scaling layer", async () => {
    const scaling = new Model(small({ layers: [batchNorm(), dense(1)] }));
    await trainMany(
      [scaling, new Model(small()), new Model(small())],
      [1, 2, 3].map(() => ({ x: unscaled(), y })),
      short,
    );
    expect(codes()).toEqual(["MYELIN_UNSCALED_COLUMN"]);
    await trainMany([scaling, new Model(small())], { x: unscaled(), y }, short);
    expect(codes()).toHaveLength(2);
  });

  test("by findLearningRate", async () => {
    await findLearningRate(new Model(small()), { x: unscaled(), y }, { steps: 20 });
    await findLearningRate(new Model(small()), { x: unscaled(), y }, { steps: 20, warnings: false });
    expect(codes()).toEqual(["MYELIN_UNSCALED_COLUMN"]);
  });
});

describe("no warning is given", () => {
  const codesOf = (table: Healthy, options: Partial<ModelOptions>, fit: FitOptions) => {
    modelOf(table, options).fitSync(table.x, table.y, fit);
    return all();
  };

  test.each([...healthy])("for $name, standardized, in any way to train", async (table) => {
    const { x, y } = table;
    const fit = { epochs: 12, batchSize: 64, schedule: schedules.reduceOnPlateau() };
    const layers = [dense(16), relu(), dropout({ rate: 0.2 }), ...endOf(table).last];
    const make = (seed: number) => modelOf(table, { seed, layers });
    const isHeld = (_: unknown, row: number) => row % 5 === 0;
    const validationData = [x.filter(isHeld), y.filter(isHeld)] as const;
    const watched = { callbacks: callbacks.earlyStopping({ monitor: "validationLoss" }), validationData };
    expect(codesOf(table, {}, { ...fit, ...watched })).toEqual([]);
    await make(1).fit(x, y, fit);
    for await (const { loss } of make(2).epochs(x, y, fit)) expect(loss).toBeDefined();
    await trainMany([make(3), make(4)], { x, y }, fit);
    const model = {
      inputs: x[0].length,
      layers,
      loss: endOf(table).loss,
      optimizer: adam({ learningRate: 0.01 }),
    };
    await crossValidate({ model, fit }, { x, y }, { folds: 3, seed: 1 });
    expect(texts()).toEqual([]);
  });

  test.each([...rawTables])("for raw $name, unless columns or targets are far from 0", (table) => {
    const expected: Record<string, string[]> = {
      wine: ["MYELIN_UNSCALED_COLUMN"],
      breast_cancer: ["MYELIN_UNSCALED_COLUMN"],
      diabetes: ["MYELIN_UNSCALED_TARGET"],
    };
    expect(codesOf(table, {}, { epochs: 1 })).toEqual(expected[table.name] ?? []);
  });

  const silent = (options: Partial<ModelOptions>, x: Rows, y: number[]) => {
    new Model({ ...small({ inputs: x[0].length }), ...options }).fitSync(x, y, { epochs: 2, batchSize: 50 });
    expect(texts()).toEqual([]);
  };
  const [x, y] = [cars.x, cars.y.map((value) => value / 30)];

  test("for columns that batchNorm scales first, also after embeddings and noise", () => {
    silent({ layers: [batchNorm(), dense(8), relu(), dense(1)] }, x, y);
    const category = x.map((row, at) => [...row, at]);
    const layers = [
      embedding({ column: 4, categories: 200, units: 2 }),
      dropout({ rate: 0.1 }),
      batchNorm(),
      dense(1),
    ];
    silent({ layers }, category, y);
  });

  test("for category numbers, and for a few ones among zeros", () => {
    const coded = rows.x.map((row, at) => [...row, at * 20, Number(at % 25 === 0), 1]);
    silent({ layers: [embedding({ column: 2, categories: 1000, units: 2 }), dense(1)] }, coded, rows.y);
  });

  test("for counts as targets of a loss for counts, and for similar columns before layerNorm", () => {
    silent(
      { loss: "poisson", layers: [dense(8), relu(), dense(1), softplus()] },
      rows.x,
      rows.x.map((_, row) => row * 20),
    );
    const pixels = rows.x.map((_, row) => [1, 2, 3, 4].map((at) => Math.round(127 + 70 * noise(row, at))));
    silent({ layers: [layerNorm(), dense(8), dense(1)] }, pixels, rows.y);
  });

  test("for a sigmoid if almost all targets are in its range", () => {
    silent(
      { layers: [dense(1), sigmoid()] },
      rows.x,
      rows.y.map((value, row) => (row === 7 ? 1.2 : value)),
    );
  });
});

describe("layerNorm over columns of different scales", () => {
  test("causes a warning", () => {
    const layers = [layerNorm(), dense(8), dense(1)];
    const y = cars.y.map((value) => value / 30);
    new Model(small({ layers })).fitSync(
      cars.x.map((row) => [...row.slice(3), 0.5, 0.2, row[0]]),
      y,
      short,
    );
    expect(texts()[0]).toMatch(/x: column 3 /);
  });
});

describe.each(kernelNames)("warnings after the last step on the %s kernel", (kernel) => {
  const scaled = cars.x.map((row) =>
    row.map((value, at) => (value - [3000, 210, 110, 6][at]) / [900, 100, 40, 2][at]),
  );
  const standard = cars.y.map((value) => (value - 30) / 10);

  test.each(ways)("after %s report a loss far above that of a constant prediction", async (call, way) => {
    // The model cannot recover: the rate is far too high for adam, and the loss stays finite.
    const optimizer = adam({ learningRate: 30 });
    const model = small({ kernel, optimizer, layers: [dense(8), relu(), dense(8), dense(1)] });
    const options = { epochs: 8, batchSize: 10 };
    await way(model, scaled, standard, options);
    expect(all()).toEqual(["MYELIN_WORSE_THAN_CONSTANT"]);
    expect(texts()[0]).toMatch(
      new RegExp(
        `^${call}: .*the final loss, \\S+, is \\S+ times the loss of a constant prediction, \\S+: the model has learned nothing. To fix it: lower the learning rate \\(30 `,
      ),
    );
  });

  test.each<[string, number, ModelOptions["optimizer"]]>([
    ["many steps of adam", 20, adam()],
    ["a few steps of sgd with a growing loss", 1, sgd({ learningRate: 1e-5 })],
  ])("name the columns if they are the cause, after %s", (_, epochs, optimizer) => {
    const model = new Model(small({ kernel, optimizer, layers: [dense(1)] }));
    const { loss } = model.fitSync(cars.x, cars.y, { epochs, batchSize: 32 });
    expect(loss.at(-1)).toBeGreaterThan(1e6);
    expect(all().at(-1)).toBe("MYELIN_WORSE_THAN_CONSTANT");
    expect(texts().at(-1)).toMatch(/To fix it: scale the columns of x, and those of y in a regression/);
  });

  test("are absent while the loss of the first epochs still varies", () => {
    const model = small({ kernel, optimizer: adam({ learningRate: 0.3 }), layers: [dense(64), dense(1)] });
    const [loss] = new Model(model).fitSync(scaled, standard, { epochs: 1, batchSize: 2 }).loss;
    // The variance of the targets is about 0.5.
    expect(loss).toBeGreaterThan(3);
    expect(loss).toBeLessThan(30);
    expect(all()).toEqual([]);
  });

  test("judge the best epoch if early stopping has restored it", () => {
    const stops = { callbacks: callbacks.earlyStopping({ patience: 1000 }) };
    const schedule = (epoch: number) => (epoch < 20 ? 0.01 : 30);
    const train = (options: FitOptions) =>
      new Model(small({ kernel })).fitSync(scaled, standard, {
        epochs: 24,
        batchSize: 10,
        schedule,
        ...options,
      });
    train(stops);
    expect(all()).not.toContain("MYELIN_WORSE_THAN_CONSTANT");
    train({});
    expect(all().some((code) => code === "MYELIN_WORSE_THAN_CONSTANT" || code === "MYELIN_STALLED")).toBe(
      true,
    );
  });
});

describe("the loss of a constant prediction", () => {
  const binary = rows.y;
  const options = (loss: string): { outputs: number; y: number[] | Rows } => {
    const categorical = /categorical/i.test(loss);
    if (!categorical)
      return { outputs: 1, y: loss === "hinge" ? binary.map((value) => 2 * value - 1) : binary };
    return { outputs: 3, y: /sparse/.test(loss) ? binary : binary.map((value) => [value, 1 - value, 0]) };
  };

  test.each(Object.keys(lossTable))(
    "%s: equals what evaluate returns for a model that predicts the constant, with weights",
    (loss) => {
      const { outputs, y } = options(loss);
      const model = new Model(
        small({ inputs: 2, layers: [dense(outputs)], loss: loss as ModelOptions["loss"] }),
      );
      const session = sessionOf(model);
      const read = session.read({ x: rows.x, y });
      const { configuration, problem } = session;
      const baseline = baselineOf(configuration, problem, read, undefined)?.(read.rows);
      if (problem.predictions === "rates") return expect(baseline).toBeUndefined();
      const mean = binary.reduce((sum, value) => sum + value, 0) / binary.length;
      const bias = problem.targets === "values" ? [mean] : Array(outputs).fill(0);
      model.setWeights([{ weight: bias.map(() => [0, 0]), bias }]);
      expect(baseline).toBeCloseTo(model.evaluate(rows.x, y).loss, 6);
      const weights = new Float32Array(read.rows).fill(3);
      expect(baselineOf(configuration, problem, read, weights)?.(read.rows)).toBeCloseTo(3 * baseline!, 5);
    },
  );
});

describe("messages give the caller's row numbers", () => {
  const count = 300;
  const x = Array.from({ length: count }, (_, row) => [noise(row), noise(row, 2)]);
  const y = x.map(([value]) => value / 2);
  const far = x.map((row, at) => (at === 250 ? [row[0], 1e6] : row));
  const model = (options: Partial<ModelOptions> = {}) =>
    small({ inputs: 2, optimizer: sgd({ learningRate: 0.01 }), ...options });
  const diverging = { loss: "meanSquaredError", layers: [dense(1)] } as const;

  test.each(ways)("in a warning of %s, also with a validation drawn from the rows", async (_, way) => {
    for (const fit of [short, { ...short, validationSplit: 0.3 }]) {
      warn.mockClear();
      await trained(way)(
        model(),
        far.map((row) => [...row]),
        y,
        fit,
      );
      expect(codes()).toEqual(["MYELIN_OUTLIER"]);
      expect(texts()[0]).toMatch(/x: row 250, column 1 has a value of size 1e\+6, but the others are about/);
    }
  });

  test("in a warning about targets out of range", async () => {
    const targets = y.map((_, row) => (row >= 200 && row < 240 ? 7 : 0.5));
    const options = model({ layers: [dense(1), sigmoid()], optimizer: adam() });
    await crossValidate({ model: options, fit: short }, { x, y: targets }, { folds: 3, seed: 1 });
    expect(codes()).toEqual(["MYELIN_TARGET_OUT_OF_RANGE"]);
    const [, row] = /row (\d+), column 0 has 7/.exec(texts()[0]) ?? [];
    expect(targets[Number(row)]).toBe(7);
  });

  test.each([0, 1, 2, 3])("in a DivergenceError with a validation of seed %i", (seed) => {
    const options: FitOptions = {
      epochs: 50,
      validationSplit: 0.3,
      validationShuffle: seed > 0,
      warnings: false,
    };
    const early = x.map((row, at) => (at === 120 + seed ? [row[0], 1e12] : row));
    const trains = new Model(model({ ...diverging, seed }));
    const error = (() => {
      try {
        return trains.fitSync(early, y, options);
      } catch (error) {
        return error as DivergenceError;
      }
    })();
    const held = trains.history?.validationRows?.includes(120 + seed);
    expect(held).toBe(false);
    expect((error as DivergenceError).message).toContain(
      `x: row ${120 + seed}, column 1 has a value of size 1e+12`,
    );
  });

  test("in the errors and the validation rows of crossValidate's folds", async () => {
    const { folds } = await crossValidate(
      { model: model(diverging), fit: { epochs: 50, validationSplit: 0.2, warnings: false } },
      { x: x.map((row, at) => (at === 250 ? [row[0], 1e12] : row)), y },
      { folds: 3, seed: 1 },
    );
    const failed = folds.filter(({ error }) => error !== undefined);
    expect(failed.length).toBeGreaterThan(0);
    const said = failed.filter(({ error }) => /x: row 250, column 1/.test(error!.message));
    expect(said.length).toBeGreaterThan(0);
    expect(failed.every(({ error }) => !/row (?!250)\d/.test(error!.message))).toBe(true);
    for (const { rows: held, history } of folds) {
      expect(history.validationRows!.length).toBe(40);
      expect(history.validationRows!.some((row) => held.includes(row))).toBe(false);
    }
  });

  test("in errors about a weight, and about rows that a later configuration of a search refuses", async () => {
    const labels = y.map((_, row) => (row === 280 ? 0.5 : row % 2));
    const binary = { layers: [dense(1), sigmoid()], loss: "binaryCrossentropy" } as const;
    expect(() =>
      new Model(model(binary)).fitSync(x, labels, { validationSplit: 0.1, classWeight: "balanced" }),
    ).toThrow(/classWeight: y: row 280: expected a class, 0 or 1/);
    const build = ({ loss }: { loss: string }) => ({
      model: { ...model(), loss: loss as "hinge", layers: [dense(1)] },
      fit: short,
    });
    const space = { loss: ["meanSquaredError", "hinge"] };
    const signs = y.map((_, row) => (row === 280 ? 0.5 : 1));
    await expect(search(space, { x, y: signs }, { build, folds: 3, seed: 1 })).rejects.toThrow(/row 280/);
    const byMetric = {
      build: () => ({ model: model(), fit: short }),
      metric: "accuracy",
      folds: 3,
      seed: 1,
    } as const;
    const values = y.map((_, row) => (row === 280 ? 0.5 : row % 2));
    await expect(search({ a: [1] }, { x, y: values }, byMetric as never)).rejects.toThrow(/row 280|accuracy/);
  });
});

describe("messages describe all rows", () => {
  const count = 300;
  const of = (change: (row: number) => number[]) => Array.from({ length: count }, (_, row) => change(row));
  const fits = (x: Rows, options: Partial<ModelOptions> = {}) =>
    trained(async () =>
      new Model(small({ inputs: x[0].length, ...options })).fitSync(
        x,
        x.map(() => 0.5),
        short,
      ),
    )({} as never, [], [], {});

  test("by a range with the row of the largest value", async () => {
    await fits(of((row) => [row === 123 ? 500 : row === 241 ? 289770 : 6610 + 37 * row]));
    expect(texts()[0]).toMatch(/column 0 has values from 500 to 289770, the largest in row 241/);
  });

  test("by years with all their digits", async () => {
    await fits(of((row) => [2005 + (row % 19)]));
    expect(texts()[0]).toMatch(/values from 2005 to 2023, the largest in row 18,/);
  });

  test("by values that are close together and far from 0", async () => {
    await fits(of((row) => [16777000 + (row % 7)]));
    expect(texts()[0]).toMatch(/values from 16777000 to 16777006/);
  });

  test("by single outliers in any row", async () => {
    await fits(of((row) => [row === 123 ? 1e5 : noise(row), row === 299 ? 1e4 : noise(row, 2)]));
    expect(codes()).toEqual(["MYELIN_OUTLIER"]);
    expect(texts()[0]).toMatch(/row 123, column 0 has a value of size 100000, .*; likewise column 1\./);
  });

  test("by the share of rows whose targets are out of range", () => {
    const x = of((row) => [noise(row)]);
    const y = x.map((_, row) => (row >= 280 ? 2 : 0.5));
    new Model(small({ inputs: 1, layers: [dense(1), sigmoid()] })).fitSync(x, y, short);
    expect(texts()[0]).toMatch(/6\.67 % of the rows have other targets: row 280, column 0 has 2/);
  });

  test("except for rounding, which describes a sample and says so", async () => {
    await fits(of((row) => [1.71e12 + row]));
    expect(texts()[0]).toMatch(/of the 128 distinct values in 128 of \d+ rows/);
  });
});

test("columns with different fixes, and columns of y, get separate warnings", () => {
  const x = cars.x.map(([weight], row) => [1e6, weight, row === 30 ? 1e4 : noise(row)]);
  const y = cars.y.map((_, row) => (row === 40 ? 1e4 : noise(row)));
  new Model(small({ inputs: 3, optimizer: adam() })).fitSync(x, y, short);
  expect(codes().sort()).toEqual([
    ...["MYELIN_OUTLIER", "MYELIN_OUTLIER", "MYELIN_UNSCALED_COLUMN", "MYELIN_UNSCALED_COLUMN"],
  ]);
  const said = texts().join("\n");
  expect(said).toMatch(/x: column 0 is 1e\+6 in every row\. To fix it: remove the column/);
  expect(said).toMatch(/x: column 1 has values from .* not scaled\. To fix it: scale it/);
  expect(said).toMatch(/y: row 40, column 0 has a value/);
});

test("a warning names six columns and the number of further ones", () => {
  const x = cars.x.map(([weight], row) => [8, 7, 6, 5, 4, 3, 2, 1].map((times) => weight * times + row));
  new Model(small({ inputs: 8, optimizer: adam() })).fitSync(
    x,
    cars.y.map((value) => value / 60),
    short,
  );
  expect(texts()[0]).toMatch(/column 0 has .*; likewise columns 1, 2, 3, 4, 5 and 2 more\. To fix it/);
});

describe("another fault in the same data causes another warning", () => {
  const { x, y } = healthy.find(({ name }) => name === "iris")!;
  const order = y.map((_, row) => row).sort((a, b) => y[a] - y[b]);
  const sorted = { x: order.map((row) => x[row]), y: order.map((row) => y[row]) };
  const classifier = () =>
    new Model(small({ loss: "sparseCategoricalCrossentropy", layers: [dense(8), relu(), dense(3)] }));
  const tail: FitOptions = { ...short, validationSplit: 0.2, validationShuffle: false };

  test("for a validation of the last rows, with the option that chose them", () => {
    classifier().fitSync(sorted.x, sorted.y, tail);
    expect(codes()).toEqual(["MYELIN_MISSING_CLASS"]);
    expect(texts()[0]).toMatch(
      /To fix it: leave out validationShuffle: false, which holds out the last rows/,
    );
    expect(texts()[0]).not.toContain("diagnose");
  });

  test("for each validation without some class, once", () => {
    const first = sorted.y.flatMap((label, row) => (label === 0 ? [row] : []));
    const validationData = [first.map((row) => sorted.x[row]), first.map(() => 0)] as const;
    classifier().fitSync(sorted.x, sorted.y, tail);
    const before = texts().length;
    for (const _ of [1, 2]) classifier().fitSync(sorted.x, sorted.y, { ...short, validationData });
    expect(texts().length).toBe(before + 1);
    expect(texts().at(-1)).toMatch(/y: 40 of .* have class 1, .*; likewise class 2\./);
    expect(texts().at(-1)).toMatch(/To fix it: shuffle rows that are sorted by class before they are split/);
  });

  test("for a last batch of one row, after batches of one row", () => {
    const train = (batchSize: number, rows: number) =>
      new Model(small({ layers: [dense(4), batchNorm(), dense(1)] })).fitSync(
        x.slice(0, rows),
        y.slice(0, rows),
        {
          epochs: 1,
          batchSize,
        },
      );
    train(1, 33);
    expect(codes()).toEqual(["MYELIN_BATCH_OF_ONE"]);
    const same = x.slice(0, 33);
    const again = (batchSize: number) =>
      new Model(small({ layers: [dense(4), batchNorm(), dense(1)] })).fitSync(same, y.slice(0, 33), {
        epochs: 1,
        batchSize,
      });
    again(1);
    again(32);
    again(32);
    expect(codes()).toHaveLength(3);
  });
});

describe("the warning after the last step", () => {
  test("names an outlier as the value to fix", () => {
    const x = rows.x.map((row, at) => (at === 33 ? [row[0], 1e4] : row));
    new Model(small({ inputs: 2, optimizer: sgd({ learningRate: 1e-9 }), layers: [dense(1)] })).fitSync(
      x,
      rows.y,
      {
        epochs: 10,
      },
    );
    const text = texts().find((one) => one.includes("a constant prediction"));
    expect(text).toMatch(/To fix it: correct the value or remove the row, .*row 33, column 1/);
  });

  test.each(kernelNames)(
    "reports layers whose units are all dead, though the loss has fallen, on the %s kernel",
    (kernel) => {
      const x = Array.from({ length: 300 }, (_, row) => [noise(row), noise(row, 2)]);
      const y = x.map(([first, second]) => Number(first * second > 0));
      const train = (learningRate: number) =>
        new Model({
          ...small({ kernel, inputs: 2, layers: [dense(16), relu(), dense(1)] }),
          optimizer: adam({ learningRate }),
        }).fitSync(
          x.map((row) => [...row]),
          y,
          { epochs: 20 },
        );
      const { loss } = train(5);
      expect(loss[0]).toBeGreaterThan(10 * loss[19]);
      expect(all()).toEqual(["MYELIN_STALLED"]);
      expect(texts()[0]).toMatch(
        /^fitSync: the final loss is 0\.2\d+, and that of a constant prediction about 0\.2\d+: layer 1 \(relu\): 16 of 16 units \(100 %\) are dead/,
      );
      train(0.01);
      expect(all()).toHaveLength(1);
    },
  );
});

test("a very large dataset is sampled at even distances, and the text says so", () => {
  const rows = 3 * 2 ** 20;
  const x = new Float32Array(2 * rows).map((_, at) => (at % 2 === 0 ? 1 : 1000 + (at % 7)));
  const [first, second] = readColumns(x, rows, 2, undefined, 2 ** 20);
  expect(first).toMatchObject({ least: 1, most: 1, size: 1, sampled: rows / 6 });
  expect(second.size).toBeCloseTo(1003, 0);
  expect(rangeOf(second)).toBe(`from 1000 to 1006 in ${rows / 6} rows looked at`);
  expect(readColumns(x, rows, 2)[1]).not.toHaveProperty("sampled");
});

test("every code is in docs/doctor.md", () => {
  const doc = readFileSync(new URL("../docs/doctor.md", import.meta.url), "utf8");
  const sources = ["before", "after", "stall"].map((name) =>
    readFileSync(new URL(`../src/training/warnings/${name}.ts`, import.meta.url), "utf8"),
  );
  const found = sources.flatMap((text) => text.match(/MYELIN_[A-Z_]+[A-Z]/g) ?? []);
  expect(found.length).toBeGreaterThan(3);
  for (const code of found) expect(doc).toContain(`\`${code}\``);
});

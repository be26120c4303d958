/**
 * Faulty data sets and models with one fault each, for `diagnose`, and the healthy tables they are made from.
 */

import {
  adam,
  dense,
  initializers,
  type Layer,
  layerNorm,
  losses,
  Model,
  type ModelOptions,
  relu,
  sgd,
  sigmoid,
  softmax,
  tanh,
} from "../src/index.ts";
import type { Cause, Finding } from "../src/insight/index.ts";

interface Rows {
  readonly x: number[][];
  readonly y: number[];
}

interface Settings {
  readonly name: string;
  readonly hidden: number[];
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly epochs: number;
  readonly batchSize: number;
}

interface Table extends Rows {
  readonly classes?: string[];
}

/** Uses the settings of the accuracy benchmark, and its scaling over the training rows. */
interface Bench {
  readonly datasets: Settings[];
  readTable(settings: Settings): Table;
  heldOutRows(table: Table, seed: number): number[];
  examplesOf(table: Table, heldOut: number[]): { training: Rows };
}

const bench: Bench = await import(new URL("../bench/datasets.js", import.meta.url).href);

/** Returns a table as the benchmark trains on it. */
export interface Healthy extends Settings, Rows {
  readonly classes?: string[] | undefined;
}

export const healthy: readonly Healthy[] = bench.datasets.map((settings) => {
  const table = bench.readTable(settings);
  const { training } = bench.examplesOf(table, bench.heldOutRows(table, 1));
  return { ...settings, ...training, classes: table.classes };
});

/** The same tables, unscaled, as their files have them. */
export const rawTables: readonly Healthy[] = bench.datasets.map((settings) => {
  return { ...settings, ...bench.readTable(settings) };
});

/** Returns the last layers and the loss that the benchmark chooses. */
export function endOf({ classes }: Healthy): { last: Layer[]; loss: ModelOptions["loss"] } {
  if (classes === undefined) return { last: [dense(1)], loss: "meanSquaredError" };
  if (classes.length === 2) return { last: [dense(1), sigmoid()], loss: "binaryCrossentropy" };
  return { last: [dense(classes.length), softmax()], loss: "sparseCategoricalCrossentropy" };
}

/** Returns the benchmark's model of a table. */
export function modelOf(table: Healthy, options: Partial<ModelOptions> = {}): Model {
  const { last, loss } = endOf(table);
  const { learningRate, weightDecay, hidden } = table;
  return new Model({
    inputs: table.x[0].length,
    layers: [...hidden.flatMap((units): Layer[] => [dense(units), relu()]), ...last],
    loss,
    optimizer: adam({ learningRate, weightDecay }),
    seed: 1,
    ...options,
  });
}

/** A faulty case: what to diagnose, and what the finding must contain. */
export interface FaultyCase {
  readonly cause: Cause;
  /** How the healthy case was changed, in words. */
  readonly done: string;
  /** The place of the cause. */
  readonly at: Partial<Finding>;
  make(): Rows & { readonly model: Model };
}

const table = (name: string) => healthy.find((one) => one.name === name)!;
const iris = table("iris");
const cancer = table("breast_cancer");
const diabetes = table("diabetes");

/** Returns rows with some values changed. */
const withX = ({ x, y }: Rows, change: (value: number, column: number, row: number) => number): Rows => ({
  x: x.map((values, row) => values.map((value, column) => change(value, column, row))),
  y,
});
const withY = ({ x, y }: Rows, change: (value: number, row: number) => number): Rows => ({
  x,
  y: y.map(change),
});

const data = (
  cause: Cause,
  done: string,
  at: Partial<Finding>,
  of: Healthy,
  rows: () => Rows,
): FaultyCase => ({
  cause,
  done,
  at,
  make: () => ({ ...rows(), model: modelOf(of) }),
});

const net = (
  cause: Cause,
  done: string,
  at: Partial<Finding>,
  of: Healthy,
  options: Partial<ModelOptions>,
  epochs = 0,
): FaultyCase => ({
  cause,
  done,
  at,
  make() {
    const model = modelOf(of, options);
    if (epochs > 0) model.fitSync(of.x, of.y, { epochs, warnings: false });
    return { x: of.x, y: of.y, model };
  },
});

const deep = (activation: () => Layer, weight: ModelOptions["layers"][number] | undefined = undefined) => {
  const units = weight ?? dense(16);
  const hidden = Array.from({ length: 8 }, (): Layer[] => [units, activation()]);
  return [...hidden.flat(), dense(3), softmax()];
};

const wide = initializers.normal({ stddev: 1 });

export const faultyCases: readonly FaultyCase[] = [
  data("refusedData", "iris: one value is NaN", { row: 17, column: 2 }, iris, () =>
    withX(iris, (value, column, row) => (row === 17 && column === 2 ? Number.NaN : value)),
  ),
  data("labelOutsideClasses", "iris: classes counted from 1", { column: 0, share: 1 / 3 }, iris, () =>
    withY(iris, (label) => label + 1),
  ),
  data("labelOutsideClasses", "breast_cancer: -1 for 0", { column: 0 }, cancer, () =>
    withY(cancer, (label) => (label === 0 ? -1 : 1)),
  ),
  data("missingClass", "iris without its last class", { class: 2 }, iris, () => ({
    x: iris.x.filter((_, row) => iris.y[row] < 2),
    y: iris.y.filter((label) => label < 2),
  })),
  data("contradictoryRows", "iris: ten rows again, with other labels", {}, iris, () => ({
    x: [...iris.x, ...iris.x.slice(0, 10)],
    y: [...iris.y, ...iris.y.slice(0, 10).map((label) => (label + 1) % 3)],
  })),
  data("precisionLoss", "iris: column 1 divided by 10^8, plus 5", { column: 1 }, iris, () =>
    withX(iris, (value, column) => (column === 1 ? 5 + value / 1e8 : value)),
  ),
  data("precisionLoss", "diabetes: y divided by 10^8, plus 1", { column: 0 }, diabetes, () =>
    withY(diabetes, (value) => 1 + value / 1e8),
  ),
  data("constantColumn", "iris: column 1 is 1", { column: 1 }, iris, () =>
    withX(iris, (value, column) => (column === 1 ? 1 : value)),
  ),
  data("unscaledColumn", "iris: column 3 times 1000", { column: 3 }, iris, () =>
    withX(iris, (value, column) => (column === 3 ? value * 1000 : value)),
  ),
  data("unscaledColumn", "iris: column 3 divided by 1000", { column: 3 }, iris, () =>
    withX(iris, (value, column) => (column === 3 ? value / 1000 : value)),
  ),
  data("outlier", "iris: one value is 9999", { column: 2, row: 30 }, iris, () =>
    withX(iris, (value, column, row) => (row === 30 && column === 2 ? 9999 : value)),
  ),
  data("unscaledTarget", "diabetes: y as it is in the table", { column: 0 }, diabetes, () =>
    withY(diabetes, (value) => 152 + 77 * value),
  ),
  net("targetOutOfRange", "diabetes: a sigmoid at the end", { layer: 3 }, diabetes, {
    layers: [dense(64), relu(), dense(1), sigmoid()],
  }),
  net("targetOutOfRange", "diabetes: a tanh at the end", { layer: 3 }, diabetes, {
    layers: [dense(64), relu(), dense(1), tanh()],
  }),
  net("targetOutOfRange", "diabetes: a ReLU at the end", { layer: 2 }, diabetes, {
    layers: [dense(64), relu(), dense(1, { activation: "relu" })],
  }),
  net("targetOutOfRange", "breast_cancer: logits from a ReLU", { layer: 3 }, cancer, {
    layers: [dense(64), relu(), dense(1), relu()],
  }),
  net("constantOutput", "breast_cancer: softmax over one output", { layer: 3 }, cancer, {
    layers: [dense(64), relu(), dense(1), softmax()],
  }),
  net("constantOutput", "diabetes: softmax over one output", { layer: 3 }, diabetes, {
    layers: [dense(64), relu(), dense(1), softmax()],
  }),
  net("constantOutput", "iris: layerNorm over one value", { layer: 3 }, iris, {
    layers: [dense(64), relu(), dense(1), layerNorm(), dense(3), softmax()],
  }),
  net("outputMismatch", "iris: a sigmoid in place of the softmax", { layer: 3 }, iris, {
    layers: [dense(64), relu(), dense(3), sigmoid()],
  }),
  net("outputMismatch", "digits: a tanh in place of the softmax", { layer: 2 }, table("digits"), {
    layers: [dense(64), relu(), dense(10, { activation: "tanh" })],
  }),
  net("outputMismatch", "iris: logits before a loss that takes probabilities", { layer: 2 }, iris, {
    layers: [dense(64), relu(), dense(3)],
    loss: losses.sparseCategoricalCrossentropy({ fromLogits: false }),
  }),
  net("linearStack", "iris: the ReLU left out", { layer: 0 }, iris, {
    layers: [dense(64), dense(3), softmax()],
  }),
  net("deadUnits", "iris: biases of -10 before the ReLU", { layer: 1, share: 1 }, iris, {
    layers: [
      dense(64, { biasInitializer: initializers.constant({ value: -10 }) }),
      relu(),
      dense(3),
      softmax(),
    ],
  }),
  net(
    "deadUnits",
    "diabetes: two ReLU layers, 20 epochs of adam at 0.1",
    { layer: 3 },
    diabetes,
    { layers: [dense(64), relu(), dense(64), relu(), dense(1)], optimizer: adam({ learningRate: 0.1 }) },
    20,
  ),
  net("saturatedUnits", "iris: tanh, initial weights a hundred times as large", { layer: 1 }, iris, {
    layers: [
      dense(64, { weightInitializer: initializers.normal({ stddev: 20 }) }),
      tanh(),
      dense(3),
      softmax(),
    ],
  }),
  net("saturatedUnits", "iris: sigmoid, initial weights a hundred times as large", { layer: 1 }, iris, {
    layers: [
      dense(64, { weightInitializer: initializers.normal({ stddev: 20 }) }),
      sigmoid(),
      dense(3),
      softmax(),
    ],
  }),
  net("similarOutputs", "iris: four layers of sigmoids", { layer: 7 }, iris, {
    layers: [...[1, 2, 3, 4].flatMap((): Layer[] => [dense(16), sigmoid()]), dense(3), softmax()],
  }),
  net("vanishingGradients", "iris: eight layers of sigmoids", { layer: 0 }, iris, { layers: deep(sigmoid) }),
  net("explodingGradients", "iris: eight layers, weights of deviation 1", { layer: 0 }, iris, {
    layers: deep(relu, dense(64, { weightInitializer: wide })),
  }),
  net("learningRateTooHigh", "iris: adam at 1", {}, iris, { optimizer: adam({ learningRate: 1 }) }),
  net("learningRateTooHigh", "diabetes: sgd at 3", {}, diabetes, { optimizer: sgd({ learningRate: 3 }) }),
  net(
    "learningRateTooHigh",
    "diabetes: 20 epochs of adam at 0.3",
    {},
    diabetes,
    { optimizer: adam({ learningRate: 0.3 }) },
    20,
  ),
  net("learningRateTooLow", "iris: adam at 1e-6", {}, iris, { optimizer: adam({ learningRate: 1e-6 }) }),
  net("learningRateTooLow", "diabetes: sgd at 1e-5", {}, diabetes, {
    optimizer: sgd({ learningRate: 1e-5 }),
  }),
  net(
    "learningRateTooLow",
    "iris: 20 epochs of sgd at 1e-6",
    {},
    iris,
    { optimizer: sgd({ learningRate: 1e-6 }) },
    20,
  ),
];

/** measure: a metric of targets and predictions that a user has */
import type { NumberArray } from "../data/examples.ts";
import { ShapeError } from "../errors.ts";
import { binaryCrossentropy } from "../nn/losses/binary.ts";
import { categoricalCrossentropy, sparseCategoricalCrossentropy } from "../nn/losses/categorical.ts";
import { hinge } from "../nn/losses/elementwise.ts";
import type { Loss, Meaning } from "../nn/losses/loss.ts";
import {
  type Choice,
  checkNames,
  complete,
  completeOptions,
  create,
  oneOf,
  readSize,
  type Table,
} from "../options.ts";
import { type Pair, readPair, readWeights } from "./columns.ts";
import { type Label, type Labeled, readLabels } from "./labels.ts";
import type { MetricEntry } from "./metric.ts";
import * as metrics from "./table.ts";

/** What targets and predictions are, where their form does not say. */
export interface Given extends Partial<Meaning> {
  /** Values in a row of predictions, for a typed array of several. */
  readonly outputs?: number | undefined;
  /** The label of each class in order, where targets are strings; by default as `confusionMatrix` has it. */
  readonly classes?: readonly Label[] | undefined;
  /** A weight for each row, at least 0. */
  readonly sampleWeight?: readonly number[] | NumberArray | undefined;
}

const kinds = {
  targets: oneOf(["values", "probabilities", "signs", "shares", "labels"], { default: "values" }),
  predictions: oneOf(["estimates", "rates", "logits", "scores"], { default: "estimates" }),
};

const standard = { fromLogits: true, labelSmoothing: 0 };

/** The loss that says which targets of a kind there are. */
const CHECKS: Readonly<Partial<Record<Meaning["targets"], Loss>>> = {
  probabilities: binaryCrossentropy.create(standard),
  signs: hinge.create({}),
  shares: categoricalCrossentropy.create(standard),
  labels: sparseCategoricalCrossentropy.create(standard),
};

/** Rows of outputs that say each class for certain. */
function oneHot(classes: readonly number[], count: number): Float32Array {
  const rows = new Float32Array(classes.length * count);
  for (const [row, index] of classes.entries()) rows[row * count + index] = 1;
  return rows;
}

/** Reads both, with labels as values of 0 and 1 where there are two of them, else as classes. */
function readBoth(targets: Labeled, predictions: Labeled, { classes, outputs }: Given): Pair {
  const read = readLabels("measure", { targets, predictions }, classes);
  const { labels = [], arePredicted } = read;
  if (!arePredicted || labels.length <= 2) {
    const width = outputs && readSize(outputs, "measure: outputs");
    return readPair(read.targets, read.predictions, width);
  }
  const { length } = labels;
  return readPair(read.targets, oneHot(read.predictions as readonly number[], length), length);
}

/** Checks that there are as many targets in a row as their kind wants, and that each is one of its kind. */
function checkTargets(kind: Meaning["targets"], { targets, targetColumns, outputs, rows }: Pair): void {
  const loss = CHECKS[kind];
  const columns = loss?.targets(outputs) ?? outputs;
  if (targetColumns !== columns) {
    const expected = `${columns} for the kind "${kind}"`;
    throw new ShapeError(`targets: expected rows of ${expected}, received rows of ${targetColumns}`);
  }
  for (let row = 0; row < rows; row++) loss?.check?.(targets, row, outputs);
}

/**
 * A metric of targets and predictions, in any form that x and y may have: lists of numbers, lists of rows,
 * typed arrays.
 *
 * One target a row beside several predictions is the index of a class. Else targets are plain values, which
 * are classes, 0 and 1 or one-hot, for metrics of classes. Predictions are estimates of the targets,
 * probabilities for instance. `targets` and `predictions` say what else they are, by the words of
 * {@link Meaning}.
 *
 * Either may be a list of labels, strings or booleans, as for `confusionMatrix`; of two labels the second one, or
 * `true`, is yes.
 *
 * @example
 * ```ts
 * const model = new Model({ inputs: 2, layers: [dense(2)], loss: "sparseCategoricalCrossentropy", optimizer: adam() });
 * metrics.measure("accuracy", data.y, model.predict(data.x), { outputs: 2 });
 * metrics.measure("logLoss", data.y, model.predict(data.x), { outputs: 2, predictions: "logits" });
 * ```
 *
 * @throws OptionError if the metric is unknown or none for such targets and predictions, DataError or
 * ShapeError for values that do not fit.
 */
export function measure(
  metric: Choice<typeof metrics>,
  targets: Labeled,
  predictions: Labeled,
  given: Given = {},
): number {
  checkNames(given, ["targets", "predictions", "outputs", "classes", "sampleWeight"], "measure");
  const configuration = complete("metric", metrics as Table<unknown>, metric, "metric");
  const pair = readBoth(targets, predictions, given);
  const weights = readWeights(given.sampleWeight, pair.rows);
  const isLabel = pair.targetColumns === 1 && pair.outputs > 1;
  const { targets: kind = isLabel ? "labels" : "values", predictions: form } = given;
  const meaning = completeOptions(kinds, { targets: kind, predictions: form }, "measure");
  checkTargets(meaning.targets, pair);
  const make: MetricEntry = create("metric", metrics as Table<MetricEntry>, configuration);
  const figure = make({ ...meaning, outputs: pair.outputs });
  figure.check?.(pair.targets, pair.rows);
  return figure.value(pair.predictions, pair.targets, pair.rows, weights);
}

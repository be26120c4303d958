/** measure: computes a metric of given targets and predictions */
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

/** The options of `measure`: the meaning of targets and predictions, if their form does not tell. */
export interface Given extends Partial<Meaning> {
  /** The number of values in a row of predictions, for a typed array with several. */
  readonly outputs?: number | undefined;
  /** The label of each class in order, if targets are strings; the default is that of `confusionMatrix`. */
  readonly classes?: readonly Label[] | undefined;
  /** A weight for each row, at least 0. */
  readonly sampleWeight?: readonly number[] | NumberArray | undefined;
}

const kinds = {
  targets: oneOf(["values", "probabilities", "signs", "shares", "labels"], { default: "values" }),
  predictions: oneOf(["estimates", "rates", "logits", "scores"], { default: "estimates" }),
};

const lossOptions = { fromLogits: true, labelSmoothing: 0 };

/** The loss that checks targets of a kind. */
const CHECKS: Readonly<Partial<Record<Meaning["targets"], Loss>>> = {
  probabilities: binaryCrossentropy.create(lossOptions),
  signs: hinge.create({}),
  shares: categoricalCrossentropy.create(lossOptions),
  labels: sparseCategoricalCrossentropy.create(lossOptions),
};

/** Returns one-hot rows. */
function oneHot(classes: readonly number[], count: number): Float32Array {
  const rows = new Float32Array(classes.length * count);
  for (const [row, index] of classes.entries()) rows[row * count + index] = 1;
  return rows;
}

/** Reads both. Predicted labels become 0 and 1 if there are two, else one-hot rows. */
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

/** Checks that rows of targets have the length and the values that their kind requires. */
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
 * Computes a metric of targets and predictions, which may have any form that x and y may have: lists of
 * numbers, lists of rows, typed arrays.
 *
 * A single target for several predictions is the index of a class. Other targets are plain values; for
 * metrics of classes they are 0 and 1, or one-hot. Predictions are estimates of the targets, for example
 * probabilities. For other targets or predictions, pass the options `targets` and `predictions`, with the
 * words of {@link Meaning}.
 *
 * Either may be a list of labels, which are strings or booleans, as for `confusionMatrix`. Of two labels the
 * second one, or `true`, is yes.
 *
 * @example
 * ```ts
 * const model = new Model({ inputs: 2, layers: [dense(2)], loss: "sparseCategoricalCrossentropy", optimizer: adam() });
 * metrics.measure("accuracy", data.y, model.predict(data.x), { outputs: 2 });
 * metrics.measure("logLoss", data.y, model.predict(data.x), { outputs: 2, predictions: "logits" });
 * ```
 *
 * @throws OptionError if the metric is unknown or does not apply to these targets and predictions, DataError
 * or ShapeError for invalid values.
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
  const createMetric: MetricEntry = create("metric", metrics as Table<MetricEntry>, configuration);
  const created = createMetric({ ...meaning, outputs: pair.outputs });
  created.check?.(pair.targets, pair.rows);
  return created.value(pair.predictions, pair.targets, pair.rows, weights);
}

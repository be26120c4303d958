/** bestThreshold: the threshold at which a metric is largest */
import type { NumberArray } from "../data/examples.ts";
import { OptionError, ShapeError, show } from "../errors.ts";
import { type Choice, checkNames, complete, type Table } from "../options.ts";
import { accuracy } from "./accuracy.ts";
import { readPair, readWeights } from "./columns.ts";
import { type Label, type Labeled, readLabels } from "./labels.ts";
import { checkColumn } from "./metric.ts";
import { f1, precision, recall } from "./precision.ts";
import { type Average, averageOf, f1Of, precisionOf, recallOf, type Tally } from "./tally.ts";

const entries = { accuracy, f1, precision, recall };
const scores = { f1: f1Of, precision: precisionOf, recall: recallOf };

/** The options of `bestThreshold`. */
export interface ThresholdOptions {
  /** The metric to maximize: accuracy, f1, precision or recall; `"f1"` by default. */
  readonly metric?: Choice<typeof entries> | undefined;
  /** If targets are strings: the labels of no and yes, in this order. */
  readonly classes?: readonly Label[] | undefined;
  /** A weight for each row, at least 0. */
  readonly sampleWeight?: readonly number[] | NumberArray | undefined;
}

const CALL = "bestThreshold";

/** Checks the option `metric` and returns the function of two classes to maximize. */
function readMetric(given: unknown): (tally: Tally) => number {
  const place = `${CALL}: metric`;
  const { type, average, threshold } = complete("metric", entries as Table<unknown>, given, place);
  if (threshold !== null) {
    throw new OptionError(
      `${place}: expected no threshold, because that is the result, received ${show(threshold)}`,
    );
  }
  if (type === "accuracy") return (tally) => averageOf(precisionOf, "micro", tally, false);
  return (tally) => averageOf(scores[type as keyof typeof scores], average as Average, tally, false);
}

/**
 * Returns the threshold at which a metric of these predictions is largest. Predictions above it are yes. It
 * is on the scale of the predictions, which may be probabilities, logits or scores, and halfway between two
 * of them. If several thresholds are best, it is the lowest, which finds the most rows. Use rows that the
 * model was not trained on.
 *
 * Targets are 0 and 1, booleans, or labels, with one prediction each.
 *
 * @example
 * ```ts
 * const [y, predictions] = [[0, 0, 1, 1], [0.1, 0.3, 0.4, 0.8]];
 * const threshold = metrics.bestThreshold(y, predictions, { metric: "f1" }); // 0.35
 * metrics.measure(metrics.f1({ threshold }), y, predictions); // 1
 * ```
 *
 * @throws OptionError for another metric, DataError or ShapeError for invalid values.
 */
export function bestThreshold(
  targets: Labeled,
  predictions: Exclude<Labeled, readonly Label[]>,
  options: ThresholdOptions = {},
): number {
  checkNames(options, ["metric", "classes", "sampleWeight"], CALL);
  const { metric = "f1", classes, sampleWeight } = options;
  const metricOf = readMetric(metric);
  const { arePredicted, ...matrices } = readLabels(CALL, { targets, predictions }, classes);
  const pair = readPair(matrices.targets, matrices.predictions);
  if (pair.outputs !== 1 || pair.targetColumns !== 1 || arePredicted) {
    throw new ShapeError(`${CALL}: expected one number as the prediction of each row, and one target`);
  }
  checkColumn(pair.targets, pair.rows);
  return search(pair.targets, pair.predictions, readWeights(sampleWeight, pair.rows), metricOf);
}

/** Lowers the threshold from above all predictions to below all of them, and updates the counts at each. */
function search(
  targets: Float32Array,
  predictions: Float32Array,
  weights: Float32Array | undefined,
  metricOf: (tally: Tally) => number,
): number {
  const order = Uint32Array.from(predictions.keys()).sort((a, b) => predictions[b] - predictions[a]);
  const weightOf = (row: number) => (weights === undefined ? 1 : weights[row]);
  const actual = new Float64Array(2);
  for (const row of order) actual[targets[row]] += weightOf(row);
  const [right, predicted] = [Float64Array.of(actual[0], 0), Float64Array.of(actual[0] + actual[1], 0)];
  const tally = { right, predicted, actual };
  let best = { value: metricOf(tally), threshold: predictions[order[0]] };
  for (let at = 0; at < order.length; ) {
    const score = predictions[order[at]];
    for (; at < order.length && predictions[order[at]] === score; at++) {
      const row = order[at];
      predicted[0] -= weightOf(row);
      predicted[1] += weightOf(row);
      if (targets[row] === 1) right[1] += weightOf(row);
      else right[0] -= weightOf(row);
    }
    const below = score > 0 ? score / 2 : score - 1;
    const threshold = at < order.length ? (score + predictions[order[at]]) / 2 : below;
    const value = metricOf(tally);
    if (value >= best.value) best = { value, threshold };
  }
  return best.threshold;
}

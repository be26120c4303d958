/** accuracy and topK: the share of correct predictions */
import { OptionError } from "../errors.ts";
import { columnAccuracy, countCorrect, largest } from "../nn/measures.ts";
import { entry, size } from "../options.ts";
import {
  type Classes,
  classesOf,
  type Metric,
  type MetricEntry,
  meanOf,
  metricOf,
  notApplicable,
  threshold,
} from "./metric.ts";

/** Returns the metric for columns: the share of correct values over rows and columns. */
function columnAccuracyOf({ middle, threshold, check }: Classes, outputs: number): Metric {
  const metric = metricOf(
    columnAccuracy({ threshold, middle }),
    outputs,
    (predictions, targets, rows, weights) =>
      meanOf(rows, weights, (row) => {
        const [start, end] = [row * outputs, (row + 1) * outputs];
        return countCorrect(predictions, targets, start, end, threshold, middle) / outputs;
      }),
  );
  return { ...metric, ...(check && { check }) };
}

/** Returns the metric for classes: the share of rows whose most probable class is correct. */
function classAccuracyOf({ form, check }: Classes, classes: number): Metric {
  const measure = form === "labels" ? "labelAccuracy" : "shareAccuracy";
  const metric = metricOf(measure, classes, (predictions, targets, rows, weights) =>
    meanOf(rows, weights, (row) => {
      const target = form === "labels" ? targets[row] : largest(targets, row, classes);
      return Number(largest(predictions, row, classes) === target);
    }),
  );
  return { ...metric, ...(check && { check }) };
}

/**
 * The share of correct predictions, from 0 to 1: the number of correct ones / the number of all.
 *
 * The loss defines what is correct. For classes, the first largest output has to be the class of the target,
 * which is a label or the first largest share. For outputs that are yes or no each, prediction and target
 * have to be on the same side: above 0.5, or above 0 where predictions are logits or scores. The mean is over
 * rows and outputs, as in Keras. With a loss for plain values, a single output is yes or no, with targets 0
 * and 1. Several outputs are classes, with one-hot targets.
 *
 * Options: `threshold` (null, which is 0.5, or 0 for logits and scores), above which an output is yes. It
 * applies to the raw predictions, and is refused where outputs are classes.
 *
 * @example
 * ```ts
 * metrics.measure("accuracy", [2, 0], [[0.1, 0.2, 0.7], [0.3, 0.6, 0.1]]); // 0.5
 * ```
 */
export const accuracy = entry(
  "accuracy",
  { threshold },
  ({ threshold }): MetricEntry =>
    (problem) => {
      const classes = classesOf(problem, "accuracy", threshold);
      return (classes.form === "columns" ? columnAccuracyOf : classAccuracyOf)(classes, problem.outputs);
    },
);

/**
 * Whether fewer than k classes rank before the target: those with a larger output, or an equal one and a
 * smaller index.
 */
function isAmongTop(
  predictions: Float32Array,
  row: number,
  classes: number,
  k: number,
  target: number,
): boolean {
  const start = row * classes;
  const score = predictions[start + target];
  let before = 0;
  for (let at = 0; at < classes; at++) {
    const other = predictions[start + at];
    before += Number(other > score || (other === score && at < target));
  }
  return before < k;
}

/**
 * The share of rows whose target class is among the k most probable, from 0 to 1. Equal outputs rank in their
 * order, so that the result for k = 1 is the accuracy.
 *
 * Options: `k`, required, from 1 to the number of classes.
 *
 * @example
 * ```ts
 * metrics.measure(metrics.topK({ k: 2 }), [2, 0], [[0.1, 0.2, 0.7], [0.3, 0.6, 0.1]]); // 1
 * ```
 */
export const topK = entry(
  "topK",
  { k: size() },
  ({ k }): MetricEntry =>
    (problem) => {
      const { form, check } = classesOf(problem);
      const classes = problem.outputs;
      if (form === "columns") throw notApplicable("topK", "classes, with an output for each", problem);
      if (k > classes)
        throw new OptionError(`metric topK: k: expected at most the ${classes} classes, received ${k}`);
      return {
        ...(check && { check }),
        value: (predictions, targets, rows, weights) =>
          meanOf(rows, weights, (row) => {
            const target = form === "labels" ? targets[row] : largest(targets, row, classes);
            return Number(isAmongTop(predictions, row, classes, k, target));
          }),
      };
    },
);

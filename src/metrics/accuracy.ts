/** accuracy and topK: the share of right predictions */
import { OptionError } from "../errors.ts";
import { entry, size } from "../options.ts";
import {
  type Classes,
  classesOf,
  largest,
  type Metric,
  type MetricEntry,
  meanOf,
  threshold,
  unfit,
} from "./metric.ts";

/** How many values from `start` to before `end` are on the same side as their targets. */
function countRight(
  predictions: Float32Array,
  targets: Float32Array,
  start: number,
  end: number,
  threshold: number,
  middle: number,
): number {
  let right = 0;
  for (let at = start; at < end; at++) {
    if (predictions[at] > threshold === targets[at] > middle) right++;
  }
  return right;
}

/** The share of right values over rows and columns. */
function ofColumns({ middle, threshold, check }: Classes, outputs: number): Metric {
  return {
    ...(check && { check }),
    value(predictions, targets, rows, weights) {
      const length = rows * outputs;
      const right = (start: number, end: number) =>
        countRight(predictions, targets, start, end, threshold, middle);
      if (weights === undefined) return right(0, length) / length;
      return meanOf(rows, weights, (row) => right(row * outputs, (row + 1) * outputs) / outputs);
    },
  };
}

/** The share of rows whose most probable class is right. */
function ofRows({ form, check }: Classes, classes: number): Metric {
  const isRight = (predictions: Float32Array, targets: Float32Array, row: number) => {
    const target = form === "labels" ? targets[row] : largest(targets, row, classes);
    return Number(largest(predictions, row, classes) === target);
  };
  return {
    ...(check && { check }),
    value(predictions, targets, rows, weights) {
      if (weights !== undefined) return meanOf(rows, weights, (row) => isRight(predictions, targets, row));
      let right = 0;
      for (let row = 0; row < rows; row++) right += isRight(predictions, targets, row);
      return right / rows;
    },
  };
}

/**
 * The share of right predictions, from 0 to 1: the count of right ones / the count of all.
 *
 * What is right follows from the loss. For classes, the first largest output is the class that the target
 * names, be that a label or the first largest share. For outputs that are yes or no each, prediction and
 * target are on the same side: above 0.5, or above 0 where predictions are logits or scores; the mean goes
 * over rows and outputs, as in Keras. After a loss for plain values one output is yes or no, with targets 0
 * and 1, and several are classes, with one-hot targets.
 *
 * Options: `threshold` (null, which is 0.5, or 0 for logits and scores), above which an output is yes. It is
 * compared with the predictions as they are, and refused where outputs are classes.
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
      return (classes.form === "columns" ? ofColumns : ofRows)(classes, problem.outputs);
    },
);

/** Whether fewer than k classes come before one: larger ones, and equal ones of a smaller index. */
function isAmongTop(
  predictions: Float32Array,
  row: number,
  classes: number,
  k: number,
  wanted: number,
): boolean {
  const start = row * classes;
  const score = predictions[start + wanted];
  let before = 0;
  for (let at = 0; at < classes; at++) {
    const other = predictions[start + at];
    before += Number(other > score || (other === score && at < wanted));
  }
  return before < k;
}

/**
 * The share of rows whose right class is among the k most probable, from 0 to 1. Of equal outputs the first
 * comes first, so that k 1 gives the accuracy.
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
      if (form === "columns") throw unfit("topK", "classes, with an output for each", problem);
      if (k > classes)
        throw new OptionError(`metric topK: k: expected at most the ${classes} classes, received ${k}`);
      return {
        ...(check && { check }),
        value: (predictions, targets, rows, weights) =>
          meanOf(rows, weights, (row) => {
            const wanted = form === "labels" ? targets[row] : largest(targets, row, classes);
            return Number(isAmongTop(predictions, row, classes, k, wanted));
          }),
      };
    },
);

/**
 * The table of measures: (options) → a number computed from the predictions and the targets of a whole epoch.
 *
 * A kernel computes them during a run, so that it need not return predictions. The sums have a fixed order of
 * additions, which all kernels share: partial sum n of 8 adds the terms n, n + 8, n + 16, … in order, and the
 * total adds the partial sums in order.
 */
import { type Choice, type Complete, create, entry, number, type Table } from "../options.ts";

/** A number computed from all predictions of an epoch. */
export interface Measure {
  /** Returns the value for predictions, [rows][outputs], and targets as the loss takes them. */
  value(predictions: Float32Array, targets: Float32Array, rows: number, outputs: number): number;
}

/** Counts the values from `start` to before `end` that are on the same side as their targets. */
export function countCorrect(
  predictions: Float32Array,
  targets: Float32Array,
  start: number,
  end: number,
  threshold: number,
  middle: number,
): number {
  let correct = 0;
  for (let at = start; at < end; at++) {
    if (predictions[at] > threshold === targets[at] > middle) correct++;
  }
  return correct;
}

/** Returns the index of the first largest value of a row. */
export function largest(values: Float32Array, row: number, width: number): number {
  const start = row * width;
  let best = 0;
  for (let at = 1; at < width; at++) if (values[start + at] > values[start + best]) best = at;
  return best;
}

/** The number of partial sums. */
const SUMS = 8;

/** Returns the sum of |p - t|, or of (p - t)², over every `stride`-th value from `start`. */
function sumOf(
  squared: boolean,
  predictions: Float32Array,
  targets: Float32Array,
  start: number,
  stride: number,
): number {
  const sums = new Float64Array(SUMS);
  for (let at = start, term = 0; at < predictions.length; at += stride, term++) {
    const distance = predictions[at] - targets[at];
    sums[term % SUMS] += squared ? distance * distance : Math.abs(distance);
  }
  return sums.reduce((total, sum) => total + sum);
}

/** The share of predictions on the same side as their targets: above `threshold`, and above `middle`. */
export const columnAccuracy = entry(
  "columnAccuracy",
  { threshold: number({}), middle: number({}) },
  ({ threshold, middle }): Measure => ({
    value: (predictions, targets, rows, outputs) => {
      const length = rows * outputs;
      return countCorrect(predictions, targets, 0, length, threshold, middle) / length;
    },
  }),
);

/** The share of rows whose first largest prediction is the class of the target, which is its index. */
export const labelAccuracy = entry(
  "labelAccuracy",
  {},
  (): Measure => ({
    value(predictions, targets, rows, outputs) {
      let correct = 0;
      for (let row = 0; row < rows; row++) {
        correct += Number(largest(predictions, row, outputs) === targets[row]);
      }
      return correct / rows;
    },
  }),
);

/** The share of rows whose first largest prediction has the place of the first largest target. */
export const shareAccuracy = entry(
  "shareAccuracy",
  {},
  (): Measure => ({
    value(predictions, targets, rows, outputs) {
      let correct = 0;
      for (let row = 0; row < rows; row++) {
        correct += Number(largest(predictions, row, outputs) === largest(targets, row, outputs));
      }
      return correct / rows;
    },
  }),
);

const meanOf = (squared: boolean) => (): Measure => ({
  value: (predictions, targets, rows, outputs) =>
    sumOf(squared, predictions, targets, 0, 1) / (rows * outputs),
});

/** The mean over rows and outputs of |p - t|. */
export const meanAbsoluteError = entry("meanAbsoluteError", {}, meanOf(false));

/** The mean over rows and outputs of (p - t)². */
export const meanSquaredError = entry("meanSquaredError", {}, meanOf(true));

/** The mean over the outputs of √(mean over the rows of (p - t)²). */
export const rootMeanSquaredError = entry(
  "rootMeanSquaredError",
  {},
  (): Measure => ({
    value(predictions, targets, rows, outputs) {
      let sum = 0;
      for (let column = 0; column < outputs; column++) {
        sum += Math.sqrt(sumOf(true, predictions, targets, column, outputs) / rows);
      }
      return sum / outputs;
    },
  }),
);

/** All entries. */
export const measures = {
  columnAccuracy,
  labelAccuracy,
  meanAbsoluteError,
  meanSquaredError,
  rootMeanSquaredError,
  shareAccuracy,
};

/** A measure as given to a metric: its name, or an object with its options. */
export type MeasureChoice = Choice<typeof measures>;

/** Returns a measure from its configuration. */
export const createMeasure = (configuration: Complete): Measure =>
  create("measure", measures as Table<Measure>, configuration);

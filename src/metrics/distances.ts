/** meanAbsoluteError, meanSquaredError, rootMeanSquaredError and r2: how far predictions are from targets */
import type { measures } from "../nn/measures.ts";
import { entry } from "../options.ts";
import {
  isEstimate,
  type Metric,
  type MetricEntry,
  metricOf,
  notApplicable,
  type Problem,
} from "./metric.ts";

/** Refuses logits, scores and labels, which cannot be subtracted. */
function checkValues(name: string, problem: Problem): void {
  if (isEstimate(problem.predictions) && problem.targets !== "labels") return;
  throw notApplicable(name, "predictions that are estimates, one for each target", problem);
}

type Value = Metric["value"];

/** Returns the sum over the rows, in one column, of weight · |p - t|, or of weight · (p - t)². */
function sumOf(
  squared: boolean,
  [predictions, targets, rows, weights]: Parameters<Value>,
  column: number,
  outputs: number,
): number {
  let sum = 0;
  for (let row = 0; row < rows; row++) {
    const distance = predictions[row * outputs + column] - targets[row * outputs + column];
    const weight = weights === undefined ? 1 : weights[row];
    sum += weight * (squared ? distance * distance : Math.abs(distance));
  }
  return sum;
}

const totalOf = (rows: number, weights: Float32Array | undefined) =>
  weights === undefined ? rows : weights.reduce((sum, weight) => sum + weight, 0);

type MeasureName = keyof typeof measures & `${string}Error`;

/** Returns the mean of a value for each output. */
function meanOverOutputs(outputs: number, ofColumn: (column: number) => number): number {
  let sum = 0;
  for (let column = 0; column < outputs; column++) sum += ofColumn(column);
  return sum / outputs;
}

/** Returns the metric of a measure. With weights, it is the mean over the outputs of `ofMean` of a mean. */
function errorOf(
  measure: MeasureName,
  squared: boolean,
  ofMean: (mean: number) => number = (mean) => mean,
): MetricEntry {
  return (problem) => {
    checkValues(measure, problem);
    const { outputs } = problem;
    const metric = metricOf(measure, outputs, (...given) =>
      meanOverOutputs(outputs, (column) =>
        ofMean(sumOf(squared, given, column, outputs) / totalOf(given[2], given[3])),
      ),
    );
    return { ...metric, smallerIsBetter: true };
  };
}

/**
 * The mean over rows and outputs of |p - t|.
 *
 * @example
 * ```ts
 * metrics.measure("meanAbsoluteError", [3, -0.5, 2, 7], [2.5, 0, 2, 8]); // 0.5
 * ```
 */
export const meanAbsoluteError = entry("meanAbsoluteError", {}, () => errorOf("meanAbsoluteError", false));

/**
 * The mean over rows and outputs of (p - t)².
 *
 * @example
 * ```ts
 * metrics.measure("meanSquaredError", [3, -0.5, 2, 7], [2.5, 0, 2, 8]); // 0.375
 * ```
 */
export const meanSquaredError = entry("meanSquaredError", {}, () => errorOf("meanSquaredError", true));

/**
 * The mean over the outputs of √(mean over the rows of (p - t)²), in the unit of the targets. This is
 * scikit-learn's definition; Keras takes one root of the mean over rows and outputs.
 *
 * @example
 * ```ts
 * metrics.measure("rootMeanSquaredError", [3, -0.5, 2, 7], [2.5, 0, 2, 8]); // 0.612…
 * ```
 */
export const rootMeanSquaredError = entry("rootMeanSquaredError", {}, () =>
  errorOf("rootMeanSquaredError", true, Math.sqrt),
);

/** Returns R² of one output. */
function determination(given: Parameters<Value>, column: number, outputs: number): number {
  const [, targets, rows, weights] = given;
  if (rows < 2) return Number.NaN;
  // Relative to a target that counts, so that the spread of equal targets is exactly 0.
  const first = weights === undefined ? 0 : weights.findIndex((weight) => weight > 0);
  const offset = (row: number) => targets[row * outputs + column] - targets[first * outputs + column];
  const weightOf = (row: number) => (weights === undefined ? 1 : weights[row]);
  let mean = 0;
  for (let row = 0; row < rows; row++) mean += weightOf(row) * offset(row);
  mean /= totalOf(rows, weights);
  let spread = 0;
  for (let row = 0; row < rows; row++) spread += weightOf(row) * (offset(row) - mean) ** 2;
  const rest = sumOf(true, given, column, outputs);
  if (spread === 0) return rest === 0 ? 1 : 0;
  return 1 - rest / spread;
}

/**
 * R², the coefficient of determination: 1 - the sum of (t - p)² / the sum of (t - the mean of t)², averaged
 * over the outputs. 1 is perfect, 0 is as good as the mean of the targets, and the value may be negative. If
 * all targets of an output are equal, its value is 1 if the predictions equal them, else 0. NaN for a single
 * row. The definition is scikit-learn's.
 *
 * @example
 * ```ts
 * metrics.measure("r2", [3, -0.5, 2, 7], [2.5, 0, 2, 8]); // 0.948…
 * ```
 */
export const r2 = entry(
  "r2",
  {},
  (): MetricEntry => (problem) => {
    checkValues("r2", problem);
    const { outputs } = problem;
    return {
      value: (...given) => meanOverOutputs(outputs, (column) => determination(given, column, outputs)),
    };
  },
);

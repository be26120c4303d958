/** How good predictions are, by the metrics of the task, in the target's own units. */
import { measure } from "../metrics/measure.ts";
import type { TargetDescription, Task } from "./target.ts";

/** Figures by the names of the metrics. */
export interface Scores {
  /** Numbers: the root of the mean squared error, in the target's unit. */
  readonly rootMeanSquaredError?: number;
  /** Numbers: the mean absolute error, in the target's unit. */
  readonly meanAbsoluteError?: number;
  /** Numbers: the share of the variance that is explained. */
  readonly r2?: number;
  /** Classes: the share of right answers. */
  readonly accuracy?: number;
  /** Classes: the mean of -ln of the probability of the right class. */
  readonly logLoss?: number;
  /** Two classes: the area under the ROC curve, of the second class. */
  readonly rocAuc?: number;
}

/**
 * The scores of predictions: numbers, or probabilities as [rows][classes]. `targets` are numbers, or the numbers of
 * classes.
 */
export function scoreTarget(
  { task, classes = [] }: TargetDescription,
  targets: Float64Array,
  predictions: Float64Array,
): Scores {
  if (task === "regression") return scoreNumbers(targets, predictions);
  const outputs = classes.length;
  if (outputs < 2) return { accuracy: 1, logLoss: 0 };
  const options = { outputs };
  const scores: Scores = {
    accuracy: measure("accuracy", targets, predictions, options),
    logLoss: measure("logLoss", targets, predictions, options),
  };
  if (outputs > 2 || !targets.includes(0) || !targets.includes(1)) return scores;
  const second = predictions.filter((_, at) => at % 2 === 1);
  return { ...scores, rocAuc: measure("rocAuc", targets, second) };
}

/** In doubles: a target in the billions has more digits than 32 bits hold. */
function scoreNumbers(targets: Float64Array, predictions: Float64Array): Scores {
  const rows = targets.length;
  let [squares, absolute, sum] = [0, 0, 0];
  for (let row = 0; row < rows; row++) {
    const error = predictions[row] - targets[row];
    squares += error * error;
    absolute += Math.abs(error);
    sum += targets[row];
  }
  let variance = 0;
  for (let row = 0; row < rows; row++) variance += (targets[row] - sum / rows) ** 2;
  return {
    rootMeanSquaredError: Math.sqrt(squares / rows),
    meanAbsoluteError: absolute / rows,
    r2: variance > 0 ? 1 - squares / variance : Number.NaN,
  };
}

/** The metric of a task where the caller does not choose one. */
export const usualMetric = (task: Task): keyof Scores =>
  task === "regression" ? "rootMeanSquaredError" : "logLoss";

/** Whether a smaller value of a metric is better. */
export const smallerIsBetter = (metric: keyof Scores): boolean =>
  metric === "rootMeanSquaredError" || metric === "meanAbsoluteError" || metric === "logLoss";

/** The mean of values and their standard deviation, with their number as the divisor. */
export function meanAndStddev(values: readonly number[]): { readonly mean: number; readonly stddev: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, stddev: Math.sqrt(squares / values.length) };
}

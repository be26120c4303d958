/**
 * The operation `standardize`: x̂ = (x - mean) / √(variance + ε) for each value, over the rows of a batch.
 */
import type { Standardize } from "../../../nn/layers/layer.ts";
import type { BatchRange, ParameterView } from "./arrays.ts";

/** An operation with statistics over a batch. */
export interface StandardizeOperation extends Standardize {
  readonly kind: "standardize";
  readonly outputs: number;
  /** The index of the first running mean, and that of the first running variance, in the parameters. */
  readonly mean: number;
  readonly variance: number;
  /** 1 / √(variance + ε) of each value, over the current batch. */
  readonly rates: Float64Array;
}

/** Returns the running means and variances, which a view has as its weight and bias. */
const runningOf = ({ weight, bias }: ParameterView) => ({ means: weight.values, variances: bias!.values });

/** Computes x̂ = (x - mean) / √(variance + ε) with the running statistics. */
export function standardize(
  { outputs: width, epsilon }: StandardizeOperation,
  view: ParameterView,
  input: Float32Array,
  output: Float32Array,
  rows: number,
): void {
  const { means, variances } = runningOf(view);
  for (let at = 0; at < width; at++) {
    const rate = 1 / Math.sqrt(variances[at] + epsilon);
    for (let place = at; place < rows * width; place += width) {
      output[place] = (input[place] - means[at]) * rate;
    }
  }
}

/** Computes the gradient with respect to x for running statistics: g / √(variance + ε). */
export function runningGradient(
  { outputs: width, epsilon }: StandardizeOperation,
  view: ParameterView,
  gradient: Float32Array,
  result: Float32Array,
  rows: number,
): void {
  const { variances } = runningOf(view);
  for (let at = 0; at < width; at++) {
    const rate = 1 / Math.sqrt(variances[at] + epsilon);
    for (let place = at; place < rows * width; place += width) result[place] = gradient[place] * rate;
  }
}

/**
 * Computes x̂ with the statistics of the rows, which are a whole batch. In training it also updates the
 * running statistics: running ← (1 - m) running + m batch, where the variance of the batch has n - 1 in place
 * of n. A single row has no such variance and leaves the running one unchanged.
 */
export function standardizeBatch(
  { outputs: width, epsilon, momentum, rates }: StandardizeOperation,
  view: ParameterView,
  input: Float32Array,
  output: Float32Array,
  { rows, moment }: BatchRange,
): void {
  const { means, variances } = runningOf(view);
  const end = rows * width;
  for (let at = 0; at < width; at++) {
    let total = 0;
    for (let place = at; place < end; place += width) total += input[place];
    const mean = total / rows;
    let squares = 0;
    for (let place = at; place < end; place += width) squares += (input[place] - mean) ** 2;
    rates[at] = 1 / Math.sqrt(squares / rows + epsilon);
    for (let place = at; place < end; place += width) output[place] = (input[place] - mean) * rates[at];
    if (moment === undefined) continue;
    means[at] += momentum * (mean - means[at]);
    if (rows > 1) variances[at] += momentum * (squares / (rows - 1) - variances[at]);
  }
}

/**
 * Computes the gradient with respect to x for batch statistics:
 * (g - mean(g) - x̂ mean(g x̂)) / √(variance + ε).
 */
export function standardizeGradient(
  { outputs: width, rates }: StandardizeOperation,
  output: Float32Array,
  gradient: Float32Array,
  result: Float32Array,
  rows: number,
): void {
  const end = rows * width;
  for (let at = 0; at < width; at++) {
    let mean = 0;
    let share = 0;
    for (let place = at; place < end; place += width) {
      mean += gradient[place];
      share += gradient[place] * output[place];
    }
    mean /= rows;
    share /= rows;
    for (let place = at; place < end; place += width) {
      result[place] = (gradient[place] - mean - output[place] * share) * rates[at];
    }
  }
}

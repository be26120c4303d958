/** standardize: x̂ = (x - mean) / √(variance + ε), value by value over the rows of a batch */
import type { Standardize } from "../../../nn/layers/layer.ts";
import type { BatchRange, ParameterView } from "./arrays.ts";

/** A operation with figures over a batch. */
export interface StandardizeOperation extends Standardize {
  readonly kind: "standardize";
  readonly outputs: number;
  /** Where the running mean and the running variance start. */
  readonly mean: number;
  readonly variance: number;
  /** One over the deviation of each value in the batch at hand. */
  readonly rates: Float64Array;
}

/** The running mean and variance are the weight and the bias of a view. */
const runningOf = ({ weight, bias }: ParameterView) => ({ means: weight.values, variances: bias!.values });

/** x̂ = (x - mean) / √(variance + ε) with the running figures. */
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

/** The gradient of x where the figures are the running ones: g / √(variance + ε). */
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
 * x̂ with the figures of the rows, which are a whole batch. In training the running ones follow:
 * running ← (1 - m) running + m batch, the batch's variance with n - 1 in place of n, which a single row has
 * none of.
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

/** The gradient of x with the figures of a batch: (g - mean(g) - x̂ mean(g x̂)) / √(variance + ε). */
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

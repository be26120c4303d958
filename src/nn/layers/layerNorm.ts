/** layerNorm: y = w (x - mean) / √(variance + ε) + b, over the values of a row */
import { entry, epsilon } from "../../options.ts";
import { affineParameters, type Layer, learningRateFactor, type RowFunction } from "./layer.ts";

/**
 * x̂ = (x - m) r, where m is the row's mean, v the mean of (x - m)², and r = 1 / √(v + ε). With the gradient
 * g of x̂, that of x is r (g - mean(g) - x̂ mean(g x̂)).
 */
function normalize(epsilon: number): RowFunction {
  const mean = (input: Float32Array, start: number, width: number) => {
    let sum = 0;
    for (let at = start; at < start + width; at++) sum += input[at];
    return sum / width;
  };
  const rate = (input: Float32Array, start: number, width: number, middle: number) => {
    let squares = 0;
    for (let at = start; at < start + width; at++) squares += (input[at] - middle) ** 2;
    return 1 / Math.sqrt(squares / width + epsilon);
  };
  return {
    value(input, output, start, width) {
      const middle = mean(input, start, width);
      const factor = rate(input, start, width, middle);
      for (let at = start; at < start + width; at++) output[at] = (input[at] - middle) * factor;
    },
    gradient(input, output, gradient, result, start, width) {
      const factor = rate(input, start, width, mean(input, start, width));
      const middle = mean(gradient, start, width);
      let share = 0;
      for (let at = start; at < start + width; at++) share += gradient[at] * output[at];
      share /= width;
      for (let at = start; at < start + width; at++) {
        result[at] = (gradient[at] - middle - output[at] * share) * factor;
      }
    },
  };
}

/**
 * Layer normalization: y = w (x - mean) / √(variance + ε) + b with the mean and the biased variance of the
 * row's values. w starts as ones, b as zeros; both are trained and have one value for each input. (Ba, Kiros
 * and Hinton, 2016; the definition is PyTorch's.)
 *
 * Options: `epsilon` ε (1e-5), at least 1e-12; `learningRateFactor` (1, at least 0), which multiplies the
 * optimizer's learning rate for w and b. Parameters: `weight` w and `bias` b, [inputs].
 *
 * @example
 * ```ts
 * const layers = [dense(64), layerNorm(), relu(), dense(1)];
 * ```
 */
export const layerNorm = entry(
  "layerNorm",
  { epsilon: epsilon(1e-5), learningRateFactor: learningRateFactor() },
  ({ epsilon, learningRateFactor }): Layer => ({
    outputs: (inputs) => inputs,
    parameters: affineParameters,
    program: () => [{ type: "layerNorm", epsilon, learningRateFactor }],
    operations: () => [
      { kind: "row", rows: normalize(epsilon) },
      { kind: "affine", bias: true, learningRateFactor },
    ],
  }),
);

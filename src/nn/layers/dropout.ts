/** dropout: y = x / (1 - rate) or 0, at random, in training */
import { entry, number } from "../../options.ts";
import type { Layer, Noise } from "./layer.ts";

/**
 * y = m x, where m is 0 if the draw is below the rate, else 1 / (1 - rate), which keeps the mean. The
 * derivative is m.
 */
function noise(given: number): Noise {
  // Rounded, because the native kernel compares 32-bit floats.
  const rate = Math.fround(given);
  const scale = 1 / (1 - rate);
  const multiply: Noise["value"] = (input, output, draws, start, length) => {
    for (let at = 0; at < length; at++) {
      // A product with 0 keeps infinity and NaN visible.
      output[start + at] = input[start + at] * (draws[at] < rate ? 0 : scale);
    }
  };
  return { value: multiply, gradient: multiply };
}

/**
 * Dropout: training sets each value to 0 with the probability `rate`, and multiplies the others by
 * 1 / (1 - rate), which keeps the mean. `predict`, `evaluate` and `gradients` do not change values.
 * (Srivastava et al., 2014.)
 *
 * The choice depends only on the model's seed, the step, the row's place in the batch and the value's place
 * in the row. So a run can be repeated, on either kernel.
 *
 * Options: `rate` (0.5), at least 0 and below 1.
 *
 * @example
 * ```ts
 * const layers = [dense(64), relu(), dropout({ rate: 0.2 }), dense(1)];
 * ```
 */
export const dropout = entry(
  "dropout",
  { rate: number({ default: 0.5, minimum: 0, below: 1 }) },
  ({ rate }): Layer => ({
    outputs: (inputs) => inputs,
    parameters: () => [],
    program: () => [{ type: "dropout", rate }],
    operations: () => [{ kind: "noise", noise: noise(rate) }],
  }),
);

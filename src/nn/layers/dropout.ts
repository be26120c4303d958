/** dropout: y = x / (1 - rate) or 0, by chance, in training */
import { entry, number } from "../../options.ts";
import type { Layer, Noise } from "./layer.ts";

/**
 * y = m x with m = 0 where the draw is below the rate, else 1 / (1 - rate), so that the mean stays. The
 * derivative is m.
 */
function noise(given: number): Noise {
  // As the 32 bits that the native kernel compares with.
  const rate = Math.fround(given);
  const scale = 1 / (1 - rate);
  const multiply: Noise["value"] = (input, output, draws, start, length) => {
    for (let at = 0; at < length; at++) {
      // A product, so that infinity and NaN are not hidden.
      output[start + at] = input[start + at] * (draws[at] < rate ? 0 : scale);
    }
  };
  return { value: multiply, gradient: multiply };
}

/**
 * Dropout: in training each value is 0 with a probability of `rate`, else 1 / (1 - rate) times what it was,
 * so that its mean stays. `predict`, `evaluate` and `gradients` pass values on as they are. (Srivastava et
 * al., 2014.)
 *
 * What is left out follows from the model's seed, the step, the row's place in the batch and the value's
 * place in the row: a run repeats it, with either kernel.
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

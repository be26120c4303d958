/** gaussianNoise: y = x + stddev n, with a standard normal n, in training */
import { entry, number, renamedFrom } from "../../options.ts";
import type { Layer, Noise } from "./layer.ts";

const CENTRAL = [
  2.81022636e-8, 3.43273939e-7, -3.5233877e-6, -4.39150654e-6, 2.1858087e-4, -1.25372503e-3, -4.17768164e-3,
  0.246640727, 1.50140941,
];
const TAIL = [
  -2.00214257e-4, 1.00950558e-4, 1.34934322e-3, -3.67342844e-3, 5.73950773e-3, -7.6224613e-3, 9.43887047e-3,
  1.00167406, 2.83297682,
];

function polynomial(coefficients: readonly number[], x: number): number {
  let value = 0;
  for (let at = 0; at < coefficients.length; at++) value = value * x + coefficients[at];
  return value;
}

/**
 * Returns the quantile of the standard normal distribution at u: √2 erf⁻¹(x) with x = 2 u - 1, where
 * erf⁻¹(x) = x p(w) with w = -log(1 - x²). The polynomials p are Giles' ("Approximating the erfinv function",
 * GPU Computing Gems, 2012): their relative error is below 1.3e-7. The native kernel uses the same.
 */
export function normalQuantile(u: number): number {
  const x = 2 * u - 1;
  const w = -Math.log((1 - x) * (1 + x));
  const p = w < 5 ? polynomial(CENTRAL, w - 2.5) : polynomial(TAIL, Math.sqrt(w) - 3);
  return Math.SQRT2 * p * x;
}

/** y = x + stddev q(u), where q is the quantile function of the normal distribution and u the draw. */
function noise(stddev: number): Noise {
  return {
    value(input, output, draws, start, length) {
      for (let at = 0; at < length; at++) {
        output[start + at] = input[start + at] + stddev * normalQuantile(draws[at]);
      }
    },
    gradient(gradient, result, _draws, start, length) {
      for (let at = start; at < start + length; at++) result[at] = gradient[at];
    },
  };
}

/**
 * Gaussian noise: y = x + stddev n in training, with another standard normal n for each value in every step.
 * `predict`, `evaluate` and `gradients` do not change values.
 *
 * n depends only on the model's seed, the step, the row's place in the batch and the value's place in the
 * row. So a run can be repeated, on either kernel.
 *
 * Options: `stddev` (0.1), the standard deviation, at least 0.
 *
 * @example
 * ```ts
 * const layers = [gaussianNoise({ stddev: 0.05 }), dense(64), relu(), dense(1)];
 * ```
 */
export const gaussianNoise = entry(
  "gaussianNoise",
  { stddev: renamedFrom("deviation", number({ default: 0.1, minimum: 0 })) },
  ({ stddev }): Layer => ({
    outputs: (inputs) => inputs,
    parameters: () => [],
    program: () => [{ type: "gaussianNoise", stddev }],
    operations: () => [{ kind: "noise", noise: noise(stddev) }],
  }),
);

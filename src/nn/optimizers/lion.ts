/** Lion, an optimizer whose steps all have the same size. */
import { entry } from "../../options.ts";
import { decayBiases, learningRate, type Optimizer, share, sharesOf, weightDecay } from "./optimizer.ts";

/**
 * Returns a value, or zero where it is below 1e-30, at which the native kernel sets all state to zero. The
 * epsilon of other optimizers hides such state, but a sign does not.
 */
const snap = (value: number) => (Math.abs(value) < 1e-30 ? 0 : value);

/**
 * Lion (Chen et al., "Symbolic discovery of optimization algorithms", 2023). With λ = weightDecay:
 * w ← w - η (sign(β₁ m + (1 - β₁) g) + λ w); m ← β₂ m + (1 - β₂) g. The defaults are the paper's. The
 * operand of the sign, and m, count as zero below 1e-30.
 *
 * If a gradient is zero except for rounding, its sign is that of the rounding error. The two kernels, and two
 * machines in any library, may then take steps of η in opposite directions.
 *
 * Options: `learningRate` η (0.0001), `beta1` (0.9), `beta2` (0.99), `weightDecay` (0), `decayBiases` (true).
 *
 * @example
 * ```ts
 * new Model({ inputs: 2, layers: [dense(1)], loss: "meanSquaredError", optimizer: lion() });
 * ```
 */
export const lion = entry(
  "lion",
  {
    learningRate: learningRate(0.0001),
    beta1: share(0.9),
    beta2: share(0.99),
    weightDecay: weightDecay(0),
    decayBiases,
  },
  ({ beta1, beta2, weightDecay }): Optimizer => ({
    slots: 1,
    step(weight, gradient, [mean], { learningRate }) {
      const [kept1, share1] = sharesOf(beta1);
      const share2 = 1 - beta2;
      for (let at = 0; at < weight.length; at++) {
        const sign = Math.sign(snap(kept1 * mean[at] + share1 * gradient[at]));
        weight[at] -= learningRate * (sign + weightDecay * weight[at]);
        mean[at] = snap(mean[at] + share2 * (gradient[at] - mean[at]));
      }
    },
  }),
);

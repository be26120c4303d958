/** Lion, an optimizer whose steps all have the same size. */
import { entry } from "../../options.ts";
import { decayBiases, learningRate, type Optimizer, share, sharesOf, weightDecay } from "./optimizer.ts";

/**
 * Lion (Chen et al., "Symbolic discovery of optimization algorithms", 2023). With λ = weightDecay:
 * w ← w - η (sign(β₁ m + (1 - β₁) g) + λ w); m ← β₂ m + (1 - β₂) g. The defaults are the paper's.
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
        const sign = Math.sign(kept1 * mean[at] + share1 * gradient[at]);
        weight[at] -= learningRate * (sign + weightDecay * weight[at]);
        mean[at] += share2 * (gradient[at] - mean[at]);
      }
    },
  }),
);

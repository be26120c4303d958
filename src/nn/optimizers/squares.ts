/** Optimizers that divide the gradient by the root of its accumulated squares. */
import { boolean, entry, epsilon, number } from "../../options.ts";
import { decayBiases, learningRate, type Optimizer, share, sharesOf, weightDecay } from "./optimizer.ts";

/**
 * RMSprop (Hinton, 2012), as PyTorch defines it. With λ = weightDecay: g ← g + λ w; v ← ρ v + (1 - ρ) g²;
 * d = g / (√v + ε); w ← w - η d, or with momentum μ b ← μ b + d; w ← w - η b.
 *
 * With `centered` (Graves, 2013) the variance s = v - m² replaces v, where m ← ρ m + (1 - ρ) g. The optimizer
 * stores s and updates it as s ← ρ (s + (1 - ρ) (g - m)²) with the previous m: the same value without
 * cancellation.
 *
 * Options: `learningRate` η (0.01), `rho` ρ (0.99, PyTorch's `alpha`), `momentum` μ (0), `centered` (false),
 * `epsilon` ε (1e-8), `weightDecay` (0), `decayBiases` (true).
 *
 * @example
 * ```ts
 * new Model({ inputs: 2, layers: [dense(1)], loss: "meanSquaredError", optimizer: rmsprop({ rho: 0.9 }) });
 * ```
 */
export const rmsprop = entry(
  "rmsprop",
  {
    learningRate: learningRate(0.01),
    rho: share(0.99),
    momentum: share(0),
    centered: boolean({ default: false }),
    epsilon: epsilon(1e-8),
    weightDecay: weightDecay(0),
    decayBiases,
  },
  ({ rho, momentum, centered, epsilon, weightDecay }): Optimizer => ({
    slots: 1 + (centered ? 1 : 0) + (momentum === 0 ? 0 : 1),
    step(weight, gradient, slots, { learningRate }) {
      // By index: destructuring a rest of the list would allocate a new list in each step.
      const square = slots[0];
      const mean = centered ? slots[1] : undefined;
      const velocity = momentum === 0 ? undefined : slots[centered ? 2 : 1];
      const [kept, share] = sharesOf(rho);
      for (let at = 0; at < weight.length; at++) {
        const decayed = gradient[at] + weightDecay * weight[at];
        if (mean === undefined) {
          square[at] = kept * square[at] + share * decayed * decayed;
        } else {
          const difference = decayed - mean[at];
          square[at] = kept * (square[at] + share * difference * difference);
          mean[at] += share * difference;
        }
        let direction = decayed / (Math.sqrt(square[at]) + epsilon);
        if (velocity !== undefined) {
          direction += momentum * velocity[at];
          velocity[at] = direction;
        }
        weight[at] -= learningRate * direction;
      }
    },
  }),
);

/**
 * Adagrad (Duchi, Hazan and Singer, 2011), as PyTorch defines it. With λ = weightDecay and the initial value
 * a: g ← g + λ w; s ← s + g²; w ← w - η g / (√(a + s) + ε). PyTorch's `lr_decay` is a schedule here.
 *
 * Options: `learningRate` η (0.01), `initialAccumulatorValue` a (0), `epsilon` ε (1e-10), `weightDecay` (0),
 * `decayBiases` (true).
 *
 * @example
 * ```ts
 * new Model({ inputs: 2, layers: [dense(1)], loss: "meanSquaredError", optimizer: adagrad() });
 * ```
 */
export const adagrad = entry(
  "adagrad",
  {
    learningRate: learningRate(0.01),
    initialAccumulatorValue: number({ default: 0, minimum: 0 }),
    epsilon: epsilon(1e-10),
    weightDecay: weightDecay(0),
    decayBiases,
  },
  ({ initialAccumulatorValue, epsilon, weightDecay }): Optimizer => ({
    slots: 1,
    step(weight, gradient, [sum], { learningRate }) {
      for (let at = 0; at < weight.length; at++) {
        const decayed = gradient[at] + weightDecay * weight[at];
        sum[at] += decayed * decayed;
        weight[at] -= (learningRate * decayed) / (Math.sqrt(initialAccumulatorValue + sum[at]) + epsilon);
      }
    },
  }),
);

/**
 * Adadelta (Zeiler, 2012), as PyTorch defines it. With λ = weightDecay: g ← g + λ w; v ← ρ v + (1 - ρ) g²;
 * d = √(u + ε) / √(v + ε) · g; u ← ρ u + (1 - ρ) d²; w ← w - η d
 *
 * Options: `learningRate` η (1), `rho` ρ (0.9), `epsilon` ε (1e-6), `weightDecay` (0), `decayBiases` (true).
 *
 * @example
 * ```ts
 * new Model({ inputs: 2, layers: [dense(1)], loss: "meanSquaredError", optimizer: adadelta() });
 * ```
 */
export const adadelta = entry(
  "adadelta",
  {
    learningRate: learningRate(1),
    rho: share(0.9),
    epsilon: epsilon(1e-6),
    weightDecay: weightDecay(0),
    decayBiases,
  },
  ({ rho, epsilon, weightDecay }): Optimizer => ({
    slots: 2,
    step(weight, gradient, [square, squareOfSteps], { learningRate }) {
      const [kept, share] = sharesOf(rho);
      for (let at = 0; at < weight.length; at++) {
        const decayed = gradient[at] + weightDecay * weight[at];
        square[at] = kept * square[at] + share * decayed * decayed;
        const direction = Math.sqrt((squareOfSteps[at] + epsilon) / (square[at] + epsilon)) * decayed;
        squareOfSteps[at] = kept * squareOfSteps[at] + share * direction * direction;
        weight[at] -= learningRate * direction;
      }
    },
  }),
);

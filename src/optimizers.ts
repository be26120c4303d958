/**
 * The table of optimizers: (options) → slots and step. Every export is an entry.
 *
 * Each has the option `learningRate`, which belongs to the run and not to the step's formula here: the step
 * gets the rate of the moment.
 */
import { boolean, entry, number } from "./options.ts";

/** What an optimizer knows beyond weights, gradients and slots. */
export interface Now {
  readonly learningRate: number;
  /** The number of this step in the model's life, from 1. */
  readonly step: number;
}

/** An optimizer's rule. */
export interface Optimizer {
  /** Values of state for each parameter, zero at the start. */
  readonly slots: number;
  /** Updates weights and slots from the gradient, all of the same length. */
  step(weight: Float32Array, gradient: Float32Array, slots: readonly Float32Array[], now: Now): void;
}

const learningRate = number({ default: 0.001, minimum: 0 });

/**
 * Adam (Kingma and Ba, 2015), as PyTorch defines it. With λ = weightDecay and t the step, from 1:
 * g ← g + λ w; m ← β₁ m + (1 - β₁) g; v ← β₂ v + (1 - β₂) g²;
 * w ← w - η / (1 - β₁ᵗ) · m / (√v / √(1 - β₂ᵗ) + ε), with `amsgrad` the largest v so far in place of v.
 *
 * Options: `learningRate` η (0.001), `beta1` (0.9), `beta2` (0.999), `epsilon` ε (1e-8), `weightDecay` (0),
 * `amsgrad` (false; Reddi et al., 2018).
 *
 * @example
 * ```ts
 * new Model({ inputs: 2, layers: [dense(1)], loss: "meanSquaredError", optimizer: adam({ learningRate: 0.01
 * }) });
 * ```
 */
export const adam = entry(
  "adam",
  {
    learningRate,
    beta1: number({ default: 0.9, minimum: 0, below: 1 }),
    beta2: number({ default: 0.999, minimum: 0, below: 1 }),
    epsilon: number({ default: 1e-8, above: 0 }),
    weightDecay: number({ default: 0, minimum: 0 }),
    amsgrad: boolean({ default: false }),
  },
  ({ beta1, beta2, epsilon, weightDecay, amsgrad }): Optimizer => ({
    slots: amsgrad ? 3 : 2,
    step(weight, gradient, [first, second, largest], { learningRate, step }) {
      // With c = √(1 - β₂ᵗ), m / (√v / c + ε) is c m / (√v + c ε): one division less.
      const correction = Math.sqrt(1 - beta2 ** step);
      const rate = (learningRate * correction) / (1 - beta1 ** step);
      const offset = epsilon * correction;
      const [share1, share2] = [1 - beta1, 1 - beta2];
      for (let at = 0; at < weight.length; at++) {
        const decayed = gradient[at] + weightDecay * weight[at];
        first[at] += share1 * (decayed - first[at]);
        second[at] += share2 * (decayed * decayed - second[at]);
        let moment = second[at];
        if (largest !== undefined) {
          moment = Math.max(largest[at], moment);
          largest[at] = moment;
        }
        weight[at] -= (rate * first[at]) / (Math.sqrt(moment) + offset);
      }
    },
  }),
);

/**
 * Stochastic gradient descent, as PyTorch defines it. With λ = weightDecay and μ = momentum:
 * g ← g + λ w; v ← μ v + g; w ← w - η v, or with Nesterov's momentum w ← w - η (g + μ v).
 *
 * Options: `learningRate` η (0.001), `momentum` (0, from 0 up to below 1), `nesterov` (false),
 * `weightDecay` (0).
 *
 * @example
 * ```ts
 * new Model({ inputs: 2, layers: [dense(1)], loss: "meanSquaredError", optimizer: sgd({ learningRate: 0.01
 * }) });
 * ```
 */
export const sgd = entry(
  "sgd",
  {
    learningRate,
    momentum: number({ default: 0, minimum: 0, below: 1 }),
    nesterov: boolean({ default: false }),
    weightDecay: number({ default: 0, minimum: 0 }),
  },
  ({ momentum, nesterov, weightDecay }): Optimizer => ({
    slots: momentum === 0 ? 0 : 1,
    step(weight, gradient, [velocity], { learningRate }) {
      if (velocity === undefined) {
        for (let at = 0; at < weight.length; at++) {
          weight[at] -= learningRate * (gradient[at] + weightDecay * weight[at]);
        }
        return;
      }
      for (let at = 0; at < weight.length; at++) {
        const decayed = gradient[at] + weightDecay * weight[at];
        velocity[at] = momentum * velocity[at] + decayed;
        weight[at] -= learningRate * (nesterov ? decayed + momentum * velocity[at] : velocity[at]);
      }
    },
  }),
);

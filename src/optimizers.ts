/**
 * The table of optimizers: (options) → slots and step. Every export is an entry.
 *
 * Each has the option `learningRate`, which belongs to the run and not to the step's formula here: the step gets the
 * rate of the moment.
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
 * Stochastic gradient descent, as PyTorch defines it. With λ = weightDecay and μ = momentum:
 * g ← g + λ w; v ← μ v + g; w ← w - η v, or with Nesterov's momentum w ← w - η (g + μ v).
 *
 * Options: `learningRate` η (0.001), `momentum` (0, from 0 up to below 1), `nesterov` (false), `weightDecay` (0).
 *
 * @example
 * ```ts
 * new Model({ inputs: 2, layers: [dense(1)], loss: "meanSquaredError", optimizer: sgd({ learningRate: 0.01 }) });
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
      for (let at = 0; at < weight.length; at++) {
        const decayed = gradient[at] + weightDecay * weight[at];
        let direction = decayed;
        if (velocity !== undefined) {
          velocity[at] = momentum * velocity[at] + decayed;
          direction = nesterov ? decayed + momentum * velocity[at] : velocity[at];
        }
        weight[at] -= learningRate * direction;
      }
    },
  }),
);

/**
 * The table of optimizers: (options) → slots and step. Every export is an entry.
 *
 * Each has the option `learningRate`, which `create` does not use: a step receives the current learning rate,
 * because schedules and hooks may change it.
 */

import { boolean, entry } from "../options.ts";
import { decayBiases, learningRate, type Optimizer, share, weightDecay } from "./optimizers/optimizer.ts";

export { adam, adamax, adamW, nadam } from "./optimizers/adam.ts";
export { lion } from "./optimizers/lion.ts";
export type { Now, Optimizer } from "./optimizers/optimizer.ts";
export { adadelta, adagrad, rmsprop } from "./optimizers/squares.ts";

/**
 * Stochastic gradient descent, as PyTorch defines it. With λ = weightDecay and μ = momentum:
 * g ← g + λ w; v ← μ v + g; w ← w - η v, or with Nesterov's momentum w ← w - η (g + μ v).
 *
 * Options: `learningRate` η (0.001), `momentum` (0, from 0 up to below 1), `nesterov` (false),
 * `weightDecay` (0), `decayBiases` (true; with false, weight decay excludes biases and the parameters of
 * `scale`, `batchNorm` and `layerNorm`).
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
    learningRate: learningRate(0.001),
    momentum: share(0),
    nesterov: boolean({ default: false }),
    weightDecay: weightDecay(0),
    decayBiases,
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

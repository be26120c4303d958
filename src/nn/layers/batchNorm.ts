/** batchNorm: y = w (x - mean) / √(variance + ε) + b, over the rows of a batch */
import { entry, epsilon, number } from "../../options.ts";
import { type Layer, scaleParameters } from "./layer.ts";

/**
 * Batch normalisation: y = w (x - mean) / √(variance + ε) + b, value by value, with the mean and variance over
 * the rows of the batch, the variance without correction; w, of ones at first, and b, of zeros, are trained.
 * (Ioffe and Szegedy, 2015; as PyTorch defines it.)
 *
 * Each step moves the running figures towards those of its batch, running ← (1 - m) running + m batch with m
 * the `momentum`, the batch's variance now with n - 1. `predict` and `evaluate` use the running figures;
 * `gradients` uses those of its rows and leaves the running ones as they are.
 *
 * A batch of one row, which PyTorch refuses and which the last of an epoch may be, has a variance of 0: the
 * layer gives b for it, and the running variance stays. A model with this layer holds the values of whole
 * batches in memory, however large; others never more than 512 rows.
 *
 * Options: `epsilon` ε (1e-5), at least 1e-30; `momentum` (0.1), the share of the new batch, from 0 to 1. Parameters:
 * `weight` w, `bias` b, `runningMean` and `runningVar`, [inputs].
 *
 * @example
 * ```ts
 * const layers = [dense(64, { useBias: false }), batchNorm(), relu(), dense(1)];
 * ```
 */
export const batchNorm = entry(
  "batchNorm",
  {
    epsilon: epsilon(1e-5),
    momentum: number({ default: 0.1, minimum: 0, maximum: 1 }),
  },
  ({ epsilon, momentum }): Layer => ({
    outputs: (inputs) => inputs,
    parameters: (inputs) => [
      ...scaleParameters(inputs),
      { name: "runningMean", shape: [inputs], initializer: { type: "zeros" }, isMeasured: true },
      {
        name: "runningVar",
        shape: [inputs],
        initializer: { type: "ones" },
        isMeasured: true,
        minimum: 0,
      },
    ],
    program: () => [{ type: "batchNorm", epsilon, momentum }],
    operations: () => [{ kind: "standardize", epsilon, momentum }],
  }),
);

/** batchNorm: y = w (x - mean) / √(variance + ε) + b, with statistics over the rows of a batch */
import { entry, epsilon, number } from "../../options.ts";
import { affineParameters, type Layer, learningRateFactor } from "./layer.ts";

/**
 * Batch normalization: y = w (x - mean) / √(variance + ε) + b with the mean and the biased variance of each
 * column over the rows of the batch. w starts as ones, b as zeros; both are trained and have one value for
 * each input. (Ioffe and Szegedy, 2015; the definition is PyTorch's.)
 *
 * Each step moves the running mean and variance toward those of its batch: running ← (1 - m) running + m
 * batch, where m is the `momentum` and the batch's variance is unbiased, divided by n - 1. `predict` and
 * `evaluate` use the running statistics; `gradients` uses those of its rows and does not change the running
 * ones.
 *
 * A batch of one row, which PyTorch refuses but the last batch of an epoch may be, has a variance of 0: the
 * output is b, and the running variance does not change. A model with this layer holds the values of whole
 * batches in memory; other models never hold more than 512 rows.
 *
 * Options: `epsilon` ε (1e-5), at least 1e-12; `momentum` (0.1), the share of the new batch, from 0 to 1;
 * `learningRateFactor` (1, at least 0), which multiplies the optimizer's learning rate for w and b.
 * Parameters: `weight` w, `bias` b, `runningMean` and `runningVar`, each [inputs].
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
    learningRateFactor: learningRateFactor(),
  },
  ({ epsilon, momentum, learningRateFactor }): Layer => ({
    outputs: (inputs) => inputs,
    parameters: (inputs) => [
      ...affineParameters(inputs),
      { name: "runningMean", shape: [inputs], initializer: { type: "zeros" }, isMeasured: true },
      {
        name: "runningVar",
        shape: [inputs],
        initializer: { type: "ones" },
        isMeasured: true,
        minimum: 0,
      },
    ],
    program: () => [{ type: "batchNorm", epsilon, momentum, learningRateFactor }],
    operations: () => [{ kind: "standardize", epsilon, momentum, learningRateFactor }],
  }),
);

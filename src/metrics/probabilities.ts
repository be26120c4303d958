/** logLoss: the negative log-likelihood of the targets */
import { binaryCrossentropy } from "../nn/losses/binary.ts";
import { categoricalCrossentropy, sparseCategoricalCrossentropy } from "../nn/losses/categorical.ts";
import type { RowLoss } from "../nn/losses/loss.ts";
import { entry } from "../options.ts";
import { classesOf, type MetricEntry, meanOf, notApplicable } from "./metric.ts";

const CROSS_ENTROPIES = {
  columns: binaryCrossentropy,
  labels: sparseCategoricalCrossentropy,
  shares: categoricalCrossentropy,
} as const;

/**
 * The mean over the rows of -log(p), where p is the predicted probability of the target: the cross-entropy
 * without label smoothing. Probabilities are clipped to 2^-23 from 0 and 1, as in scikit-learn for 32-bit
 * floats. Logits are not clipped. If several outputs are yes or no each, the mean is over rows and outputs.
 *
 * @example
 * ```ts
 * metrics.measure("logLoss", [1, 0], [0.5, 0.5]); // log(2)
 * ```
 */
export const logLoss = entry(
  "logLoss",
  {},
  (): MetricEntry => (problem) => {
    const { predictions: kind, outputs } = problem;
    if (kind === "scores") throw notApplicable("logLoss", "probabilities or logits", problem);
    const { form, check } = classesOf(problem);
    const loss: RowLoss = CROSS_ENTROPIES[form].create({ fromLogits: kind === "logits", labelSmoothing: 0 });
    return {
      smallerIsBetter: true,
      ...(check && { check }),
      value: (predictions, targets, rows, weights) =>
        meanOf(rows, weights, (row) => loss.value(predictions, targets, row, outputs)),
    };
  },
);

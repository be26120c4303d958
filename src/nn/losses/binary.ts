/** binaryCrossentropy: the mean over the outputs of -t log(p) - (1 - t) log(1 - p) */
import { entry, unlessAfter } from "../../options.ts";
import { elementwise, type Loss } from "./loss.ts";
import { checkProbability, clip, SMALLEST, sharedOptions, smooth } from "./probabilities.ts";

/** With logits z: max(z, 0) - z t + log(1 + exp(-|z|)); its derivative is sigmoid(z) - t. */
const binaryFromLogits = (labelSmoothing: number) =>
  elementwise(
    (logit, target) =>
      Math.max(logit, 0) - logit * smooth(target, labelSmoothing, 2) + Math.log1p(Math.exp(-Math.abs(logit))),
    (logit, target) => 1 / (1 + Math.exp(-logit)) - smooth(target, labelSmoothing, 2),
  );

/** With probabilities p: the derivative is (p - t) / (p (1 - p)), 0 where p is clipped. */
const binaryFromProbabilities = (labelSmoothing: number) =>
  elementwise(
    (prediction, target) => {
      const probability = clip(prediction, SMALLEST, 1 - SMALLEST);
      const share = smooth(target, labelSmoothing, 2);
      return -share * Math.log(probability) - (1 - share) * Math.log(1 - probability);
    },
    (prediction, target) =>
      prediction < SMALLEST || prediction > 1 - SMALLEST
        ? 0
        : (prediction - smooth(target, labelSmoothing, 2)) / (prediction * (1 - prediction)),
  );

/**
 * Binary cross-entropy, for outputs that each mean yes or no: the mean over the outputs of
 * -t log(p) - (1 - t) log(1 - p), with predicted probabilities p and targets t from 0 to 1. The definition is
 * PyTorch's.
 *
 * Options: `fromLogits`, whether the predictions are logits z with p = sigmoid(z): true by default, but false
 * if the last layer is `sigmoid`. The loss is then computed together with that layer, as stably as from
 * logits. If it is false and the last layer is another one, the predictions are probabilities, which are
 * clipped to [2^-23, 1 - 2^-23]. `labelSmoothing` ε (0), from 0 to 1: replaces t by (1 - ε) t + ε / 2.
 *
 * @example
 * ```ts
 * const { binaryCrossentropy } = losses;
 * const layers = [dense(16), relu(), dense(1), sigmoid()];
 * new Model({ inputs: 2, layers, loss: binaryCrossentropy({ labelSmoothing: 0.1 }), optimizer: adam() });
 * ```
 */
export const binaryCrossentropy = entry(
  "binaryCrossentropy",
  { fromLogits: unlessAfter("sigmoid"), ...sharedOptions },
  ({ fromLogits, labelSmoothing }): Loss => ({
    ...(fromLogits ? binaryFromLogits : binaryFromProbabilities)(labelSmoothing),
    meaning: { targets: "probabilities", predictions: fromLogits ? "logits" : "estimates" },
    absorbs: fromLogits ? undefined : { layer: "sigmoid", loss: binaryFromLogits(labelSmoothing) },
    check(target, row, outputs) {
      for (let at = 0; at < outputs; at++) checkProbability(target[row * outputs + at], row, at);
    },
  }),
);

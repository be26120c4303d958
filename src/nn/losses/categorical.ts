/** categoricalCrossentropy and sparseCategoricalCrossentropy: -sum_k t_k log(p_k) */
import { DataError } from "../../errors.ts";
import { entry, unlessAfter } from "../../options.ts";
import type { Loss, Meaning, RowLoss } from "./loss.ts";
import { checkProbability, clip, SMALLEST, sharedOptions, smooth } from "./probabilities.ts";

/** Returns the share of one class in a row's target. */
type Share = (target: Float32Array, row: number, index: number, classes: number) => number;

/**
 * With logits z and shares t: sum_k t_k (log(sum_j exp(z_j)) - z_k); its gradient is
 * softmax(z)_k sum_j t_j - t_k. The row's largest logit is subtracted before exp.
 */
function categoricalFromLogits(share: Share): RowLoss {
  const largest = (logits: Float32Array, row: number, classes: number) => {
    let most = Number.NEGATIVE_INFINITY;
    for (let at = row * classes; at < (row + 1) * classes; at++) most = Math.max(most, logits[at]);
    return most;
  };
  const sumOfExponentials = (logits: Float32Array, row: number, classes: number, most: number) => {
    let sum = 0;
    for (let at = row * classes; at < (row + 1) * classes; at++) sum += Math.exp(logits[at] - most);
    return sum;
  };
  return {
    value(logits, target, row, classes) {
      const most = largest(logits, row, classes);
      const logarithm = Math.log(sumOfExponentials(logits, row, classes, most));
      let loss = 0;
      for (let index = 0; index < classes; index++) {
        loss += share(target, row, index, classes) * (logarithm - (logits[row * classes + index] - most));
      }
      return loss;
    },
    gradient(logits, target, row, classes, scale, gradient) {
      const most = largest(logits, row, classes);
      let total = 0;
      for (let index = 0; index < classes; index++) total += share(target, row, index, classes);
      const factor = total / sumOfExponentials(logits, row, classes, most);
      for (let index = 0; index < classes; index++) {
        const at = row * classes + index;
        gradient[at] = (Math.exp(logits[at] - most) * factor - share(target, row, index, classes)) * scale;
      }
    },
  };
}

/** With probabilities p and shares t: -sum_k t_k log(p_k); its gradient is -t_k / p_k, 0 where clipped. */
function categoricalFromProbabilities(share: Share): RowLoss {
  return {
    value(prediction, target, row, classes) {
      let loss = 0;
      for (let index = 0; index < classes; index++) {
        const probability = clip(prediction[row * classes + index], SMALLEST, 1);
        loss -= share(target, row, index, classes) * Math.log(probability);
      }
      return loss;
    },
    gradient(prediction, target, row, classes, scale, gradient) {
      for (let index = 0; index < classes; index++) {
        const at = row * classes + index;
        const isClipped = prediction[at] < SMALLEST || prediction[at] > 1;
        gradient[at] = isClipped ? 0 : (-share(target, row, index, classes) / prediction[at]) * scale;
      }
    },
  };
}

/** Returns a cross-entropy over classes, from logits or from probabilities. */
function categorical(
  fromLogits: boolean,
  share: Share,
  { kind, ...targets }: Pick<Loss, "targets" | "check"> & { readonly kind: Meaning["targets"] },
): Loss {
  return {
    ...(fromLogits ? categoricalFromLogits : categoricalFromProbabilities)(share),
    ...targets,
    meaning: { targets: kind, predictions: fromLogits ? "logits" : "estimates" },
    absorbs: fromLogits ? undefined : { layer: "softmax", loss: categoricalFromLogits(share) },
  };
}

/** How far the sum of a row of shares may be from 1: much more than the rounding errors of 32-bit floats. */
const SUM_TOLERANCE = 1e-4;

function checkShares(target: Float32Array, row: number, classes: number): void {
  let sum = 0;
  for (let at = 0; at < classes; at++) {
    const value = target[row * classes + at];
    checkProbability(value, row, at);
    sum += value;
  }
  if (Math.abs(sum - 1) <= SUM_TOLERANCE) return;
  throw new DataError(`y: row ${row}: expected targets with the sum 1, received the sum ${sum}`);
}

function checkLabel(target: Float32Array, row: number, classes: number): void {
  const label = target[row];
  // Above 2^24 32-bit floats do not represent every whole number.
  const last = Math.min(classes, 2 ** 24) - 1;
  if (Number.isInteger(label) && label >= 0 && label <= last) return;
  const expected = `a class, a whole number from 0 to ${last}`;
  throw new DataError(`y: row ${row}: expected ${expected}, received ${label}`);
}

/**
 * Categorical cross-entropy, for rows that belong to one of several classes: -sum_k t_k log(p_k), not divided
 * by the number of classes, with predicted probabilities p. A row of targets t has a share for each class,
 * from 0 to 1, with the sum 1; it is called one-hot if one share is 1. The definition is PyTorch's.
 *
 * Options: `fromLogits`, whether the predictions are logits z with p = softmax(z): true by default, but false
 * if the last layer is `softmax`. The loss is then computed together with that layer, as stably as from
 * logits. If it is false and the last layer is another one, the predictions are probabilities, which are
 * clipped to [2^-23, 1] but not normalized. `labelSmoothing` ε (0), from 0 to 1: replaces t by
 * (1 - ε) t + ε / classes.
 *
 * @example
 * ```ts
 * const layers = [dense(64), relu(), dense(10), softmax()];
 * new Model({ inputs: 784, layers, loss: "categoricalCrossentropy", optimizer: adam() });
 * ```
 */
export const categoricalCrossentropy = entry(
  "categoricalCrossentropy",
  { fromLogits: unlessAfter("softmax"), ...sharedOptions },
  ({ fromLogits, labelSmoothing }) =>
    categorical(
      fromLogits,
      (target, row, index, classes) => smooth(target[row * classes + index], labelSmoothing, classes),
      { kind: "shares", targets: (outputs) => outputs, check: checkShares },
    ),
);

/**
 * `categoricalCrossentropy` with one target for each row: the index of the right class, from 0. The options
 * are the same.
 *
 * @example
 * ```ts
 * const layers = [dense(64), relu(), dense(10)];
 * new Model({ inputs: 784, layers, loss: "sparseCategoricalCrossentropy", optimizer: adam() });
 * ```
 */
export const sparseCategoricalCrossentropy = entry(
  "sparseCategoricalCrossentropy",
  { fromLogits: unlessAfter("softmax"), ...sharedOptions },
  ({ fromLogits, labelSmoothing }) =>
    categorical(
      fromLogits,
      (target, row, index, classes) => smooth(target[row] === index ? 1 : 0, labelSmoothing, classes),
      { kind: "labels", targets: () => 1, check: checkLabel },
    ),
);

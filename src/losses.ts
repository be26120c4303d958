/** The table of losses: (options) → targets, value and gradient of a row. Every export is an entry. */
import { DataError } from "./errors.ts";
import { entry, number, unlessAfter } from "./options.ts";

/** The loss of one row of `outputs` values: the row of that number in both arrays. */
export interface RowLoss {
  /** The row's loss, averaged over outputs where the loss is elementwise. */
  value(prediction: Float32Array, target: Float32Array, row: number, outputs: number): number;
  /** Writes the gradient of the row's loss with respect to the prediction, times `scale`, into `gradient`. */
  gradient(
    prediction: Float32Array,
    target: Float32Array,
    row: number,
    outputs: number,
    scale: number,
    gradient: Float32Array,
  ): void;
}

/** A loss with its options filled in. */
export interface Loss extends RowLoss {
  /** Values in a row of targets, for a network with so many outputs. */
  targets(outputs: number): number;
  /** Throws a {@link DataError} if this row of targets is none for the loss. */
  check?(target: Float32Array, row: number, outputs: number): void;
  /** The last layer that this loss is computed together with, and the loss of what goes into that layer. */
  readonly absorbs?: { readonly layer: string; readonly loss: RowLoss } | undefined;
}

/**
 * A loss that is a mean over the outputs of a function of prediction and target, and that function's
 * derivative.
 */
function elementwise(
  value: (prediction: number, target: number) => number,
  gradient: (prediction: number, target: number) => number,
): Loss {
  return {
    targets: (outputs) => outputs,
    value(prediction, target, row, outputs) {
      const start = row * outputs;
      let sum = 0;
      for (let at = start; at < start + outputs; at++) sum += value(prediction[at], target[at]);
      return sum / outputs;
    },
    gradient(prediction, target, row, outputs, scale, result) {
      const start = row * outputs;
      const share = scale / outputs;
      for (let at = start; at < start + outputs; at++)
        result[at] = gradient(prediction[at], target[at]) * share;
    },
  };
}

/**
 * The mean over the outputs of (p - t)², whose derivative is 2 (p - t).
 *
 * @example
 * ```ts
 * new Model({ inputs: 2, layers: [dense(1)], loss: "meanSquaredError", optimizer: sgd() });
 * ```
 */
export const meanSquaredError = entry("meanSquaredError", {}, () =>
  elementwise(
    (prediction, target) => (prediction - target) ** 2,
    (prediction, target) => 2 * (prediction - target),
  ),
);

/**
 * The smallest probability that a cross-entropy takes the logarithm of. Keras clips at 1e-7; this is the
 * power of two next to it, so that 32-bit floats hold it and 1 less it exactly.
 */
const SMALLEST = 2 ** -23;

const clip = (value: number, low: number, high: number) => Math.min(high, Math.max(low, value));

/** What `labelSmoothing` ε makes of a target t: (1 - ε) t + ε / classes. */
const smooth = (target: number, labelSmoothing: number, classes: number) =>
  (1 - labelSmoothing) * target + labelSmoothing / classes;

function checkProbability(target: number, row: number, column: number): void {
  if (target >= 0 && target <= 1) return;
  throw new DataError(`y: row ${row}, column ${column}: expected a target from 0 to 1, received ${target}`);
}

/** What crossentropies have in common. */
const crossentropyOptions = { labelSmoothing: number({ default: 0, minimum: 0, maximum: 1 }) };

/** With logits z: max(z, 0) - z t + log(1 + exp(-|z|)); its derivative is sigmoid(z) - t. */
const binaryFromLogits = (labelSmoothing: number) =>
  elementwise(
    (logit, target) =>
      Math.max(logit, 0) - logit * smooth(target, labelSmoothing, 2) + Math.log1p(Math.exp(-Math.abs(logit))),
    (logit, target) => 1 / (1 + Math.exp(-logit)) - smooth(target, labelSmoothing, 2),
  );

/** Its derivative is (p - t) / (p (1 - p)), and 0 where p is clipped. */
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
 * Binary cross-entropy, for outputs that each are yes or no: the mean over the outputs of
 * -t log(p) - (1 - t) log(1 - p), with targets t from 0 to 1. The definition is PyTorch's.
 *
 * Options: `fromLogits`, whether the predictions are logits z with p = sigmoid(z): true, but false after a
 * last layer `sigmoid`, which the loss is then computed together with, as stably as from logits. Where it is
 * false and the last layer is another one, the predictions are taken as probabilities, clipped to
 * [2^-23, 1 - 2^-23]. `labelSmoothing` ε (0), from 0 to 1: t becomes (1 - ε) t + ε / 2.
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
  { fromLogits: unlessAfter("sigmoid"), ...crossentropyOptions },
  ({ fromLogits, labelSmoothing }): Loss => ({
    ...(fromLogits ? binaryFromLogits : binaryFromProbabilities)(labelSmoothing),
    absorbs: fromLogits ? undefined : { layer: "sigmoid", loss: binaryFromLogits(labelSmoothing) },
    check(target, row, outputs) {
      for (let at = 0; at < outputs; at++) checkProbability(target[row * outputs + at], row, at);
    },
  }),
);

/** The share of one of the classes in a row's target. */
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

/** With probabilities p and shares t: -sum_k t_k log(p_k); its gradient is -t_k / p_k, and 0 where clipped. */
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

/** A cross-entropy over classes from logits, or from probabilities that softmax makes. */
function categorical(fromLogits: boolean, share: Share, targets: Pick<Loss, "targets" | "check">): Loss {
  return {
    ...(fromLogits ? categoricalFromLogits : categoricalFromProbabilities)(share),
    ...targets,
    absorbs: fromLogits ? undefined : { layer: "softmax", loss: categoricalFromLogits(share) },
  };
}

/** How far the sum of a row of shares may be from 1: far more than rounding to 32 bits makes. */
const SUM_TOLERANCE = 1e-4;

function checkShares(target: Float32Array, row: number, classes: number): void {
  let sum = 0;
  for (let at = 0; at < classes; at++) {
    const value = target[row * classes + at];
    checkProbability(value, row, at);
    sum += value;
  }
  if (Math.abs(sum - 1) <= SUM_TOLERANCE) return;
  throw new DataError(`y: row ${row}: expected targets whose sum is 1, received a sum of ${sum}`);
}

function checkLabel(target: Float32Array, row: number, classes: number): void {
  const label = target[row];
  if (Number.isInteger(label) && label >= 0 && label < classes) return;
  const expected = `a class, a whole number from 0 to ${classes - 1}`;
  throw new DataError(`y: row ${row}: expected ${expected}, received ${label}`);
}

/**
 * Categorical cross-entropy, for outputs of which one is right: -sum_k t_k log(p_k), not divided by the
 * number of classes. A row of targets t has a share for each class, from 0 to 1, whose sum is 1; "one-hot"
 * if one of them is 1. The definition is PyTorch's.
 *
 * Options: `fromLogits`, whether the predictions are logits z with p = softmax(z): true, but false after a
 * last layer `softmax`, which the loss is then computed together with, as stably as from logits. Where it is
 * false and the last layer is another one, the predictions are taken as probabilities as they are, at least
 * 2^-23 and at most 1. `labelSmoothing` ε (0), from 0 to 1: t becomes (1 - ε) t + ε / classes.
 *
 * @example
 * ```ts
 * const layers = [dense(64), relu(), dense(10), softmax()];
 * new Model({ inputs: 784, layers, loss: "categoricalCrossentropy", optimizer: adam() });
 * ```
 */
export const categoricalCrossentropy = entry(
  "categoricalCrossentropy",
  { fromLogits: unlessAfter("softmax"), ...crossentropyOptions },
  ({ fromLogits, labelSmoothing }) =>
    categorical(
      fromLogits,
      (target, row, index, classes) => smooth(target[row * classes + index], labelSmoothing, classes),
      { targets: (outputs) => outputs, check: checkShares },
    ),
);

/**
 * `categoricalCrossentropy` with one target a row: the index of the class that is right, from 0.
 *
 * Options as there.
 *
 * @example
 * ```ts
 * const layers = [dense(64), relu(), dense(10)];
 * new Model({ inputs: 784, layers, loss: "sparseCategoricalCrossentropy", optimizer: adam() });
 * ```
 */
export const sparseCategoricalCrossentropy = entry(
  "sparseCategoricalCrossentropy",
  { fromLogits: unlessAfter("softmax"), ...crossentropyOptions },
  ({ fromLogits, labelSmoothing }) =>
    categorical(
      fromLogits,
      (target, row, index, classes) => smooth(target[row] === index ? 1 : 0, labelSmoothing, classes),
      { targets: () => 1, check: checkLabel },
    ),
);

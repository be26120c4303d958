/** The table of losses: (options) → value and gradient of a row. Every export is an entry. */
import { entry } from "./options.ts";

/** A loss of one row of `outputs` values, which starts at `start` in both arrays. */
export interface Loss {
  /** The row's loss, averaged over outputs where the loss is elementwise. */
  value(prediction: Float32Array, target: Float32Array, start: number, outputs: number): number;
  /** Writes the gradient of the row's loss with respect to the prediction, times `scale`, into `gradient`. */
  gradient(
    prediction: Float32Array,
    target: Float32Array,
    start: number,
    outputs: number,
    scale: number,
    gradient: Float32Array,
  ): void;
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
    value(prediction, target, start, outputs) {
      let sum = 0;
      for (let at = start; at < start + outputs; at++) sum += value(prediction[at], target[at]);
      return sum / outputs;
    },
    gradient(prediction, target, start, outputs, scale, result) {
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

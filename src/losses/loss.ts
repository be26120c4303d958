/** What a loss is, to the network and to whoever checks data. */

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
export function elementwise(
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

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

/** What the numbers of a loss mean, to metrics: they are told this and never the loss's name. */
export interface Meaning {
  /**
   * A row of targets: plain values; yes or no for each output, from 0 to 1 or as -1 and 1; a share for each
   * class, their sum 1; or the index of a class.
   */
  readonly targets: "values" | "probabilities" | "signs" | "shares" | "labels";
  /**
   * A row of predictions, as `predict` gives it: estimates of the targets, be they values or probabilities;
   * rates, which are estimates above 0; logits of probabilities; or scores, of which only the sign is meant.
   */
  readonly predictions: "estimates" | "rates" | "logits" | "scores";
}

/** The loss whose targets are labels. */
export const LOSS_OF_LABELS = "sparseCategoricalCrossentropy";

/** What a row of targets is, in the words of an error; plain values need none. */
export const targetsInWords: Readonly<Record<Meaning["targets"], string | undefined>> = {
  values: undefined,
  probabilities: "a value from 0 to 1 for each output: 1 for yes, 0 for no",
  signs: "1 or -1 for each output",
  shares: `a share for each class, like [0, 1, 0]; for the index of a class use the loss ${LOSS_OF_LABELS}`,
  labels:
    "the index of the right class, from 0; for a share for each class use the loss categoricalCrossentropy",
};

/** A loss with its options filled in. */
export interface Loss extends RowLoss {
  readonly meaning: Meaning;
  /** Values in a row of targets, for a network with so many outputs. */
  targets(outputs: number): number;
  /** Throws a {@link DataError} if this row of targets is none for the loss. */
  check?(target: Float32Array, row: number, outputs: number): void;
  /** The last layer that this loss is computed together with, and the loss of what goes into that layer. */
  readonly absorbs?: { readonly layer: string; readonly loss: RowLoss } | undefined;
}

/**
 * A loss of plain values that is a mean over the outputs of a function of prediction and target, and that
 * function's derivative.
 */
export function elementwise(
  value: (prediction: number, target: number) => number,
  gradient: (prediction: number, target: number) => number,
): Loss {
  return {
    meaning: { targets: "values", predictions: "estimates" },
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

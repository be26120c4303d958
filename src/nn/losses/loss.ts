/** The interface of a loss, for the network and for the checks of data. */

/** The loss of one row; `row` is its index in both arrays, `outputs` the number of predictions in a row. */
export interface RowLoss {
  /** Returns the row's loss: the mean over the outputs if the loss is elementwise. */
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

/** What targets and predictions of a loss mean. Metrics receive this and never the name of the loss. */
export interface Meaning {
  /**
   * A row of targets: plain values; yes or no for each output, as a probability or as -1 and 1; a share for
   * each class, with the sum 1; or the index of a class.
   */
  readonly targets: "values" | "probabilities" | "signs" | "shares" | "labels";
  /**
   * A row of predictions, as `predict` returns it: estimates of the targets, which may be values or
   * probabilities; rates, which are estimates above 0; logits of probabilities; or scores, of which only the
   * sign counts.
   */
  readonly predictions: "estimates" | "rates" | "logits" | "scores";
}

/** The name of the loss whose targets are labels. */
export const LOSS_OF_LABELS = "sparseCategoricalCrossentropy";

/** What a row of targets is, in the words of an error message; undefined for plain values. */
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
  /** Returns the number of values in a row of targets, for a network with this number of outputs. */
  targets(outputs: number): number;
  /** Throws a {@link DataError} if the loss is not defined for this row of targets. */
  check?(target: Float32Array, row: number, outputs: number): void;
  /** The last layer that the loss is computed together with, and the loss as a function of its input. */
  readonly absorbs?: { readonly layer: string; readonly loss: RowLoss } | undefined;
}

/**
 * Returns a loss of plain values: the mean over the outputs of a function of prediction and target.
 * `gradient` is the derivative of that function with respect to the prediction.
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

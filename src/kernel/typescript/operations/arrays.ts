/** The arrays that operations read and write, and the range of a batch that they contain. */
import type { MatrixView } from "../products.ts";

/** An array with one value for each parameter: the parameters, their gradients or a slot. */
export type ParameterArray = Float32Array<ArrayBuffer>;

/** Views of one operation's weights and biases in an array of all parameters. */
export interface ParameterView {
  readonly weight: MatrixView;
  readonly bias: MatrixView | undefined;
}

/** What determines the random numbers of a step. */
export interface Moment {
  readonly seed: number;
  /** The number of the update over the model's life, from 1. */
  readonly step: number;
  /**
   * The number of rows in earlier batches of the same update, each batch rounded up to groups of
   * `NOISE_ROWS`.
   */
  readonly before: number;
}

/** A range of rows of a batch. */
export interface BatchRange {
  /** The index of the first row in the batch. */
  readonly from: number;
  /** The number of rows. */
  readonly rows: number;
  /** Defined in training, where layers add noise. */
  readonly moment: Moment | undefined;
  /** Whether batch statistics are those of these rows, as with every backward pass; else the running ones. */
  readonly isBatch: boolean;
}

/** Copies `length` values from `source`, beginning at `start`, to `target`, beginning at `at`. */
export function copy(
  source: Float32Array,
  start: number,
  target: Float32Array,
  at: number,
  length: number,
): void {
  for (let index = 0; index < length; index++) target[at + index] = source[start + index];
}

/** Computes result = left + right. */
export function sum(left: Float32Array, right: Float32Array, result: Float32Array, length: number): void {
  for (let at = 0; at < length; at++) result[at] = left[at] + right[at];
}

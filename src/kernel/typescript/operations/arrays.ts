/** The arrays that operations read and write, and which rows of a batch they hold. */
import type { MatrixView } from "../products.ts";

/** Arrays of the same length as the parameters: their values, gradients or slots. */
export type ParameterArray = Float32Array<ArrayBuffer>;

/** A operation's arrays within an array of all parameters, cut once. */
export interface ParameterView {
  readonly weight: MatrixView;
  readonly bias: MatrixView | undefined;
}

/** What the draws of a step follow from. */
export interface Moment {
  readonly seed: number;
  /** The number of the update in the model's life, from 1. */
  readonly step: number;
  /** The rows of batches before this one that the same update takes, rounded up to groups a batch. */
  readonly before: number;
}

/** Some rows of a batch. */
export interface BatchRange {
  /** The first one's place in the batch. */
  readonly from: number;
  /** How many. */
  readonly rows: number;
  /** Set in training, where there is noise. */
  readonly moment: Moment | undefined;
  /** Whether they go back, too: then figures over a batch are those of its rows. */
  readonly isBatch: boolean;
}

/** Copies so many values: what stands from `start` on in `source` to where `at` says in `target`. */
export function copy(
  source: Float32Array,
  start: number,
  target: Float32Array,
  at: number,
  length: number,
): void {
  for (let index = 0; index < length; index++) target[at + index] = source[start + index];
}

/** result = left + right */
export function sum(left: Float32Array, right: Float32Array, result: Float32Array, length: number): void {
  for (let at = 0; at < length; at++) result[at] = left[at] + right[at];
}

/** The encoded rows of a fold, which all networks of the fold share. */
import type { RowSplit } from "../../data/folds.ts";
import { momentsOf } from "../../data/moments.ts";
import type { TypedColumn } from "../columns.ts";
import type { Pieces } from "../pieces.ts";
import { Preparation } from "../preparation.ts";
import type { Target } from "../target.ts";
import { repeatByClass } from "./classWeights.ts";
import type { Part, Scaling } from "./learned.ts";

/** Encoded rows to learn from and to validate with. */
export interface EncodedRows {
  /** [rows][inputs] */
  readonly x: Float32Array<ArrayBuffer>;
  /** [rows]: the scaled number, or the number of the class. */
  readonly y: Float32Array<ArrayBuffer>;
}

/** The encoded rows of a fold. */
export interface Encoded extends Part {
  readonly split: RowSplit;
  readonly training: EncodedRows;
  readonly heldOut: EncodedRows;
  /**
   * What the loss after each epoch is measured on: the held-out rows, repeated by the weights of their
   * classes.
   */
  readonly validation: EncodedRows;
  /** The weights of the training rows. */
  readonly weights: Float32Array<ArrayBuffer> | undefined;
}

/** Fits the preparation on a fold's training rows, and encodes all of its rows. */
export function* encodeFold(
  split: RowSplit,
  columns: ReadonlyMap<string, TypedColumn>,
  { description, values }: Target,
  weights: Float64Array | undefined,
): Pieces<Encoded> {
  const preparation = yield* Preparation.fitPieces(columns.values(), split.training);
  const isClassification = description.task === "classification";
  const { center, scale } = isClassification
    ? { center: 0, scale: 1 }
    : scalingOf(Float64Array.from(split.training, (row) => values[row]));
  function* encode(rows: Uint32Array): Pieces<EncodedRows> {
    const y = new Float32Array(rows.length);
    for (let at = 0; at < rows.length; at++) y[at] = scaledTarget(values[rows[at]], center, scale);
    return { x: yield* preparation.encodePieces(columns, rows), y };
  }
  const { classWeights } = description;
  const heldOut = yield* encode(split.heldOut);
  return {
    split,
    preparation,
    center,
    scale,
    training: yield* encode(split.training),
    heldOut,
    validation: classWeights === undefined ? heldOut : repeatByClass(heldOut, classWeights),
    weights: weights && Float32Array.from(split.training, (row) => weights[row]),
  };
}

/** Standard deviations from the mean beyond which a target counts as this far: its square is finite in 32 bits. */
const FARTHEST_TARGET = 1e15;

/** Returns a target as networks learn it. A fold may hold out a number that is far beyond all others. */
export const scaledTarget = (value: number, center: number, scale: number): number =>
  Math.min(FARTHEST_TARGET, Math.max(-FARTHEST_TARGET, (value - center) / scale));

/** The mean and the standard deviation of numbers; 1 where they do not vary. */
export function scalingOf(values: ArrayLike<number>): Scaling {
  const { mean, stddev } = momentsOf(values);
  return { center: mean, scale: stddev > 0 ? stddev : 1 };
}

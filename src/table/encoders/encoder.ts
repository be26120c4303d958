/** What an encoder is: it learns from the values of a column how to write them as inputs of a network. */

import type { Check } from "../fields.ts";

/** What an encoder learns from: a column's values on the training rows. */
export interface EncoderInput {
  /** As {@link TypedColumn} has them: NaN is missing; categories by number, -1 for an unknown one. */
  readonly values: Float64Array;
  /** The values that are not missing in ascending order, where they are known. */
  readonly sorted?: Float64Array;
  /** Texts, for an encoder of texts. */
  readonly texts?: readonly string[] | undefined;
  /** The names of the categories. */
  readonly categories?: readonly string[] | undefined;
}

/** What an encoder has learned: plain JSON, flat. */
export interface EncoderState {
  readonly type: string;
  readonly [name: string]: unknown;
}

/** Writes values as inputs. */
export interface Writer {
  /** Inputs for each value. */
  readonly width: number;
  /** Set where the input is the number of a category, for an embedding layer. */
  readonly lookup?: { readonly categories: number; readonly units: number };
  /** Writes a value into `out`, from `at` on. Places that it does not write must be 0. */
  write(value: number, out: Float32Array, at: number, text?: string): void;
  /**
   * Writes the first `rows` values, each `stride` after the one before: the same bits as `write`, with a loop
   * of its own, which is several times faster. Absent where it would not be.
   */
  readonly writeRows?: (
    values: Float64Array,
    rows: number,
    out: Float32Array,
    at: number,
    stride: number,
  ) => void;
  /**
   * The value that inputs mean, the way back from `write`: the number, or the number of the category; NaN for
   * none. Absent where there is no way back.
   */
  readonly inverse?: (inputs: ArrayLike<number>, at: number) => number;
  /** What each input is, to follow the column's name: "", "missing", "= red", "0.5 to 1.5". */
  names(categories: readonly string[]): readonly string[];
}

/** An encoder with its options. */
export interface Encoder {
  /** The type of the columns that it encodes; an encoder of numbers takes dates, too. */
  readonly takes: "number" | "category" | "text";
  /** Checks of what it has learned, for a state that comes from a file; the type aside. */
  readonly fields: Readonly<Record<string, Check<unknown>>>;
  /**
   * What it learns from the training rows; undefined if there is nothing to encode, as of a constant column.
   */
  fit(input: EncoderInput): EncoderState | undefined;
  /** Makes the writer of what was learned. */
  open(state: EncoderState): Writer;
}

/** Values that are not missing, in ascending order. */
export const sortedValues = ({ values, sorted }: EncoderInput): Float64Array =>
  sorted ?? values.filter((value) => !Number.isNaN(value)).sort();

/** The quantile of values in ascending order, by linear interpolation, as NumPy's default. */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  const place = (sorted.length - 1) * share;
  const [low, high] = [Math.floor(place), Math.ceil(place)];
  return sorted[low] + (sorted[high] - sorted[low]) * (place - low);
}

/** The distinct values of values in ascending order. */
export function distinctValues(sorted: Float64Array): Float64Array {
  return sorted.filter((value, at) => at === 0 || value !== sorted[at - 1]);
}

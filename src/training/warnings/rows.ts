/** Samples of rows: of the checked dataset, or of the caller's data in its own precision. */
import type { Dataset, Examples, Matrix } from "../../data/examples.ts";

/** The maximum number of rows for a step: enough to show what a unit does on most rows, at little cost. */
const MOST_ROWS = 512;

/** The maximum multiplications of a forward pass. All passes then take less than about a second. */
const MOST_PRODUCTS = 2 ** 25;

/** Returns the numbers of up to `most` rows, evenly spaced from the first on. */
export function evenlySpaced(rows: number, most: number): number[] {
  const length = Math.min(rows, most);
  const numbers: number[] = [];
  for (let at = 0; at < length; at++) numbers.push(Math.floor((at * rows) / length));
  return numbers;
}

/** Returns a copy of some of the rows, in order. */
export function copyRows(data: Dataset, rows: readonly number[]): Dataset {
  const cut = (values: Float32Array, width: number) => {
    const result = new Float32Array(rows.length * width);
    for (const [at, row] of rows.entries()) {
      result.set(values.subarray(row * width, (row + 1) * width), at * width);
    }
    return result;
  };
  const { inputs, outputs } = data;
  return { ...data, x: cut(data.x, inputs), y: cut(data.y, outputs), rows: rows.length };
}

/** Returns a copy of the rows for a step, limited by the multiplications of a forward pass. */
export function sampleRows(
  data: Dataset,
  { parameters }: { readonly parameters: number },
  products = MOST_PRODUCTS,
): Dataset {
  const affordable = Math.max(1, Math.floor(products / parameters));
  return copyRows(data, evenlySpaced(data.rows, Math.min(MOST_ROWS, affordable)));
}

/** A sample of the caller's rows, in their own precision. */
export interface Sample {
  /** [rows][columns] */
  readonly values: Float64Array;
  readonly columns: number;
  /** The number of sampled rows, and of all rows. */
  readonly count: number;
  readonly total: number;
}

/** The number of rows of a sample: enough to measure rounding, at a small part of the cost of an epoch. */
const SAMPLED_ROWS = 128;

/** Samples a matrix whose form has been checked. */
function sampleOf(matrix: Matrix, columns: number, rows: number): Sample {
  const numbers = evenlySpaced(rows, SAMPLED_ROWS);
  const values = new Float64Array(numbers.length * columns);
  const isFlat = typeof matrix[0] === "number";
  let at = 0;
  for (const row of numbers) {
    const list = (isFlat ? matrix : matrix[row]) as ArrayLike<number>;
    const start = isFlat ? row * columns : 0;
    for (let column = 0; column < columns; column++) values[at++] = list[start + column];
  }
  return { values, columns, count: numbers.length, total: rows };
}

/** Samples checked examples in the caller's precision. */
export function samplesOf(
  { x, y }: Examples,
  { inputs, outputs, rows }: Dataset,
): { readonly x: Sample; readonly y: Sample } {
  return { x: sampleOf(x, inputs, rows), y: sampleOf(y, outputs, rows) };
}

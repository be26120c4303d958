/** Some of the rows of a dataset: of the checked copy, or of what the caller passed, in its own precision. */
import type { Dataset, Examples, Matrix } from "../../data/examples.ts";

/** Rows that go through the network: enough to show what a unit does on most rows, at little cost. */
const MOST_ROWS = 512;

/** Multiplications of a forward pass; a large network gets fewer rows. All passes then take less than about a second. */
const MOST_PRODUCTS = 2 ** 25;

/** Up to `most` of the rows, evenly spaced, from the first on. */
export function spread(rows: number, most: number): number[] {
  const length = Math.min(rows, most);
  const numbers: number[] = [];
  for (let at = 0; at < length; at++) numbers.push(Math.floor((at * rows) / length));
  return numbers;
}

/** A copy of some of the rows, in order. */
export function taken(data: Dataset, rows: readonly number[]): Dataset {
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

/** A copy of the rows that go through the network, by the multiplications that a forward pass may take. */
export function sampled(
  data: Dataset,
  { parameters }: { readonly parameters: number },
  products = MOST_PRODUCTS,
): Dataset {
  const affordable = Math.max(1, Math.floor(products / parameters));
  return taken(data, spread(data.rows, Math.min(MOST_ROWS, affordable)));
}

/** Rows in the precision in which the caller gave them. */
export interface Sample {
  /** [rows][columns] */
  readonly values: Float64Array;
  readonly columns: number;
  /** The rows of the sample, and those that it is taken of. */
  readonly count: number;
  readonly total: number;
}

/** Rows of a sample: enough to show what rounding does to a column, at a small part of the cost of an epoch. */
const SAMPLED_ROWS = 128;

/** Reads some of the rows of a matrix whose form has been checked. */
function sampleOf(matrix: Matrix, columns: number, rows: number): Sample {
  const numbers = spread(rows, SAMPLED_ROWS);
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

/** Some of the rows of examples that have been checked, as the caller gave them. */
export function samplesOf(
  { x, y }: Examples,
  { inputs, outputs, rows }: Dataset,
): { readonly x: Sample; readonly y: Sample } {
  return { x: sampleOf(x, inputs, rows), y: sampleOf(y, outputs, rows) };
}

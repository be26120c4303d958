/** Reads targets and predictions in any form of a matrix, and infers the length of their rows. */
import { type Matrix, type NumberArray, readMatrix } from "../data/examples.ts";
import { DataError, ShapeError } from "../errors.ts";

/** Checked targets and predictions of the same number of rows. */
export interface Pair {
  readonly rows: number;
  readonly targets: Float32Array;
  readonly predictions: Float32Array;
  /** The number of values in a row of targets. */
  readonly targetColumns: number;
  /** The number of values in a row of predictions. */
  readonly outputs: number;
}

/**
 * Returns the number of values in a row; undefined for a typed array, which does not have that information.
 */
function columnsOf(matrix: unknown): number | undefined {
  if (!Array.isArray(matrix)) return undefined;
  const [first] = matrix;
  return typeof first === "object" && first !== null ? (first as ArrayLike<unknown>).length : 1;
}

const lengthOf = (matrix: unknown) => (matrix as { length?: number } | null)?.length ?? 0;

function read(name: string, matrix: Matrix, columns: number) {
  return readMatrix(matrix, { name, columns, unit: "values", listIsColumn: true });
}

/**
 * Reads targets and predictions. A row of a typed array has its length / the number of rows of the other
 * matrix, or one value if both are typed arrays. `outputs` overrides this for predictions.
 */
export function readPair(targets: Matrix, predictions: Matrix, outputs?: number): Pair {
  const rowsOf = (matrix: Matrix) => (columnsOf(matrix) === undefined ? undefined : lengthOf(matrix));
  const whole = (length: number, rows: number | undefined) =>
    rows && length % rows === 0 && length > 0 ? length / rows : 1;
  const width = outputs ?? columnsOf(predictions) ?? whole(lengthOf(predictions), rowsOf(targets));
  const checked = read("predictions", predictions, width);
  const targetColumns = columnsOf(targets) ?? whole(lengthOf(targets), checked.rows);
  const { values, rows } = read("targets", targets, targetColumns);
  if (rows !== checked.rows) {
    throw new ShapeError(
      `targets have ${rows} rows and predictions ${checked.rows}: expected the same number`,
    );
  }
  return { rows, targets: values, predictions: checked.values, targetColumns, outputs: width };
}

/** Checks weights of rows: one for each row, at least 0, and not all 0. */
export function readWeights(
  weights: readonly number[] | NumberArray | undefined,
  rows: number,
): Float32Array | undefined {
  if (weights === undefined) return undefined;
  const { values, rows: given } = readMatrix(weights, {
    name: "sampleWeight",
    columns: 1,
    unit: "weights",
    listIsColumn: true,
  });
  if (given !== rows) throw new ShapeError(`sampleWeight: expected ${rows} weights, received ${given}`);
  const row = values.findIndex((weight) => weight < 0);
  if (row >= 0) throw new DataError(`sampleWeight: row ${row}: expected at least 0, received ${values[row]}`);
  if (values.every((weight) => weight === 0)) throw new DataError("sampleWeight: all weights are 0");
  return values;
}

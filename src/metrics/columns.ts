/** Reads targets and predictions in any form of a matrix, whose rows are as long as they turn out to be. */
import { type Matrix, type NumberArray, readMatrix } from "../data/examples.ts";
import { DataError, ShapeError } from "../errors.ts";

/** Checked targets and predictions of the same number of rows. */
export interface Pair {
  readonly rows: number;
  readonly targets: Float32Array;
  readonly predictions: Float32Array;
  /** Values in a row of targets. */
  readonly targetColumns: number;
  /** Values in a row of predictions. */
  readonly outputs: number;
}

/** Values in a row; a typed array does not say. */
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
 * Reads a pair. A typed array has as many values in a row as its length and the other's number of rows make,
 * or one, where both are typed arrays; `outputs` says otherwise for predictions.
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
      `targets have ${rows} rows and predictions ${checked.rows}: expected as many of both`,
    );
  }
  return { rows, targets: values, predictions: checked.values, targetColumns, outputs: width };
}

/** Weights for rows, one each: at least 0, not all of them 0. */
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

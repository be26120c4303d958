/** What the values of each column are like, from one walk over all of them, and which columns are not scaled. */

/** The values of one column. */
export interface Column {
  readonly column: number;
  readonly least: number;
  readonly most: number;
  /** The largest absolute value, and the first row that has it. */
  readonly largest: number;
  readonly row: number;
  /** The root of the mean square: how far values are from 0. */
  readonly size: number;
  /** The same without the largest value. */
  readonly others: number;
  /** Whether a single value stands out so far that scaling would not help. */
  readonly hasOutlier: boolean;
}

/**
 * Columns whose values are this far from 0, by the root of their mean square, are not scaled. The initial weights
 * and the usual learning rates are meant for values of a size of about 1. Ten times as large makes a gradient ten
 * times as large and the curvature of the loss a hundred times, so that one learning rate fits no two columns.
 */
export const LARGE = 10;

/** The share of a single value in the sum of squares from which on it is an outlier. */
const OUTLYING = 0.9;

/** Where there are fewer rows, one of them is the most of any sum. */
const ROWS_OF_OUTLIERS = 20;

/** The columns of [rows][columns]. */
export function readColumns(values: Float32Array | Float64Array, rows: number, columns: number): Column[] {
  /** `squares` sums those of all values but the largest, which would drown them. */
  const [least, most, largest, squares] = Array.from({ length: 4 }, () => new Float64Array(columns));
  const place = new Uint32Array(columns);
  least.set(values.subarray(0, columns));
  most.set(least);
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, at++) {
      const value = values[at];
      if (value < least[column]) least[column] = value;
      if (value > most[column]) most[column] = value;
      const size = Math.abs(value);
      if (size > largest[column]) {
        squares[column] += largest[column] ** 2;
        largest[column] = size;
        place[column] = row;
      } else squares[column] += size * size;
    }
  }
  return Array.from(place, (row, column): Column => {
    const square = largest[column] ** 2;
    const all = squares[column] + square;
    const size = Math.sqrt(all / rows);
    return {
      column,
      least: least[column],
      most: most[column],
      largest: largest[column],
      row,
      size,
      others: Math.sqrt(squares[column] / Math.max(1, rows - 1)),
      hasOutlier: rows >= ROWS_OF_OUTLIERS && size > LARGE && square > OUTLYING * all,
    };
  });
}

/** Whether all values are the same. */
export const isConstant = ({ least, most }: Column) => least === most;

/** Whether values are too large, and not because of a single one. */
export const isLarge = ({ hasOutlier, size }: Column) => !hasOutlier && size > LARGE;

/** Three digits: "0.0123", "1230", "1.23e+9". */
export function brief(value: number): string {
  const digits = value.toPrecision(3);
  return Math.abs(value) < 1e6 ? String(Number(digits)) : digits.replace(/\.?0+e/, "e");
}

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
  /** How many rows were looked at, where it was not all of them. */
  readonly sampled?: number;
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

/** Values of a block, which a cache holds while its columns are read one by one. */
const BLOCK = 8192;

/**
 * Reads the columns of [rows][columns] in one pass. `rowNumbers` are the caller's numbers of the rows, unless they
 * are 0, 1, 2, …  Of more values than `mostValues`, evenly spaced rows are read.
 */
export function readColumns(
  values: Float32Array,
  rows: number,
  columns: number,
  rowNumbers?: Uint32Array,
  mostValues = Number.POSITIVE_INFINITY,
): Column[] {
  const step = Math.max(1, Math.ceil((rows * columns) / mostValues));
  const read = Math.ceil(rows / step);
  /** `squares` sums those of all values but the largest, which would drown them. */
  const [least, most, largest, squares] = Array.from({ length: 4 }, () => new Float64Array(columns));
  const place = new Uint32Array(columns);
  least.fill(Number.POSITIVE_INFINITY);
  most.fill(Number.NEGATIVE_INFINITY);
  const block = step * Math.ceil(BLOCK / columns);
  const stride = step * columns;
  for (let start = 0; start < rows; start += block) {
    const end = Math.min(rows, start + block);
    for (let column = 0; column < columns; column++) {
      let low = least[column];
      let high = most[column];
      let large = largest[column];
      let sum = squares[column];
      for (let row = start, at = start * columns + column; row < end; row += step, at += stride) {
        const value = values[at];
        if (value < low) low = value;
        if (value > high) high = value;
        const square = value * value;
        if (square > large) {
          sum += large;
          large = square;
          place[column] = row;
        } else sum += square;
      }
      least[column] = low;
      most[column] = high;
      largest[column] = large;
      squares[column] = sum;
    }
  }
  return Array.from(place, (row, column): Column => {
    const square = largest[column];
    const all = squares[column] + square;
    const size = Math.sqrt(all / read);
    return {
      column,
      least: least[column],
      most: most[column],
      largest: Math.sqrt(square),
      row: rowNumbers?.[row] ?? row,
      size,
      others: Math.sqrt(squares[column] / Math.max(1, read - 1)),
      hasOutlier: read >= ROWS_OF_OUTLIERS && size > LARGE && square > OUTLYING * all,
      ...(step > 1 && { sampled: read }),
    };
  });
}

/** Whether all values are the same. */
export const isConstant = ({ least, most }: Column) => least === most;

/** Whether values are too large, and not because of a single one. */
export const isLarge = ({ hasOutlier, size }: Column) => !hasOutlier && size > LARGE;

/** Three digits, or as many as given: "0.0123", "1230", "1.23e+9". */
export function brief(value: number, digits = 3): string {
  const text = value.toPrecision(digits);
  return Math.abs(value) >= 1e6 && text.includes("e") ? text.replace(/\.?0+e/, "e") : String(Number(text));
}

/** Digits of a value of the data: 32-bit floats hold one more. */
const EXACT = 6;

/** A value of the data, with six digits, so that its reader finds it there. */
export const exact = (value: number) => brief(value, EXACT);

/** The share of a span that rounding may move its ends by. */
const ROUNDING = 1e-3;

/** "from 2005 to 2023": the least and the largest value, with as many digits as tell the two apart. */
export function rangeOf({ least, most, sampled }: Pick<Column, "least" | "most" | "sampled">): string {
  let digits = EXACT;
  const isFar = (value: number) => Math.abs(Number(brief(value, digits)) - value) > ROUNDING * (most - least);
  while (digits < 12 && (isFar(least) || isFar(most))) digits++;
  const rows = sampled === undefined ? "" : ` in ${sampled} rows looked at`;
  return `from ${brief(least, digits)} to ${brief(most, digits)}${rows}`;
}

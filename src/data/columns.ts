/** Statistics of columns, from one pass over their values, and which columns are not scaled. */

/** The statistics of one column. */
export interface Column {
  /** The index of the column. */
  readonly column: number;
  /** The smallest value. */
  readonly least: number;
  /** The largest value. */
  readonly most: number;
  /** The largest absolute value. */
  readonly largest: number;
  /** The first row with the largest absolute value. */
  readonly row: number;
  /** The root mean square of the values. */
  readonly size: number;
  /** The root mean square of all values except the largest. */
  readonly others: number;
  /** Whether a single value is so much larger than the others that scaling would not help. */
  readonly hasOutlier: boolean;
  /** The number of rows that were read, if not all of them were. */
  readonly sampled?: number;
}

/**
 * Columns with a root mean square above this count as not scaled. Initial weights and usual learning rates
 * are meant for values of a size of about 1. Values ten times as large make the gradient ten times as large
 * and the curvature of the loss a hundred times as large, so that one learning rate cannot fit several
 * columns.
 */
export const LARGE = 10;

/** The share of the sum of squares above which a single value is an outlier. */
const OUTLYING = 0.9;

/** With fewer rows there are no outliers: one value is then always a large share of the sum. */
const ROWS_OF_OUTLIERS = 20;

/** The number of values of a block, which stays in the cache while its columns are read one by one. */
const BLOCK = 8192;

/**
 * Returns the statistics of the columns of [rows][columns], in one pass. `rowNumbers` are the caller's
 * numbers of the rows if they are not 0, 1, 2, …. If there are more values than `mostValues`, only evenly
 * spaced rows are read.
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
  /** `squares` sums the squares of all values except the largest, whose rounding error might exceed them. */
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

/** Returns whether all values are the same. */
export const isConstant = ({ least, most }: Column) => least === most;

/** Returns whether values are too large, and not because of a single one. */
export const isLarge = ({ hasOutlier, size }: Column) => !hasOutlier && size > LARGE;

/** Returns a value with this number of digits: "0.0123", "1230", "1.23e+9". */
export function brief(value: number, digits = 3): string {
  const text = value.toPrecision(digits);
  return Math.abs(value) >= 1e6 && text.includes("e") ? text.replace(/\.?0+e/, "e") : String(Number(text));
}

/** The digits of a value of the data. 32-bit floats have seven, of which the last is not always exact. */
const EXACT = 6;

/** Returns a value of the data with six digits, so that readers can find it in their data. */
export const exact = (value: number) => brief(value, EXACT);

/** The share of a range by which rounding may move its ends. */
const ROUNDING = 1e-3;

/** Returns "from 2005 to 2023": the smallest and the largest value, with enough digits to tell them apart. */
export function rangeOf({ least, most, sampled }: Pick<Column, "least" | "most" | "sampled">): string {
  let digits = EXACT;
  const isFar = (value: number) => Math.abs(Number(brief(value, digits)) - value) > ROUNDING * (most - least);
  while (digits < 12 && (isFar(least) || isFar(most))) digits++;
  const rows = sampled === undefined ? "" : ` in ${sampled} rows looked at`;
  return `from ${brief(least, digits)} to ${brief(most, digits)}${rows}`;
}

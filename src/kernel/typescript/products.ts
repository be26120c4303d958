/**
 * The matrix products of a dense layer. Sums are computed in doubles and rounded once, when they are stored.
 *
 * All products call {@link multiply}, which reads matrices by rows or by columns. It computes the result in
 * tiles: a few adjacent sums that stay in registers while each value that they need is loaded once. A single
 * sum loads two values for each multiplication, and each of its additions waits for the one before. A tile of
 * two rows by four columns loads six values for eight multiplications, and its eight additions are
 * independent.
 */

/**
 * A matrix in an array: row r, column c is at r · rowStride + c · columnStride. A stride of zero repeats a
 * row or a column.
 */
export class MatrixView {
  readonly values: Float32Array;
  readonly rowStride: number;
  readonly columnStride: number;
  /** The same values with rows and columns exchanged. */
  readonly transposed: MatrixView;

  constructor(values: Float32Array, rowStride: number, columnStride: number, transposed?: MatrixView) {
    this.values = values;
    this.rowStride = rowStride;
    this.columnStride = columnStride;
    this.transposed = transposed ?? new MatrixView(values, columnStride, rowStride, this);
  }
}

/** Returns a view of an array as rows of `columns` values. */
export const rowsOf = (values: Float32Array, columns: number) => new MatrixView(values, columns, 1);

/** Returns a matrix of any number of rows, all equal to `row`. */
export const repeated = (row: Float32Array) => new MatrixView(row, 0, 1);

/** Returns a matrix of any size whose values are all equal to `value`. */
const constant = (value: number) => new MatrixView(Float32Array.of(value), 0, 0);

/** A matrix of zeros, of any size. */
export const ZEROS = constant(0);
const ONES = constant(1);

/** The sizes of a product y = W x + b. */
export interface Sizes {
  readonly inputs: number;
  readonly outputs: number;
}

/** Computes output = input · weightᵀ + bias. weight is [outputs][inputs]; bias is the same in every row. */
export function forward(
  { inputs, outputs }: Sizes,
  weight: MatrixView,
  bias: MatrixView,
  input: MatrixView,
  output: MatrixView,
  rows: number,
): void {
  multiply(input, weight, bias, output, rows, outputs, inputs);
}

/** Computes result = gradient · weight. */
export function inputGradient(
  { inputs, outputs }: Sizes,
  weight: MatrixView,
  gradient: MatrixView,
  result: MatrixView,
  rows: number,
): void {
  multiply(gradient, weight.transposed, ZEROS, result, rows, inputs, outputs);
}

/** Computes result = start + gradientᵀ · input. */
export function weightGradient(
  { inputs, outputs }: Sizes,
  gradient: MatrixView,
  input: MatrixView,
  start: MatrixView,
  result: MatrixView,
  rows: number,
): void {
  multiply(gradient.transposed, input.transposed, start, result, outputs, inputs, rows);
}

/** Computes result = start + the sum of the gradient's rows. */
export function biasGradient(
  { outputs }: Sizes,
  gradient: MatrixView,
  start: MatrixView,
  result: MatrixView,
  rows: number,
): void {
  multiply(ONES, gradient.transposed, start, result, 1, outputs, rows);
}

/**
 * Computes result[r][c] = start[r][c] + Σ left[r][k] · right[c][k] over k below `depth`, for r below `rows`
 * and c below `columns`. `start` may be `result`.
 */
function multiply(
  left: MatrixView,
  right: MatrixView,
  start: MatrixView,
  result: MatrixView,
  rows: number,
  columns: number,
  depth: number,
): void {
  // Tiles are wider than high. Along the longer side, a smaller share of the sums does not fill a tile.
  if (rows > columns) {
    multiply(right, left, start.transposed, result.transposed, columns, rows, depth);
    return;
  }
  const even = rows - (rows % 2);
  const whole = columns - (columns % 4);
  multiplyPairs(left, right, start, result, even, whole, depth);
  if (even < rows) multiplyRow(left, even, right, start, result, whole, depth);
  for (let column = whole; column < columns; column++) {
    multiplyRow(right, column, left, start.transposed, result.transposed, rows, depth);
  }
}

/**
 * Computes tiles of two rows, with sums `a` and `b`, by four columns. The loops over tiles are in this
 * function because a call for each tile would load the fields of its matrices again, which takes longer than
 * a small tile.
 */
function multiplyPairs(
  left: MatrixView,
  right: MatrixView,
  start: MatrixView,
  result: MatrixView,
  rows: number,
  columns: number,
  depth: number,
): void {
  const { values: x, rowStride: xRow, columnStride: xStep } = left;
  const { values: y, rowStride: yRow, columnStride: yStep } = right;
  const { values: from, rowStride: fromRow, columnStride: fromStep } = start;
  const { values: to, rowStride: toRow, columnStride: toStep } = result;
  for (let column = 0; column < columns; column += 4) {
    for (let row = 0; row < rows; row += 2) {
      let at = row * fromRow + column * fromStep;
      let a0 = from[at];
      let a1 = from[at + fromStep];
      let a2 = from[at + 2 * fromStep];
      let a3 = from[at + 3 * fromStep];
      at += fromRow;
      let b0 = from[at];
      let b1 = from[at + fromStep];
      let b2 = from[at + 2 * fromStep];
      let b3 = from[at + 3 * fromStep];
      let xAt = row * xRow;
      let yAt = column * yRow;
      for (let k = 0; k < depth; k++) {
        const xa = x[xAt];
        const xb = x[xAt + xRow];
        const y0 = y[yAt];
        a0 += xa * y0;
        b0 += xb * y0;
        const y1 = y[yAt + yRow];
        a1 += xa * y1;
        b1 += xb * y1;
        const y2 = y[yAt + 2 * yRow];
        a2 += xa * y2;
        b2 += xb * y2;
        const y3 = y[yAt + 3 * yRow];
        a3 += xa * y3;
        b3 += xb * y3;
        xAt += xStep;
        yAt += yStep;
      }
      at = row * toRow + column * toStep;
      to[at] = a0;
      to[at + toStep] = a1;
      to[at + 2 * toStep] = a2;
      to[at + 3 * toStep] = a3;
      at += toRow;
      to[at] = b0;
      to[at + toStep] = b1;
      to[at + 2 * toStep] = b2;
      to[at + 3 * toStep] = b3;
    }
  }
}

/**
 * Computes one row of the result, in tiles of four columns and then column by column. The second loop stays
 * separate: a last tile that repeats its last column gives the same bits without it, but training of 2-64-1
 * took 3 % longer with batches of 5 rows and 6 % longer with batches of 1. 784-128-10 took the same time.
 */
function multiplyRow(
  left: MatrixView,
  row: number,
  right: MatrixView,
  start: MatrixView,
  result: MatrixView,
  columns: number,
  depth: number,
): void {
  const { values: x, columnStride: xStep } = left;
  const { values: y, rowStride: yRow, columnStride: yStep } = right;
  const { values: from, columnStride: fromStep } = start;
  const { values: to, columnStride: toStep } = result;
  const xStart = row * left.rowStride;
  const whole = columns - (columns % 4);
  let fromAt = row * start.rowStride;
  let toAt = row * result.rowStride;
  for (let column = 0; column < whole; column += 4) {
    let a0 = from[fromAt];
    let a1 = from[fromAt + fromStep];
    let a2 = from[fromAt + 2 * fromStep];
    let a3 = from[fromAt + 3 * fromStep];
    let xAt = xStart;
    let yAt = column * yRow;
    for (let k = 0; k < depth; k++) {
      const xa = x[xAt];
      a0 += xa * y[yAt];
      a1 += xa * y[yAt + yRow];
      a2 += xa * y[yAt + 2 * yRow];
      a3 += xa * y[yAt + 3 * yRow];
      xAt += xStep;
      yAt += yStep;
    }
    to[toAt] = a0;
    to[toAt + toStep] = a1;
    to[toAt + 2 * toStep] = a2;
    to[toAt + 3 * toStep] = a3;
    fromAt += 4 * fromStep;
    toAt += 4 * toStep;
  }
  for (let column = whole; column < columns; column++) {
    let sum = from[fromAt];
    let xAt = xStart;
    let yAt = column * yRow;
    for (let k = 0; k < depth; k++) {
      sum += x[xAt] * y[yAt];
      xAt += xStep;
      yAt += yStep;
    }
    to[toAt] = sum;
    fromAt += fromStep;
    toAt += toStep;
  }
}

/** From what a caller passes as x and y to checked rows of 32-bit floats. */
import { DataError, notFinite, ShapeError, show } from "../errors.ts";

/** Where the library of the types has them, as that of ES2025. */
type Float16Array = typeof globalThis extends { readonly Float16Array: { readonly prototype: infer Values } }
  ? Values
  : never;

/** A typed array of numbers. */
export type NumberArray =
  | Float16Array
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array;

/** Values by row: one row, a list of rows, or all rows one after the other in a typed array. */
export type Matrix = readonly number[] | readonly (readonly number[] | NumberArray)[] | NumberArray;

/** What a model predicts of: rows of x, or a dataset. */
export type Inputs = Matrix | { readonly x: Matrix };

/** Values in the form of `X`: one row for one row, rows for rows, a flat array for a flat array or a dataset. */
export type InForm<X extends Inputs> = X extends readonly number[]
  ? number[]
  : X extends readonly unknown[]
    ? number[][]
    : Float32Array<ArrayBuffer>;

/** Examples: inputs and targets of the same number of rows. */
export interface Dataset<Buffer extends ArrayBufferLike = ArrayBufferLike> {
  /** [rows][inputs] */
  readonly x: Float32Array<Buffer>;
  /** [rows][outputs] */
  readonly y: Float32Array<Buffer>;
  readonly inputs: number;
  /** Values in a row of y. */
  readonly outputs: number;
  readonly rows: number;
}

/** Anything with x and y can stand for a dataset. */
export interface Examples {
  readonly x: Matrix;
  readonly y: Matrix;
}

/** How the rows were given, so that an answer can have the same form. */
export type Form = "row" | "rows" | "flat";

/** Checked rows. `values` may be the caller's own array: whoever keeps it copies it. */
export interface CheckedRows {
  readonly values: Float32Array;
  readonly rows: number;
  readonly form: Form;
}

/** What is expected of x or y, and what to call it in an error. */
export interface Expected {
  /** "x" or "y" */
  readonly name: string;
  /** Values in a row. */
  readonly columns: number;
  /** What the columns are: "inputs" or "outputs". */
  readonly unit: string;
  /** Whether a plain list of numbers is a column, one value a row, where one column is expected. */
  readonly listIsColumn: boolean;
  /** What a row means, in words, for errors. */
  readonly meaning?: string | undefined;
  /** The columns that hold numbers of categories. */
  readonly categories?: readonly Categories[];
}

/** A column that holds the numbers of categories, from 0 to below `count`. */
export interface Categories {
  readonly column: number;
  readonly count: number;
}

function isNumberArray(value: unknown): value is NumberArray {
  return (
    ArrayBuffer.isView(value) &&
    !(value instanceof DataView) &&
    !(value instanceof BigInt64Array) &&
    !(value instanceof BigUint64Array)
  );
}

/** Node 20 has no property that tells, but makes no view of a buffer that was transferred away. */
function isDetached(buffer: ArrayBufferLike): boolean {
  if (buffer.byteLength > 0) return false;
  try {
    return new Uint8Array(buffer).length > 0;
  } catch {
    return true;
  }
}

/** A view whose memory can go away or change under us is refused: copying would only hide the race. */
function checkMemory(array: NumberArray, place: string): void {
  const buffer = array.buffer as ArrayBufferLike & { resizable?: boolean };
  const isShared = typeof SharedArrayBuffer !== "undefined" && buffer instanceof SharedArrayBuffer;
  if (isDetached(buffer)) {
    throw new DataError(`${place}: the typed array is detached: its values were transferred away`);
  }
  if (isShared || buffer.resizable) {
    const kind = isShared ? "SharedArrayBuffer" : "resizable ArrayBuffer";
    throw new DataError(
      `${place}: the typed array is a view of a ${kind}, which may change; pass a copy, like array.slice()`,
    );
  }
}

/** "1 input", "2 inputs" */
function amount(columns: number, unit: string): string {
  return `${columns} ${columns === 1 ? unit.slice(0, -1) : unit}`;
}

/** What a row means, as the end of an error message. */
const hint = ({ name, meaning }: Expected) => (meaning ? `; a row of ${name} is ${meaning}` : "");

function wrongColumns(expected: Expected, row: number | undefined, received: number): ShapeError {
  const { name, columns, unit } = expected;
  const place = row === undefined ? name : `${name}: row ${row}`;
  const words = `expected ${amount(columns, unit)}, received ${received}`;
  return new ShapeError(`${place}: ${words}${hint(expected)}`);
}

/** Every value must be finite as a 32-bit float. */
function checkFinite(
  values: Float32Array,
  original: (at: number) => unknown,
  { name, columns }: Expected,
): void {
  // v · 0 is 0 for a finite number and NaN otherwise, so one sum tells; the place is looked for only when
  // it has to be. Four at a time: a sum of single values would wait for itself at each.
  const { length } = values;
  let sum = 0;
  let next = 0;
  for (; next + 3 < length; next += 4) {
    const first = values[next] * 0 + values[next + 1] * 0;
    const second = values[next + 2] * 0 + values[next + 3] * 0;
    sum += first + second;
  }
  for (; next < length; next++) sum += values[next] * 0;
  if (sum === 0) return;
  const at = values.findIndex((value) => !Number.isFinite(value));
  throw notFinite(`${name}: row ${Math.floor(at / columns)}, column ${at % columns}`, original(at));
}

function readFlat(array: NumberArray, expected: Expected): CheckedRows {
  const { name, columns, unit } = expected;
  checkMemory(array, name);
  const rows = array.length / columns;
  if (!Number.isInteger(rows)) {
    throw new ShapeError(
      `${name}: a typed array of ${array.length} values is no multiple of ${amount(columns, unit)}; expected [rows × ${columns}]`,
    );
  }
  const values = array instanceof Float32Array ? array : Float32Array.from(array);
  checkFinite(values, (at) => array[at], expected);
  return { values, rows, form: "flat" };
}

/** A list of numbers: one row, or a column where that is what is expected. */
function readList(list: readonly number[], expected: Expected): CheckedRows {
  const { columns, listIsColumn, name, unit } = expected;
  const isColumn = listIsColumn && columns === 1;
  if (!isColumn && list.length !== columns) {
    const form = columns === 1 ? "; for rows of one value pass [[…], […]] or a Float32Array" : "";
    const words = `expected ${amount(columns, unit)} in a row, received ${list.length}`;
    throw new ShapeError(`${name}: ${words}${form}${hint(expected)}`);
  }
  checkNumbers(list, expected, (at) => (isColumn ? `row ${at}, column 0` : `row 0, column ${at}`));
  // Not Float32Array.from, which walks an iterator: a row of two would take longer than its prediction.
  const values = new Float32Array(list.length);
  values.set(list);
  checkFinite(values, (at) => list[at], expected);
  return { values, rows: list.length / columns, form: isColumn ? "rows" : "row" };
}

/** A string that reads as a number, null and the like would be converted without a word. */
function checkNumbers(list: ArrayLike<unknown>, expected: Expected, place: (at: number) => string): void {
  for (let at = 0; at < list.length; at++) {
    if (typeof list[at] === "number") continue;
    throw notFinite(`${expected.name}: ${place(at)}`, list[at], hint(expected));
  }
}

function readRows(rows: readonly (ArrayLike<number> | unknown)[], expected: Expected): CheckedRows {
  const { name, columns } = expected;
  const values = new Float32Array(rows.length * columns);
  for (const [index, row] of rows.entries()) {
    if (!Array.isArray(row) && !isNumberArray(row)) {
      throw new DataError(`${name}: row ${index}: expected an array of numbers, received ${show(row)}`);
    }
    if (!Array.isArray(row)) checkMemory(row, `${name}: row ${index}`);
    if (row.length !== columns) throw wrongColumns(expected, index, row.length);
    if (Array.isArray(row)) checkNumbers(row, expected, (at) => `row ${index}, column ${at}`);
    values.set(row, index * columns);
  }
  const original = (at: number) => (rows[Math.floor(at / columns)] as ArrayLike<number>)[at % columns];
  checkFinite(values, original, expected);
  return { values, rows: rows.length, form: "rows" };
}

/** Checks x or y in any of its forms. */
export function readMatrix(matrix: unknown, expected: Expected): CheckedRows {
  const result = readForm(matrix, expected);
  for (const categories of expected.categories ?? []) checkCategories(result, categories, expected);
  return result;
}

/** Each value of the column must be the number of a category. */
function checkCategories(
  { values, rows }: CheckedRows,
  { column, count }: Categories,
  { name, columns }: Expected,
): void {
  for (let row = 0; row < rows; row++) {
    const value = values[row * columns + column];
    if (Number.isInteger(value) && value >= 0 && value < count) continue;
    throw new DataError(
      `${name}: row ${row}, column ${column}: expected a category, a whole number from 0 to ${count - 1}, received ${value}`,
    );
  }
}

function readForm(matrix: unknown, expected: Expected): CheckedRows {
  const { name } = expected;
  if (isNumberArray(matrix)) {
    const result = readFlat(matrix, expected);
    if (result.rows === 0)
      throw new DataError(`${name}: expected at least 1 row, received an empty typed array`);
    return result;
  }
  if (!Array.isArray(matrix)) {
    throw new DataError(
      `${name}: expected a list of numbers, a list of rows or a typed array, received ${show(matrix)}`,
    );
  }
  if (matrix.length === 0) throw new DataError(`${name}: expected at least 1 row, received none`);
  const isList = typeof matrix[0] !== "object" || matrix[0] === null;
  return isList ? readList(matrix, expected) : readRows(matrix, expected);
}

/** Whether a value is meant as a dataset. One that lacks x or y is a {@link DataError}. */
export function isExamples(value: unknown): value is Examples {
  if (typeof value !== "object" || value === null) return false;
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return false;
  const missing = ["x", "y"].filter((name) => !(name in value));
  if (missing.length > 0) throw new DataError(`data: expected x and y, missing: ${missing.join(", ")}`);
  return true;
}

/**
 * A dataset says how long its rows are, so a flat array of rows of another length is not read as more or
 * fewer.
 */
export function checkSizes(data: object, expected: Partial<Pick<Dataset, "inputs" | "outputs">>): void {
  for (const [unit, columns] of Object.entries(expected)) {
    const given = (data as Record<string, unknown>)[unit];
    if (given !== undefined && given !== columns) {
      throw new ShapeError(`data: expected ${amount(columns, unit)}, received ${show(given)}`);
    }
  }
}

/** What a network expects of a row of x. */
export interface ExpectedInputs {
  /** Values in a row. */
  readonly columns: number;
  /** The columns that hold numbers of categories. */
  readonly categories: readonly Categories[];
}

/** How to read x. */
export function expectedX({ columns, categories }: ExpectedInputs): Expected {
  return { name: "x", columns, unit: "inputs", listIsColumn: false, categories };
}

/** What a network and its loss expect of a row of targets. */
export interface ExpectedTargets {
  /** Values in a row. */
  readonly columns: number;
  /** "outputs", or "targets" where a row of them is not as long as one of outputs. */
  readonly unit: string;
  /** What a row means, in words, for errors. */
  readonly meaning?: string | undefined;
  /** Throws a {@link DataError} if the row of this number is no target. */
  check?(values: Float32Array, row: number): void;
}

/** Checks x and y, which must have the same number of rows. */
export function readExamples(
  examples: Examples,
  expected: ExpectedInputs,
  targets: ExpectedTargets,
): Dataset {
  const { columns: inputs } = expected;
  const { columns: outputs, unit, meaning } = targets;
  checkSizes(examples, { inputs, outputs });
  const { x, y } = examples;
  const checkedX = readMatrix(x, expectedX(expected));
  const checkedY = readMatrix(y, { name: "y", columns: outputs, unit, listIsColumn: true, meaning });
  if (checkedX.rows !== checkedY.rows) {
    throw new ShapeError(
      `x has ${checkedX.rows} rows and y has ${checkedY.rows}: expected as many targets as inputs`,
    );
  }
  for (let row = 0; row < checkedY.rows; row++) targets.check?.(checkedY.values, row);
  return { x: checkedX.values, y: checkedY.values, inputs, outputs, rows: checkedX.rows };
}

/** Reads what a caller passes as x and y into checked rows of 32-bit floats. */
import { DataError, OptionError, ShapeError, show, within } from "../errors.ts";
import { checkOwned, floats, isNumberArray, isPlainFloats, lengthOf } from "./arrays.ts";
import {
  amount,
  type Categories,
  checkFinite,
  copyList,
  copyRows,
  type Expected,
  hint,
  notANumber,
} from "./rows.ts";

export type { Categories };

/** `Float16Array` if the TypeScript library declares it, as that of ES2025 does. */
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

/** Rows of values: one row, a list of rows, or all rows in sequence in a typed array, [rows × columns]. */
export type Matrix = readonly number[] | readonly (readonly number[] | NumberArray)[] | NumberArray;

/** What a model predicts from: rows of x, or a dataset. */
export type Inputs = Matrix | { readonly x: Matrix };

/** Values in the form of `X`: a row for a row, rows for rows, a flat array for a flat array or a dataset. */
export type InForm<X extends Inputs> = X extends readonly number[]
  ? number[]
  : X extends readonly unknown[]
    ? number[][]
    : Float32Array<ArrayBuffer>;

/** Examples as flat arrays: inputs and targets with the same number of rows. */
export interface Dataset<Buffer extends ArrayBufferLike = ArrayBufferLike> {
  /** [rows][inputs] */
  readonly x: Float32Array<Buffer>;
  /** [rows][outputs] */
  readonly y: Float32Array<Buffer>;
  /** The number of values in a row of x. */
  readonly inputs: number;
  /** The number of values in a row of y. */
  readonly outputs: number;
  readonly rows: number;
}

/** Examples in any form: an object with x and y, such as a {@link Dataset}. */
export interface Examples {
  readonly x: Matrix;
  readonly y: Matrix;
}

/** How the rows were given, so that a result can have the same form. */
export type Form = "row" | "rows" | "flat";

/** Checked rows. `values` may be the caller's own array, so it must be copied if it is kept. */
export interface CheckedRows {
  readonly values: Float32Array;
  readonly rows: number;
  readonly form: Form;
}

/** Throws a {@link DataError} that names the first value of x that is not finite, if there is one. */
export function checkFiniteX(values: Float32Array, columns: number): void {
  checkFinite(values, (at) => values[at], expectedX({ columns, categories: [] }));
}

function readFlat(array: ArrayLike<number>, expected: Expected): CheckedRows {
  const { name, columns, unit } = expected;
  checkOwned(array, name);
  const length = lengthOf(array);
  const rows = length / columns;
  if (!Number.isInteger(rows)) {
    throw new ShapeError(
      `${name}: expected [rows × ${amount(columns, unit)}], received a typed array of ${length} values`,
    );
  }
  let values: Float32Array;
  if (isPlainFloats(array)) {
    values = array;
    if (expected.isCheckedLater) return { values, rows, form: "flat" };
  } else {
    values = floats(length, name);
    values.set(array);
  }
  checkFinite(values, (at) => array[at], expected);
  return { values, rows, form: "flat" };
}

/** Reads a list of numbers: one row, or a column if a column is expected. */
function readList(list: readonly unknown[], expected: Expected): CheckedRows {
  const { columns, listIsColumn, name, unit } = expected;
  const { length } = list;
  const isColumn = listIsColumn && columns === 1;
  const placeOf = (at: number) => (isColumn ? `row ${at}, column 0` : `row 0, column ${at}`);
  if (!isColumn && length !== columns) {
    if (typeof list[0] !== "number") throw notANumber(expected, placeOf(0), list[0]);
    const form = columns === 1 ? "; for rows of one value pass [[…], […]] or a Float32Array" : "";
    const words = `expected ${amount(columns, unit)} in a row, received ${length}`;
    throw new ShapeError(`${name}: ${words}${form}${hint(expected)}`);
  }
  const values = copyList(list, expected, placeOf);
  return { values, rows: length / columns, form: isColumn ? "rows" : "row" };
}

/** Reads and checks x or y in any of its forms. */
export function readMatrix(matrix: unknown, expected: Expected): CheckedRows {
  const result = readForm(matrix, expected);
  for (const categories of expected.categories ?? []) checkCategories(result, categories, expected);
  return result;
}

/** Checks that each value of a column is a category number. */
function checkCategories(
  { values, rows }: CheckedRows,
  { column, count }: Categories,
  { name, columns }: Expected,
): void {
  for (let row = 0; row < rows; row++) {
    const value = values[row * columns + column];
    if (Number.isInteger(value) && value >= 0 && value < count) continue;
    throw new DataError(
      `${name}: row ${row}, column ${column}: expected a category, a whole number from 0 to ${count - 1}, ` +
        `received ${value}`,
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
  if (!Array.isArray(matrix)) throw notAMatrix(name, matrix);
  if (matrix.length === 0) throw new DataError(`${name}: expected at least 1 row, received none`);
  const isList = typeof matrix[0] !== "object" || matrix[0] === null;
  if (isList) return readList(matrix, expected);
  return { values: copyRows(matrix, expected), rows: matrix.length, form: "rows" };
}

function notAMatrix(name: string, given: unknown, fix = ""): DataError {
  const expected = "expected a list of numbers, a list of rows or a typed array";
  return new DataError(`${name}: ${expected}, received ${show(given)}${fix}`);
}

const isMatrix = (value: unknown) => Array.isArray(value) || isNumberArray(value);

/** Returns whether a value is meant as a dataset. A dataset without x or y is a {@link DataError}. */
export function isExamples(value: unknown): value is Examples {
  if (typeof value !== "object" || value === null) return false;
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return false;
  const missing = ["x", "y"].filter((name) => !(name in value));
  if (missing.length > 0) throw new DataError(`data: expected x and y, missing: ${missing.join(", ")}`);
  return true;
}

/** Refuses a value without x and y, for a call that takes both in one argument. */
export function checkExamples(value: unknown, place: string): asserts value is Examples {
  if (within(place, () => isExamples(value))) return;
  const fix = "Fix: pass x and y in one object, { x, y }";
  throw new DataError(`${place}: data: expected x and y, received ${show(value)}. ${fix}`);
}

/**
 * Checks the row lengths that a dataset states, so that a flat array with rows of another length is not read
 * as more or fewer rows.
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
  /** The number of values in a row. */
  readonly columns: number;
  /** The columns that hold category numbers. */
  readonly categories: readonly Categories[];
}

/** Returns what is expected of x. */
export function expectedX({ columns, categories }: ExpectedInputs): Expected {
  return { name: "x", columns, unit: "inputs", listIsColumn: false, categories };
}

/** What a network and its loss expect of a row of targets. */
export interface ExpectedTargets {
  /** The number of values in a row. */
  readonly columns: number;
  /** What a row holds: "outputs", or "targets" if their number differs from that of the outputs. */
  readonly unit: string;
  /** What a row means, in words, for errors. */
  readonly meaning?: string | undefined;
  /** The loss that takes class indices, for errors; undefined if targets are not classes. */
  readonly lossOfLabels?: string | undefined;
  /** Throws a {@link DataError} if this row is not a valid target. */
  check?(values: Float32Array, row: number): void;
}

/** Returns whether all values are class indices. */
const areLabels = (values: ArrayLike<number>, classes: number) =>
  Array.prototype.every.call(values, (value) => Number.isInteger(value) && value >= 0 && value < classes);

/** Refuses one number for each row of x if a row of y has several. */
function checkWidth(y: unknown, rows: number, { columns, unit, lossOfLabels }: ExpectedTargets): void {
  const isList = Array.isArray(y) && typeof y[0] === "number";
  if (columns === 1 || !(isList || isNumberArray(y))) return;
  const length = isList ? y.length : lengthOf(y);
  if (length !== rows) return;
  const words = `expected ${amount(columns, unit)} for each of ${rows} rows, received ${length} values`;
  const isLabels = lossOfLabels !== undefined && areLabels(y as ArrayLike<number>, columns);
  const fix = isLabels
    ? `for the index of a class in each row use the loss ${lossOfLabels}`
    : `pass a row of ${unit} for each row of x, like [[…], […]]`;
  throw new ShapeError(`y: ${words}; ${fix}`);
}

/**
 * Reads and checks x and y, which must have the same number of rows. With `isCheckedLater`, the kernel checks
 * that x is finite where it copies the rows; {@link checkFiniteX} then names the value.
 */
export function readExamples(
  examples: Examples,
  expected: ExpectedInputs,
  targets: ExpectedTargets,
  isCheckedLater = false,
): Dataset {
  const { columns: inputs } = expected;
  const { columns: outputs, unit, meaning } = targets;
  checkSizes(examples, { inputs, outputs });
  const { x, y } = examples;
  if (isMatrix(x) && !isMatrix(y)) throw notAMatrix("y", y, "; pass both x and y, as (x, y) or { x, y }");
  const checkedX = readMatrix(x, { ...expectedX(expected), isCheckedLater });
  checkWidth(y, checkedX.rows, targets);
  const expectedY = { name: "y", columns: outputs, unit, listIsColumn: true, meaning };
  const checkedY = readMatrix(y, expectedY);
  if (checkedX.rows !== checkedY.rows) {
    const received = `received ${checkedX.rows} of x and ${checkedY.rows} of y`;
    // Probably a flat list of the values of longer rows.
    const isFlat = checkedY.rows > checkedX.rows && checkedY.rows % checkedX.rows === 0;
    throw new ShapeError(
      `expected x and y with the same number of rows, ${received}${isFlat ? hint(expectedY) : ""}`,
    );
  }
  for (let row = 0; row < checkedY.rows; row++) targets.check?.(checkedY.values, row);
  return { x: checkedX.values, y: checkedY.values, inputs, outputs, rows: checkedX.rows };
}

/** Returns examples and options from arguments `(data, options)` or `(x, y, options)`. */
export function examplesOf(call: string, [first, second, third]: readonly unknown[]): [Examples, unknown] {
  if (isExamples(first)) {
    if (third !== undefined) throw new OptionError(`${call}: expected (data, options) or (x, y, options)`);
    return [first, second];
  }
  return [{ x: first as Matrix, y: second as Matrix }, third];
}

/** Returns the examples from the arguments of a call without options. */
export function examplesAlone(call: string, given: readonly unknown[]): Examples {
  const [examples, options] = examplesOf(call, given);
  if (options !== undefined) throw new OptionError(`${call}: expected (data) or (x, y)`);
  return examples;
}

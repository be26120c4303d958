/** Copies lists of rows and lists of numbers into 32-bit floats, and checks every value. */
import { DataError, notFinite, ShapeError, show } from "../errors.ts";
import { checkAttached, floats, isNumberArray, kindOf, lengthOf } from "./arrays.ts";

/** What is expected of x or y, and its name in errors. */
export interface Expected {
  /** "x" or "y" */
  readonly name: string;
  /** The number of values in a row. */
  readonly columns: number;
  /** What the columns are: "inputs" or "outputs". */
  readonly unit: string;
  /** Whether a list of numbers is a column, with one value for each row, if one column is expected. */
  readonly listIsColumn: boolean;
  /** What a row means, in words, for errors. */
  readonly meaning?: string | undefined;
  /** Whether the kernel, which copies a typed array anyway, checks that its values are finite. */
  readonly isCheckedLater?: boolean;
  /** The columns that hold category numbers. */
  readonly categories?: readonly Categories[];
}

/** A column that holds category numbers, from 0 to `count` - 1. */
export interface Categories {
  readonly column: number;
  readonly count: number;
}

/** Returns "1 input", "2 inputs". */
export function amount(columns: number, unit: string): string {
  return `${columns} ${columns === 1 ? unit.slice(0, -1) : unit}`;
}

/** Returns what a row means, as the end of an error message. */
export const hint = ({ name, meaning }: Expected) => (meaning ? `; a row of ${name} is ${meaning}` : "");

const FLATTEN = "; flatten each row, like rows.map((row) => row.flatMap((step) => [...step]))";

/** Returns how to convert a value to a number, as the end of an error message. */
function remedy(value: unknown, expected: Expected): string {
  if (typeof value === "string") {
    const isNumber = value.trim() !== "" && Number.isFinite(Number(value));
    return isNumber
      ? "; convert it with Number(…)"
      : `; replace text by numbers, like labels.indexOf(${show(value)})`;
  }
  if (typeof value === "boolean") return "; convert it with Number(…)";
  return Array.isArray(value) || isNumberArray(value) ? hint(expected) : "";
}

/** Returns the error for a value that is not a number; `place` is its row and column. */
export const notANumber = (expected: Expected, place: string, value: unknown) =>
  notFinite(`${expected.name}: ${place}`, value, remedy(value, expected));

/** Names that can be written after a dot. */
const NAME = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

/** The number of names that an error shows. */
const MOST_NAMES = 3;

/** Returns how to make a row from an object, as the end of an error message. */
function asList(row: unknown): string {
  if (typeof row !== "object" || row === null || ArrayBuffer.isView(row)) return "";
  const names = Object.keys(row);
  if (names.length === 0) return "";
  const values = names
    .slice(0, MOST_NAMES)
    .map((name) => (NAME.test(name) ? `row.${name}` : `row[${JSON.stringify(name)}]`));
  const more = names.length > MOST_NAMES ? ", …" : "";
  return `; choose the columns, like rows.map((row) => [${values.join(", ")}${more}])`;
}

/** Returns the error for a value that is not a row of the expected length. */
function notARow(row: unknown, index: number, expected: Expected): Error {
  const { name, columns, unit } = expected;
  const place = `${name}: row ${index}`;
  if (!Array.isArray(row) && !isNumberArray(row)) {
    return new DataError(`${place}: expected an array of numbers, received ${show(row)}${asList(row)}`);
  }
  if (!Array.isArray(row)) checkAttached(row, place);
  const length = Array.isArray(row) ? row.length : lengthOf(row);
  const [what, end] = isRows(row) ? [amount(length, "rows"), FLATTEN] : [length, hint(expected)];
  return new ShapeError(`${place}: expected ${amount(columns, unit)}, received ${what}${end}`);
}

/** Returns whether the value is a list of lists. */
const isRows = (row: ArrayLike<unknown>) => Array.isArray(row[0]) || isNumberArray(row[0]);

/** Returns the error for a row of the right length whose value at `column` is not a number. */
const notNumbers = (row: readonly unknown[], column: number, index: number, expected: Expected) =>
  isRows(row)
    ? notARow(row, index, expected)
    : notANumber(expected, `row ${index}, column ${column}`, row[column]);

/** Returns whether the value is a row of this length; its values are not checked. */
function isRow(row: unknown, columns: number): row is ArrayLike<number> {
  return Array.isArray(row) ? row.length === columns : isNumberArray(row) && lengthOf(row) === columns;
}

/** From this length on, `TypedArray.set` is faster than a loop. */
const LONG_ROW = 32;

/*
 * Each kind of row has its own loop: V8 compiles a loop for the kinds of arrays that it has seen, and a loop
 * for all kinds takes several times longer. Nothing here reads the `buffer` of a row: V8 creates the buffer
 * of a short typed array on first use, and creating a million buffers takes longer than copying the values.
 */

/** Copies numbers; returns the index of the first value that is not a number, or `count`. */
function copyNumbers(list: readonly unknown[], values: Float32Array, start: number, count: number): number {
  for (let at = 0; at < count; at++) {
    const value = list[at];
    if (typeof value !== "number") return at;
    values[start + at] = value;
  }
  return count;
}

function copyFloats(row: ArrayLike<number>, values: Float32Array, start: number, columns: number): void {
  for (let at = 0; at < columns; at++) values[start + at] = row[at];
}

function copyDoubles(row: ArrayLike<number>, values: Float32Array, start: number, columns: number): void {
  for (let at = 0; at < columns; at++) values[start + at] = row[at];
}

/** Copies a typed array of this length; returns false, and copies nothing, for any other value. */
function copyTyped(row: unknown, values: Float32Array, start: number, columns: number): boolean {
  const kind = kindOf(row);
  if (kind === undefined || lengthOf(row as Float32Array) !== columns) return false;
  if (kind === "Float32Array" && columns < LONG_ROW) {
    copyFloats(row as Float32Array, values, start, columns);
  } else if (kind === "Float64Array" && columns < LONG_ROW) {
    copyDoubles(row as Float64Array, values, start, columns);
  } else if (kind.startsWith("Big")) return false;
  else values.set(row as Float32Array, start);
  return true;
}

/**
 * Longer lists are checked before memory is allocated for them: a sparse array may have a length of billions
 * and hold three values.
 */
const MOST_VALUES = 2 ** 26;

/** Copies a list of numbers; `placeOf` returns the row and column of a value. */
export function copyList(
  list: readonly unknown[],
  expected: Expected,
  placeOf: (at: number) => string,
): Float32Array {
  const { length } = list;
  const notANumberAt = (at: number) => notANumber(expected, placeOf(at), list[at]);
  for (let at = 0; length > MOST_VALUES && at < length; at++) {
    if (typeof list[at] !== "number") throw notANumberAt(at);
  }
  const values = floats(length, expected.name);
  const wrong = copyNumbers(list, values, 0, length);
  if (wrong < length) throw notANumberAt(wrong);
  checkFinite(values, (at) => list[at], expected);
  return values;
}

/** Copies a list of rows, each of which is an array or a typed array. */
export function copyRows(rows: readonly unknown[], expected: Expected): Float32Array {
  const { name, columns } = expected;
  const { length } = rows;
  for (let row = 0; length * columns > MOST_VALUES && row < length; row++) {
    if (!isRow(rows[row], columns)) throw notARow(rows[row], row, expected);
  }
  const values = floats(length * columns, name);
  for (let row = 0, start = 0; row < length; row++, start += columns) {
    const given = rows[row];
    if (Array.isArray(given)) {
      if (given.length !== columns) throw notARow(given, row, expected);
      const wrong = copyNumbers(given, values, start, columns);
      if (wrong < columns) throw notNumbers(given, wrong, row, expected);
    } else if (!copyTyped(given, values, start, columns)) throw notARow(given, row, expected);
  }
  checkFinite(values, (at) => (rows[Math.floor(at / columns)] as ArrayLike<number>)[at % columns], expected);
  return values;
}

/** Checks that every value is finite in 32 bits; `original` returns the caller's value for an error. */
export function checkFinite(
  values: Float32Array,
  original: (at: number) => unknown,
  { name, columns }: Expected,
): void {
  // v · 0 is 0 for a finite number and NaN otherwise, so one sum suffices; the index is searched only for an
  // error. Four values at a time, because each addition to the sum waits for the previous one.
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

/** Copies lists of rows, and lists of numbers, into 32-bit floats, and checks every value on the way. */
import { DataError, notFinite, ShapeError, show } from "../errors.ts";
import { checkAttached, floats, isNumberArray, kindOf, lengthOf } from "./arrays.ts";

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

/** "1 input", "2 inputs" */
export function amount(columns: number, unit: string): string {
  return `${columns} ${columns === 1 ? unit.slice(0, -1) : unit}`;
}

/** What a row means, as the end of an error message. */
export const hint = ({ name, meaning }: Expected) => (meaning ? `; a row of ${name} is ${meaning}` : "");

const FLATTEN = "; flatten each row, like rows.map((row) => row.flatMap((step) => [...step]))";

/** How to get numbers from what was given instead of one, as the end of an error message. */
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

/** The error for a value that is not a number; `place` is its row and column. */
export const notANumber = (expected: Expected, place: string, value: unknown) =>
  notFinite(`${expected.name}: ${place}`, value, remedy(value, expected));

/** Names that can follow a dot. */
const NAME = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

/** How many names an error shows. */
const MOST_NAMES = 3;

/** How to make a list of numbers from an object, as the end of an error message. */
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

/** The error for what is not a row of as many numbers as are expected. */
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

/** Whether it is a list of lists. */
const isRows = (row: ArrayLike<unknown>) => Array.isArray(row[0]) || isNumberArray(row[0]);

/** The error for a row of the right length whose value at `column` is not a number. */
const notNumbers = (row: readonly unknown[], column: number, index: number, expected: Expected) =>
  isRows(row)
    ? notARow(row, index, expected)
    : notANumber(expected, `row ${index}, column ${column}`, row[column]);

/** Whether it is a row of so many values; whether these are numbers is not looked at. */
function isRow(row: unknown, columns: number): row is ArrayLike<number> {
  return Array.isArray(row) ? row.length === columns : isNumberArray(row) && lengthOf(row) === columns;
}

/** From so many values on, a row's own copy is faster than a loop. */
const LONG_ROW = 32;

/*
 * A loop for each kind of row: V8 compiles a loop for the kinds it has seen, and one that has seen all of them
 * takes several times longer. The buffer of a row is not touched: a short typed array has none until
 * something asks for it, and making a million of them takes longer than copying the values.
 */

/** Copies numbers; returns the place of the first value that is not one, or `count`. */
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

/** Copies a typed array; returns false, and copies nothing, if it is none of so many numbers. */
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
 * Longer lists are looked through before memory is allocated for them: a sparse array may be billions of values
 * long and hold three.
 */
const MOST_VALUES = 2 ** 26;

/** Copies a list of numbers; `placeOf` gives the row and column of a value. */
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

/** Every value must be finite as a 32-bit float. */
export function checkFinite(
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

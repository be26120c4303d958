/** Columns with types, and how their cells are read as numbers. */
import { categoryName, type Decimal, isMissing, isMissingText, parseDate, parseNumber } from "./cells.ts";

/** What the values of a column are. `ignore` leaves a column out. */
export type ColumnType = "number" | "category" | "boolean" | "date" | "text" | "ignore";

/** The types that a caller may give. */
export const COLUMN_TYPES: readonly ColumnType[] = [
  "number",
  "category",
  "boolean",
  "date",
  "text",
  "ignore",
];

/** A column as the model understands it. Plain JSON: a model file has it. */
export interface ColumnDescription {
  readonly name: string;
  readonly type: ColumnType;
  /** What begins the decimals of numbers that are written as text. */
  readonly decimal?: Decimal;
  /** Whether the day comes first in dates that are written with numbers only. */
  readonly dayFirst?: boolean;
  /** The categories by their numbers; for booleans the names of false and true. */
  readonly categories?: readonly string[];
  /** Cells that could not be read as the column's type, and count as missing, with an example. */
  readonly unreadable?: { readonly cells: number; readonly example: string };
  /** Cells without a value. */
  readonly missing: number;
  /** Distinct values, up to 1,000,000. */
  readonly distinct: number;
  /** The smallest and the largest value: numbers, or milliseconds since 1970 for dates. */
  readonly range?: readonly [low: number, high: number];
  /** Why the column is ignored. */
  readonly reason?: string;
}

/**
 * A column in memory. Each value is a number: the number itself, milliseconds since 1970 for a date, the
 * number of a category, 0 or 1 for a boolean; NaN is a missing value, -1 a category that the training did not
 * have.
 */
export interface TypedColumn {
  readonly description: ColumnDescription;
  readonly values: Float64Array;
  /** The texts of a column of text. */
  readonly texts?: readonly string[];
  /** What a caller should know of how the cells are read. */
  readonly notes?: readonly string[];
}

const BOOLEAN_WORDS: readonly (readonly [string, string])[] = [
  ["false", "true"],
  ["no", "yes"],
  ["n", "y"],
  ["f", "t"],
];

/** The names of false and true where the distinct texts are such a pair. */
export function booleanNames(names: Iterable<string>): readonly [string, string] | undefined {
  const list = [...names];
  if (list.length !== 2) return undefined;
  for (const [no, yes] of BOOLEAN_WORDS) {
    const [first, second] = list.map((name) => name.trim().toLowerCase());
    if (first === no && second === yes) return [list[0], list[1]];
    if (first === yes && second === no) return [list[1], list[0]];
  }
  return undefined;
}

/** Reads the cells of a column as numbers: NaN for a missing value, undefined for what cannot be read. */
export type CellReader = (cell: unknown) => number | undefined;

/** The largest number that data in 32 bits can be scaled from. */
const LARGEST = 1e300;

/** The reader of a column's cells. */
export function cellReader(description: ColumnDescription): CellReader {
  const { type, decimal, dayFirst = false, categories = [] } = description;
  if (type === "number") return (cell) => readNumber(cell, decimal);
  if (type === "date") return (cell) => readDate(cell, dayFirst);
  const numbers = new Map(categories.map((name, at) => [name, at]));
  if (type === "boolean")
    for (const [word, value] of booleanWords(categories)) if (!numbers.has(word)) numbers.set(word, value);
  const [no, yes] = [numbers.get("false"), numbers.get("true")];
  return (cell) => {
    if (typeof cell === "boolean") return (cell ? yes : no) ?? -1;
    // A category is never a text that means a missing value, which takes longer to find out.
    const known = typeof cell === "string" ? numbers.get(cell) : undefined;
    if (known !== undefined) return known;
    if (isMissing(cell)) return Number.NaN;
    const name = categoryName(cell);
    return name === undefined ? undefined : (numbers.get(name) ?? -1);
  };
}

/** Other spellings of the two values of a boolean column: JSON's, and 0 and 1. */
function booleanWords(names: readonly string[]): readonly (readonly [string, number])[] {
  const isPair = booleanNames(names) !== undefined;
  return isPair
    ? [
        ["false", 0],
        ["true", 1],
        ["0", 0],
        ["1", 1],
      ]
    : [];
}

function readNumber(cell: unknown, decimal: Decimal | undefined): number | undefined {
  if (typeof cell === "number") return infinityIsMissing(cell);
  if (cell === null || cell === undefined) return Number.NaN;
  if (typeof cell === "string") {
    const value = parseNumber(cell, decimal);
    if (!Number.isNaN(value)) return infinityIsMissing(value);
    return isMissingText(cell) ? Number.NaN : undefined;
  }
  if (typeof cell === "bigint" || typeof cell === "boolean") return infinityIsMissing(Number(cell));
  if (cell instanceof Date) return cell.getTime();
  return undefined;
}

/** Infinity has no place on a scale: it counts as missing. -0 is 0, as in JSON. */
export const infinityIsMissing = (value: number) => (Math.abs(value) > LARGEST ? Number.NaN : value + 0);

/** Reads a column of numbers: the values that the reader of its cells gives. */
export function readNumbers(cells: Float64Array | Float32Array, into: Float64Array): void {
  for (let row = 0; row < cells.length; row++) {
    const value = cells[row];
    into[row] = Math.abs(value) > LARGEST ? Number.NaN : value + 0;
  }
}

/** The last time that a date can have. */
const LAST_TIME = 8.64e15;

/** Numbers nearer to 0 are not dates: the first day of 1970 ends before. */
const LEAST_MILLISECONDS = 1e8;

function readDate(cell: unknown, dayFirst: boolean): number | undefined {
  if (isMissing(cell)) return Number.NaN;
  if (cell instanceof Date) return cell.getTime();
  if (typeof cell === "number" || typeof cell === "bigint") {
    const time = Number(cell);
    // Milliseconds since 1970. Years and numbers like 20240304 are not meant so.
    if (Math.abs(time) < LEAST_MILLISECONDS && time !== 0) return undefined;
    return Math.abs(time) > LAST_TIME ? Number.NaN : time + 0;
  }
  if (typeof cell !== "string") return undefined;
  const time = parseDate(cell, dayFirst);
  return Number.isNaN(time) ? undefined : time;
}

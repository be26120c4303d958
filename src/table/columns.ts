/** Columns with types: inferred from all cells, or given; and the cells as numbers. */
import { DataError, OptionError, show } from "../errors.ts";
import { unknownName } from "../options.ts";
import {
  categoryName,
  type Decimal,
  findDayFirst,
  findDecimal,
  isMissing,
  isMissingText,
  parseDate,
  parseNumber,
} from "./cells.ts";
import { type CellDictionary, dictionaryOf } from "./dictionary.ts";
import type { Frame } from "./frame.ts";
import { type RowName, rowName } from "./reading.ts";

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
  /** Distinct values, up to {@link MOST_DISTINCT}. */
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
}

/** Distinct values are counted up to this number. */
const MOST_DISTINCT = 1_000_000;
/** The share of the cells that must be readable as the type, for the rest to count as missing. */
const READABLE = 0.95;
/**
 * Numbers of at least so many different values are numbers all the same where some texts stand for a missing
 * one.
 */
const NUMBERS_BESIDE_TEXTS = 20;
/** Different texts that may stand for a missing number, as "bad" or "below limit". */
const MOST_STAND_INS = 3;
/** Texts with more words than this, on average, and hardly ever repeated, are prose. */
const WORDS_OF_TEXT = 4;

/** What the cells of a column are like. */
interface Survey {
  readonly missing: number;
  readonly numbers: number;
  readonly booleans: number;
  readonly dates: number;
  readonly texts: number;
  /** The first cell that is none of these, and its row. */
  readonly other: { readonly row: number; readonly cell: unknown } | undefined;
  /** The names of distinct values, in the order in which they first occur, with the number of their cells. */
  readonly counts: ReadonlyMap<string, number>;
}

function survey(cells: ArrayLike<unknown>): Survey {
  const dictionary = dictionaryOf(cells);
  if (dictionary !== undefined) return surveyTexts(dictionary);
  const counts = new Map<string, number>();
  let [missing, numbers, booleans, dates, texts] = [0, 0, 0, 0, 0];
  let other: Survey["other"];
  for (let row = 0; row < cells.length; row++) {
    const cell = cells[row];
    if (isMissing(cell)) {
      missing++;
      continue;
    }
    const name = categoryName(cell);
    if (name === undefined) {
      other ??= { row, cell };
      continue;
    }
    if (typeof cell === "string") texts++;
    else if (typeof cell === "boolean") booleans++;
    else if (cell instanceof Date) dates++;
    else numbers++;
    const count = counts.get(name);
    if (count !== undefined) counts.set(name, count + 1);
    else if (counts.size < MOST_DISTINCT) counts.set(name, 1);
  }
  return { missing, numbers, booleans, dates, texts, other, counts };
}

/** Surveys a column of text that has a dictionary. Examines each distinct text once. */
function surveyTexts({ codes, texts }: CellDictionary): Survey {
  const occurrences = new Uint32Array(texts.length);
  for (let row = 0; row < codes.length; row++) occurrences[codes[row]]++;
  const counts = new Map<string, number>();
  let [missing, present] = [0, 0];
  // Texts are numbered in the order in which they first occur, as the survey of cells has them.
  for (const [code, text] of texts.entries()) {
    const count = occurrences[code];
    if (count === 0) continue;
    if (isMissing(text)) missing += count;
    else {
      present += count;
      if (counts.size < MOST_DISTINCT) counts.set(text, count);
    }
  }
  return { missing, numbers: 0, booleans: 0, dates: 0, texts: present, other: undefined, counts };
}

const BOOLEAN_WORDS: readonly (readonly [string, string])[] = [
  ["false", "true"],
  ["no", "yes"],
  ["n", "y"],
  ["f", "t"],
];

/** The names of false and true where the distinct texts are such a pair. */
function booleanNames(names: Iterable<string>): readonly [string, string] | undefined {
  const list = [...names];
  if (list.length !== 2) return undefined;
  for (const [no, yes] of BOOLEAN_WORDS) {
    const [first, second] = list.map((name) => name.trim().toLowerCase());
    if (first === no && second === yes) return [list[0], list[1]];
    if (first === yes && second === no) return [list[1], list[0]];
  }
  return undefined;
}

/** The share of the cells with text that a reader can read, weighted by how often each text occurs. */
function readable(counts: ReadonlyMap<string, number>, read: (text: string) => number): number {
  let [good, all] = [0, 0];
  for (const [name, count] of counts) {
    all += count;
    if (!Number.isNaN(read(name))) good += count;
  }
  return all === 0 ? 0 : good / all;
}

/**
 * Whether nearly all different values are numbers, so that the few texts among them stand for missing ones.
 */
function hasStandIns(counts: ReadonlyMap<string, number>, read: (text: string) => number): boolean {
  let [numbers, texts] = [0, 0];
  for (const name of counts.keys()) {
    if (!Number.isNaN(read(name))) numbers++;
    else if (++texts > MOST_STAND_INS) return false;
  }
  return numbers >= NUMBERS_BESIDE_TEXTS;
}

/** The type that a column has by its cells. */
function inferType(found: Survey): Pick<ColumnDescription, "type" | "reason"> {
  const { counts, other, numbers, booleans, dates, texts } = found;
  const present = numbers + booleans + dates + texts;
  if (other !== undefined && present === 0) {
    return {
      type: "ignore",
      reason: `its values are not supported: row ${other.row} is ${show(other.cell)}`,
    };
  }
  if (present === 0) return { type: "ignore", reason: "it has no values" };
  if (dates === present) return { type: "date" };
  if (booleans === present) return { type: "boolean" };
  if (numbers === present) return { type: "number" };
  if (booleans === 0 && dates === 0) {
    const decimal = findDecimal(counts.keys());
    const read = (text: string) => parseNumber(text, decimal);
    const share = hasLeadingZeros(counts) ? 0 : readable(counts, read);
    if (share >= READABLE || (share >= 0.5 && hasStandIns(counts, read))) return { type: "number" };
  }
  const dayFirst = findDayFirst(counts.keys());
  if (readable(counts, (text) => parseDate(text, dayFirst)) >= READABLE) return { type: "date" };
  return inferTextType(counts, present);
}

/** Whether some texts are digits that begin with 0, as postal codes and telephone numbers do, and no number. */
function hasLeadingZeros(counts: ReadonlyMap<string, number>): boolean {
  for (const name of counts.keys()) if (/^0\d+$/.test(name.trim())) return true;
  return false;
}

/** Whether texts are categories, prose or identifiers. */
function inferTextType(
  counts: ReadonlyMap<string, number>,
  present: number,
): Pick<ColumnDescription, "type" | "reason"> {
  if (booleanNames(counts.keys()) !== undefined) return { type: "boolean" };
  const repeats = present / counts.size;
  let words = 0;
  for (const name of counts.keys()) words += name.trim().split(/\s+/, 50).length;
  if (repeats < 2 && counts.size > 20 && words / counts.size > WORDS_OF_TEXT) {
    return { type: "ignore", reason: 'its values are prose; the type "text" uses their words' };
  }
  if (counts.size > 20 && counts.size > 0.9 * present) {
    return {
      type: "ignore",
      reason: `its values look like identifiers: ${counts.size} distinct ones in ${present} rows`,
    };
  }
  return { type: "category" };
}

/** Whether numbers are those of rows: whole numbers that rise by the same step from row to row. */
function isRowNumber(values: Float64Array): boolean {
  if (values.length < 20) return false;
  const step = values[1] - values[0];
  if (!Number.isInteger(values[0]) || !Number.isInteger(step) || Math.abs(step) !== 1) return false;
  for (let row = 1; row < values.length; row++) if (values[row] - values[row - 1] !== step) return false;
  return true;
}

/** The column of a given type: how its cells are read, and their numbers. */
function typed(
  name: string,
  cells: ArrayLike<unknown>,
  found: Survey,
  given: Pick<ColumnDescription, "type" | "reason">,
  nameOf: RowName,
): TypedColumn {
  const { type, reason } = given;
  const base = { name, type, missing: found.missing, distinct: found.counts.size };
  if (type === "ignore") {
    return { description: { ...base, ...(reason !== undefined && { reason }) }, values: new Float64Array(0) };
  }
  const description: ColumnDescription = { ...base, ...readingOf(name, type, found) };
  if (type === "text") {
    const texts = Array.from(cells, (cell) => (isMissing(cell) ? "" : (categoryName(cell) ?? "")));
    const values = Float64Array.from(texts, (text) => (text === "" ? Number.NaN : 0));
    return { description, values, texts };
  }
  return readValues(description, cells, found.missing, nameOf);
}

/** What must be known of a column to read its cells. */
function readingOf(name: string, type: ColumnType, { counts }: Survey): Partial<ColumnDescription> {
  switch (type) {
    case "number":
      return { decimal: findDecimal(counts.keys()) };
    case "date":
      return { dayFirst: findDayFirst(counts.keys()) };
    case "boolean": {
      const names = booleanNames(counts.keys()) ?? [...counts.keys()].toSorted();
      if (names.length > 2) {
        throw new DataError(
          `column ${show(name)}: expected at most two different values for a boolean, received ${names.length}, such as ${names.slice(0, 3).map(show).join(", ")}. Fix: give it the type "category"`,
        );
      }
      return { categories: names.length === 1 ? ["false", "true"] : names };
    }
    case "category":
      // The most frequent first, so that the numbers of categories do not depend on the order of the rows.
      return {
        categories: [...counts].toSorted(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).map(([text]) => text),
      };
    default:
      return {};
  }
}

/** Reads the cells of a column whose type is known; at least one of those with a value must be readable. */
function readValues(
  description: ColumnDescription,
  cells: ArrayLike<unknown>,
  missing: number,
  nameOf: RowName,
): TypedColumn {
  const read = cellReader(description);
  const values = new Float64Array(cells.length);
  // Each distinct text of a dictionary is read once.
  const dictionary = dictionaryOf(cells);
  const meanings = dictionary?.texts.map(read);
  let [unreadable, infinite] = [0, 0];
  let first = 0;
  for (let row = 0; row < cells.length; row++) {
    const value =
      meanings === undefined ? read(cells[row]) : meanings[(dictionary as CellDictionary).codes[row]];
    values[row] = value === undefined ? Number.NaN : value;
    if (value === undefined && unreadable++ === 0) first = row;
    if (value !== undefined && Number.isNaN(value) && !isMissing(cells[row])) infinite++;
  }
  const noted = {
    ...description,
    missing: missing + unreadable + infinite,
    ...rangeOfValues(description.type, values),
  };
  if (unreadable === 0) return { description: noted, values };
  const { name, type } = description;
  if (missing + unreadable === cells.length) {
    throw new DataError(
      `column ${show(name)}: ${nameOf(first)}: expected a ${type}, received ${show(cells[first])}, and no row has one. Fix: give the column another type with columns: { ${JSON.stringify(name)}: "category" }, or "ignore"`,
    );
  }
  return {
    description: { ...noted, unreadable: { cells: unreadable, example: show(cells[first]) } },
    values,
  };
}

/** The range of numbers or dates; nothing for other types, or where all values are missing. */
function rangeOfValues(type: ColumnType, values: Float64Array): Pick<ColumnDescription, "range"> {
  if (type !== "number" && type !== "date") return {};
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? { range: [low, high] } : {};
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
const infinityIsMissing = (value: number) => (Math.abs(value) > LARGEST ? Number.NaN : value + 0);

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

/** Types that the caller gives by the names of columns. */
export type GivenTypes = Readonly<Record<string, ColumnType>>;

/** Checks types that a caller gives. */
export function readGivenTypes(given: unknown, frame: Frame, place: string): GivenTypes {
  if (given === undefined) return {};
  if (given === null || typeof given !== "object" || Array.isArray(given)) {
    throw new OptionError(
      `${place}: columns: expected types by the names of columns, received ${show(given)}`,
    );
  }
  for (const [name, type] of Object.entries(given)) {
    if (!frame.cells.has(name)) throw unknownName(`${place}: columns`, "column", name, frame.names);
    if (!COLUMN_TYPES.includes(type)) {
      const here = `${place}: columns: ${show(name)}`;
      if (typeof type === "string") throw unknownName(here, "type", type, COLUMN_TYPES);
      throw new OptionError(`${here}: expected one of ${COLUMN_TYPES.join(", ")}, received ${show(type)}`);
    }
  }
  return given as GivenTypes;
}

/** The type that a column has by its cells. */
export const inferColumnType = (cells: ArrayLike<unknown>): ColumnType =>
  ArrayBuffer.isView(cells) ? "number" : inferType(survey(cells)).type;

/** Types a column: as given, else by its cells. */
export function typeColumn(
  name: string,
  cells: ArrayLike<unknown>,
  given: ColumnType | undefined,
  nameOf: RowName = rowName,
): TypedColumn {
  if (ArrayBuffer.isView(cells) && (given === undefined || given === "number")) {
    return typeNumbers(name, cells as unknown as ArrayLike<number | bigint>, given);
  }
  const found = survey(cells);
  const { other } = found;
  if (other !== undefined && given !== "ignore" && found.counts.size > 0) {
    throw new DataError(
      `column ${show(name)}: ${nameOf(other.row)}: expected text, a number, a boolean or a date, received ${show(other.cell)}. Fix: leave the column out with columns: { ${JSON.stringify(name)}: "ignore" }`,
    );
  }
  if (given !== undefined)
    return typed(
      name,
      cells,
      found,
      given === "ignore" ? { type: given, reason: "you said so" } : { type: given },
      nameOf,
    );
  const column = typed(name, cells, found, inferType(found), nameOf);
  return column.description.type === "number" ? withoutRowNumbers(column) : column;
}

/** A typed array is a column of numbers; it is not surveyed, for its values can be nothing else. */
function typeNumbers(
  name: string,
  cells: ArrayLike<number | bigint>,
  given: ColumnType | undefined,
): TypedColumn {
  const values = new Float64Array(cells.length);
  const distinct = new Set<number>();
  let missing = 0;
  for (let row = 0; row < cells.length; row++) {
    const value = infinityIsMissing(Number(cells[row]));
    values[row] = value;
    if (Number.isNaN(value)) missing++;
    else if (distinct.size < MOST_DISTINCT) distinct.add(value);
  }
  const range = rangeOfValues("number", values);
  const description: ColumnDescription = { name, type: "number", missing, distinct: distinct.size, ...range };
  const column = { description, values };
  return given === undefined ? withoutRowNumbers(column) : column;
}

function withoutRowNumbers(column: TypedColumn): TypedColumn {
  if (!isRowNumber(column.values)) return column;
  const { name, missing, distinct } = column.description;
  const reason = "its values look like the numbers of the rows";
  return { description: { name, type: "ignore", missing, distinct, reason }, values: new Float64Array(0) };
}

/** From the cells of a table to typed columns, whose types are inferred or given. */
import { DataError, OptionError, show } from "../errors.ts";
import { unknownName } from "../options.ts";
import { categoryName, findDateOrder, findDecimal, isMissing } from "./cells.ts";
import {
  booleanNames,
  COLUMN_TYPES,
  type ColumnDescription,
  type ColumnType,
  cellReader,
  infinityIsMissing,
  type TypedColumn,
} from "./columns.ts";
import { type CellDictionary, dictionaryOf } from "./dictionary.ts";
import type { Frame } from "./frame.ts";
import { inferType, MOST_DISTINCT, notesOn, type Survey, survey } from "./inference.ts";
import { finish, PIECE, type Pieces } from "./pieces.ts";
import { type RowName, rowName } from "./reading.ts";

/** The least share of the rows of a table that still show that a column has their numbers. */
const LEAST_ROWS = 0.5;

/**
 * Whether numbers are those of rows: whole numbers that rise, or fall, from row to row. Some may be missing: a
 * part of a table, such as the training rows of a split, has gaps.
 */
function isRowNumber(values: Float64Array): boolean {
  if (values.length < 20) return false;
  const all = Math.abs(values[values.length - 1] - values[0]) + 1;
  const direction = Math.sign(values[1] - values[0]);
  if (!Number.isInteger(values[0]) || !(values.length >= LEAST_ROWS * all)) return false;
  for (let row = 1; row < values.length; row++) {
    const step = (values[row] - values[row - 1]) * direction;
    if (!(step > 0 && Number.isInteger(step))) return false;
  }
  return true;
}

/** The column of a given type: how its cells are read, and their numbers. */
function* typed(
  name: string,
  cells: ArrayLike<unknown>,
  found: Survey,
  given: Pick<ColumnDescription, "type" | "reason">,
  nameOf: RowName,
): Pieces<TypedColumn> {
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
  return yield* readValues(description, cells, found.missing, nameOf);
}

/** What must be known of a column to read its cells. */
function readingOf(name: string, type: ColumnType, { counts }: Survey): Partial<ColumnDescription> {
  switch (type) {
    case "number":
      return { decimal: findDecimal(counts.keys()) };
    case "date":
      return { dayFirst: findDateOrder(counts.keys()).dayFirst };
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
function* readValues(
  description: ColumnDescription,
  cells: ArrayLike<unknown>,
  missing: number,
  nameOf: RowName,
): Pieces<TypedColumn> {
  const read = cellReader(description);
  const values = new Float64Array(cells.length);
  // Each distinct text of a dictionary is read once.
  const dictionary = dictionaryOf(cells);
  const meanings = dictionary?.texts.map(read);
  let [unreadable, infinite] = [0, 0];
  let first = 0;
  for (let row = 0; row < cells.length; row++) {
    if (row % PIECE === 0) yield;
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
  ArrayBuffer.isView(cells) ? "number" : inferType(finish(survey(cells))).type;

/** Types a column: as given, else by its cells. */
export const typeColumn = (
  name: string,
  cells: ArrayLike<unknown>,
  given: ColumnType | undefined,
  nameOf: RowName = rowName,
) => finish(typeColumnPieces(name, cells, given, nameOf));

/** The work of {@link typeColumn}. */
export function* typeColumnPieces(
  name: string,
  cells: ArrayLike<unknown>,
  given: ColumnType | undefined,
  nameOf: RowName = rowName,
): Pieces<TypedColumn> {
  if (ArrayBuffer.isView(cells) && (given === undefined || given === "number")) {
    return yield* typeNumbers(name, cells as unknown as ArrayLike<number | bigint>, given);
  }
  const found = yield* survey(cells);
  const { other } = found;
  if (other !== undefined && given !== "ignore" && found.counts.size > 0) {
    throw new DataError(
      `column ${show(name)}: ${nameOf(other.row)}: expected text, a number, a boolean or a date, received ${show(other.cell)}. Fix: leave the column out with columns: { ${JSON.stringify(name)}: "ignore" }`,
    );
  }
  if (given !== undefined)
    return yield* typed(
      name,
      cells,
      found,
      given === "ignore" ? { type: given, reason: "you said so" } : { type: given },
      nameOf,
    );
  const inferred = inferType(found);
  const column = yield* typed(name, cells, found, inferred, nameOf);
  if (column.description.type === "number") return withoutRowNumbers(column);
  return { ...column, notes: notesOn(name, inferred.type, found) };
}

/** A typed array is a column of numbers; it is not surveyed, for its values can be nothing else. */
function* typeNumbers(
  name: string,
  cells: ArrayLike<number | bigint>,
  given: ColumnType | undefined,
): Pieces<TypedColumn> {
  const values = new Float64Array(cells.length);
  const distinct = new Set<number>();
  let missing = 0;
  for (let row = 0; row < cells.length; row++) {
    if (row % PIECE === 0) yield;
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

/** Rows that come after the training, as typed columns: each cell is read as its column's description says. */
import { DataError, show } from "../errors.ts";
import { categoryName, isMissing } from "./cells.ts";
import {
  type CellReader,
  type ColumnDescription,
  cellReader,
  readNumbers,
  type TypedColumn,
} from "./columns.ts";
import { checkRecord, type Frame, type TableRecord } from "./frame.ts";
import { type RowName, rowName } from "./reading.ts";

/** Reads the cells of rows as typed columns, for a column that has the training's description. */
export function typeCells(
  description: ColumnDescription,
  cells: ArrayLike<unknown>,
  place: string,
  nameOf: RowName = rowName,
): TypedColumn {
  if (description.type === "text") {
    const texts = Array.from(cells, (cell, row) => readText(description, cell, row, place, nameOf));
    return { description, texts, values: Float64Array.from(texts, (text) => (text === "" ? Number.NaN : 0)) };
  }
  const values = new Float64Array(cells.length);
  if (description.type === "number" && (cells instanceof Float64Array || cells instanceof Float32Array)) {
    readNumbers(cells, values);
    return { description, values };
  }
  const read = cellReader(description);
  for (let row = 0; row < cells.length; row++) {
    const value = read(cells[row]);
    values[row] = value === undefined ? readCell(read, description, cells[row], row, place, nameOf) : value;
  }
  return { description, values };
}

/** The text of a cell; "" for a missing one. */
export function readText(
  description: ColumnDescription,
  cell: unknown,
  row: number,
  place: string,
  nameOf: RowName = rowName,
): string {
  if (isMissing(cell)) return "";
  return categoryName(cell) ?? String(readCell(() => undefined, description, cell, row, place, nameOf));
}

/** What to give in place of a cell that cannot be read. */
const FIXES: Readonly<Record<ColumnDescription["type"], string>> = {
  number: "give a number, or text that is one as in the training",
  date: 'give a Date, text as "2024-12-31", or milliseconds since 1970',
  boolean: "give true or false, or text as in the training",
  category: "give text, a number or a boolean",
  text: "give text",
  ignore: "leave it out",
};

/** The number of a cell, as {@link TypedColumn} has it; throws a DataError for what cannot be read. */
export function readCell(
  read: CellReader,
  description: ColumnDescription,
  cell: unknown,
  row: number,
  place: string,
  nameOf: RowName = rowName,
): number {
  const value = read(cell);
  if (value !== undefined) return value;
  // The training had such cells, too, and counted them as missing.
  if (description.unreadable !== undefined && categoryName(cell) !== undefined) return Number.NaN;
  const { name, type } = description;
  throw new DataError(
    `${place}: ${nameOf(row)}: column ${show(name)}: expected a ${type}, received ${show(cell)}. Fix: ${FIXES[type]}; null if it is missing`,
  );
}

/** The cells of a frame as typed columns, for columns that have the training's descriptions. */
export function typeFrame(
  used: readonly ColumnDescription[],
  frame: Frame,
  place: string,
  nameOf: RowName = rowName,
): ReadonlyMap<string, TypedColumn> {
  const typed = new Map<string, TypedColumn>();
  for (const description of used) {
    const cells = frame.cells.get(description.name);
    if (cells !== undefined) typed.set(description.name, typeCells(description, cells, place, nameOf));
  }
  return typed;
}

/** The fields of records `start` to `end` as typed columns. */
export function typeRecords(
  used: readonly ColumnDescription[],
  readers: readonly CellReader[],
  records: readonly TableRecord[],
  start: number,
  end: number,
  place: string,
): ReadonlyMap<string, TypedColumn> {
  const columns = used.map((description) => ({
    description,
    values: new Float64Array(end - start),
    ...(description.type === "text" && { texts: new Array<string>(end - start).fill("") }),
  }));
  for (let row = start; row < end; row++) {
    const record = records[row];
    checkRecord(record, row, place);
    for (let at = 0; at < used.length; at++) {
      const { name } = used[at];
      const { values, texts } = columns[at];
      const cell = Object.hasOwn(record, name) ? record[name] : undefined;
      if (texts === undefined) values[row - start] = readCell(readers[at], used[at], cell, row, place);
      else {
        texts[row - start] = readText(used[at], cell, row, place);
        values[row - start] = texts[row - start] === "" ? Number.NaN : 0;
      }
    }
  }
  return new Map(columns.map((column) => [column.description.name, column]));
}

/** Cells of rows as typed columns, by what the training has learned of the columns. */
import { DataError, show } from "../errors.ts";
import { categoryName, isMissing } from "./cells.ts";
import { type CellReader, type ColumnDescription, cellReader, type TypedColumn } from "./columns.ts";
import type { Frame } from "./frame.ts";

/** Reads the cells of rows as typed columns, for a column that has the training's description. */
export function typeCells(
  description: ColumnDescription,
  cells: ArrayLike<unknown>,
  place: string,
): TypedColumn {
  if (description.type === "text") {
    const texts = Array.from(cells, (cell, row) => readText(description, cell, row, place));
    return { description, texts, values: Float64Array.from(texts, (text) => (text === "" ? Number.NaN : 0)) };
  }
  const values = new Float64Array(cells.length);
  const read = cellReader(description);
  for (let row = 0; row < cells.length; row++) {
    const value = read(cells[row]);
    values[row] = value === undefined ? readCell(read, description, cells[row], row, place) : value;
  }
  return { description, values };
}

/** The text of a cell; "" for a missing one. */
export function readText(description: ColumnDescription, cell: unknown, row: number, place: string): string {
  if (isMissing(cell)) return "";
  return categoryName(cell) ?? String(readCell(() => undefined, description, cell, row, place));
}

/** The number of a cell; NaN for a missing one. */
export function readCell(
  read: CellReader,
  description: ColumnDescription,
  cell: unknown,
  row: number,
  place: string,
): number {
  const value = read(cell);
  if (value !== undefined) return value;
  // The training had such cells, too, and counted them as missing.
  if (description.unreadable !== undefined && categoryName(cell) !== undefined) return Number.NaN;
  const { name, type } = description;
  throw new DataError(
    `${place}: row ${row}: column ${show(name)}: expected a ${type}, received ${show(cell)}`,
  );
}

/** The numbers of all rows. */
export function everyRow(rows: number): Uint32Array {
  const all = new Uint32Array(rows);
  for (let row = 0; row < rows; row++) all[row] = row;
  return all;
}

/** The cells of a frame as typed columns, for columns that have the training's descriptions. */
export function typeFrame(
  used: readonly ColumnDescription[],
  frame: Frame,
  place: string,
): ReadonlyMap<string, TypedColumn> {
  const typed = new Map<string, TypedColumn>();
  for (const description of used) {
    const cells = frame.cells.get(description.name);
    if (cells !== undefined) typed.set(description.name, typeCells(description, cells, place));
  }
  return typed;
}

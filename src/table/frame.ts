/** From what a caller has (records, columns, a stream of records) to columns of cells. */
import type { NumberArray } from "../data/examples.ts";
import { DataError, type OptionError, ShapeError, show } from "../errors.ts";
import { isPlain } from "../options.ts";

/** A row of a table: values by the names of the columns. */
export type TableRecord = Readonly<Record<string, unknown>>;

/** Columns by name, each a list or a typed array, all of one length. */
export type Columns = Readonly<Record<string, readonly unknown[] | ColumnArray>>;

/** A typed array of a column's numbers. */
export type ColumnArray = NumberArray | BigInt64Array | BigUint64Array;

/** Rows in memory, in any form that a table may have. */
export type TableRows = readonly TableRecord[] | Columns | Frame;

/** Rows from anywhere: in memory, or from an iterable of records. */
export type TableSource = TableRows | Iterable<TableRecord> | AsyncIterable<TableRecord>;

/** Columns of cells as they came, not yet typed. */
export class Frame {
  /** The number of rows. */
  readonly rows: number;
  /** The cells of each column by its name, in the order of the table. */
  readonly cells: ReadonlyMap<string, ArrayLike<unknown>>;
  /** Whether all cells are text because the source has no types, as CSV. */
  readonly isText: boolean;

  constructor(cells: ReadonlyMap<string, ArrayLike<unknown>>, rows: number, isText = false) {
    this.cells = cells;
    this.rows = rows;
    this.isText = isText;
  }

  /** The names of the columns, in the order of the table. */
  get names(): string[] {
    return [...this.cells.keys()];
  }

  /** Some of the rows, in this order. */
  take(rows: ArrayLike<number>): Frame {
    const taken = new Map<string, ArrayLike<unknown>>();
    for (const [name, cells] of this.cells)
      taken.set(
        name,
        Array.from(rows, (row) => cells[row]),
      );
    return new Frame(taken, rows.length, this.isText);
  }
}

/** Collects records into columns: a column for each name that any record has. */
class Collector {
  readonly #cells = new Map<string, unknown[]>();
  readonly #place: string;
  #rows = 0;

  constructor(place: string) {
    this.#place = place;
  }

  add(record: unknown): void {
    const row = this.#rows++;
    if (
      record === null ||
      typeof record !== "object" ||
      Array.isArray(record) ||
      ArrayBuffer.isView(record)
    ) {
      const hint = Array.isArray(record)
        ? '; give records like { age: 30, city: "Oslo" }, or columns by name'
        : "";
      throw new DataError(`${this.#place}: row ${row}: expected a record, received ${show(record)}${hint}`);
    }
    for (const name of Object.keys(record)) {
      let cells = this.#cells.get(name);
      if (cells === undefined) {
        cells = [];
        this.#cells.set(name, cells);
      }
      // Rows before this one that lack the field have a missing value there.
      while (cells.length < row) cells.push(undefined);
      cells.push((record as TableRecord)[name]);
    }
  }

  frame(): Frame {
    for (const cells of this.#cells.values()) while (cells.length < this.#rows) cells.push(undefined);
    return new Frame(this.#cells, this.#rows);
  }
}

const isList = (value: unknown): value is ArrayLike<unknown> =>
  Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));

function fromColumns(columns: Columns, place: string): Frame {
  const names = Object.keys(columns);
  if (names.length === 0)
    throw new DataError(`${place}: expected records or columns, received an empty object`);
  const wrong = names.find((name) => !isList(columns[name]));
  if (wrong !== undefined) {
    throw new DataError(
      `${place}: column ${show(wrong)}: expected a list of values, received ${show(columns[wrong])}; give a list of records, or columns by name`,
    );
  }
  const rows = columns[names[0]].length;
  const other = names.find((name) => columns[name].length !== rows);
  if (other !== undefined) {
    throw new ShapeError(
      `${place}: column ${show(other)}: expected ${rows} values, as column ${show(names[0])} has, received ${columns[other].length}`,
    );
  }
  return new Frame(new Map(names.map((name) => [name, columns[name]])), rows);
}

/** Reads rows in memory into columns. */
export function toFrame(rows: unknown, place: string): Frame {
  if (rows instanceof Frame) return rows;
  if (Array.isArray(rows)) {
    const collector = new Collector(place);
    for (const record of rows) collector.add(record);
    return collector.frame();
  }
  if (rows !== null && typeof rows === "object") {
    const { [Symbol.iterator]: iterator } = rows as Partial<Iterable<unknown>>;
    if (typeof iterator === "function" && !ArrayBuffer.isView(rows)) {
      const collector = new Collector(place);
      for (const record of rows as Iterable<unknown>) collector.add(record);
      return collector.frame();
    }
    if (isPlain(rows)) return fromColumns(rows as Columns, place);
  }
  throw new DataError(
    `${place}: expected records, columns by name or an iterable of records, received ${show(rows)}`,
  );
}

/** Reads rows from anywhere into columns. */
export async function collectFrame(rows: unknown, place: string): Promise<Frame> {
  const iterator = (rows as Partial<AsyncIterable<unknown>> | null | undefined)?.[Symbol.asyncIterator];
  if (typeof iterator !== "function") {
    const frame = toFrame(rows, place);
    if (rows instanceof Frame || Array.isArray(rows)) return frame;
    // The caller's arrays may change before the last target is read.
    const copies = new Map<string, ArrayLike<unknown>>();
    for (const [name, cells] of frame.cells) copies.set(name, (cells as readonly unknown[]).slice());
    return new Frame(copies, frame.rows, frame.isText);
  }
  const collector = new Collector(place);
  for await (const record of rows as AsyncIterable<unknown>) collector.add(record);
  return collector.frame();
}

/** The cells of a column, or an error that gives the nearest name. */
export function cellsOf(
  frame: Frame,
  name: string,
  unknown: (name: string) => OptionError,
): ArrayLike<unknown> {
  const cells = frame.cells.get(name);
  if (cells === undefined) throw unknown(name);
  return cells;
}

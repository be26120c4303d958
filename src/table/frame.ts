/** From what a caller has (records, columns, a stream of records) to columns of cells. */
import type { NumberArray } from "../data/examples.ts";
import { DataError, ShapeError, show } from "../errors.ts";
import { isPlain, unknownName } from "../options.ts";
import { holder } from "./pieces.ts";
import { type ReadLimits, readPieces } from "./reading.ts";

/**
 * A row of a table: values by the names of the columns. Calls take any object, because an interface of named
 * fields is not assignable to an index signature.
 */
export type TableRecord = Readonly<Record<string, unknown>>;

/** Columns by name, each a list or a typed array, all of one length. */
export type Columns = Readonly<Record<string, readonly unknown[] | ColumnArray>>;

/** A typed array of a column's numbers. */
export type ColumnArray = NumberArray | BigInt64Array | BigUint64Array;

/** Rows in memory, in any form that a table may have. */
export type TableRows = readonly object[] | Columns | Frame;

/** Rows from anywhere: in memory, or from an iterable of records. */
export type TableSource = TableRows | Iterable<object> | AsyncIterable<object>;

/**
 * A table in memory, column by column, with the cells as they came. `readTable` gives it, and `fitTable`,
 * `predict` and `evaluate` take it. It is an iterable of records.
 *
 * @example
 * ```ts
 * const table = await readTable("name,price\nMini,20.5\nJeep,33.1\n");
 * [...table]; // [{ name: "Mini", price: 20.5 }, { name: "Jeep", price: 33.1 }]
 * ```
 */
export class Frame implements Iterable<TableRecord> {
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

  /** Returns some of the rows, in this order. */
  take(rows: ArrayLike<number>): Frame {
    const taken = new Map<string, ArrayLike<unknown>>();
    for (const [name, cells] of this.cells) {
      taken.set(
        name,
        cells instanceof Float64Array
          ? Float64Array.from(rows, (row) => cells[row])
          : Array.from(rows, (row) => cells[row]),
      );
    }
    return new Frame(taken, rows.length, this.isText);
  }

  /**
   * Returns some of the columns, in this order.
   *
   * @throws OptionError for a column that is not there, with the nearest name.
   */
  select(names: readonly string[], place = "select"): Frame {
    const unknown = names.find((name) => !this.cells.has(name));
    if (unknown !== undefined) throw unknownName(`${place}: columns`, "column", unknown, this.names);
    const cells = new Map(names.map((name) => [name, this.cells.get(name) as ArrayLike<unknown>]));
    return new Frame(cells, this.rows, this.isText);
  }

  /** Yields frames of up to `rows` rows. They share the memory of columns of numbers. */
  *blocks(rows: number): Generator<Frame> {
    if (this.rows <= rows) yield this;
    else {
      for (let start = 0; start < this.rows; start += rows) {
        const end = Math.min(start + rows, this.rows);
        const cells = new Map<string, ArrayLike<unknown>>();
        for (const [name, column] of this.cells) {
          cells.set(
            name,
            column instanceof Float64Array
              ? column.subarray(start, end)
              : Array.prototype.slice.call(column, start, end),
          );
        }
        yield new Frame(cells, end - start, this.isText);
      }
    }
  }

  /** Yields the rows as records. */
  *[Symbol.iterator](): Generator<TableRecord> {
    const columns = [...this.cells];
    for (let row = 0; row < this.rows; row++)
      yield Object.fromEntries(columns.map(([name, cells]) => [name, cells[row]]));
  }
}

/** Joins frames of one table. A column that a frame lacks has missing values there. */
export function joinFrames(frames: readonly Frame[]): Frame {
  if (frames.length === 1) return frames[0];
  const rows = frames.reduce((sum, frame) => sum + frame.rows, 0);
  const names = new Set(frames.flatMap((frame) => frame.names));
  const cells = new Map(Array.from(names, (name) => [name, joinCells(frames, name, rows)]));
  return new Frame(
    cells,
    rows,
    frames.every(({ isText }) => isText),
  );
}

function joinCells(frames: readonly Frame[], name: string, rows: number): ArrayLike<unknown> {
  const parts = frames.map((frame) => frame.cells.get(name) ?? new Array<undefined>(frame.rows));
  let at = 0;
  if (parts.every((part) => part instanceof Float64Array)) {
    const joined = new Float64Array(rows);
    for (const part of parts) {
      joined.set(part as Float64Array, at);
      at += part.length;
    }
    return joined;
  }
  const joined = new Array<unknown>(rows);
  for (const part of parts) for (let row = 0; row < part.length; row++) joined[at++] = part[row];
  return joined;
}

/** The rows of a frame, then those of another; a column that one of them lacks has missing values there. */
export function concatenate(first: Frame, second: Frame): Frame {
  const cells = new Map<string, ArrayLike<unknown>>();
  for (const name of new Set([...first.names, ...second.names])) {
    const [own, others] = [first.cells.get(name), second.cells.get(name)];
    if (own instanceof Float64Array && others instanceof Float64Array) {
      const both = new Float64Array(first.rows + second.rows);
      both.set(own);
      both.set(others, first.rows);
      cells.set(name, both);
      continue;
    }
    const both = new Array<unknown>(first.rows + second.rows);
    for (let row = 0; row < first.rows; row++) both[row] = own?.[row];
    for (let row = 0; row < second.rows; row++) both[first.rows + row] = others?.[row];
    cells.set(name, both);
  }
  return new Frame(cells, first.rows + second.rows, first.isText);
}

/** Refuses what is not a record. */
export function checkRecord(record: unknown, row: number, place: string): asserts record is TableRecord {
  // Dates, maps, promises and the like are objects without fields: they would count as records of missing values.
  if (Object.prototype.toString.call(record) === "[object Object]" && !(record instanceof Frame)) return;
  if (record instanceof Frame) {
    throw new DataError(
      `${place}: row ${row}: expected a record, received a Frame. Fix: give frames one by one, or as an async iterable`,
    );
  }
  const hint = Array.isArray(record)
    ? '; give records like { age: 30, city: "Oslo" }, or columns by name'
    : record instanceof Promise
      ? ". Fix: await it"
      : "";
  throw new DataError(`${place}: row ${row}: expected a record, received ${show(record)}${hint}`);
}

/** Collects records and frames, in their order, into columns: a column for each name that any of them has. */
class Collector {
  readonly #frames: Frame[] = [];
  /** The cells of the records after the last frame. */
  #cells = new Map<string, unknown[]>();
  readonly #place: string;
  /** Rows in the frames. */
  #before: number;
  /** Records after the last frame. */
  #rows = 0;

  /** `first`: the number of the first row in its source. */
  constructor(place: string, first = 0) {
    this.#place = place;
    this.#before = first;
  }

  add(piece: unknown): void {
    if (piece instanceof Frame) {
      this.#endRecords();
      this.#frames.push(piece);
      this.#before += piece.rows;
      return;
    }
    const row = this.#rows;
    checkRecord(piece, this.#before + row, this.#place);
    this.#rows++;
    for (const name of Object.keys(piece)) {
      let cells = this.#cells.get(name);
      if (cells === undefined) {
        cells = [];
        this.#cells.set(name, cells);
      }
      // Rows before this one that lack the field have a missing value there.
      while (cells.length < row) cells.push(undefined);
      cells.push(piece[name]);
    }
  }

  #endRecords(): void {
    if (this.#rows === 0) return;
    for (const cells of this.#cells.values()) while (cells.length < this.#rows) cells.push(undefined);
    this.#frames.push(new Frame(this.#cells, this.#rows));
    this.#before += this.#rows;
    this.#cells = new Map();
    this.#rows = 0;
  }

  frame(): Frame {
    this.#endRecords();
    return this.#frames.length === 0 ? new Frame(new Map(), 0) : joinFrames(this.#frames);
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

/**
 * Whether an object has columns: every value is a list. A record whose every field is a list has no meaning.
 */
export function isColumns(rows: unknown): rows is Columns {
  if (rows === null || typeof rows !== "object") return false;
  const values = Object.values(rows);
  return values.length > 0 && values.every(isList);
}

/** Whether rows are one record: as `predict` has it, an object is a record unless every field is a list. */
export const isRecord = (rows: unknown): rows is TableRecord => isPlain(rows) && !isColumns(rows);

/** The numbers of all rows. */
export function everyRow(rows: number): Uint32Array {
  const all = new Uint32Array(rows);
  for (let row = 0; row < rows; row++) all[row] = row;
  return all;
}

/** Reads rows in memory into columns; `first` is the number of the first one in its source. */
export function toFrame(rows: unknown, place: string, first = 0): Frame {
  if (rows instanceof Frame) return rows;
  if (Array.isArray(rows)) {
    const collector = new Collector(place, first);
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
  const fix =
    typeof rows === "string" || rows instanceof URL || ArrayBuffer.isView(rows)
      ? ". Fix: give what readTable reads from it"
      : rows instanceof Promise
        ? ". Fix: await it"
        : "";
  throw new DataError(
    `${place}: expected records, columns by name or an iterable of records, received ${show(rows)}${fix}`,
  );
}

/**
 * Reads rows from anywhere into columns. What comes asynchronously is read within the limits, and the records
 * and frames of such a source keep their order.
 */
export async function collectFrame(rows: unknown, place: string, limits: ReadLimits = {}): Promise<Frame> {
  const iterator = (rows as Partial<AsyncIterable<unknown>> | null | undefined)?.[Symbol.asyncIterator];
  if (typeof iterator !== "function") {
    limits.signal?.throwIfAborted();
    const frame = toFrame(rows, place);
    if (rows instanceof Frame || Array.isArray(rows)) return frame;
    // The caller's arrays may change before the last target is read.
    const copies = new Map<string, ArrayLike<unknown>>();
    for (const [name, cells] of frame.cells) copies.set(name, (cells as readonly unknown[]).slice());
    return new Frame(copies, frame.rows, frame.isText);
  }
  const collector = new Collector(place);
  for await (const piece of readPieces(rows as AsyncIterable<unknown>, limits)) collector.add(piece);
  return collector.frame();
}

/** Reads records and frames in frames of up to `most` rows. */
export async function* framesOf(
  source: AsyncIterable<unknown>,
  most: number,
  place: string,
  limits: ReadLimits,
): AsyncGenerator<Frame, void, undefined> {
  let records: unknown[] = [];
  let before = 0;
  const release = holder();
  const end = () => {
    const frame = toFrame(records, place, before);
    records = [];
    before += frame.rows;
    return frame;
  };
  for await (const piece of readPieces(source, limits)) {
    if (piece instanceof Frame) {
      if (records.length > 0) yield end();
      before += piece.rows;
      for (const part of piece.blocks(most)) {
        await release();
        yield part;
      }
    } else if (records.push(piece) >= most) yield end();
  }
  if (records.length > 0) yield end();
}

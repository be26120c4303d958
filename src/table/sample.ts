/**
 * Samples of tables: of a source that does not fit in memory, and of rows in memory whose encoded form does
 * not.
 */
import { OptionError } from "../errors.ts";
import { plannableMemory } from "../memory.ts";
import { refuse } from "../options.ts";
import { uniform } from "../random.ts";
import { checkRecord, Frame } from "./frame.ts";
import { Preparation } from "./preparation.ts";
import { type ReadLimits, readPieces, type Source } from "./reading.ts";
import { readGivenTypes, typeColumn } from "./typeColumn.ts";

/** Records and frames that come one after the other, or a function that begins anew. */
export type TableStream = AsyncIterable<object> | (() => AsyncIterable<object> | Iterable<object>);

type Rows = Source<unknown>;

/** The purpose of these draws, beside those of `random.ts`. */
export const PURPOSE = 35;
/** Rows from which the size of a row is estimated; no sample is smaller. */
const FIRST_ROWS = 1000;
/** Bytes of a cell as it came: a number or a short text, with its place in a list. */
const CELL_BYTES = 64;
/**
 * Arrays of encoded rows that are in memory together: of five folds, each in JavaScript, scaled, and in the
 * kernel.
 */
const COPIES = 15;
/** Rows in memory with fewer cells are never sampled. */
const LARGE_CELLS = 1e6;
/** Rows of a block of rows that are in memory. */
const BLOCK_ROWS = 65_536;
/** About how much a budget of a second is enough for: a few epochs of the networks of `"fast"`. */
const BYTES_PER_SECOND = 2e7;

/** A sample of rows, and the way to the others. */
export interface Sample {
  readonly frame: Frame;
  /** The rows of the source that were read. */
  readonly rows: number;
  /** The number that each row of the sample has in the source. */
  readonly numbers: readonly number[];
  /** Whether the time was over before the source was. */
  readonly isCut: boolean;
  /** Begins anew; undefined where the source can be read once only. */
  readonly again: (() => Rows) | undefined;
}

/** Checks the option `memory`. */
export function readMemory(given: unknown, place: string): number | undefined {
  if (given === undefined) return undefined;
  if (typeof given === "number" && given >= 1 && Number.isFinite(given)) return given;
  throw refuse(`${place}: memory`, "a number of bytes", given);
}

/** What begins a source, and whether it can begin anew: an iterator that is its own iterable cannot. */
export function openStream(source: unknown): { readonly first: Rows; readonly again: Sample["again"] } {
  if (typeof source === "function") return { first: source() as Rows, again: source as () => Rows };
  const stream = source as Partial<AsyncIterable<unknown> & Iterable<unknown>>;
  const iterator = stream[Symbol.asyncIterator]?.() ?? stream[Symbol.iterator]?.();
  const isOnce = (iterator as unknown) === source;
  const first: Rows = isOnce
    ? (source as Rows)
    : { [Symbol.asyncIterator]: () => iterator as AsyncIterator<unknown> };
  return { first, again: isOnce ? undefined : () => source as Rows };
}

/** Whether a value is rows that come one after the other. */
export const isStream = (source: unknown): boolean =>
  typeof source === "function" ||
  (source !== null &&
    typeof source === "object" &&
    !Array.isArray(source) &&
    !(source instanceof Frame) &&
    (Symbol.asyncIterator in source || Symbol.iterator in source));

/** Cells of rows by column, each written at its place. */
export class Table {
  readonly cells = new Map<string, unknown[]>();
  rows = 0;
  isText = false;

  /** Writes a row at a place, which is at most the number of rows. */
  set(place: number, read: (name: string) => unknown, names: Iterable<string>): void {
    this.rows = Math.max(this.rows, place + 1);
    for (const column of this.cells.values()) column[place] = undefined;
    for (const name of names) {
      let column = this.cells.get(name);
      if (column === undefined) {
        column = new Array<unknown>(this.rows).fill(undefined);
        this.cells.set(name, column);
      }
      column[place] = read(name);
    }
  }

  frame(): Frame {
    return new Frame(this.cells, this.rows, this.isText);
  }
}

/**
 * Calls a function with each row of a source: its number, its names and how its cells are read. Reads no more
 * once the function returns a promise of false.
 */
export async function eachRow(
  source: Rows,
  place: string,
  limits: ReadLimits,
  visit: (
    row: number,
    read: (name: string) => unknown,
    names: Iterable<string>,
    isText: boolean,
  ) => undefined | Promise<boolean>,
): Promise<number> {
  let row = 0;
  for await (const piece of readPieces(source, limits)) {
    if (piece instanceof Frame) {
      for (let at = 0; at < piece.rows; at++) {
        const wait = visit(row++, (name) => piece.cells.get(name)?.[at], piece.cells.keys(), piece.isText);
        if (wait !== undefined && !(await wait)) return row;
      }
      continue;
    }
    checkRecord(piece, row, place);
    const wait = visit(row++, (name) => piece[name], Object.keys(piece), false);
    if (wait !== undefined && !(await wait)) return row;
  }
  return row;
}

/** The bytes that a row of the sample takes while networks learn from it. */
function bytesOf(frame: Frame, types: unknown): number {
  const given = readGivenTypes(types, frame, "columns");
  const columns = Array.from(frame.cells, ([name, cells]) =>
    typeColumn(name, cells, Object.hasOwn(given, name) ? given[name] : undefined),
  ).filter(({ description }) => description.type !== "ignore");
  const rows = Uint32Array.from({ length: frame.rows }, (_, row) => row);
  const { inputs } = Preparation.fit(columns, rows);
  return CELL_BYTES * frame.cells.size + Float32Array.BYTES_PER_ELEMENT * COPIES * inputs;
}

/**
 * Reads all rows of a source, and keeps as many of them as the memory allows: a uniform sample (algorithm R;
 * Vitter, "Random Sampling with a Reservoir", 1985).
 */
export async function sampleRows(
  source: unknown,
  memory: number,
  seed: number,
  place: string,
  limits: ReadLimits = {},
  types?: unknown,
): Promise<Sample> {
  let isCut = false;
  const onCut = () => {
    isCut = true;
  };
  const { first, again } = openStream(source);
  const draw = uniform(seed, { purpose: PURPOSE, index: 0 });
  const table = new Table();
  const numbers: number[] = [];
  let most = FIRST_ROWS;
  const rows = await eachRow(first, place, { ...limits, onCut }, (row, read, names, isText) => {
    if (row === FIRST_ROWS) {
      const bytes = bytesOf(table.frame(), types);
      most = Math.floor(memory / bytes);
      if (most < FIRST_ROWS) {
        throw new OptionError(
          `${place}: memory: expected at least ${Math.ceil(FIRST_ROWS * bytes)} bytes, which ${FIRST_ROWS} rows of this table take, received ${memory}`,
        );
      }
    }
    const at = row < most ? row : Math.floor(draw() * (row + 1));
    if (at < most) {
      table.isText ||= isText;
      table.set(at, read, names);
      numbers[at] = row;
    }
    return undefined;
  });
  return { frame: table.frame(), rows, numbers, isCut, again };
}

/**
 * A sample of rows in memory, where all of them, encoded, would take more memory than there is, or more time
 * than a budget has for a few epochs; else undefined.
 */
export async function sampleLarge(
  frame: Frame,
  seconds: number | undefined,
  types: unknown,
  seed: number,
  place: string,
  signal: AbortSignal | undefined,
): Promise<Sample | undefined> {
  if (frame.rows * frame.cells.size < LARGE_CELLS || frame.rows <= FIRST_ROWS) return undefined;
  const bytes = bytesOf(frame.take(Uint32Array.from({ length: FIRST_ROWS }, (_, row) => row)), types);
  const most = Math.min(plannableMemory(), (seconds ?? Number.POSITIVE_INFINITY) * BYTES_PER_SECOND);
  if (frame.rows * bytes <= most) return undefined;
  const blocks = () => frame.blocks(BLOCK_ROWS);
  return sampleRows(blocks, Math.max(most, FIRST_ROWS * bytes), seed, place, { signal }, types);
}

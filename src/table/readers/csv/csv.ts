/** Reads CSV files as frames: whole, or block by block. */
import { DataError, withinMemory } from "../../../errors.ts";
import { nextTurn } from "../../../host.ts";
import { unknownName } from "../../../options.ts";
import { withDictionary } from "../../dictionary.ts";
import { Frame } from "../../frame.ts";
import { type ByteSource, joinBytes } from "../source.ts";
import { ColumnBuilder, meaningOf } from "./columns.ts";
import {
  type Dialect,
  type DialectChoice,
  findDialect,
  findEncoding,
  NUMBERS,
  SAMPLE_BYTES,
} from "./dialect.ts";
import { Parser } from "./parser.ts";

/** How a CSV file is read. What is not given is detected. */
export interface CsvChoice extends DialectChoice {
  readonly encoding?: string | undefined;
  readonly ragged: "refuse" | "pad";
}

/** Cells of a block at most. */
const BLOCK_CELLS = 1 << 22;
const BLOCK_ROWS = 1 << 16;
/** The longest record. A quote that is never closed makes one record of the rest of the file. */
const LONGEST_RECORD = 1 << 28;
/** Above these sizes, a stream begins new dictionaries. */
const LARGEST_DICTIONARY = 1 << 24;
const MOST_TEXTS = 1 << 18;

/** What the file must be read again with, because it was detected too late. */
class ReadAgain {
  readonly text: ReadonlySet<string>;
  readonly encoding: string | undefined;

  constructor(text: ReadonlySet<string>, encoding?: string) {
    this.text = text;
    this.encoding = encoding;
  }
}

/** A piece of a table: the columns have a block each. */
interface Piece {
  readonly rows: number;
  /** The lines of the file from which the rows are. */
  readonly lines: { readonly first: number; readonly last: number };
  readonly builders: readonly ColumnBuilder[];
  readonly blocks: readonly ReturnType<ColumnBuilder["end"]>[];
}

/** Converts a file's bytes to UTF-8. */
async function* toUtf8(chunks: AsyncIterable<Uint8Array>, label: string, mark: number, place: string) {
  let skip = mark;
  const isUtf8 = label === "utf-8";
  const decoder = isUtf8 ? undefined : new TextDecoder(label, { fatal: true });
  const encoder = new TextEncoder();
  for await (const chunk of chunks) {
    const bytes = skip > 0 ? chunk.subarray(skip) : chunk;
    skip = Math.max(0, skip - chunk.length);
    yield decoder === undefined
      ? bytes
      : encoder.encode(decode(() => decoder.decode(bytes, { stream: true }), label, place));
  }
  if (decoder !== undefined) {
    const rest = decode(() => decoder.decode(), label, place);
    if (rest !== "") yield encoder.encode(rest);
  }
}

function decode<T>(run: () => T, label: string, place: string): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new DataError(
      `${place}: the text is not valid ${label}. Fix: give the encoding of the file, for instance encoding: "windows-1252"`,
    );
  }
}

/** Reads a file once, in pieces of up to `rows` rows. */
async function* pieces(
  source: ByteSource,
  choice: CsvChoice,
  { rows, again, isStream }: { rows?: number | undefined; again: ReadAgain; isStream: boolean },
): AsyncGenerator<Piece> {
  const { place } = source;
  const iterator = source.chunks()[Symbol.asyncIterator]();
  const first: Uint8Array[] = [];
  let size = 0;
  let isWhole = false;
  while (size < SAMPLE_BYTES && !isWhole) {
    const { done, value } = await iterator.next();
    if (done) isWhole = true;
    else {
      first.push(value);
      size += value.length;
    }
  }
  const head = first.length === 1 ? first[0] : joinBytes(first);
  const sample = head.subarray(0, SAMPLE_BYTES);
  const isAll = isWhole && head.length <= SAMPLE_BYTES;
  const found = findEncoding(sample, isAll, place);
  const label = choice.encoding ?? again.encoding ?? found.label;
  const mark = found.label === label || label === "utf-16" ? found.mark : 0;
  const text = decode(
    () => new TextDecoder(label, { fatal: true }).decode(sample.subarray(mark), { stream: !isAll }),
    label,
    place,
  );
  const dialect = findDialect(text, isAll, { ...choice, text: [...choice.text, ...again.text] }, place);
  checkColumns(dialect, choice, place);
  const { separator, quote, hasHeader, columns } = dialect;
  const builders = columns.map((plan) => new ColumnBuilder(plan));
  const parser = new Parser(
    builders,
    { separator: separator.charCodeAt(0), quote: quote === "" ? -1 : quote.charCodeAt(0) },
    { place, hasHeader, isPadded: choice.ragged === "pad" },
  );
  // A record has at least a byte for each cell, its separator or line break.
  const bytes = isWhole ? head.length : source.size;
  const possible =
    bytes === undefined || label !== "utf-8" ? BLOCK_ROWS : Math.ceil(bytes / columns.length) + 1;
  const block = Math.max(64, Math.min(BLOCK_ROWS, Math.floor(BLOCK_CELLS / columns.length)));
  const most = Math.min(rows ?? block, Math.max(1, possible));
  async function* all() {
    if (head.length > 0) yield head;
    yield* { [Symbol.asyncIterator]: () => iterator };
  }
  let firstLine = 1;
  let toSkip = (hasHeader ? 1 : 0) + (dialect.skipped > 0 ? 1 : 0);
  let buffer = new Uint8Array(0);
  let [start, end] = [0, 0];
  const begin = () => {
    for (const builder of builders) {
      if (isStream && (builder.dictionary.bytes > LARGEST_DICTIONARY || builder.dictionary.size > MOST_TEXTS))
        builder.forget();
      builder.begin(most);
    }
    parser.row = 0;
    firstLine = parser.line;
  };
  const finish = (): Piece => ({
    rows: parser.row,
    lines: { first: firstLine, last: parser.line - 1 },
    builders,
    blocks: builders.map((builder) => builder.end(parser.row)),
  });
  begin();
  const chunks = toUtf8(all(), label, mark, place)[Symbol.asyncIterator]();
  for (let isLast = false; !isLast; ) {
    const { done, value: chunk } = await chunks.next();
    isLast = done === true;
    if (!done) {
      const rest = end - start;
      if (rest + chunk.length + 1 > buffer.length) {
        if (rest > LONGEST_RECORD) {
          throw new DataError(
            `${place}: line ${parser.line}: the record is longer than ${LONGEST_RECORD} bytes. Fix: close its quotes, or give quote: "" if the file has no quoted cells`,
          );
        }
        const larger = new Uint8Array(Math.max(rest + chunk.length + 1, 2 * rest));
        larger.set(buffer.subarray(start, end));
        buffer = larger;
      } else buffer.copyWithin(0, start, end);
      buffer.set(chunk, rest);
      [start, end] = [0, rest + chunk.length];
    }
    buffer[end] = 10;
    while (toSkip > 0) {
      const next = parser.skip(buffer, start, end, isLast);
      if (next === start && !(isLast && start >= end)) break;
      start = next;
      toSkip--;
    }
    if (toSkip > 0 && !isLast) continue;
    for (;;) {
      start = parser.parse(buffer, start, end, most, isLast);
      if (parser.row < most) break;
      yield finish();
      begin();
    }
  }
  if (parser.row > 0) yield finish();
}

function checkColumns({ columns }: Dialect, choice: CsvChoice, place: string): void {
  const names = columns.map(({ name }) => name);
  for (const option of ["columns", "text"] as const) {
    const unknown = choice[option]?.find((name) => !names.includes(name));
    if (unknown !== undefined) throw unknownName(`${place}: ${option}`, "column", unknown, names);
  }
}

/** Returns the cells of a column of numbers: doubles, or a list with texts if some cells are not numbers. */
function numberCells(values: Float64Array, odd: ReadonlyMap<number, string>): ArrayLike<unknown> {
  if (odd.size === 0) return values;
  const cells: unknown[] = Array.from(values);
  for (const [row, text] of odd) cells[row] = text;
  return cells;
}

/** Returns the cells of a column of text. Equal cells share a string. */
function textCells(builder: ColumnBuilder, codes: Uint32Array): ArrayLike<unknown> {
  const texts = builder.dictionary.texts();
  const cells = new Array<string>(codes.length);
  for (let row = 0; row < codes.length; row++) cells[row] = texts[codes[row]];
  return withDictionary(cells, { codes, texts });
}

/** Returns the cells of a column of unknown kind: numbers if all its texts are numbers. */
function unknownCells(builder: ColumnBuilder, codes: Uint32Array): ArrayLike<unknown> {
  const { decimal } = builder.plan;
  const meanings = builder.dictionary.texts().map((text) => meaningOf(text, decimal));
  const isNumber =
    meanings.every((meaning) => meaning !== undefined) && meanings.some((meaning) => !Number.isNaN(meaning));
  if (!isNumber) return textCells(builder, codes);
  return Float64Array.from(codes, (code) => meanings[code] as number);
}

/** Returns whether a column was wrongly taken for numbers: it has too many texts, or a code like "007". */
function isMistaken(builder: ColumnBuilder, present: number): boolean {
  return builder.code !== undefined || builder.oddCells > (1 - NUMBERS) * present;
}

/** Reads a whole file. */
export async function readCsv(source: ByteSource, choice: CsvChoice): Promise<Frame> {
  let again = new ReadAgain(new Set());
  for (;;) {
    const read = await attempt(source, choice, again);
    if (read instanceof Frame) return read;
    again = read;
  }
}

async function attempt(source: ByteSource, choice: CsvChoice, again: ReadAgain): Promise<Frame | ReadAgain> {
  let builders: readonly ColumnBuilder[] = [];
  const read: Piece[] = [];
  const missing: number[] = [];
  let rows = 0;
  try {
    for await (const piece of pieces(source, choice, { again, isStream: false })) {
      builders = piece.builders;
      read.push(piece);
      rows += piece.rows;
      const mistaken = builders.filter((builder, at) => {
        if (!builder.isNumber) return false;
        const { values, odd } = piece.blocks[at];
        missing[at] = (missing[at] ?? 0) + countMissing(values) - odd.size;
        return isMistaken(builder, rows - missing[at]);
      });
      if (mistaken.length > 0) {
        return new ReadAgain(
          new Set([...again.text, ...mistaken.map(({ plan }) => plan.name)]),
          again.encoding,
        );
      }
      await new Promise<void>((resolve) => nextTurn(resolve));
    }
    if (rows === 0) throw noRows(source.place);
    return withinMemory(
      `${source.place}: ${rows} rows do not fit in memory. Fix: read it with streamTable, or give columns: [...] to read some columns`,
      () => frameOf(builders, read, rows),
    );
  } catch (error) {
    // Where a text is not UTF-8, each byte of Windows-1252 is a character.
    if (!(error instanceof TypeError) || choice.encoding !== undefined || again.encoding !== undefined)
      throw error;
    return new ReadAgain(again.text, "windows-1252");
  }
}

function noRows(place: string): DataError {
  return new DataError(
    `${place}: expected rows, received a header without any. Fix: give a file that has rows, or header: false if the first line is a row`,
  );
}

function countMissing(values: Float64Array): number {
  let count = 0;
  for (let row = 0; row < values.length; row++) if (Number.isNaN(values[row])) count++;
  return count;
}

/** Joins pieces column by column. */
function frameOf(builders: readonly ColumnBuilder[], read: readonly Piece[], rows: number): Frame {
  const cells = new Map<string, ArrayLike<unknown>>();
  for (const [at, builder] of builders.entries()) {
    const { kind, name, isUnknown } = builder.plan;
    if (kind === "skip") continue;
    const blocks = read.map(({ blocks }) => blocks[at]);
    if (kind === "number") {
      const odd = new Map<number, string>();
      let start = 0;
      for (const block of blocks) {
        for (const [row, text] of block.odd) odd.set(start + row, text);
        start += block.values.length;
      }
      const values = joinedNumbers(
        blocks.map(({ values }) => values),
        new Float64Array(rows),
      );
      cells.set(name, numberCells(values, odd));
    } else {
      const codes = joinedNumbers(
        blocks.map(({ codes }) => codes),
        new Uint32Array(rows),
      );
      cells.set(name, isUnknown ? unknownCells(builder, codes) : textCells(builder, codes));
    }
  }
  return new Frame(cells, rows, true);
}

function joinedNumbers<T extends Float64Array | Uint32Array>(parts: readonly T[], target: T): T {
  let at = 0;
  for (const part of parts) {
    target.set(part, at);
    at += part.length;
  }
  return target;
}

/** Reads a file in frames of up to `rows` rows. */
export async function* streamCsv(source: ByteSource, choice: CsvChoice, rows: number): AsyncGenerator<Frame> {
  let count = 0;
  let where = "";
  try {
    for await (const { builders, blocks, rows: length, lines } of pieces(source, choice, {
      rows,
      again: new ReadAgain(new Set()),
      isStream: true,
    })) {
      count += length;
      where = `lines ${lines.first} to ${lines.last}: `;
      const cells = new Map<string, ArrayLike<unknown>>();
      for (const [at, builder] of builders.entries()) {
        const { kind, name } = builder.plan;
        const { values, odd, codes } = blocks[at];
        if (kind === "number") cells.set(name, numberCells(values, odd));
        if (kind === "text") cells.set(name, textCells(builder, codes));
      }
      yield new Frame(cells, length, true);
    }
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new DataError(
      `${source.place}: ${where}a cell is not valid UTF-8. Fix: give the encoding of the file, for instance encoding: "windows-1252"`,
    );
  }
  if (count === 0) throw noRows(source.place);
}

/** readTable and streamTable: files of tables as frames. */
import { OptionError, show } from "../../errors.ts";
import { checkNames, unknownName } from "../../options.ts";
import { readSignal } from "../../training/options.ts";
import type { Decimal } from "../cells.ts";
import type { Frame } from "../frame.ts";
import { interruptible, readPieces } from "../reading.ts";
import type { CsvChoice } from "./csv/csv.ts";
import { findFormat, HEAD_BYTES, isGzip, TABLE_FORMATS, type TableFormat } from "./formats.ts";
import {
  type ByteSource,
  gunzipped,
  ofParts,
  openSource,
  peek,
  type TableInput,
  withSlices,
} from "./source.ts";
import type { SqlConnection } from "./sql.ts";

/** How to read a table. All of it may be left out. */
export interface ReadTableOptions {
  /** The format; by default what the first bytes and the ending of the name tell. */
  readonly format?: TableFormat | undefined;
  /** The columns to read, in this order; all by default. Those that are left out take no memory. */
  readonly columns?: readonly string[] | undefined;
  /** CSV: the character between cells; by default the one of tab, `;`, `|` and `,` that fits the lines. */
  readonly separator?: string | undefined;
  /**
   * CSV: the character around cells that have separators or line breaks in them; `""` if there is none. `"`
   * by default.
   */
  readonly quote?: string | undefined;
  /** CSV: the character that begins decimals; by default what the numbers of each column have. */
  readonly decimal?: Decimal | undefined;
  /** CSV: the encoding, by its name on the web; by default UTF-8 or UTF-16, else Windows-1252. */
  readonly encoding?: string | undefined;
  /** CSV: whether the first line has the names of the columns; by default what it looks like. */
  readonly header?: boolean | undefined;
  /** CSV: columns whose cells stay as they are written although they look like numbers, such as codes. */
  readonly text?: readonly string[] | undefined;
  /**
   * CSV: what becomes of a line with fewer cells than the first: `"refuse"` (the default), or `"pad"` with
   * missing values.
   */
  readonly ragged?: "refuse" | "pad" | undefined;
  /** SQLite and DuckDB: what to select; by default all of the only table. */
  readonly query?: string | undefined;
  /** SQLite and DuckDB: the values of the query's parameters, in order. */
  readonly parameters?: readonly unknown[] | undefined;
  /** Stops the reading: the source is closed, and the call rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** How to read a table block by block. */
export interface StreamTableOptions extends ReadTableOptions {
  /** The rows of a block at most: what bounds the memory. 65,536 by default. */
  readonly rows?: number | undefined;
}

const FOR_CSV = ["separator", "quote", "decimal", "encoding", "header", "text", "ragged"] as const;
const FOR_SQL = ["query", "parameters"] as const;
const OPTIONS: readonly string[] = ["format", "columns", "signal", ...FOR_CSV, ...FOR_SQL];

const BLOCK_ROWS = 65_536;
const MOST_ROWS = 2 ** 24;

type Call = "readTable" | "streamTable";

function readNames(given: unknown, option: string, call: Call): readonly string[] | undefined {
  if (given === undefined) return undefined;
  if (Array.isArray(given) && given.every((name) => typeof name === "string")) {
    if (new Set(given).size === given.length) return given;
    throw new OptionError(`${call}: ${option}: expected different columns, received one twice`);
  }
  throw new OptionError(`${call}: ${option}: expected a list of columns' names, received ${show(given)}`);
}

/** Checks a character that is one byte in UTF-8 and has no other meaning in CSV. */
function readCharacter(given: unknown, option: string, call: Call): string | undefined {
  if (given === undefined) return undefined;
  if (typeof given === "string" && given.length === 1 && /[^\r\n\dA-Za-z.+\-\u0080-\uffff]/.test(given))
    return given;
  throw new OptionError(
    `${call}: ${option}: expected one ASCII character that is not a letter, a digit or a sign of a number, received ${show(given)}`,
  );
}

function readWord<Word>(
  given: unknown,
  words: readonly Word[],
  option: string,
  call: Call,
): Word | undefined {
  if (given === undefined || words.includes(given as Word)) return given as Word | undefined;
  if (typeof given === "string" && typeof words[0] === "string")
    throw unknownName(`${call}: ${option}`, "word", given, words as readonly string[]);
  throw new OptionError(
    `${call}: ${option}: expected ${words.map((word) => JSON.stringify(word)).join(" or ")}, received ${show(given)}`,
  );
}

/** The options after their checks. */
interface Choice {
  readonly format: TableFormat | undefined;
  readonly columns: readonly string[] | undefined;
  readonly csv: CsvChoice;
  readonly query: string | undefined;
  readonly parameters: readonly unknown[];
  readonly signal: AbortSignal | undefined;
  readonly given: ReadonlySet<string>;
}

async function readOptions(options: ReadTableOptions, names: readonly string[], call: Call): Promise<Choice> {
  checkNames(options, names, call);
  const { query, parameters, encoding } = options;
  const format = readWord(options.format, TABLE_FORMATS, "format", call);
  const columns = readNames(options.columns, "columns", call);
  if (columns?.length === 0) throw new OptionError(`${call}: columns: expected names, received none`);
  const header = readWord(options.header, [true, false], "header", call);
  if (encoding !== undefined && typeof encoding !== "string")
    throw new OptionError(`${call}: encoding: expected a name, received ${show(encoding)}`);
  if (query !== undefined && (typeof query !== "string" || query.trim() === ""))
    throw new OptionError(`${call}: query: expected a text of SQL, received ${show(query)}`);
  if (parameters !== undefined && !Array.isArray(parameters))
    throw new OptionError(`${call}: parameters: expected a list of values, received ${show(parameters)}`);
  const separator = readCharacter(options.separator, "separator", call);
  const quote = options.quote === "" ? "" : (readCharacter(options.quote, "quote", call) ?? '"');
  if (separator !== undefined && separator === quote)
    throw new OptionError(
      `${call}: quote: expected another character than the separator, received ${show(quote)}`,
    );
  return {
    format,
    columns,
    csv: {
      separator,
      quote,
      decimal: readWord(options.decimal, [".", ","] as const, "decimal", call),
      encoding: encoding === undefined ? undefined : checkEncoding(encoding, call),
      header,
      text: readNames(options.text, "text", call) ?? [],
      columns,
      ragged: readWord(options.ragged, ["refuse", "pad"] as const, "ragged", call) ?? "refuse",
    },
    query,
    parameters: parameters ?? [],
    signal: readSignal(options.signal, call),
    given: new Set(
      Object.keys(options).filter((name) => options[name as keyof ReadTableOptions] !== undefined),
    ),
  };
}

/** Returns an encoding's name as `TextDecoder` writes it. Throws if there is no such encoding. */
function checkEncoding(label: string, call: string): string {
  try {
    return new TextDecoder(label).encoding;
  } catch {
    throw new OptionError(
      `${call}: encoding: expected an encoding like "utf-8", "windows-1252" or "utf-16le", received ${show(label)}`,
    );
  }
}

/** Refuses options that would change nothing for the format. */
function checkFormat(format: TableFormat, { given }: Choice, call: Call): void {
  const isCsv = format === "csv" || format === "tsv";
  const isSql = format === "sqlite" || format === "duckdb";
  for (const [isFor, names, whose] of [
    [isCsv, FOR_CSV, "CSV"],
    [isSql, FOR_SQL, "SQLite and DuckDB"],
  ] as const) {
    const idle = isFor ? undefined : names.find((name) => given.has(name));
    if (idle === undefined) continue;
    throw new OptionError(
      `${call}: ${idle}: it is for ${whose}, and this table is ${format}. Fix: leave it out, or give format`,
    );
  }
}

/** An opened source and its format. */
interface Opened {
  readonly format: TableFormat;
  readonly source: ByteSource;
}

async function open(input: unknown, choice: Choice, call: Call): Promise<Opened> {
  const { signal } = choice;
  signal?.throwIfAborted();
  let source = stoppable(await openSource(input, call, signal), signal);
  try {
    let peeked = await peek(source, HEAD_BYTES);
    source = peeked.source;
    if (isGzip(peeked.head)) {
      const { close } = source;
      const unzipped = gunzipped(source);
      const closeBoth = async () => {
        await unzipped.close();
        await close();
      };
      source = { ...unzipped, close: closeBoth };
      peeked = await peek(source, HEAD_BYTES);
      source = peeked.source;
    }
    const format = choice.format ?? findFormat(peeked.head, source.name, source.place);
    checkFormat(format, choice, call);
    return { format, source };
  } catch (error) {
    await source.close();
    throw error;
  }
}

/** A source whose parts are not read once the signal has aborted. */
function stoppable(source: ByteSource, signal: AbortSignal | undefined): ByteSource {
  const { slice, size = 0 } = source;
  if (signal === undefined || slice === undefined) return source;
  const checked = async (start: number, end: number) => {
    signal.throwIfAborted();
    return slice(start, end);
  };
  return ofParts(source, size, checked, () => source.close());
}

const csvChoice = ({ csv }: Choice, format: TableFormat): CsvChoice =>
  format === "tsv" ? { ...csv, separator: csv.separator ?? "\t" } : csv;

/** Returns some columns of a frame, in the given order. */
function selected(frame: Frame, columns: readonly string[] | undefined, place: string): Frame {
  return columns === undefined ? frame : frame.select(columns, place);
}

const isConnection = (input: unknown): input is SqlConnection =>
  input !== null && typeof input === "object" && ("prepare" in input || "runAndReadAll" in input);

/**
 * Reads a table from a file, a web address, a `Blob`, bytes or text, as the rows that `fitTable`, `predict`
 * and `evaluate` take. Formats: CSV and TSV, JSON, JSON Lines, Parquet, Arrow IPC and Feather, SQLite and
 * DuckDB; all but the databases also compressed with gzip.
 *
 * How a CSV file is written is found from its beginning: the encoding, the separator, the decimal sign, and
 * whether the first line has names. Columns of numbers are read as doubles, others as text.
 *
 * @example
 * ```ts
 * const cars = await readTable("name;price\nMini;20,5\nJeep;33,1\n");
 * cars.rows; // 2
 * cars.names; // ["name", "price"]
 * ```
 *
 * @throws FileError if the file cannot be read, FormatError or DataError if it is not a table of the format,
 * with the line and the fix; OptionError for an option that is unknown, or not for the format.
 */
export async function readTable(
  input: TableInput | SqlConnection,
  options: ReadTableOptions = {},
): Promise<Frame> {
  const call = "readTable";
  const choice = await readOptions(options, OPTIONS, call);
  const { columns, signal } = choice;
  if (isConnection(input)) {
    signal?.throwIfAborted();
    const { queryFrame } = await import("#sql");
    return selected(await queryFrame(input, choice, `${call}: the database`), columns, call);
  }
  const { format, source } = await open(input, choice, call);
  try {
    const { place } = source;
    switch (format) {
      case "csv":
      case "tsv": {
        const { readCsv } = await import("./csv/csv.ts");
        return selected(await readCsv(await withSlices(source), csvChoice(choice, format)), columns, place);
      }
      case "json":
        return selected(await (await import("./json.ts")).readJson(source), columns, place);
      case "jsonl":
        return selected(await (await import("./json.ts")).readJsonLines(source), columns, place);
      case "parquet":
        return await (await import("./parquet.ts")).readParquet(await withSlices(source), columns);
      case "arrow":
        return selected(await (await import("./arrow.ts")).readArrow(source), columns, place);
      case "sqlite":
      case "duckdb": {
        const { readDatabase } = await import("#sql");
        return selected(await readDatabase(source, format, choice), columns, place);
      }
    }
  } finally {
    await source.close();
  }
}

/**
 * Reads a table block by block, for tables that are larger than memory: each block is a frame of up to `rows`
 * rows, and no more than some blocks are in memory at a time. What `readTable` reads streams too.
 *
 * @example
 * ```ts
 * let rows = 0;
 * for await (const block of streamTable("x,y\n1,2\n3,4\n5,6\n", { rows: 2 })) rows += block.rows;
 * rows; // 3
 * ```
 *
 * @throws as `readTable` does, when the iteration comes to what is wrong.
 */
export function streamTable(
  input: TableInput | SqlConnection,
  options: StreamTableOptions = {},
): AsyncGenerator<Frame, void, undefined> {
  return interruptible(options?.signal, (signal) => readFrames(input, options, signal));
}

async function* readFrames(
  input: TableInput | SqlConnection,
  options: StreamTableOptions,
  signal: AbortSignal,
): AsyncGenerator<Frame, void, undefined> {
  const call = "streamTable";
  const { rows = BLOCK_ROWS, ...others } = options;
  const choice = { ...(await readOptions(others, [...OPTIONS, "rows"], call)), signal };
  if (!Number.isInteger(rows) || rows < 1 || rows > MOST_ROWS)
    throw new OptionError(
      `${call}: rows: expected a whole number from 1 to ${MOST_ROWS}, received ${show(rows)}`,
    );
  const { columns } = choice;
  if (isConnection(input)) {
    const { queryFrames } = await import("#sql");
    const frames = queryFrames(input, choice, rows, `${call}: the database`);
    for await (const frame of readPieces(frames, { signal })) yield selected(frame, columns, call);
    return;
  }
  const { format, source } = await open(input, choice, call);
  try {
    for await (const frame of readPieces(await blocks(format, source, choice, rows), { signal })) {
      yield selected(frame, columns, source.place);
    }
  } finally {
    await source.close();
  }
}

async function blocks(
  format: TableFormat,
  source: ByteSource,
  choice: Choice,
  rows: number,
): Promise<AsyncIterable<Frame>> {
  switch (format) {
    case "csv":
    case "tsv":
      return (await import("./csv/csv.ts")).streamCsv(source, csvChoice(choice, format), rows);
    case "json":
      return (await import("./json.ts")).streamJson(source, rows);
    case "jsonl":
      return (await import("./json.ts")).streamJsonLines(source, rows);
    case "parquet":
      return (await import("./parquet.ts")).streamParquet(await withSlices(source), rows, choice.columns);
    case "arrow":
      return (await import("./arrow.ts")).streamArrow(source, rows);
    case "sqlite":
    case "duckdb":
      return (await import("#sql")).databaseFrames(source, format, choice, rows);
  }
}

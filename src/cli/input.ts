/** What a command reads: a table from a path, an address or standard input; a model from a file. */
import { createReadStream, statSync } from "node:fs";
import { open, stat } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { load, type Model } from "myelin";
import {
  type Frame,
  loadTable,
  type ReadTableOptions,
  readTable,
  type StreamTableOptions,
  streamTable,
  type TableInput,
  type TableModel,
} from "myelin/table";
import { fileError } from "../files/paths.ts";
import { misspeltChecker } from "../options/misspelt.ts";
import { failure, nameStream, wrongUse } from "./failures.ts";
import { note } from "./output.ts";
import type { ReadingValues } from "./reading.ts";

/** Throws a DataError for a field that is probably a misspelt column of the model; `place` names the row. */
export function checkFields(model: TableModel, row: object, place: string): void {
  const used = model.columns.filter(({ type }) => type !== "ignore").map(({ name }) => name);
  const known = [...model.columns, ...model.targets].map(({ name }) => name);
  misspeltChecker(used, known)([row], () => place);
}

/** Returns the options of `readTable` of the values of the command line. */
export function readingOptions(values: ReadingValues): ReadTableOptions {
  const { format, separator, quote, decimal, encoding, header, text, ragged, query } = values;
  const given = {
    ...{ format, decimal, encoding, text, ragged, query },
    separator: separator === "tab" || separator === "\\t" ? "\t" : separator,
    quote: quote === "none" ? "" : quote,
    header: header && header === "yes",
  };
  return Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  ) as ReadTableOptions;
}

/** Throws for options that say how to read a table where none is read. */
export function refuseReading(values: ReadingValues, reason: string): void {
  const [name] = Object.keys(readingOptions(values));
  if (name !== undefined)
    throw wrongUse(`--${name} is for reading a table, and ${reason}. Fix: leave it out`);
}

const isAddress = (file: string) => /^https?:\/\//.test(file);

/** Returns whether a path names a pipe, such as `<(…)` of a shell: its bytes can be read once. */
function isPipe(file: string): boolean {
  try {
    return statSync(file).isFIFO();
  } catch {
    return false; // What reads it gives the reason.
  }
}

/** The bytes of standard input. It can be read once. */
export function standardInput(): AsyncIterable<Uint8Array> {
  if (process.stdin.isTTY) note("reading standard input; Ctrl-D ends it");
  return process.stdin;
}

/** Returns the source of a table: `-` is standard input. */
export function tableInput(file: string): TableInput {
  if (file === "-") return standardInput();
  if (isPipe(file)) {
    nameStream(nameOf(file));
    return createReadStream(file);
  }
  return isAddress(file) ? file : pathToFileURL(file);
}

/** How the first bytes of a file show that it holds a model: the length of a header, then the header. */
const isModel = (head: Uint8Array) =>
  head.length > 9 && head[8] === 0x7b && head[6] === 0 && head[7] === 0 && head[0] !== 0x7b;

/** Returns the first bytes of a file; throws one line for what is not a file. */
async function headOf(file: string, kind: string): Promise<Uint8Array> {
  const shown = JSON.stringify(file);
  let isFolder: boolean;
  try {
    isFolder = (await stat(file)).isDirectory();
  } catch (error) {
    throw fileError(`${shown} cannot be read`, error);
  }
  if (isFolder) throw failure(`${shown} is a folder. Fix: give the path of a ${kind}`);
  try {
    const handle = await open(file);
    try {
      const { buffer, bytesRead } = await handle.read(new Uint8Array(64), 0, 64, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw fileError(`${shown} cannot be read`, error);
  }
}

/** Returns whether a file holds a model, by its first bytes. What is not a file holds a table. */
export async function holdsModel(file: string): Promise<boolean> {
  if (!isFile(file)) return false;
  return isModel(await headOf(file, "file"));
}

/** Throws unless a file may hold a table. */
export async function checkTable(file: string, command: string): Promise<void> {
  if (!isFile(file)) return;
  const head = await headOf(file, "table");
  const shown = JSON.stringify(file);
  if (head.length === 0) throw failure(`${shown} is empty. Fix: give a table with a line of names and rows`);
  if (!isModel(head)) return;
  throw wrongUse(
    `${shown} holds a model, and ${command} expects a table here. Fix: see myelin ${command} --help`,
  );
}

/** Reads a table; `command` is the one that reads it. */
export async function readRows(file: string, values: ReadingValues, command: string): Promise<Frame> {
  await checkTable(file, command);
  const frame = await readTable(tableInput(file), readingOptions(values));
  if (frame.rows > 0) return frame;
  throw failure(`${nameOf(file)} has ${frame.names.length} columns and no rows. Fix: give a table with rows`);
}

/** Reads a table block by block. */
export async function streamRows(
  file: string,
  values: ReadingValues,
  command: string,
  options: Pick<StreamTableOptions, "rows" | "columns"> = {},
): Promise<AsyncGenerator<Frame, void, undefined>> {
  await checkTable(file, command);
  return streamTable(tableInput(file), { ...readingOptions(values), ...options });
}

/** Throws unless a table has the columns that a model predicts; `place` is what the table is called. */
export function checkAnswers({ names }: Frame, targets: readonly string[], place: string): void {
  const missing = targets.find((target) => !names.includes(target));
  if (missing === undefined) return;
  throw failure(
    `${place}: expected the target ${JSON.stringify(missing)} among the columns, which are ${names.join(", ")}. Fix: give rows whose answers are known`,
  );
}

/** Returns whether a source is a file, and not a stream or an address. */
export const isFile = (file: string): boolean => !isStream(file) && !isAddress(file);

/** Returns whether a source can be read only once. */
export const isStream = (file: string): boolean => file === "-" || isPipe(file);

/** Returns how messages call a source. */
export const nameOf = (file: string): string => (file === "-" ? "standard input" : JSON.stringify(file));

/** Throws for a file that holds no model. */
async function checkModel(file: string, command: string): Promise<void> {
  if (file === "-")
    throw wrongUse("a model is read from a file, not from standard input. Fix: give its path");
  if (isPipe(file))
    throw wrongUse(
      `a model is read from a file, and ${nameOf(file)} is a pipe. Fix: give the path of a file`,
    );
  const head = await headOf(file, "model");
  if (isModel(head)) return;
  const shown = JSON.stringify(file);
  if (head.length === 0) throw failure(`${shown} is empty. Fix: give the file of a model that train wrote`);
  throw wrongUse(
    `${shown} does not hold a model, and ${command} expects one here. Fix: give the file that myelin train wrote`,
  );
}

/** What `load` and `loadTable` take. */
export interface LoadValues {
  readonly kernel?: "auto" | "native" | "wasm" | "typescript";
}

/** Loads a model that `fitTable` trained. */
export async function loadTableModel(
  file: string,
  command: string,
  { kernel = "auto" }: LoadValues = {},
): Promise<TableModel> {
  const model = await loadAny(file, command, { kernel });
  if (isTableModel(model)) return model;
  model.dispose();
  throw wrongUse(
    `${JSON.stringify(file)} holds a network without a table, and ${command} needs the model of a table. ` +
      "Fix: give the file that myelin train wrote",
  );
}

/** Loads a model: of a table, or a network. */
export async function loadAny(
  file: string,
  command: string,
  { kernel = "auto" }: LoadValues = {},
): Promise<TableModel | Model> {
  await checkModel(file, command);
  try {
    return await loadTable(file, { kernel });
  } catch (error) {
    // The message of a network's file names `load`.
    if (!/\bload\b/.test((error as Error).message)) throw error;
    return load(file, { kernel });
  }
}

/** Returns whether a model is one of a table. */
export const isTableModel = (model: TableModel | Model): model is TableModel => "targets" in model;

/**
 * Returns what `read` returns. An error that names a row of a block names the table and its row; `before` is the
 * number of the rows before the block.
 */
export async function atRow<Result>(
  place: string,
  before: number,
  read: () => Result | Promise<Result>,
): Promise<Result> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof Error && /\brow \d/.test(error.message))
      error.message = error.message
        .replace(/\brow (\d+)/, (_, row) => `row ${Number(row) + before}`)
        .replace(/^(\w+: )?/, (call) => `${call}${place}: `);
    throw error;
  }
}

/** Reads JSON and JSON Lines as frames. */
import { DataError, FormatError } from "../../errors.ts";
import { Frame, toFrame } from "../frame.ts";
import { compactCells } from "./compact.ts";
import { type ByteSource, wholeOf } from "./source.ts";

/** Records that are parsed at a time. */
const BATCH_BYTES = 1 << 20;
const LONGEST_RECORD = 1 << 28;

const QUOTE = 34;
const BACKSLASH = 92;
const OPEN = 91;
const OPEN_BRACE = 123;
const CLOSE = 93;
const CLOSE_BRACE = 125;
const COMMA = 44;
const LF = 10;

const isSpace = (byte: number) => byte === 32 || byte === 10 || byte === 13 || byte === 9;

function decodeUtf8(bytes: Uint8Array, place: string): string {
  const [first, second] = bytes;
  // JSON is UTF-8; PowerShell writes UTF-16.
  const label =
    first === 0xff && second === 0xfe ? "utf-16le" : first === 0xfe && second === 0xff ? "utf-16be" : "utf-8";
  try {
    return new TextDecoder(label, { fatal: true }).decode(bytes);
  } catch {
    throw new FormatError(`${place}: the text is not valid ${label}. Fix: write the JSON as UTF-8`);
  }
}

/** Makes the error for text that is not JSON, with the fix for what other programs write. */
function jsonError(error: unknown, text: string, place: string): FormatError {
  const { message } = error as Error;
  const fix = /\b(NaN|-?Infinity)\b/.test(text)
    ? "write null for NaN and Infinity, which JSON does not have"
    : 'give an array of records or an object of columns, or format: "jsonl" if each line is a record';
  return new FormatError(`${place}: it is not valid JSON: ${message}. Fix: ${fix}`);
}

/**
 * Makes a frame of records or columns, with columns of numbers as doubles; `first` is the number of the first
 * record in its source.
 */
function compactFrame(value: unknown, place: string, first = 0): Frame {
  const { cells, rows } = toFrame(value, place, first);
  return new Frame(new Map(Array.from(cells, ([name, column]) => [name, compactCells(column)])), rows);
}

function parseJson(text: string, place: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw jsonError(error, text, place);
  }
}

/** Reads JSON: an array of records, or an object that has columns or one array of records. */
export async function readJson(source: ByteSource): Promise<Frame> {
  const { place } = source;
  const value = parseJson(decodeUtf8(await wholeOf(source), place), place);
  const frame = compactFrame(value, place);
  if (frame.rows > 0) return frame;
  throw new DataError(`${place}: expected records, received none`);
}

/** Reads JSON Lines: a record a line. */
export async function readJsonLines(source: ByteSource): Promise<Frame> {
  const records: unknown[] = [];
  for await (const batch of lineBatches(source)) for (const record of batch) records.push(record);
  if (records.length > 0) return compactFrame(records, source.place);
  throw new DataError(`${source.place}: expected records, received none`);
}

/** Reads JSON Lines in frames of up to `rows` rows. */
export const streamJsonLines = (source: ByteSource, rows: number): AsyncGenerator<Frame> =>
  inFrames(lineBatches(source), rows, source.place);

/**
 * Reads a JSON array of records in frames of up to `rows` rows. Keeps no more than some records in memory.
 */
export const streamJson = (source: ByteSource, rows: number): AsyncGenerator<Frame> =>
  inFrames(arrayBatches(source), rows, source.place);

async function* inFrames(
  batches: AsyncIterable<readonly unknown[]>,
  rows: number,
  place: string,
): AsyncGenerator<Frame> {
  let rest: unknown[] = [];
  let count = 0;
  for await (const batch of batches) {
    for (const record of batch) rest.push(record);
    let start = 0;
    for (; rest.length - start >= rows; start += rows) {
      yield compactFrame(rest.slice(start, start + rows), place, count);
      count += rows;
    }
    if (start > 0) rest = rest.slice(start);
  }
  if (rest.length > 0) yield compactFrame(rest, place, count);
  if (rest.length + count === 0) throw new DataError(`${place}: expected records, received none`);
}

/** Yields a source's bytes in buffers, each of which begins where the reader has stopped. */
async function* buffers(source: ByteSource, stopped: () => number): AsyncGenerator<[Uint8Array, boolean]> {
  let buffer = new Uint8Array(0);
  for await (const chunk of source.chunks()) {
    const rest = buffer.subarray(stopped());
    if (rest.length > LONGEST_RECORD) {
      throw new DataError(
        `${source.place}: a record is longer than ${LONGEST_RECORD} bytes. Fix: give JSON Lines, or an array of records`,
      );
    }
    const next = new Uint8Array(rest.length + chunk.length);
    next.set(rest);
    next.set(chunk, rest.length);
    buffer = next;
    yield [buffer, false];
  }
  yield [buffer.subarray(stopped()), true];
}

async function* lineBatches(source: ByteSource): AsyncGenerator<unknown[]> {
  const { place } = source;
  let stop = 0;
  let line = 1;
  for await (const [bytes, isLast] of buffers(source, () => stop)) {
    const end = isLast ? bytes.length : bytes.lastIndexOf(LF) + 1;
    stop = end;
    if (end === 0) continue;
    const lines = decodeUtf8(bytes.subarray(0, end), `${place}: from line ${line} on`).split("\n");
    if (lines.at(-1) === "") lines.pop();
    yield parseLines(lines, line, place);
    line += lines.length;
  }
}

/** Parses lines together, which is faster than one by one; one by one tells which line is wrong. */
function parseLines(lines: readonly string[], first: number, place: string): unknown[] {
  const present = lines.filter((text) => text.trim() !== "");
  try {
    const records: unknown[] = JSON.parse(`[${present.join(",")}]`);
    // Two records in a line pass as well.
    if (records.length === present.length) return records;
  } catch {
    // The loop below finds the line.
  }
  const records: unknown[] = [];
  for (const [at, text] of lines.entries()) {
    if (text.trim() !== "") records.push(parseJson(text, `${place}: line ${first + at}`));
  }
  return records;
}

/** Yields the records of an array some at a time, split by brackets and quotes. */
async function* arrayBatches(source: ByteSource): AsyncGenerator<unknown[]> {
  const { place } = source;
  let [stop, depth, at, rows] = [0, 0, 0, 0];
  const parse = (bytes: Uint8Array) => {
    const here = rows === 0 ? place : `${place}: from row ${rows} on`;
    const records = parseJson(`[${decodeUtf8(bytes, here)}]`, here) as unknown[];
    rows += records.length;
    return records;
  };
  let [isString, isBegun, isEnded] = [false, false, false];
  for await (const [bytes, isLast] of buffers(source, () => stop)) {
    at -= stop;
    let begin = 0;
    stop = 0;
    if (!isBegun) {
      let first = bytes[0] === 0xef ? 3 : 0;
      while (first < bytes.length && isSpace(bytes[first])) first++;
      if (first === bytes.length && !isLast) continue;
      if (bytes[first] !== OPEN) {
        throw new FormatError(
          `${place}: expected an array of records, received ${first < bytes.length ? JSON.stringify(String.fromCharCode(bytes[first])) : "an empty file"}. Fix: read it whole with readTable`,
        );
      }
      isBegun = true;
      begin = first + 1;
      at = begin;
      stop = begin;
    }
    let last = begin;
    for (; at < bytes.length && !isEnded; at++) {
      const byte = bytes[at];
      if (isString) {
        if (byte === BACKSLASH) at++;
        else if (byte === QUOTE) isString = false;
      } else if (byte === QUOTE) isString = true;
      else if (byte === OPEN || byte === OPEN_BRACE) depth++;
      else if (byte === CLOSE_BRACE) depth--;
      else if (byte === CLOSE) {
        if (depth === 0) {
          isEnded = true;
          last = at;
        } else depth--;
      } else if (byte === COMMA && depth === 0) last = at;
      if ((last - begin > BATCH_BYTES || isEnded) && last > begin) {
        yield parse(bytes.subarray(begin, last));
        begin = last + 1;
        last = begin;
        stop = begin;
      }
    }
    if (isEnded) return;
    if (last > begin) {
      yield parse(bytes.subarray(begin, last));
      stop = last + 1;
    }
  }
  throw new FormatError(`${place}: the array of records does not end. Fix: give the whole file`);
}

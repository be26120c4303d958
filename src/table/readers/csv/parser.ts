/**
 * A parser of CSV (RFC 4180) over the bytes of a file, from which it fills columns without making a string of
 * each cell. Quotes may hold separators, line breaks and doubled quotes; spaces around a cell are left out.
 */
import { DataError, show } from "../../../errors.ts";
import { type ColumnBuilder, characters, POWERS } from "./columns.ts";
import { HASH_PRIME, HASH_SEED } from "./dictionary.ts";

const LF = 10;
const CR = 13;
const SPACE = 32;
const TAB = 9;
const MINUS = 45;
const ZERO = 48;
const LARGEST_EXACT = Number.MAX_SAFE_INTEGER;
const MOST_DECIMALS = 22;

/** How cells and records are written. */
export interface Syntax {
  /** The byte between cells. */
  readonly separator: number;
  /** The byte around cells; -1 where there is none. */
  readonly quote: number;
}

/** Where a parser is. */
interface Place {
  /** What the file is called in errors. */
  readonly place: string;
  /** Whether the first record is fields' names. */
  readonly hasHeader: boolean;
  /** Whether cells that a record lacks are missing values. */
  readonly isPadded: boolean;
}

/** Reads records from pieces of a file into the rows of a block. */
export class Parser {
  /** Rows of the present block. */
  row = 0;
  /** The line, from 1, on which the next record begins. */
  line = 1;
  readonly #columns: readonly ColumnBuilder[];
  readonly #separator: number;
  readonly #quote: number;
  readonly #place: Place;
  /** The content of the last quoted cell. */
  #source: Uint8Array = new Uint8Array(0);
  #from = 0;
  #to = 0;
  /** Line breaks within the quotes of the present record. */
  #breaks = 0;
  #unquoted = new Uint8Array(256);

  constructor(columns: readonly ColumnBuilder[], { separator, quote }: Syntax, place: Place) {
    this.#columns = columns;
    this.#separator = separator;
    this.#quote = quote;
    this.#place = place;
  }

  /**
   * Reads whole records of `bytes[start..end]` until the block has `rows` rows. `bytes[end]` must be a line
   * feed, which ends the last record if `isLast`; else a record that reaches the end is left for the next
   * call.
   *
   * @returns where the next record begins.
   */
  parse(bytes: Uint8Array, start: number, end: number, rows: number, isLast: boolean): number {
    const columns = this.#columns;
    const width = columns.length;
    const separator = this.#separator;
    const quote = this.#quote;
    // Spaces around cells are left out, and tabs where they do not separate.
    const tab = separator === TAB ? SPACE : TAB;
    let at = start;
    while (at < end && this.row < rows) {
      const first = bytes[at];
      if (first === LF || first === CR) {
        // A blank line, or the second half of CR LF.
        if (first === LF && (at === 0 || bytes[at - 1] !== CR)) this.line++;
        else if (first === CR) this.line++;
        at++;
        continue;
      }
      const begin = at;
      const { row } = this;
      this.#breaks = 0;
      let column = 0;
      for (;;) {
        if (column === width) throw this.#tooMany(bytes, begin, end);
        const builder = columns[column];
        while (bytes[at] === SPACE || bytes[at] === tab) at++;
        let byte = bytes[at];
        if (byte === quote) {
          at = this.#quoted(bytes, at, end, isLast);
          if (at < 0) return begin;
          builder.put(row, this.#source, this.#from, this.#to);
          byte = bytes[at];
        } else if (builder.isNumber) {
          const from = at;
          if (byte === MINUS) byte = bytes[++at];
          const whole = at;
          let mantissa = 0;
          let digit = byte - ZERO;
          while (digit >= 0 && digit <= 9) {
            mantissa = 10 * mantissa + digit;
            byte = bytes[++at];
            digit = byte - ZERO;
          }
          let digits = at - whole;
          let scale = 0;
          if (digits > 1 && bytes[whole] === ZERO) mantissa = Number.POSITIVE_INFINITY;
          if (byte === builder.decimal && byte !== separator) {
            const fraction = ++at;
            byte = bytes[at];
            digit = byte - ZERO;
            while (digit >= 0 && digit <= 9) {
              mantissa = 10 * mantissa + digit;
              byte = bytes[++at];
              digit = byte - ZERO;
            }
            scale = at - fraction;
            digits += scale;
          }
          if (
            digits > 0 &&
            mantissa <= LARGEST_EXACT &&
            scale <= MOST_DECIMALS &&
            (byte === separator || byte === LF || byte === CR)
          ) {
            const value = scale === 0 ? mantissa : mantissa / POWERS[scale];
            builder.values[row] = bytes[from] === MINUS ? -value : value;
          } else {
            while (byte !== separator && byte !== LF && byte !== CR) byte = bytes[++at];
            // A part of a cell must not come into a dictionary.
            if (at === end && !isLast) return begin;
            builder.put(row, bytes, from, trimmed(bytes, from, at));
          }
        } else if (builder.isText) {
          const from = at;
          let hash = HASH_SEED;
          while (byte !== separator && byte !== LF && byte !== CR) {
            hash = Math.imul(hash ^ byte, HASH_PRIME);
            byte = bytes[++at];
          }
          if (at === end && !isLast) return begin;
          if (at > from && (bytes[at - 1] === SPACE || bytes[at - 1] === TAB)) {
            builder.put(row, bytes, from, trimmed(bytes, from, at));
          } else builder.codes[row] = builder.dictionary.add(bytes, from, at, hash);
        } else {
          while (byte !== separator && byte !== LF && byte !== CR) byte = bytes[++at];
        }
        column++;
        if (byte === separator) {
          at++;
          continue;
        }
        break;
      }
      // The line feed after the end is no part of the file.
      if (at === end && !isLast) return begin;
      let isRow = true;
      if (column < width) {
        isRow = column > 1 || !isBlank(bytes, begin, at);
        if (isRow) this.#pad(column, row, bytes, begin, end);
      }
      if (at < end) {
        at++;
        if (bytes[at - 1] === CR) {
          if (at < end) {
            if (bytes[at] === LF) at++;
          } else if (!isLast) return begin;
        }
      }
      this.line += 1 + this.#breaks;
      if (isRow) this.row = row + 1;
    }
    return at;
  }

  /**
   * Skips blank lines and the record after them, a header for instance.
   *
   * @returns where the next record begins; `start` if the record does not end before `end`.
   */
  skip(bytes: Uint8Array, start: number, end: number, isLast: boolean): number {
    let at = start;
    let lines = 0;
    let isQuoted = false;
    let isEmpty = true;
    for (; at < end; at++) {
      const byte = bytes[at];
      if (byte === this.#quote) isQuoted = !isQuoted;
      if (byte !== LF && byte !== CR) {
        isEmpty &&= byte === SPACE || byte === TAB;
        continue;
      }
      if (byte === CR && at + 1 === end && !isLast) return start;
      if (byte === LF || bytes[at + 1] !== LF) lines++;
      if (isQuoted || isEmpty || (byte === CR && bytes[at + 1] === LF && at + 1 < end)) continue;
      this.line += lines;
      return at + 1;
    }
    if (!isLast) return start;
    this.line += lines + 1;
    return end;
  }

  /**
   * Reads a quoted cell, which begins at `start`.
   *
   * @returns where the cell ends, at a separator or a line break; -1 if it does not end before `end`.
   */
  #quoted(bytes: Uint8Array, start: number, end: number, isLast: boolean): number {
    const quote = this.#quote;
    const separator = this.#separator;
    let at = start + 1;
    let escapes = 0;
    for (;;) {
      const byte = bytes[at];
      if (byte === quote) {
        if (bytes[at + 1] !== quote || at + 1 >= end) break;
        escapes++;
        at += 2;
        continue;
      }
      if (byte === LF) {
        if (at >= end) {
          if (!isLast) return -1;
          throw new DataError(
            `${this.#place.place}: line ${this.line}: a quoted cell has no closing quote. Fix: close it, or give quote: "" if the file has no quoted cells`,
          );
        }
        this.#breaks++;
      }
      at++;
    }
    const close = at;
    // What follows the quote decides whether it is the closing one.
    if (close + 1 >= end && !isLast) return -1;
    at++;
    while (at < end && (bytes[at] === SPACE || (bytes[at] === TAB && separator !== TAB))) at++;
    const after = bytes[at];
    if (after !== separator && after !== LF && after !== CR) {
      throw new DataError(
        `${this.#place.place}: line ${this.line + this.#breaks}: expected a separator after the closing quote of a cell, received ${show(String.fromCharCode(after))}. Fix: double the quotes within cells, or give quote: "" if the file has no quoted cells`,
      );
    }
    if (escapes === 0) {
      this.#source = bytes;
      this.#from = start + 1;
      this.#to = close;
      return at;
    }
    if (close - start > this.#unquoted.length) this.#unquoted = new Uint8Array(2 * (close - start));
    const out = this.#unquoted;
    let length = 0;
    for (let from = start + 1; from < close; from++) {
      out[length++] = bytes[from];
      if (bytes[from] === quote) from++;
    }
    this.#source = out;
    this.#from = 0;
    this.#to = length;
    return at;
  }

  /** Fills the cells that a record lacks with missing values, or throws if that is not allowed. */
  #pad(found: number, row: number, bytes: Uint8Array, begin: number, end: number): void {
    if (!this.#place.isPadded) throw this.#ragged(found, bytes, begin, end);
    for (const builder of this.#columns.slice(found)) builder.put(row, bytes, begin, begin);
  }

  #tooMany(bytes: Uint8Array, begin: number, end: number): DataError {
    let count = 1;
    let isQuoted = false;
    for (let at = begin; at < end && (isQuoted || (bytes[at] !== LF && bytes[at] !== CR)); at++) {
      if (bytes[at] === this.#quote) isQuoted = !isQuoted;
      else if (!isQuoted && bytes[at] === this.#separator) count++;
    }
    return this.#ragged(count, bytes, begin, end);
  }

  #ragged(found: number, bytes: Uint8Array, begin: number, end: number): DataError {
    const { place, hasHeader } = this.#place;
    const width = this.#columns.length;
    const sign = String.fromCharCode(this.#separator);
    const text = characters(bytes, begin, Math.min(end, begin + 60), -1).split(/[\r\n]/, 1)[0];
    const fix =
      found > width
        ? `quote cells that have ${show(sign)} in them, or give another separator`
        : 'complete the line, or give ragged: "pad" to read the cells that are not there as missing values';
    return new DataError(
      `${place}: line ${this.line}: expected ${width} cells, as ${hasHeader ? "the header" : "the first line"} has, received ${found}: ${show(text)}. Fix: ${fix}`,
    );
  }
}

function isBlank(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (bytes[at] !== SPACE && bytes[at] !== TAB) return false;
  return true;
}

/** Returns the end of a cell without trailing spaces. */
function trimmed(bytes: Uint8Array, from: number, to: number): number {
  let end = to;
  while (end > from && (bytes[end - 1] === SPACE || bytes[end - 1] === TAB)) end--;
  return end;
}

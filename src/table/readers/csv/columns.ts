/** Collects the columns of a CSV file: numbers as doubles, texts as numbers in a dictionary. */
import { type Decimal, isMissingText, parseNumber } from "../../cells.ts";
import { Dictionary, hashOf } from "./dictionary.ts";

/** How the cells of a column are kept. */
export type CellKind = "number" | "text" | "skip";

/** What a column is read as. */
export interface ColumnPlan {
  readonly name: string;
  readonly kind: CellKind;
  readonly decimal: Decimal;
  /** Whether the beginning of the file has no value of the column, so that its kind is found at the end. */
  readonly isUnknown?: boolean;
}

/** The cells of a column in some rows. */
export interface ColumnBlock {
  /** Numbers; NaN is a missing value or one of `odd`. */
  readonly values: Float64Array;
  /** Numbers of texts in the column's dictionary. */
  readonly codes: Uint32Array;
  /** Cells of a column of numbers that are not numbers, by row. */
  readonly odd: ReadonlyMap<number, string>;
}

/** Texts that a column of numbers remembers the meaning of. */
const MOST_MEANINGS = 4096;

const NOTHING = new Float64Array(0);
const NO_CODES = new Uint32Array(0);

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Returns whether a text is a code that must keep its spelling: "007", or a whole number that a double cannot
 * hold.
 */
export const isCode = (text: string): boolean =>
  /^[+-]?0\d+$/.test(text) || (/^[+-]?\d{16,}$/.test(text) && !Number.isSafeInteger(Number(text)));

/** Returns the number that a cell writes, NaN for a missing value, undefined for any other text. */
export function meaningOf(text: string, decimal: Decimal): number | undefined {
  if (isCode(text)) return undefined;
  const value = parseNumber(text, decimal);
  if (!Number.isNaN(value)) return value;
  return isMissingText(text) ? Number.NaN : undefined;
}

/** Collects the cells of a column, block after block. */
export class ColumnBuilder {
  readonly plan: ColumnPlan;
  readonly isNumber: boolean;
  readonly isText: boolean;
  /** The character code of the decimal sign. */
  readonly decimal: number;
  /** The texts of the column, or those that are not plain numbers. */
  dictionary = new Dictionary();
  /** The cells of the present block. */
  values = NOTHING;
  codes = NO_CODES;
  odd = new Map<number, string>();
  /** Cells of all blocks that a column of numbers cannot read. */
  oddCells = 0;
  /** The first cell that is a code, like "007". */
  code: string | undefined;
  /** What the texts of the dictionary mean; undefined where a text is not a number. */
  #meanings: (number | undefined)[] = [];

  constructor(plan: ColumnPlan) {
    this.plan = plan;
    this.isNumber = plan.kind === "number";
    this.isText = plan.kind === "text";
    this.decimal = plan.decimal.charCodeAt(0);
  }

  /** Begins a block of up to `rows` rows. */
  begin(rows: number): void {
    if (this.isNumber) this.values = new Float64Array(rows);
    if (this.isText) this.codes = new Uint32Array(rows);
  }

  /** Ends the block, which has `rows` rows. */
  end(rows: number): ColumnBlock {
    const block = {
      values: this.values.subarray(0, rows),
      codes: this.codes.subarray(0, rows),
      odd: this.odd,
    };
    this.oddCells += this.odd.size;
    if (this.odd.size > 0) this.odd = new Map();
    return block;
  }

  /** Begins a new dictionary. */
  forget(): void {
    this.dictionary = new Dictionary();
    this.#meanings = [];
  }

  /** Puts any cell: of a column of numbers, of a text, quoted or not. */
  put(row: number, source: Uint8Array, from: number, to: number): void {
    if (this.isText) this.codes[row] = this.dictionary.add(source, from, to, hashOf(source, from, to));
    else if (this.isNumber) this.#putNumber(row, source, from, to);
  }

  #putNumber(row: number, source: Uint8Array, from: number, to: number): void {
    if (from === to) {
      this.values[row] = Number.NaN;
      return;
    }
    const plain = plainNumber(source, from, to, this.decimal);
    if (plain !== undefined) {
      this.values[row] = plain;
      return;
    }
    const code = this.dictionary.add(source, from, to, hashOf(source, from, to));
    if (code === this.#meanings.length) {
      const text = decoder.decode(source.subarray(from, to));
      this.#meanings.push(meaningOf(text, this.plan.decimal));
    }
    const meaning = this.#meanings[code];
    if (meaning === undefined) {
      const text = this.dictionary.text(code);
      this.odd.set(row, text);
      if (this.code === undefined && isCode(text)) this.code = text;
    }
    this.values[row] = meaning ?? Number.NaN;
    if (this.dictionary.size > MOST_MEANINGS) this.forget();
  }
}

/** 10 to the power of 0 to 22: all are exact as doubles. */
export const POWERS = Float64Array.from({ length: 23 }, (_, power) => Number(`1e${power}`));

/**
 * Returns the number that bytes like -12.5e-3 write, correctly rounded; undefined for anything else, for an
 * integer that a double cannot hold, and for one with leading zeros.
 */
export function plainNumber(
  bytes: Uint8Array,
  from: number,
  to: number,
  decimal: number,
): number | undefined {
  let at = from;
  if (bytes[at] === 45) at++;
  const whole = at;
  let digits = 0;
  let mantissa = 0;
  for (; at < to && isDigit(bytes[at]); at++) mantissa = 10 * mantissa + bytes[at] - 48;
  digits = at - whole;
  if (digits > 1 && bytes[whole] === 48) return undefined;
  let scale = 0;
  if (at < to && bytes[at] === decimal) {
    const fraction = ++at;
    for (; at < to && isDigit(bytes[at]); at++) mantissa = 10 * mantissa + bytes[at] - 48;
    scale = at - fraction;
  } else if (mantissa > Number.MAX_SAFE_INTEGER) return undefined;
  if (digits + scale === 0) return undefined;
  let power = -scale;
  if (at < to && (bytes[at] | 32) === 101) {
    at++;
    const sign = bytes[at];
    if (sign === 45 || sign === 43) at++;
    const begin = at;
    let exponent = 0;
    for (; at < to && isDigit(bytes[at]) && at - begin < 5; at++) exponent = 10 * exponent + bytes[at] - 48;
    if (at === begin) return undefined;
    power += sign === 45 ? -exponent : exponent;
  }
  if (at !== to) return undefined;
  if (power < -22 || power > 22) return Number(characters(bytes, from, to, decimal));
  if (mantissa > Number.MAX_SAFE_INTEGER) {
    const value = power < 0 ? longQuotient(bytes, whole, decimal, -power) : undefined;
    if (value === undefined) return Number(characters(bytes, from, to, decimal));
    return bytes[from] === 45 ? -value : value;
  }
  // Mantissa and power are exact, so one rounding gives the nearest double (Clinger 1990).
  const value = power < 0 ? mantissa / POWERS[-power] : mantissa * POWERS[power];
  return bytes[from] === 45 ? -value : value;
}

/** The factor that splits a double into two halves whose products are exact (Veltkamp 1968). */
const SPLITTER = 2 ** 27 + 1;
const MOST_LOW_DIGITS = 7;

/**
 * Divides the digits from `from` on by 10^scale, for more digits than a double holds, such as the 17 of a
 * double's decimals. Numerator and remainder are exact sums of two doubles (Dekker 1971).
 *
 * @returns undefined where there are more than 22 digits, or the quotient is too near the middle of two
 * doubles to be rounded safely.
 */
function longQuotient(bytes: Uint8Array, from: number, decimal: number, scale: number): number | undefined {
  let high = 0;
  let low = 0;
  let lowDigits = 0;
  for (let at = from; ; at++) {
    const byte = bytes[at];
    if (byte === decimal) continue;
    if (!isDigit(byte)) break;
    if (high < 1e14) high = 10 * high + byte - 48;
    else {
      if (++lowDigits > MOST_LOW_DIGITS) return undefined;
      low = 10 * low + byte - 48;
    }
  }
  const power = POWERS[lowDigits];
  const product = high * power;
  const sum = product + low;
  const rest = low - (sum - product) + productError(high, power, product);
  const divisor = POWERS[scale];
  const quotient = sum / divisor;
  const back = quotient * divisor;
  const correction = (sum - back - productError(quotient, divisor, back) + rest) / divisor;
  const margin = quotient * 2 ** -73;
  const value = quotient + (correction - margin);
  return value === quotient + (correction + margin) ? value : undefined;
}

/** Returns a b - product exactly, where product is a b rounded. */
function productError(a: number, b: number, product: number): number {
  const [bigA, bigB] = [SPLITTER * a, SPLITTER * b];
  const [highA, highB] = [bigA - (bigA - a), bigB - (bigB - b)];
  const [lowA, lowB] = [a - highA, b - highB];
  return lowA * lowB - (product - highA * highB - lowA * highB - highA * lowB);
}

const isDigit = (byte: number) => byte >= 48 && byte <= 57;

/** Returns ASCII bytes as text, with a point for the decimal sign. */
export function characters(bytes: Uint8Array, from: number, to: number, decimal: number): string {
  let text = "";
  for (let at = from; at < to; at++) text += String.fromCharCode(bytes[at] === decimal ? 46 : bytes[at]);
  return text;
}

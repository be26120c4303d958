/**
 * Detects how a CSV file is written from its beginning: encoding, separator, header, and the kind of each
 * column.
 */
import { DataError } from "../../../errors.ts";
import { type Decimal, findDecimal, isMissingText, parseDate } from "../../cells.ts";
import { type CellKind, type ColumnPlan, isCode, meaningOf } from "./columns.ts";

/** Bytes of the beginning of a file that are looked at. */
export const SAMPLE_BYTES = 1 << 18;
/** Records of it. */
const SAMPLE_RECORDS = 2000;
/** Records that separators are tried on. */
const TRIED_RECORDS = 200;
/**
 * Separators that are looked for: of those that fit, the first. The comma is last, as decimals have it too.
 */
const SEPARATORS = ["\t", ";", "|", ","] as const;
/** The share of the cells that must be numbers for the others to count as missing. */
export const NUMBERS = 0.95;

/** The encoding of a file's beginning, and the bytes of its mark. */
export interface Encoding {
  readonly label: string;
  readonly mark: number;
}

/** Finds the encoding: by a mark, by the zeros of UTF-16, by what is valid UTF-8; else it is Windows-1252. */
export function findEncoding(head: Uint8Array, isWhole: boolean, place: string): Encoding {
  if (head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf) return { label: "utf-8", mark: 3 };
  if (head[0] === 0xff && head[1] === 0xfe) return { label: "utf-16le", mark: 2 };
  if (head[0] === 0xfe && head[1] === 0xff) return { label: "utf-16be", mark: 2 };
  const zeros = [0, 0];
  for (let at = 0; at < head.length; at++) if (head[at] === 0) zeros[at & 1]++;
  if (zeros[0] + zeros[1] > 0) {
    const half = head.length / 2;
    if (zeros[1] > 0.4 * half && zeros[0] < 0.1 * half) return { label: "utf-16le", mark: 0 };
    if (zeros[0] > 0.4 * half && zeros[1] < 0.1 * half) return { label: "utf-16be", mark: 0 };
    throw new DataError(
      `${place}: expected text, received bytes that are not text in any known encoding. Fix: give format or encoding, if this is a table`,
    );
  }
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(head, { stream: !isWhole });
    return { label: "utf-8", mark: 0 };
  } catch {
    return { label: "windows-1252", mark: 0 };
  }
}

/** What a caller says of the dialect; the rest is found. */
export interface DialectChoice {
  readonly separator?: string | undefined;
  readonly quote: string;
  readonly decimal?: Decimal | undefined;
  readonly header?: boolean | undefined;
  /** Columns whose cells stay as they are written. */
  readonly text: readonly string[];
  /** The columns to read; all without it. */
  readonly columns?: readonly string[] | undefined;
}

/** How a file is written. */
export interface Dialect {
  readonly separator: string;
  readonly quote: string;
  readonly hasHeader: boolean;
  readonly columns: readonly ColumnPlan[];
  /** Characters before the header: a line that names the separator. */
  readonly skipped: number;
}

/** A cell of the sample. */
interface SampleCell {
  readonly text: string;
  readonly isQuoted: boolean;
}

/** Splits the beginning of a file into records, as the parser does. Leaves out an incomplete last record. */
export function splitRecords(
  text: string,
  separator: string,
  quote: string,
  most: number,
  isWhole: boolean,
): SampleCell[][] {
  const records: SampleCell[][] = [];
  let record: SampleCell[] = [];
  let at = 0;
  while (at < text.length && records.length < most) {
    while (text[at] === " " || (text[at] === "\t" && separator !== "\t")) at++;
    let cell = "";
    const isQuoted = quote !== "" && text[at] === quote;
    if (isQuoted) {
      at++;
      for (;;) {
        const close = text.indexOf(quote, at);
        if (close < 0) {
          at = text.length;
          break;
        }
        cell += text.slice(at, close);
        at = close + 1;
        if (text[at] !== quote) break;
        cell += quote;
        at++;
      }
    }
    const from = at;
    while (at < text.length && text[at] !== separator && text[at] !== "\n" && text[at] !== "\r") at++;
    if (!isQuoted) cell = text.slice(from, at).replace(/[ \t]+$/, "");
    record.push({ text: cell, isQuoted });
    if (text[at] === separator) {
      at++;
      if (at < text.length) continue;
      record.push({ text: "", isQuoted: false });
    }
    if (at === text.length && !isWhole) break;
    if (record.length > 1 || record[0].text !== "" || record[0].isQuoted) records.push(record);
    record = [];
    if (text[at] === "\r" && text[at + 1] === "\n") at++;
    at++;
  }
  return records;
}

/** Returns the most frequent number of cells, and the share of the records that have it. */
function commonWidth(records: readonly SampleCell[][]): readonly [width: number, share: number] {
  const counts = new Map<number, number>();
  for (const { length } of records) counts.set(length, (counts.get(length) ?? 0) + 1);
  let [best, most] = [0, 0];
  for (const [width, count] of counts) if (count > most) [best, most] = [width, count];
  return [best, most / Math.max(1, records.length)];
}

function findSeparator(text: string, quote: string, isWhole: boolean): string {
  let [best, bestShare] = [",", 0];
  for (const separator of SEPARATORS) {
    const [width, share] = commonWidth(splitRecords(text, separator, quote, TRIED_RECORDS, isWhole));
    if (width > 1 && share > bestShare + 0.05) [best, bestShare] = [separator, share];
  }
  return best;
}

/** What the sample's cells of a column are. */
interface Look {
  readonly kind: CellKind;
  readonly decimal: Decimal;
  /** Whether any cell has a value. */
  readonly isKnown: boolean;
}

function look(cells: readonly string[], given: Decimal | undefined): Look {
  const decimal = given ?? (cells.some((text) => text.includes(",")) ? findDecimal(new Set(cells)) : ".");
  let [present, numbers] = [0, 0];
  for (const text of cells) {
    if (isMissingText(text)) continue;
    present++;
    if (isCode(text)) return { kind: "text", decimal, isKnown: true };
    if (meaningOf(text, decimal) !== undefined) numbers++;
  }
  const kind = present > 0 && numbers >= NUMBERS * present ? "number" : "text";
  return { kind, decimal, isKnown: present > 0 };
}

const isYear = (value: number) => Number.isInteger(value) && value >= 1500 && value <= 2500;

/** Returns whether the first record has the names of the columns rather than values. */
function looksLikeHeader(
  first: readonly string[],
  looks: readonly Look[],
  below: readonly string[][],
): boolean {
  const isValue = first.map((text, at) => {
    if (text === "" || isMissingText(text)) return false;
    return meaningOf(text, looks[at]?.decimal ?? ".") !== undefined || !Number.isNaN(parseDate(text, false));
  });
  // Text over a column of numbers is a name.
  if (first.some((text, at) => text !== "" && !isValue[at] && looks[at]?.kind === "number")) return true;
  const values = first.filter((_, at) => isValue[at]);
  if (values.length > 0) {
    const numbers = values.map(Number);
    const areYears = numbers.length > 1 && numbers.every(isYear) && new Set(numbers).size === numbers.length;
    return areYears && below.length > 0;
  }
  if (below.length === 0) return true;
  // Only texts: names are different, and are not among the values.
  const names = first.filter((text) => text !== "");
  if (new Set(names).size < names.length) return false;
  return !first.some((text, at) => text !== "" && below.filter((row) => row[at] === text).length > 1);
}

/** Makes names unique, and names columns without a name by their number. */
export function uniqueNames(given: readonly string[]): string[] {
  const taken = new Set(given.filter((name) => name !== ""));
  const used = new Set<string>();
  return given.map((name, at) => {
    let unique = name === "" ? `column${at + 1}` : name;
    const base = unique;
    for (let number = 2; used.has(unique) || (unique !== name && taken.has(unique)); number++)
      unique = `${base}_${number}`;
    used.add(unique);
    return unique;
  });
}

/** Finds how a file is written from the text of its beginning. */
export function findDialect(sample: string, isWhole: boolean, choice: DialectChoice, place: string): Dialect {
  const { quote } = choice;
  // Excel writes the separator into a line of its own.
  const named = /^sep=(.)\r?\n/i.exec(sample);
  const skipped = named === null ? 0 : named[0].length;
  const text = sample.slice(skipped);
  const separator = choice.separator ?? named?.[1] ?? findSeparator(text, quote, isWhole);
  const records = splitRecords(text, separator, quote, SAMPLE_RECORDS, isWhole);
  if (records.length === 0) {
    const what = text.trim() === "" ? "received an empty file" : "its first record is longer than 256 KB";
    throw new DataError(
      `${place}: expected a table, ${what}. Fix: give the file of a table, or the format if it is not CSV`,
    );
  }
  const cells = records.map((record) => record.map(({ text: cell }) => cell));
  const [first, ...below] = cells;
  const [common] = commonWidth(records.slice(1));
  // R writes no name for the column of row names.
  const lacksName = common === first.length + 1 && choice.header !== false;
  const columnsOf = (rows: readonly string[][], shift = 0) =>
    Array.from({ length: Math.max(first.length, lacksName ? common : 0) }, (_, at) =>
      look(
        rows.flatMap((row) => row[at + shift] ?? []),
        choice.decimal,
      ),
    );
  const looks = columnsOf(below);
  const hasHeader = choice.header ?? (lacksName || looksLikeHeader(first, looks, below));
  const names = hasHeader ? [...(lacksName ? [""] : []), ...first] : first.map(() => "");
  const unique = uniqueNames(names.map((name) => name.trim()));
  const kinds = hasHeader ? looks : columnsOf(cells);
  const columns = unique.map((name, at): ColumnPlan => {
    const { kind, decimal, isKnown } = kinds[at];
    if (choice.columns !== undefined && !choice.columns.includes(name))
      return { name, kind: "skip", decimal };
    if (choice.text.includes(name)) return { name, kind: "text", decimal };
    return isKnown ? { name, kind, decimal } : { name, kind, decimal, isUnknown: true };
  });
  return { separator, quote, hasHeader, columns, skipped };
}

/** What a column is, by what all of its cells are like. */
import { show } from "../errors.ts";
import {
  categoryName,
  findDateOrder,
  findDecimal,
  isMissing,
  parseDate,
  parseNumber,
  parseUnit,
} from "./cells.ts";
import { booleanNames, type ColumnDescription, type ColumnType } from "./columns.ts";
import { type CellDictionary, dictionaryOf } from "./dictionary.ts";
import { PIECE, type Pieces } from "./pieces.ts";

/** Distinct values are counted up to this number. */
export const MOST_DISTINCT = 1_000_000;
/** The share of the cells that must be readable as the type, for the rest to count as missing. */
const READABLE = 0.95;
/**
 * Numbers of at least so many different values are numbers all the same where some texts stand for a missing
 * one.
 */
const NUMBERS_BESIDE_TEXTS = 20;
/** Different texts that may stand for a missing number, as "bad" or "below limit". */
const MOST_STAND_INS = 3;
/** Texts with more words than this, on average, and hardly ever repeated, are prose. */
const WORDS_OF_TEXT = 4;

/** What the cells of a column are like. */
export interface Survey {
  readonly missing: number;
  readonly numbers: number;
  readonly booleans: number;
  readonly dates: number;
  readonly texts: number;
  /** The first cell that is none of these, and its row. */
  readonly other: { readonly row: number; readonly cell: unknown } | undefined;
  /** The names of distinct values, in the order in which they first occur, with the number of their cells. */
  readonly counts: ReadonlyMap<string, number>;
}

export function* survey(cells: ArrayLike<unknown>): Pieces<Survey> {
  const dictionary = dictionaryOf(cells);
  if (dictionary !== undefined) return surveyTexts(dictionary);
  const counts = new Map<string, number>();
  let [missing, numbers, booleans, dates, texts] = [0, 0, 0, 0, 0];
  let other: Survey["other"];
  for (let row = 0; row < cells.length; row++) {
    if (row % PIECE === 0) yield;
    const cell = cells[row];
    if (isMissing(cell)) {
      missing++;
      continue;
    }
    const name = categoryName(cell);
    if (name === undefined) {
      other ??= { row, cell };
      continue;
    }
    if (typeof cell === "string") texts++;
    else if (typeof cell === "boolean") booleans++;
    else if (cell instanceof Date) dates++;
    else numbers++;
    const count = counts.get(name);
    if (count !== undefined) counts.set(name, count + 1);
    else if (counts.size < MOST_DISTINCT) counts.set(name, 1);
  }
  return { missing, numbers, booleans, dates, texts, other, counts };
}

/** Surveys a column of text that has a dictionary. Examines each distinct text once. */
function surveyTexts({ codes, texts }: CellDictionary): Survey {
  const occurrences = new Uint32Array(texts.length);
  for (let row = 0; row < codes.length; row++) occurrences[codes[row]]++;
  const counts = new Map<string, number>();
  let [missing, present] = [0, 0];
  // Texts are numbered in the order in which they first occur, as the survey of cells has them.
  for (const [code, text] of texts.entries()) {
    const count = occurrences[code];
    if (count === 0) continue;
    if (isMissing(text)) missing += count;
    else {
      present += count;
      if (counts.size < MOST_DISTINCT) counts.set(text, count);
    }
  }
  return { missing, numbers: 0, booleans: 0, dates: 0, texts: present, other: undefined, counts };
}

/** The share of the cells with text that a reader can read, weighted by how often each text occurs. */
function readable(counts: ReadonlyMap<string, number>, read: (text: string) => number): number {
  let [good, all] = [0, 0];
  for (const [name, count] of counts) {
    all += count;
    if (!Number.isNaN(read(name))) good += count;
  }
  return all === 0 ? 0 : good / all;
}

/**
 * Whether nearly all different values are numbers, so that the few texts among them stand for missing ones.
 */
function hasStandIns(counts: ReadonlyMap<string, number>, read: (text: string) => number): boolean {
  let [numbers, texts] = [0, 0];
  for (const name of counts.keys()) {
    if (!Number.isNaN(read(name))) numbers++;
    else if (++texts > MOST_STAND_INS) return false;
  }
  return numbers >= NUMBERS_BESIDE_TEXTS;
}

/** The type that a column has by its cells. */
export function inferType(found: Survey): Pick<ColumnDescription, "type" | "reason"> {
  const { counts, other, numbers, booleans, dates, texts } = found;
  const present = numbers + booleans + dates + texts;
  if (other !== undefined && present === 0) {
    return {
      type: "ignore",
      reason: `its values are not supported: row ${other.row} is ${show(other.cell)}`,
    };
  }
  if (present === 0) return { type: "ignore", reason: "it has no values" };
  if (dates === present) return { type: "date" };
  if (booleans === present) return { type: "boolean" };
  if (numbers === present) return { type: "number" };
  if (booleans === 0 && dates === 0) {
    const decimal = findDecimal(counts.keys());
    const read = (text: string) => parseNumber(text, decimal);
    const share = hasLeadingZeros(counts) ? 0 : readable(counts, read);
    if (share >= READABLE || (share >= 0.5 && hasStandIns(counts, read))) return { type: "number" };
  }
  const { dayFirst } = findDateOrder(counts.keys());
  if (readable(counts, (text) => parseDate(text, dayFirst)) >= READABLE) return { type: "date" };
  return inferTextType(counts, present);
}

/** Whether some texts are digits that begin with 0, as postal codes and telephone numbers do, and no number. */
function hasLeadingZeros(counts: ReadonlyMap<string, number>): boolean {
  for (const name of counts.keys()) if (/^0\d+$/.test(name.trim())) return true;
  return false;
}

/** Whether texts are categories, prose or identifiers. */
function inferTextType(
  counts: ReadonlyMap<string, number>,
  present: number,
): Pick<ColumnDescription, "type" | "reason"> {
  if (booleanNames(counts.keys()) !== undefined) return { type: "boolean" };
  const repeats = present / counts.size;
  let words = 0;
  for (const name of counts.keys()) words += name.trim().split(/\s+/, 50).length;
  if (repeats < 2 && counts.size > 20 && words / counts.size > WORDS_OF_TEXT) {
    return { type: "ignore", reason: 'its values are prose; the type "text" uses their words' };
  }
  if (counts.size > 20 && counts.size > 0.9 * present) {
    return {
      type: "ignore",
      reason: `its values look like identifiers: ${counts.size} distinct ones in ${present} rows`,
    };
  }
  return { type: "category" };
}

/** The share of numbers or dates in a column of categories from which on they are noted. */
const NOTED = 0.5;
/** Numbers with a unit have few different units, beside many different numbers. */
const MOST_UNITS = 3;

/** What a caller should know of a column whose type was inferred. */
export function notesOn(name: string, type: ColumnType, { counts }: Survey): string[] {
  const column = `column ${show(name)}`;
  if (type === "date") {
    const { ambiguous } = findDateOrder(counts.keys());
    return ambiguous === undefined
      ? []
      : [
          `${column}: dates such as ${show(ambiguous)} are read with the month first, because each can be read both ways. Fix: if the day comes first, give Date objects, or text as "2024-12-31"`,
        ];
  }
  const fix = (other: ColumnType) => `columns: { ${JSON.stringify(name)}: "${other}" }`;
  if (type !== "category" && type !== "ignore") return [];
  const units = new Set<string>();
  const withUnit = readable(counts, (text) => {
    const found = parseUnit(text);
    if (found !== undefined) units.add(found.unit);
    return found === undefined ? Number.NaN : 0;
  });
  const [example] = counts.keys();
  if (withUnit >= READABLE && units.size <= MOST_UNITS && counts.size > 2 * units.size) {
    const read = type === "ignore" ? "is left out" : "is read as categories";
    return [
      `${column} ${read}, because its numbers have a unit, such as ${show(example)}. Fix: remove the unit, so that the cells are numbers${type === "ignore" ? "" : `; or give ${fix("category")} if they are names`}`,
    ];
  }
  if (type === "ignore" || hasLeadingZeros(counts)) return [];
  const decimal = findDecimal(counts.keys());
  const { dayFirst } = findDateOrder(counts.keys());
  for (const [other, read] of [
    ["number", (text: string) => parseNumber(text, decimal)],
    ["date", (text: string) => parseDate(text, dayFirst)],
  ] as const) {
    const share = readable(counts, read);
    if (share < NOTED || share >= 1) continue;
    const odd = [...counts.keys()].find((text) => Number.isNaN(read(text)));
    return [
      `${column} is read as categories, because only ${Math.floor(100 * share)} % of its values are ${other}s; another one is ${show(odd)}. Fix: give ${fix(other)} to count the others as missing, or ${fix("category")}`,
    ];
  }
  return [];
}

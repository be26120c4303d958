/** What in a table deserves a look before a training. */
import { show } from "../errors.ts";
import { categoryName, isMissing } from "./cells.ts";
import type { TypedColumn } from "./columns.ts";
import type { Frame } from "./frame.ts";
import { pause } from "./pieces.ts";
import { readTarget } from "./target.ts";

/** The kinds of what deserves a look. */
export type TableWarningKind =
  | "oneValue"
  | "duplicateColumns"
  | "duplicateRows"
  | "fewRows"
  | "leak"
  | "missing"
  | "missingTarget"
  | "placeholder"
  | "rareClass"
  | "spelling"
  | "unreadable";

/** What deserves a look. */
export interface TableWarning {
  readonly kind: TableWarningKind;
  /** The columns that it is about. */
  readonly columns: readonly string[];
  /** What it is, and how to fix it. */
  readonly message: string;
}

/** With fewer rows nothing is learned. */
const FEWEST_ROWS = 10;
/** A class with fewer rows is not in every fold. */
const FEWEST_OF_CLASS = 5;
/** A share of missing values above which a column says little. */
const MOSTLY = 0.5;
/** Rows that a number must be in to stand for a missing value, as a count and as a share. */
const PLACEHOLDER_ROWS = 5;
const PLACEHOLDER_SHARE = 0.005;
/** How far a placeholder is from all other numbers, in ranges of those. */
const PLACEHOLDER_GAP = 2;
/** Rows from which equal columns, or a copy of the target, are not chance. */
const TELLING_ROWS = 20;
/** The correlation from which a column of numbers is a copy of the target. */
const COPY = 0.99999;

/** Names of columns, as a message has them. */
const quoted = (names: readonly string[]) => names.map(show).join(" and ");

const rowsText = (rows: number) => (rows === 1 ? "1 row" : `${rows} rows`);

/** Returns what deserves a look: first of the table, then of its columns, then of the targets. */
export async function findWarnings(
  frame: Frame,
  columns: readonly TypedColumn[],
  targets: readonly string[],
): Promise<TableWarning[]> {
  const found: TableWarning[] = [];
  const warn = (kind: TableWarningKind, names: readonly string[], message: string) =>
    void found.push({ kind, columns: names, message });
  if (frame.rows < FEWEST_ROWS)
    warn(
      "fewRows",
      [],
      `${rowsText(frame.rows)} ${frame.rows === 1 ? "is" : "are"} too few to learn from. Fix: collect at least some hundred`,
    );
  const copies = await duplicateRows(frame);
  if (copies > 0) {
    warn(
      "duplicateRows",
      [],
      `${rowsText(copies)} ${copies === 1 ? "equals" : "equal"} an earlier row in every column. Fix: if they are the same thing twice, remove them; else a model is judged by rows that it knows`,
    );
  }
  for (const column of columns) {
    await pause();
    for (const [kind, message] of ofColumn(column, frame)) warn(kind, [column.description.name], message);
  }
  for (const names of duplicateColumns(
    columns.filter(({ description }) => !targets.includes(description.name)),
    frame.rows,
  )) {
    warn("duplicateColumns", names, `columns ${quoted(names)} have equal values. Fix: one of them is enough`);
  }
  for (const name of targets) {
    await pause();
    ofTarget(name, frame, columns, warn);
  }
  return found;
}

function* ofColumn(
  column: TypedColumn,
  { rows, cells }: Frame,
): Generator<readonly [TableWarningKind, string]> {
  const { name, type, missing, distinct, unreadable, categories = [] } = column.description;
  const here = `column ${show(name)}`;
  if (distinct <= 1 && missing === 0 && rows > 1)
    yield ["oneValue", `${here} has one value. Fix: leave it out; it tells nothing`];
  if (rows > 0 && missing / rows > MOSTLY)
    yield ["missing", `${here} lacks ${missing} of ${rows} values. Fix: check how it was collected`];
  if (unreadable !== undefined) {
    const { cells: count, example } = unreadable;
    yield [
      "unreadable",
      `${here} has ${count} ${count === 1 ? "cell" : "cells"} that cannot be read as a ${type}, such as ${example}: they count as missing`,
    ];
  }
  if (type === "number") {
    const placeholder = placeholderOf(column.values);
    if (placeholder !== undefined) {
      const { value, count } = placeholder;
      yield [
        "placeholder",
        `${here} has the number ${value} in ${rowsText(count)}, far from all others. Fix: if it stands for a missing value, leave these cells empty`,
      ];
    }
  }
  if (type !== "category") return;
  const spellings = spellingsOf(categories.length > 0 ? categories : namesOf(cells.get(name) ?? []));
  if (spellings !== undefined)
    yield [
      "spelling",
      `${here} has ${quoted(spellings)}, which differ in spaces or capitals only. Fix: if they mean the same, write them alike`,
    ];
}

/** The smallest or the largest number, where it is frequent and far from all others, as -999 and 9999 are. */
function placeholderOf(values: Float64Array): { value: number; count: number } | undefined {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort();
  const { length } = sorted;
  const least = Math.max(PLACEHOLDER_ROWS, PLACEHOLDER_SHARE * length);
  if (length < TELLING_ROWS) return undefined;
  const [low, high] = [sorted[0], sorted[length - 1]];
  let [first, last] = [0, length - 1];
  while (first < length && sorted[first] === low) first++;
  while (last >= 0 && sorted[last] === high) last--;
  // Flags and counts have a few values near each other.
  const isPlaceholder = (count: number, gap: number, range: number) =>
    count >= least && count <= length / 2 && range > 0 && gap > PLACEHOLDER_GAP * range;
  if (isPlaceholder(length - 1 - last, high - sorted[last], sorted[last] - low))
    return { value: high, count: length - 1 - last };
  if (isPlaceholder(first, sorted[first] - low, high - sorted[first])) return { value: low, count: first };
  return undefined;
}

function namesOf(cells: ArrayLike<unknown>): string[] {
  const names = new Set<string>();
  for (let row = 0; row < cells.length; row++) {
    const name = isMissing(cells[row]) ? undefined : categoryName(cells[row]);
    if (name !== undefined) names.add(name);
  }
  return [...names];
}

/** Two categories whose names differ only in spaces or capitals. */
function spellingsOf(names: readonly string[]): readonly [string, string] | undefined {
  const known = new Map<string, string>();
  for (const name of names) {
    const key = name.trim().replace(/\s+/g, " ").toLowerCase();
    const other = known.get(key);
    if (other !== undefined) return [other, name];
    known.set(key, name);
  }
  return undefined;
}

/** Adds a number to a hash of 32 bits (FNV-1a). */
const mix = (hash: number, value: number) => Math.imul(hash ^ value, 0x01000193);

const wide = new Float64Array(1);
const halves = new Uint32Array(wide.buffer);

/** The text of a cell. A list or an object may be too deep to have one: then it counts as others of its kind. */
function textOf(cell: unknown): string {
  if (cell instanceof Date) return String(cell.getTime());
  if (cell === null || typeof cell !== "object") return String(cell ?? "");
  try {
    return JSON.stringify(cell);
  } catch {
    return show(cell);
  }
}

/** Two hashes of a cell, which depend on its text. */
function hashCell(cell: unknown, seed: number): number {
  if (typeof cell === "number") {
    wide[0] = cell;
    return mix(mix(seed, halves[0]), halves[1]);
  }
  const text = textOf(cell);
  let hash = mix(seed, text.length);
  for (let at = 0; at < text.length; at++) hash = mix(hash, text.charCodeAt(at));
  return hash;
}

/** The number of rows that equal an earlier one in every column. */
async function duplicateRows({ cells, rows }: Frame): Promise<number> {
  if (cells.size === 0) return 0;
  const [first, second] = [new Int32Array(rows).fill(17), new Int32Array(rows).fill(-71)];
  for (const column of cells.values()) {
    await pause();
    for (let row = 0; row < rows; row++) {
      first[row] = hashCell(column[row], first[row]);
      second[row] = hashCell(column[row], mix(second[row], 31));
    }
  }
  const seen = new Set<number>();
  // 53 bits of both hashes: among a million rows one chance in 18,000 for one wrong pair.
  for (let row = 0; row < rows; row++) seen.add((first[row] >>> 0) * 2 ** 21 + (second[row] >>> 11));
  return rows - seen.size;
}

/** Groups of columns with equal values in every row, where that is not chance. */
function duplicateColumns(columns: readonly TypedColumn[], rows: number): string[][] {
  if (rows < TELLING_ROWS) return [];
  const byHash = new Map<string, TypedColumn[]>();
  for (const column of columns) {
    const { type, distinct } = column.description;
    if (type === "ignore" || type === "text" || distinct < 2) continue;
    let hash = 0;
    for (const value of column.values) hash = hashCell(value, hash);
    const key = `${type} ${hash}`;
    const others = byHash.get(key);
    if (others === undefined) byHash.set(key, [column]);
    else others.push(column);
  }
  return [...byHash.values()]
    .map((group) => group.filter((column) => areEqual(column, group[0])))
    .filter(({ length }) => length > 1)
    .map((group) => group.map(({ description }) => description.name));
}

const areEqual = (a: TypedColumn, b: TypedColumn) =>
  a.values.every((value, row) => Object.is(value, b.values[row])) &&
  (a.description.categories ?? []).every((name, at) => name === b.description.categories?.[at]);

function ofTarget(
  name: string,
  frame: Frame,
  columns: readonly TypedColumn[],
  warn: (kind: TableWarningKind, names: readonly string[], message: string) => void,
): void {
  const cells = frame.cells.get(name) as ArrayLike<unknown>;
  const { description, rows, values } = readTarget(
    { name, cells, isText: frame.isText },
    undefined,
    "describe",
  );
  const without = frame.rows - rows.length;
  const here = `the target ${show(name)}`;
  if (without > 0)
    warn("missingTarget", [name], `${here} is missing in ${rowsText(without)}, which are not learned from`);
  const { classes } = description;
  if (classes !== undefined) {
    const counts = new Array<number>(classes.length).fill(0);
    for (const row of rows) counts[values[row]]++;
    const rare = classes.filter((_, at) => counts[at] < FEWEST_OF_CLASS).map(String);
    if (rare.length > 0) {
      const shown = rare.length > 5 ? `${rare.slice(0, 5).map(show).join(", ")}, …` : quoted(rare);
      warn(
        "rareClass",
        [name],
        `${here} has ${rare.length === 1 ? "a class" : `${rare.length} classes`} with fewer than ${FEWEST_OF_CLASS} rows: ${shown}. Fix: collect more of them, or leave them out`,
      );
    }
  }
  if (rows.length < TELLING_ROWS) return;
  for (const column of columns) {
    if (column.description.name === name || !isCopy(column, values, rows, classes !== undefined)) continue;
    warn(
      "leak",
      [column.description.name, name],
      `column ${show(column.description.name)} tells ${here} exactly. Fix: if it is not known when you predict, leave it out`,
    );
  }
}

/** Whether a column says the same as a target: its values and the classes correspond, or it is linear. */
function isCopy(
  { description, values }: TypedColumn,
  targets: Float64Array,
  rows: Uint32Array,
  areClasses: boolean,
): boolean {
  const { type, distinct } = description;
  if (type === "ignore" || type === "text" || distinct < 2) return false;
  if (!areClasses) return (type === "number" || type === "date") && correlation(values, targets, rows) > COPY;
  const [classOf, cellOf] = [new Map<number, number>(), new Map<number, number>()];
  for (const row of rows) {
    const [value, target] = [values[row], targets[row]];
    if (Number.isNaN(value)) return false;
    if ((classOf.get(value) ?? target) !== target || (cellOf.get(target) ?? value) !== value) return false;
    classOf.set(value, target);
    cellOf.set(target, value);
  }
  return classOf.size > 1;
}

/** The size of the correlation of two columns in some rows; 0 with a missing value. */
function correlation(a: Float64Array, b: Float64Array, rows: Uint32Array): number {
  const mean = (values: Float64Array) => rows.reduce((sum, row) => sum + values[row] / rows.length, 0);
  const [middleA, middleB] = [mean(a), mean(b)];
  let [both, ofA, ofB] = [0, 0, 0];
  for (const row of rows) {
    const [x, y] = [a[row] - middleA, b[row] - middleB];
    both += x * y;
    ofA += x * x;
    ofB += y * y;
  }
  const found = Math.abs(both) / Math.sqrt(ofA * ofB);
  return Number.isNaN(found) ? 0 : found;
}

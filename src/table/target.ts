/** What is predicted: numbers, or classes; from the target's cells to the y of a network and back. */
import { DataError, OptionError, show } from "../errors.ts";
import type { Complete } from "../options.ts";
import { categoryName, findDecimal, isMissing, isMissingTarget } from "./cells.ts";
import { cellReader } from "./columns.ts";
import { type RowName, rowName } from "./reading.ts";
import { inferColumnType } from "./typeColumn.ts";

/** The kinds of answers. */
export type Task = "regression" | "classification";

export const TASKS: readonly Task[] = ["regression", "classification"];

/** A class as the table spells it. */
export type ClassValue = string | number | boolean;

/** The target as the model keeps it. Plain JSON: a model file has it. */
export interface TargetDescription {
  readonly name: string;
  readonly task: Task;
  /** The classes, sorted: numbers by value, others by name. */
  readonly classes?: readonly ClassValue[];
  /** Why this is the task. */
  readonly reason: string;
  /** The decimal sign of a target that is written as text. */
  readonly decimal?: "." | ",";
  /** The metric that was to be best, where it was given. */
  readonly metric?: Complete;
  /** Of two classes the positive one, where it was given; else it is the second. */
  readonly positive?: ClassValue;
  /**
   * The positive class is the answer where its probability is above this; without it the most probable class
   * is.
   */
  readonly threshold?: number;
  /** The weight of each class, where the answer is the class with the largest weight · probability. */
  readonly classWeights?: readonly number[];
  /** The shares of the quantiles that are answered, in ascending order. */
  readonly quantiles?: readonly number[];
}

/** The target of rows that have one. */
export interface Target {
  readonly description: TargetDescription;
  /** The rows with a target, in ascending order. */
  readonly rows: Uint32Array;
  /** By all rows of the table: the number, or the number of the class; NaN without a target. */
  readonly values: Float64Array;
}

/** Whole numbers with more distinct values than this are quantities. */
const MOST_CODES = 20;
/** A code occurs this often on average. */
const ROWS_PER_CODE = 10;

/**
 * Whether numbers are codes of classes: two values, or consecutive whole numbers from 0 or 1 that each occur
 * often.
 */
function areCodes(distinct: readonly number[], rows: number): string | undefined {
  if (rows < ROWS_PER_CODE * distinct.length) return undefined;
  if (distinct.length === 2) return "it has two values";
  const [first] = distinct;
  const isRun = distinct.every((value, at) => value === first + at);
  if (!isRun || (first !== 0 && first !== 1)) return undefined;
  if (distinct.length > MOST_CODES) return undefined;
  return distinct.length === 1
    ? "it has one value, a whole number"
    : `its ${distinct.length} values are whole numbers in a row, as of codes`;
}

interface Cells {
  readonly name: string;
  readonly cells: ArrayLike<unknown>;
  /** Whether the source has no types, so that numbers are written as text. */
  readonly isText: boolean;
  /** How errors name a row; by its number where nothing is given. */
  readonly nameOf?: RowName | undefined;
}

/** Reads the target's cells; `task` overrides what they look like. */
export function readTarget(source: Cells, task: Task | undefined, place: string): Target {
  const { name, cells } = source;
  const here = `${place}: target ${show(name)}`;
  const rows = rowsWhere(cells.length, (row) => !isMissingTarget(cells[row]));
  if (rows.length === 0) throw new DataError(`${here}: expected values, all ${cells.length} rows lack one`);
  const said = "you said so";
  if (task === "regression") return regression(source, said, here);
  const isNumber = looksNumeric(source, rows);
  if (task === "classification") {
    return isNumber ? codes(numbersOf(source, here), said, here) : namesOf(source, rows, said, here);
  }
  if (!isNumber) {
    const kind = typeof cells[rows[0]] === "boolean" ? "booleans" : "names";
    return namesOf(source, rows, `it has ${kind}`, here);
  }
  const found = regression(source, "it has numbers", here);
  const distinct = [...new Set(Array.from(found.rows, (row) => found.values[row]))].sort((a, b) => a - b);
  const reason = areCodes(distinct, found.rows.length);
  return reason === undefined ? found : codes(found, reason, here);
}

/** The numbers of the rows for which something holds. */
function rowsWhere(rows: number, holds: (row: number) => boolean): Uint32Array {
  const found: number[] = [];
  for (let row = 0; row < rows; row++) if (holds(row)) found.push(row);
  return Uint32Array.from(found);
}

/** Whether all cells are numbers; in a source without types, texts that write numbers are. */
function looksNumeric({ cells, isText }: Cells, rows: Uint32Array): boolean {
  if (isText) return inferColumnType(cells) === "number";
  return rows.every((row) => typeof cells[row] === "number" || typeof cells[row] === "bigint");
}

/** Larger targets have squared errors that no number holds. */
const LARGEST_TARGET = 1e100;

/** Reads numbers; rows with an infinite one have no target. */
function numbersOf({ name, cells, nameOf = rowName }: Cells, here: string): Target {
  const texts = new Set<string>();
  for (let row = 0; row < cells.length; row++) {
    const cell = cells[row];
    if (typeof cell === "string") texts.add(cell);
  }
  const decimal = texts.size === 0 ? undefined : findDecimal(texts);
  const values = readNumbers(
    { name, cells, decimal },
    here,
    nameOf,
    '. Fix: clean the column, or give task: "classification"',
  );
  const rows = rowsWhere(values.length, (row) => !Number.isNaN(values[row]));
  if (rows.length === 0) throw new DataError(`${here}: expected finite numbers, received none`);
  const description = {
    name,
    task: "regression",
    reason: "",
    ...(decimal !== undefined && { decimal }),
  } as const;
  return { description, rows, values };
}

function regression(source: Cells, reason: string, here: string): Target {
  const { description, rows, values } = numbersOf(source, here);
  const large = rows.find((row) => Math.abs(values[row]) > LARGEST_TARGET);
  if (large !== undefined) {
    throw new DataError(
      `${here}: ${(source.nameOf ?? rowName)(large)}: expected a number of at most ${LARGEST_TARGET}, received ${values[large]}. Fix: leave the row out, or predict the logarithm`,
    );
  }
  return { description: { ...description, reason }, rows, values };
}

function readNumbers(
  {
    name,
    cells,
    decimal,
  }: { name: string; cells: ArrayLike<unknown>; decimal: TargetDescription["decimal"] },
  here: string,
  nameOf: RowName,
  fix = "",
): Float64Array {
  const read = cellReader({ name, type: "number", missing: 0, distinct: 0, ...(decimal && { decimal }) });
  const values = new Float64Array(cells.length);
  for (let row = 0; row < values.length; row++) {
    const value = read(cells[row]);
    if (value === undefined) {
      throw new DataError(`${here}: ${nameOf(row)}: expected a number, received ${show(cells[row])}${fix}`);
    }
    values[row] = value;
  }
  return values;
}

/** The class that a cell names; undefined for what is neither text, number, boolean nor date. */
function classOf(cell: unknown): ClassValue | undefined {
  if (typeof cell === "boolean" || typeof cell === "string") return cell;
  if (typeof cell === "number" && Number.isFinite(cell)) return cell + 0;
  return categoryName(cell);
}

/** Classes that are named by any cells. */
function namesOf(
  { name, cells, nameOf = rowName }: Cells,
  rows: Uint32Array,
  reason: string,
  here: string,
): Target {
  const read = (row: number) => {
    const value = classOf(cells[row]);
    if (value !== undefined) return value;
    throw new DataError(
      `${here}: ${nameOf(row)}: expected the name of a class, received ${show(cells[row])}`,
    );
  };
  return classification(name, cells.length, rows, read, { reason }, here);
}

/** Classes that are numbers. */
function codes({ description, rows, values }: Target, reason: string, here: string): Target {
  const { name, decimal } = description;
  const given = { reason, ...(decimal !== undefined && { decimal }) };
  return classification(name, values.length, rows, (row) => values[row], given, here);
}

function classification(
  name: string,
  length: number,
  rows: Uint32Array,
  classAt: (row: number) => ClassValue,
  given: Pick<TargetDescription, "reason" | "decimal">,
  here: string,
): Target {
  const found = new Map<string, ClassValue>();
  for (const row of rows) {
    const value = classAt(row);
    found.set(String(value), value);
  }
  const byName = (a: ClassValue, b: ClassValue) => (String(a) < String(b) ? -1 : 1);
  const areNumbers = [...found.values()].every((value) => typeof value === "number");
  const classes = [...found.values()].sort(areNumbers ? (a, b) => Number(a) - Number(b) : byName);
  if (classes.length > rows.length / 2 && classes.length > MOST_CODES) {
    throw new DataError(
      `${here}: expected classes that repeat, received ${classes.length} different values in ${rows.length} rows. Fix: name another column, or give task: "regression" if they are numbers`,
    );
  }
  const numbers = new Map(classes.map((value, at) => [String(value), at]));
  const values = new Float64Array(length).fill(Number.NaN);
  for (const row of rows) values[row] = numbers.get(String(classAt(row))) as number;
  return { description: { name, task: "classification", classes, ...given }, rows, values };
}

/** Makes a reader of a cell's class by number: NaN where there is none, undefined for an unknown class. */
export function classReader({
  name,
  classes = [],
  decimal,
}: TargetDescription): (cell: unknown) => number | undefined {
  const numbers = new Map(classes.map((value, at) => [String(value), at]));
  const areNumbers = classes.every((value) => typeof value === "number");
  const read = cellReader({ name, type: "number", missing: 0, distinct: 0, ...(decimal && { decimal }) });
  return (cell) => {
    const value = areNumbers ? read(cell) : classOf(cell);
    return numbers.get(String(value)) ?? (isMissing(cell) ? Number.NaN : undefined);
  };
}

/**
 * Reads targets of rows that come later, by what the training has learned of them; NaN where there is none.
 */
export function readTargets(
  description: TargetDescription,
  cells: ArrayLike<unknown>,
  place: string,
  nameOf: RowName = rowName,
): Float64Array {
  const { name, task, classes = [], decimal } = description;
  const here = `${place}: target ${show(name)}`;
  if (task === "regression") return readNumbers({ name, cells, decimal }, here, nameOf);
  const read = classReader(description);
  return Float64Array.from({ length: cells.length }, (_, row) => {
    const cell = cells[row];
    const found = read(cell);
    if (found === undefined) {
      const known = classes.slice(0, 10).map(String).join(", ");
      throw new DataError(
        `${here}: ${nameOf(row)}: expected one of the classes ${known}, received ${show(cell)}`,
      );
    }
    return found;
  });
}

/** Checks a task. */
export function readTask(given: unknown, place: string): Task | undefined {
  if (given === undefined || TASKS.includes(given as Task)) return given as Task | undefined;
  throw new OptionError(`${place}: task: expected "regression" or "classification", received ${show(given)}`);
}

/** What is predicted: numbers, or classes; from the target's cells to the y of a network and back. */
import { DataError, OptionError, show } from "../errors.ts";
import { categoryName, isMissing } from "./cells.ts";
import { cellReader, typeColumn } from "./columns.ts";

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
 * Whether numbers are codes of classes: two values, or consecutive whole numbers from 0 or 1 that each occur often.
 */
function areCodes(distinct: readonly number[], rows: number): string | undefined {
  if (distinct.length === 2) return "it has two values";
  const [first] = distinct;
  const isRun = distinct.every((value, at) => value === first + at);
  if (!isRun || (first !== 0 && first !== 1)) return undefined;
  if (distinct.length > MOST_CODES || rows < ROWS_PER_CODE * distinct.length) return undefined;
  return `its ${distinct.length} values are whole numbers in a row, as of codes`;
}

interface Cells {
  readonly name: string;
  readonly cells: ArrayLike<unknown>;
  /** Whether the source has no types, so that numbers are written as text. */
  readonly isText: boolean;
}

/** Reads the target's cells; `task` overrides what they look like. */
export function readTarget({ name, cells, isText }: Cells, task: Task | undefined, place: string): Target {
  const rows = Uint32Array.from(Array.from(cells, (_, row) => row).filter((row) => !isMissing(cells[row])));
  const here = `${place}: target ${show(name)}`;
  if (rows.length === 0) throw new DataError(`${here}: expected values, all ${cells.length} rows lack one`);
  const present = Array.from(rows, (row) => cells[row]);
  const kind = typeof present[0];
  const areNumbers = present.every((cell) => typeof cell === "number" || typeof cell === "bigint");
  const column =
    areNumbers || isText || task === "regression"
      ? typeColumn(name, cells, undefinedOrNumber(task))
      : undefined;
  const isNumber = column?.description.type === "number" || (column !== undefined && areNumbers);
  if (isNumber || task === "regression") {
    const numbers = numbersOf(name, cells, here);
    const distinct = [...new Set(rows.length > 0 ? Array.from(rows, (row) => numbers.values[row]) : [])].sort(
      (a, b) => a - b,
    );
    const codes = areCodes(distinct, rows.length);
    if (task === "regression" || (task === undefined && codes === undefined)) {
      const reason = task === undefined ? "it has numbers" : "you said so";
      return regression(name, numbers, cells, reason, here);
    }
    const reason = task === undefined ? (codes as string) : "you said so";
    return classification(name, cells, rows, (cell) => Number(cell), reason, here, isText);
  }
  const reason = task === undefined ? `it has ${kind === "boolean" ? "booleans" : "names"}` : "you said so";
  return classification(name, cells, rows, classOf, reason, here, isText);
}

const undefinedOrNumber = (task: Task | undefined) =>
  task === "regression" ? ("number" as const) : undefined;

function numbersOf(name: string, cells: ArrayLike<unknown>, here: string) {
  const { description } = typeColumn(name, cells, "number");
  const read = cellReader(description);
  const values = Float64Array.from(cells as ArrayLike<unknown> & Iterable<unknown>, (cell, row) => {
    const value = read(cell);
    if (value !== undefined) return value;
    throw new DataError(
      `${here}: row ${row}: expected a number, received ${show(cell)}. Fix: clean the column, or give task: "classification"`,
    );
  });
  return { values, decimal: description.decimal };
}

function regression(
  name: string,
  { values, decimal }: ReturnType<typeof numbersOf>,
  _cells: ArrayLike<unknown>,
  reason: string,
  here: string,
): Target {
  const rows = Uint32Array.from(
    Array.from(values, (_, row) => row).filter((row) => !Number.isNaN(values[row])),
  );
  if (rows.length === 0) throw new DataError(`${here}: expected finite numbers, received none`);
  const description = {
    name,
    task: "regression",
    reason,
    ...(decimal !== undefined && { decimal }),
  } as const;
  return { description, rows, values };
}

function classOf(cell: unknown): ClassValue {
  if (typeof cell === "boolean" || typeof cell === "number" || typeof cell === "string") return cell;
  return categoryName(cell) ?? show(cell);
}

const compare = (a: ClassValue, b: ClassValue): number =>
  typeof a === "number" && typeof b === "number" ? a - b : String(a) < String(b) ? -1 : 1;

function classification(
  name: string,
  cells: ArrayLike<unknown>,
  rows: Uint32Array,
  read: (cell: unknown) => ClassValue,
  reason: string,
  here: string,
  _isText: boolean,
): Target {
  const found = new Map<string, ClassValue>();
  for (const row of rows) {
    const value = read(cells[row]);
    found.set(String(value), value);
  }
  const classes = [...found.values()].sort(compare);
  if (classes.length > rows.length / 2 && classes.length > MOST_CODES) {
    throw new DataError(
      `${here}: expected classes that repeat, received ${classes.length} different values in ${rows.length} rows. Fix: name another column, or give task: "regression" if they are numbers`,
    );
  }
  const numbers = new Map(classes.map((value, at) => [String(value), at]));
  const values = new Float64Array(cells.length).fill(Number.NaN);
  for (const row of rows) values[row] = numbers.get(String(read(cells[row]))) as number;
  return { description: { name, task: "classification", classes, reason }, rows, values };
}

/** Reads targets of rows that come later, by what the training has learned of them; NaN where there is none. */
export function readTargets(
  description: TargetDescription,
  cells: ArrayLike<unknown>,
  place: string,
): Float64Array {
  const { name, task, classes = [], decimal } = description;
  const here = `${place}: target ${show(name)}`;
  if (task === "regression") {
    const read = cellReader({ name, type: "number", missing: 0, distinct: 0, ...(decimal && { decimal }) });
    return Float64Array.from(cells as ArrayLike<unknown> & Iterable<unknown>, (cell, row) => {
      const value = read(cell);
      if (value === undefined)
        throw new DataError(`${here}: row ${row}: expected a number, received ${show(cell)}`);
      return value;
    });
  }
  const numbers = new Map(classes.map((value, at) => [String(value), at]));
  const areNumbers = classes.every((value) => typeof value === "number");
  return Float64Array.from(cells as ArrayLike<unknown> & Iterable<unknown>, (cell, row) => {
    if (isMissing(cell)) return Number.NaN;
    const key = areNumbers ? String(Number(cell)) : String(classOf(cell));
    const found = numbers.get(key);
    if (found === undefined) {
      const known = classes.slice(0, 10).map(String).join(", ");
      throw new DataError(
        `${here}: row ${row}: expected one of the classes ${known}, received ${show(cell)}`,
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

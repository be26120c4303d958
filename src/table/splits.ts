/** Splits of a table into training rows and test rows: by share, by class, by group, by time. */
import { holdOut } from "../data/split.ts";
import { DataError, OptionError, show } from "../errors.ts";
import { checkNames, unknownName } from "../options.ts";
import { permutation, purpose } from "../random.ts";
import { freshSeed, readSeed } from "../seed.ts";
import { readGroups, readTimes } from "./columnOptions.ts";
import { type Columns, Frame, type TableRows, toFrame } from "./frame.ts";
import { readTarget } from "./target.ts";

/** How to split a table. At most one of `target`, `groups` and `time`. */
export interface SplitTableOptions {
  /** The share of the rows that is for the test, rounded up to whole rows; 0.2 by default. */
  readonly share?: number | undefined;
  /**
   * The target: each class, or each tenth of the rows in the order of a number, is split by the share. Rows
   * without a target are split as a class of their own.
   */
  readonly target?: string | undefined;
  /** The column, or a list of a value for each row, whose rows of equal value stay together. */
  readonly groups?: string | readonly (string | number)[] | undefined;
  /** The column of the time of each row: the test has the latest rows. */
  readonly time?: string | undefined;
  /** Decides which rows are drawn; a fresh one by default. Not for `time`, which draws nothing. */
  readonly seed?: number | undefined;
}

/** The two parts of a table, each in the form and the order of the table. */
export interface TableSplit<Rows> {
  readonly training: Rows;
  readonly test: Rows;
  /** The numbers of the test rows in the table, in ascending order. */
  readonly testRows: Uint32Array;
}

const CALL = "splitTable";
const OPTIONS: readonly (keyof SplitTableOptions)[] = ["share", "target", "groups", "time", "seed"];
const SHARE = 0.2;
/** Bins of equal size of a target of numbers. */
const BINS = 10;

function readShare(given: unknown): number {
  if (given === undefined) return SHARE;
  if (typeof given === "number" && given > 0 && given < 1) return given;
  throw new OptionError(`${CALL}: share: expected a number above 0 and below 1, received ${show(given)}`);
}

/**
 * Splits a table into rows to learn from and rows to test with, each in the form and the order of the table.
 * Without further options the test rows are drawn at random.
 *
 * - `target`: the test has its share of each class, as with scikit-learn's `train_test_split(stratify)`; of
 * numbers,
 *   its share of each tenth of the rows in their order.
 * - `groups`: no group is in both parts. Groups are drawn until the test has its share of the rows as nearly
 * as groups
 *   allow.
 * - `time`: the test has the latest rows. Rows of one time stay together, in the test.
 *
 * @example
 * ```ts
 * const { training, test } = splitTable(rows, { share: 0.25, target: "species", seed: 1 });
 * ```
 *
 * @throws OptionError for an unknown option or column; DataError if one part would be empty.
 */
export function splitTable<Row extends object>(
  rows: readonly Row[],
  options?: SplitTableOptions,
): TableSplit<Row[]>;
export function splitTable(rows: Frame, options?: SplitTableOptions): TableSplit<Frame>;
export function splitTable<Table extends Columns>(
  columns: Table,
  options?: SplitTableOptions,
): TableSplit<Table>;
export function splitTable<Row extends object>(
  rows: Iterable<Row>,
  options?: SplitTableOptions,
): TableSplit<Row[]>;
export function splitTable(
  rows: TableRows | Iterable<object>,
  options: SplitTableOptions = {},
): TableSplit<unknown> {
  checkNames(options, OPTIONS, CALL);
  const share = readShare(options.share);
  const given = (["target", "groups", "time"] as const).filter((name) => options[name] !== undefined);
  if (given.length > 1)
    throw new OptionError(
      `${CALL}: expected one of target, groups and time, received ${given.join(" and ")}`,
    );
  if (options.time !== undefined && options.seed !== undefined)
    throw new OptionError(`${CALL}: seed: a split by time draws nothing. Fix: leave the seed out`);
  const seed = options.seed === undefined ? freshSeed() : readSeed(options.seed, `${CALL}: seed`);
  const isIterable = typeof (rows as Partial<Iterable<unknown>> | null)?.[Symbol.iterator] === "function";
  const isList = isIterable && !ArrayBuffer.isView(rows) && !(rows instanceof Frame);
  const table = (isList ? [...(rows as Iterable<object>)] : rows) as TableRows;
  const frame = toFrame(table, CALL);
  if (frame.rows < 2) throw new DataError(`${CALL}: expected at least 2 rows, received ${frame.rows}`);
  const isTest = new Uint8Array(frame.rows);
  for (const row of testRows(frame, options, share, seed)) isTest[row] = 1;
  const all = Array.from(isTest.keys());
  const training = all.filter((row) => isTest[row] === 0);
  const test = all.filter((row) => isTest[row] === 1);
  const empty = test.length === 0 ? "test" : training.length === 0 ? "training" : undefined;
  if (empty !== undefined) {
    throw new DataError(
      `${CALL}: the ${empty} part would have no rows, with a share of ${share} of ${frame.rows} rows. Fix: choose another share`,
    );
  }
  return {
    training: takeRows(table, frame, training),
    test: takeRows(table, frame, test),
    testRows: Uint32Array.from(test),
  };
}

/** The numbers of the test rows. */
function testRows(
  frame: Frame,
  { target, groups, time }: SplitTableOptions,
  share: number,
  seed: number,
): Iterable<number> {
  const times = readTimes(time, frame, CALL);
  if (times !== undefined) return latest(times, share);
  const names = readGroups(groups, frame, CALL);
  if (names !== undefined) return wholeGroups(names, share, seed);
  const classOf = target === undefined ? undefined : strata(frame, target);
  // Then all rows would be test rows.
  if (countTraining(frame.rows, share) === 0) return Array.from({ length: frame.rows }, (_, row) => row);
  return holdOut(frame.rows, { share, seed, classOf }).heldOut;
}

/**
 * The number of training rows, rounded down; to 12 digits first, because 10 · (1 - 0.9) is a little less than
 * 1.
 */
const countTraining = (rows: number, share: number) =>
  Math.floor(Number((rows * (1 - share)).toPrecision(12)));

/** The class of each row, or the tenth of its number. */
function strata(frame: Frame, name: unknown): (row: number) => number {
  if (typeof name !== "string")
    throw new OptionError(`${CALL}: target: expected the name of a column, received ${show(name)}`);
  const cells = frame.cells.get(name);
  if (cells === undefined) throw unknownName(`${CALL}: target`, "column", name, frame.names);
  const { description, rows, values } = readTarget({ name, cells, isText: frame.isText }, undefined, CALL);
  const classes = values.map((value) => (Number.isNaN(value) ? -1 : value));
  if (description.task === "regression") {
    const sorted = Array.from(rows).sort((a, b) => values[a] - values[b]);
    const bins = Math.min(BINS, Math.max(1, Math.floor(sorted.length / BINS)));
    for (const [at, row] of sorted.entries()) classes[row] = Math.floor((at * bins) / sorted.length);
  }
  return (row) => classes[row];
}

/** The latest rows, those of one time together. */
function latest(times: Float64Array, share: number): number[] {
  const sorted = Float64Array.from(times).sort();
  const first = sorted[countTraining(times.length, share)];
  return Array.from(times.keys()).filter((row) => times[row] >= first);
}

/** Groups in a random order, each taken if the test is then nearer to its share. */
function wholeGroups(groups: readonly string[], share: number, seed: number): number[] {
  const members = new Map<string, number[]>();
  for (const [row, group] of groups.entries()) {
    const list = members.get(group);
    if (list === undefined) members.set(group, [row]);
    else list.push(row);
  }
  if (members.size < 2)
    throw new OptionError(`${CALL}: groups: expected at least 2 groups, received ${members.size}`);
  const lists = [...members.values()];
  const order = new Uint32Array(lists.length);
  permutation(seed, { purpose: purpose.validation, index: 0 }, order);
  const wanted = share * groups.length;
  const taken: number[] = [];
  for (const at of order) {
    const list = lists[at];
    const isNearer = Math.abs(taken.length + list.length - wanted) < wanted - taken.length;
    const isLast = taken.length + list.length === groups.length;
    if (isNearer && !isLast) for (const row of list) taken.push(row);
  }
  if (taken.length > 0) return taken;
  // Every group is larger than twice the share: the smallest one is nearest to it.
  return lists.reduce((smallest, list) => (list.length < smallest.length ? list : smallest));
}

/** Some rows in the form of the table. */
function takeRows(given: TableRows, frame: Frame, rows: readonly number[]): unknown {
  if (Array.isArray(given)) return rows.map((row) => given[row]);
  if (given instanceof Frame) return frame.take(rows);
  const taken = Object.entries(given as Columns).map(([name, cells]) => {
    if (Array.isArray(cells)) return [name, rows.map((row) => cells[row])];
    // By the method of all typed arrays, because that of a Buffer shares its memory.
    const some = Uint8Array.prototype.slice.call(cells, 0, rows.length) as unknown as Float64Array;
    for (const [at, row] of rows.entries()) some[at] = (cells as Float64Array)[row];
    return [name, some];
  });
  return Object.fromEntries(taken);
}

/** Splits rows into folds: at random, by class, or by group. */
import { DataError, OptionError, ShapeError, show } from "../errors.ts";
import { permutation, purpose } from "../random.ts";
import type { Dataset, NumberArray } from "./examples.ts";

/** The group of each row: a name or a number. */
export type Groups = readonly (string | number)[] | NumberArray;

/** Row numbers to train on and to measure with, each in ascending order. */
export interface RowSplit {
  readonly training: Uint32Array;
  readonly heldOut: Uint32Array<ArrayBuffer>;
}

/** How rows are assigned to folds. */
export interface Folding {
  readonly folds: number;
  readonly stratify: boolean;
  readonly groups: Groups | undefined;
  readonly seed: number;
}

function shuffled(length: number, seed: number, index: number): Uint32Array {
  const order = new Uint32Array(length);
  permutation(seed, { purpose: purpose.folds, index }, order);
  return order;
}

/** Returns the rows of each kind, in the order in which the kinds first occur. */
function collect<Kind>(kinds: Iterable<Kind>): Map<Kind, number[]> {
  const members = new Map<Kind, number[]>();
  let row = 0;
  for (const kind of kinds) {
    const list = members.get(kind);
    if (list === undefined) members.set(kind, [row]);
    else list.push(row);
    row++;
  }
  return members;
}

/**
 * Cuts shuffled rows into folds; the first rows % folds of them have one row more. As scikit-learn's `KFold`
 * with `shuffle`.
 */
function assignRows({ rows }: Dataset, { folds, seed }: Folding, foldOf: Uint32Array): void {
  if (folds > rows) throw new OptionError(`folds: expected at most the ${rows} rows, received ${folds}`);
  const order = shuffled(rows, seed, 0);
  const size = Math.floor(rows / folds);
  const larger = rows % folds;
  for (let at = 0; at < rows; at++) {
    foldOf[order[at]] = Math.max(Math.floor(at / (size + 1)), Math.floor((at - larger) / size));
  }
}

/**
 * Assigns each class separately, so that every fold has its share of each class: rows, ordered by class and
 * shuffled within a class, go to the folds in turn. As scikit-learn's `StratifiedKFold` with `shuffle`. Rows
 * with the same y are a class; classes are in the order in which they first occur.
 */
function assignClasses({ y, outputs, rows }: Dataset, { folds, seed }: Folding, foldOf: Uint32Array): void {
  const keys = Array.from({ length: rows }, (_, row) =>
    y.subarray(row * outputs, (row + 1) * outputs).join(),
  );
  let [assigned, index] = [0, 0];
  for (const [key, members] of collect(keys)) {
    if (members.length < folds) {
      throw new DataError(
        `stratify: y: expected at least ${folds} rows of each class, one for each fold, received ` +
          `${members.length} of class ${key}, the first in row ${members[0]}; use fewer folds, or leave stratify out`,
      );
    }
    const order = shuffled(members.length, seed, index);
    for (let at = 0; at < order.length; at++) foldOf[members[order[at]]] = (assigned + at) % folds;
    assigned += members.length;
    index++;
  }
}

function checkGroups(groups: unknown, rows: number): asserts groups is Groups {
  if (!Array.isArray(groups) && !ArrayBuffer.isView(groups)) {
    throw new OptionError(`groups: expected a name or a number for each row, received ${show(groups)}`);
  }
  const { length } = groups as unknown as ArrayLike<unknown>;
  if (length !== rows) throw new ShapeError(`groups: expected ${rows}, one for each row, received ${length}`);
  const list = groups as unknown as ArrayLike<unknown>;
  for (let row = 0; row < rows; row++) {
    const group = list[row];
    if (typeof group === "string" || Number.isFinite(group)) continue;
    throw new DataError(`groups: row ${row}: expected a name or a finite number, received ${show(group)}`);
  }
}

/**
 * Assigns all rows of a group to one fold: the largest group first, each to the fold with the fewest rows so
 * far. As scikit-learn's `GroupKFold`, but groups of equal size are shuffled.
 */
function assignGroups({ rows }: Dataset, { folds, groups, seed }: Folding, foldOf: Uint32Array): void {
  checkGroups(groups, rows);
  const members = [...collect<string | number>(groups).values()];
  if (folds > members.length) {
    throw new OptionError(`folds: expected at most the ${members.length} groups, received ${folds}`);
  }
  const drawn = Array.from(shuffled(members.length, seed, 0), (at) => members[at]);
  const sizes = new Uint32Array(folds);
  for (const group of drawn.sort((a, b) => b.length - a.length)) {
    const fold = sizes.indexOf(Math.min(...sizes));
    sizes[fold] += group.length;
    for (const row of group) foldOf[row] = fold;
  }
}

/** Returns a split for each fold; every row is held out once. */
export function foldRows(data: Dataset, folding: Folding): RowSplit[] {
  const { folds, stratify, groups } = folding;
  if (folds < 2) throw new OptionError(`folds: expected at least 2, received ${folds}`);
  if (stratify && groups !== undefined) throw new OptionError("expected stratify or groups, received both");
  const foldOf = new Uint32Array(data.rows);
  const assign = groups !== undefined ? assignGroups : stratify ? assignClasses : assignRows;
  assign(data, folding, foldOf);
  const all = Uint32Array.from(foldOf.keys());
  return Array.from({ length: folds }, (_, fold) => ({
    training: all.filter((row) => foldOf[row] !== fold),
    heldOut: all.filter((row) => foldOf[row] === fold),
  }));
}

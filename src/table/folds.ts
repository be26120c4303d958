/** Which rows validate which networks: folds by class, by group, or in the order of time. */

import { foldRows, type RowSplit } from "../data/folds.ts";
import { DataError, OptionError } from "../errors.ts";
import { permutation, purpose } from "../random.ts";
import type { Target } from "./target.ts";

/** How rows are dealt to folds. */
export interface TableFolding {
  readonly folds: number;
  readonly seed: number;
  /** The group of each row of the table: no group is in two folds. */
  readonly groups?: readonly string[] | undefined;
  /** The time of each row of the table: no network learns from rows after those that validate it. */
  readonly times?: Float64Array | undefined;
}

/** Splits the rows that have a target; the numbers are those of the table's rows. */
export function dealRows(
  { description, rows, values }: Target,
  folding: TableFolding,
  place: string,
): RowSplit[] {
  const { times, groups } = folding;
  if (times !== undefined) return dealTimes(rows, times, folding.folds, place);
  if (groups !== undefined) return dealGroups(rows, groups, folding, place);
  const order = new Uint32Array(rows.length);
  permutation(folding.seed, { purpose: purpose.folds, index: 0 }, order);
  const shuffled = order.map((at) => rows[at]);
  // One class after the other, so that dealing them out in turn gives each fold its share of each class.
  const dealt =
    description.classes === undefined ? shuffled : byClass(shuffled, values, description.classes.length);
  const folds = Math.min(folding.folds, rows.length);
  const foldOf = new Uint32Array(values.length);
  for (let at = 0; at < dealt.length; at++) foldOf[dealt[at]] = at % folds;
  return Array.from({ length: folds }, (_, fold) => ({
    training: rows.filter((row) => foldOf[row] !== fold),
    heldOut: Uint32Array.from(rows.filter((row) => foldOf[row] === fold)),
  }));
}

/** Rows in the order of their classes, those of a class in their own order. */
function byClass(rows: Uint32Array, values: Float64Array, classes: number): Uint32Array {
  const next = new Uint32Array(classes + 1);
  for (const row of rows) next[values[row] + 1]++;
  for (let at = 1; at <= classes; at++) next[at] += next[at - 1];
  const sorted = new Uint32Array(rows.length);
  for (const row of rows) sorted[next[values[row]]++] = row;
  return sorted;
}

function dealGroups(
  rows: Uint32Array,
  groups: readonly string[],
  { folds, seed }: TableFolding,
  place: string,
): RowSplit[] {
  const own = Array.from(rows, (row) => groups[row]);
  const distinct = new Set(own).size;
  if (distinct < 2)
    throw new OptionError(`${place}: groups: expected at least 2 groups, received ${distinct}`);
  const data = { x: new Float32Array(0), y: new Float32Array(0), inputs: 0, outputs: 0, rows: rows.length };
  const dealt = foldRows(data, { folds: Math.min(folds, distinct), stratify: false, groups: own, seed });
  return dealt.map(({ training, heldOut }) => ({
    training: training.map((at) => rows[at]),
    heldOut: heldOut.map((at) => rows[at]),
  }));
}

/**
 * Blocks in the order of time: each but the first validates networks that learned from all blocks before it.
 */
function dealTimes(rows: Uint32Array, times: Float64Array, folds: number, place: string): RowSplit[] {
  const sorted = Array.from(rows).sort((a, b) => times[a] - times[b]);
  const blocks = Math.min(folds + 1, sorted.length);
  const ends = Array.from({ length: blocks + 1 }, (_, at) => Math.round((at * sorted.length) / blocks));
  // Rows of one moment are in one block, so that none learns from the moment that another validates.
  for (let at = 1; at < blocks; at++) {
    let end = Math.max(ends[at], ends[at - 1]);
    while (end > 0 && end < sorted.length && times[sorted[end]] === times[sorted[end - 1]]) end++;
    ends[at] = end;
  }
  const splits: RowSplit[] = [];
  for (let at = 1; at < blocks; at++) {
    if (ends[at] === 0 || ends[at] >= ends[at + 1]) continue;
    splits.push({
      training: Uint32Array.from(sorted.slice(0, ends[at])).sort(),
      heldOut: Uint32Array.from(sorted.slice(ends[at], ends[at + 1])).sort(),
    });
  }
  if (splits.length === 0) {
    throw new DataError(
      `${place}: time: expected at least 2 different times, all rows are of ${times[rows[0]]}`,
    );
  }
  return splits;
}

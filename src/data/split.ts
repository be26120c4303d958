/** Takes rows of a dataset apart. */
import { OptionError } from "../errors.ts";
import { allocate } from "../memory.ts";
import { permutation, purpose } from "../random.ts";
import type { Dataset } from "./examples.ts";
import type { RowSplit } from "./folds.ts";

/** Which rows are held out of a training to validate with. */
export interface Holdout {
  /** The share of the rows, or the next larger whole number, that is held out. */
  readonly share: number;
  /** Without a seed the last rows are held out, as they are; with one, rows that it draws. */
  readonly seed: number | undefined;
  /** The class of a row, if the rows have classes: each class is then held out by its share. */
  readonly classOf: ((row: number) => number) | undefined;
}

/** How many of the rows are held out; neither part may be empty. */
function countHeldOut(rows: number, share: number): number {
  // Rounded to 12 digits first: 10 · (1 - 0.9) is a little less than the 1 row that is meant.
  const kept = Math.floor(Number((rows * (1 - share)).toPrecision(12)));
  if (kept > 0 && kept < rows) return rows - kept;
  const nothing = kept === 0 ? "nothing to train on" : "nothing to validate with";
  throw new OptionError(`validationSplit: ${share} of ${rows} rows leaves ${nothing}`);
}

/** Splits rows into those to train on and those to validate with. */
export function holdOut(rows: number, { share, seed, classOf }: Holdout): RowSplit {
  const heldOut = countHeldOut(rows, share);
  const isHeldOut = new Uint8Array(rows);
  if (seed === undefined) isHeldOut.fill(1, rows - heldOut);
  else for (const row of draw(rows, heldOut, seed, classOf ?? (() => 0))) isHeldOut[row] = 1;
  const all = Uint32Array.from(isHeldOut.keys());
  return {
    training: all.filter((row) => isHeldOut[row] === 0),
    heldOut: all.filter((row) => isHeldOut[row] === 1),
  };
}

/** Draws rows, of each class as many as its share; the rows that are left over go to the largest remainders. */
function draw(rows: number, heldOut: number, seed: number, classOf: (row: number) => number): number[] {
  const order = new Uint32Array(rows);
  permutation(seed, { purpose: purpose.validation, index: 0 }, order);
  const members = new Map<number, number[]>();
  for (const row of order) {
    const kind = classOf(row);
    const list = members.get(kind);
    if (list === undefined) members.set(kind, [row]);
    else list.push(row);
  }
  const quotas = [...members.values()].map((list) => {
    const exact = (list.length * heldOut) / rows;
    return { list, count: Math.floor(exact), remainder: exact - Math.floor(exact) };
  });
  let left = heldOut - quotas.reduce((sum, { count }) => sum + count, 0);
  // A class of a single row stays in training as long as others have rows to give.
  const isLast = ({ list, count }: (typeof quotas)[number]) => Number(list.length - count <= 1);
  quotas.sort((a, b) => isLast(a) - isLast(b) || b.remainder - a.remainder);
  for (const quota of quotas) if (left-- > 0) quota.count++;
  return quotas.flatMap(({ list, count }) => list.slice(0, count));
}

/** The caller's numbers of some of the rows, where the rows themselves may have such numbers. */
export function numbersOf(rows: Uint32Array, ofAll: Uint32Array | undefined): Uint32Array {
  return ofAll === undefined ? rows : rows.map((row) => ofAll[row]);
}

/** Some rows, in this order, as a dataset of their own. */
export function takeRows({ x, y, inputs, outputs }: Dataset, rows: Uint32Array): Dataset {
  const take = (values: Float32Array, width: number) => {
    const taken = allocate(rows.length * width, () => `a copy of ${rows.length} rows`);
    for (let at = 0; at < rows.length; at++) {
      taken.set(values.subarray(rows[at] * width, (rows[at] + 1) * width), at * width);
    }
    return taken;
  };
  return { x: take(x, inputs), y: take(y, outputs), inputs, outputs, rows: rows.length };
}

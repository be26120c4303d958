/** Splits datasets by rows. */
import { OptionError } from "../errors.ts";
import { allocate } from "../memory.ts";
import { permutation, purpose } from "../random.ts";
import type { Dataset } from "./examples.ts";
import type { RowSplit } from "./folds.ts";

/** How to choose the rows that validate a training. */
export interface Holdout {
  /** The share of the rows that is held out, rounded up to whole rows. */
  readonly share: number;
  /** The seed that draws the rows; undefined holds out the last rows. */
  readonly seed: number | undefined;
  /** Returns the class of a row; the same share of each class is then held out. Undefined without classes. */
  readonly classOf: ((row: number) => number) | undefined;
}

/** Returns the number of rows to hold out; neither part may be empty. */
function countHeldOut(rows: number, share: number): number {
  // Rounded to 12 digits first, because 10 · (1 - 0.9) is slightly less than 1.
  const kept = Math.floor(Number((rows * (1 - share)).toPrecision(12)));
  if (kept > 0 && kept < rows) return rows - kept;
  const nothing = kept === 0 ? "nothing to train on" : "nothing to validate with";
  throw new OptionError(`validationSplit: ${share} of ${rows} rows leaves ${nothing}`);
}

/** Returns the rows to train on and the rows to validate with. */
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

/** Draws the same share of each class; the remaining rows go to the classes with the largest remainders. */
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
  // The last row of a class stays in training as long as other classes have more rows.
  const isLast = ({ list, count }: (typeof quotas)[number]) => Number(list.length - count <= 1);
  quotas.sort((a, b) => isLast(a) - isLast(b) || b.remainder - a.remainder);
  for (const quota of quotas) if (left-- > 0) quota.count++;
  return quotas.flatMap(({ list, count }) => list.slice(0, count));
}

/** Returns the caller's numbers of these rows; without `ofAll`, row numbers are already the caller's. */
export function numbersOf(rows: Uint32Array, ofAll: Uint32Array | undefined): Uint32Array {
  return ofAll === undefined ? rows : rows.map((row) => ofAll[row]);
}

/** Returns a dataset with copies of these rows, in this order. */
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

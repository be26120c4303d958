/** Partial dependence: the mean prediction when one column has the same value in all rows. */
import { DataError, OptionError, show } from "../errors.ts";
import { categoriesOf } from "../nn/program.ts";
import { checkNames, readSize } from "../options.ts";
import type { Session } from "../training/session.ts";
import { nameOf, readColumn, readNames } from "./columns.ts";

/** How to compute a partial dependence. */
export interface PartialDependenceOptions {
  /** The maximum points of the grid, at least 2; 100 by default. */
  readonly points?: number | undefined;
  /** The quantiles of the column at which the grid begins and ends, from 0 to 1; [0.05, 0.95] by default. */
  readonly percentiles?: readonly [low: number, high: number] | undefined;
  /** The names of the columns of x, to give the column by name. */
  readonly columns?: readonly string[] | undefined;
}

/** The curve of one column. */
export interface PartialDependence {
  readonly column: number;
  /** The column's name, or "column 3". */
  readonly name: string;
  /** Increasing values of the column. */
  readonly grid: readonly number[];
  /** The mean prediction at each value of the grid, [points][outputs]. */
  readonly means: readonly (readonly number[])[];
}

const OPTIONS = ["points", "percentiles", "columns"];
const POINTS = 100;

/** Checks the shares of the values between which a grid is. */
export function readPercentiles(given: unknown, place: string): readonly [number, number] {
  if (given === undefined) return [0.05, 0.95];
  const [low, high] = Array.isArray(given) && given.length === 2 ? (given as number[]) : [];
  if (low >= 0 && low < high && high <= 1) return [low, high];
  throw new OptionError(
    `${place}: expected two shares from 0 to 1, the lower first, received ${show(given)}`,
  );
}

/**
 * Returns the quantile p of n sorted values: with n p + 0.4 + 0.2 p = k + r, k whole and 0 <= r < 1, the
 * point at r between the k-th value and the next. (Cunnane, 1978; as `scipy.stats.mstats.mquantiles`, which
 * scikit-learn uses here.)
 */
function quantileOf(sorted: ArrayLike<number>, p: number): number {
  const place = sorted.length * p + 0.4 + 0.2 * p;
  const below = Math.floor(Math.min(Math.max(place, 1), sorted.length - 1));
  const rest = Math.min(Math.max(place - below, 0), 1);
  return (1 - rest) * sorted[below - 1] + rest * sorted[below];
}

/** Returns the distinct values of a column if they are few, else `points` evenly spaced values. */
export function gridOf(
  values: Float32Array | Float64Array,
  points: number,
  [low, high]: readonly [number, number],
  name: string,
): number[] {
  const sorted = values.toSorted();
  const distinct = Array.from(new Set(sorted));
  if (distinct.length < points) return distinct;
  const [first, last] = [quantileOf(sorted, low), quantileOf(sorted, high)];
  if (!(first < last)) {
    const fix = "Fix: choose percentiles that are further apart, or more points than the column has values";
    throw new DataError(
      `partialDependence: ${name}: expected distinct percentiles, received ${first} twice. ${fix}`,
    );
  }
  return Array.from({ length: points }, (_, at) => first + ((last - first) * at) / (points - 1));
}

/** Computes the mean predictions along a column: see `partialDependence` in index.ts. */
export function partialDependence(
  session: Session,
  x: unknown,
  given: unknown,
  options: PartialDependenceOptions,
): PartialDependence {
  const call = "partialDependence";
  checkNames(options, OPTIONS, call);
  const { inputs, outputs } = session;
  const names = readNames(options.columns, inputs, call);
  const column = readColumn(given, names, inputs, call);
  const name = nameOf(names, column);
  const points = options.points === undefined ? POINTS : readSize(options.points, `${call}: points`);
  if (points < 2) throw new OptionError(`${call}: points: expected at least 2, received ${points}`);
  const percentiles = readPercentiles(options.percentiles, `${call}: percentiles`);
  session.useAlone(call);
  const { values, rows } = session.rows(call, x);
  const own = Float32Array.from({ length: rows }, (_, row) => values[row * inputs + column]);
  const isCategory = categoriesOf(session.configuration).some((known) => known.column === column);
  const grid = gridOf(own, isCategory ? Number.POSITIVE_INFINITY : points, percentiles, name);
  const changed = values.slice();
  const means = grid.map((value) => {
    for (let row = 0; row < rows; row++) changed[row * inputs + column] = value;
    const predictions = session.predictions(changed);
    const sums = new Array<number>(outputs).fill(0);
    for (let at = 0; at < predictions.length; at++) sums[at % outputs] += predictions[at];
    return sums.map((sum) => sum / rows);
  });
  return { column, name, grid, means };
}

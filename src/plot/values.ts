// Checks of what callers pass, and what pictures share: rows that are left out, classes, bins.

import { DataError, OptionError, ShapeError, show } from "../errors.ts";
import { extentOf, isDrawable } from "./scales.ts";
import { countOf } from "./text.ts";

/** Numbers in order: a list or a typed array. */
export type Numbers = ArrayLike<number>;

/** A class: how tables and labels name it. */
export type Label = string | number | boolean;

/** Options that every picture has. */
export interface PictureOptions {
  /** The heading. */
  readonly title?: string | undefined;
}

/** A picture draws up to this number of single points; of more it draws bins. */
export const MOST_POINTS = 2000;

/** The series that have a color of their own; others are one. */
export const OTHER = "other";

/** Checks a list. It may have any values. */
export function readList(given: unknown, place: string): ArrayLike<unknown> {
  const isView = ArrayBuffer.isView(given) && !(given instanceof DataView);
  if (Array.isArray(given) || isView) return given as unknown as ArrayLike<unknown>;
  throw new DataError(`${place}: expected an array or a typed array, received ${show(given)}`);
}

/** Checks numbers. Missing values and what is not finite become NaN; text is an error. */
export function readNumbers(given: unknown, place: string): Float64Array {
  const list = readList(given, place);
  return Float64Array.from({ length: list.length }, (_, row) => {
    const value = list[row];
    if (value === null || value === undefined) return Number.NaN;
    if (typeof value === "number") return isDrawable(value) ? value : Number.NaN;
    if (typeof value === "bigint" || typeof value === "boolean") return Number(value);
    if (value instanceof Date) return value.getTime();
    throw new DataError(`${place}: row ${row}: expected a number, received ${show(value)}`);
  });
}

/** Checks that lists have the same number of rows. */
export function checkRows(call: string, lists: Readonly<Record<string, ArrayLike<unknown>>>): number {
  const [[first, { length }], ...others] = Object.entries(lists);
  for (const [name, list] of others) {
    if (list.length !== length) {
      throw new ShapeError(
        `${call}: ${name}: expected ${length} values, as many as ${first}, received ${list.length}`,
      );
    }
  }
  return length;
}

/** Checks a text option. */
export function readText(given: unknown, usual: string, place: string): string {
  if (given === undefined) return usual;
  if (typeof given === "string") return given;
  throw new OptionError(`${place}: expected a text, received ${show(given)}`);
}

/** Checks an integer option. */
export function readCount(
  given: unknown,
  usual: number,
  [low, high]: readonly [number, number],
  place: string,
): number {
  if (given === undefined) return usual;
  if (Number.isInteger(given) && (given as number) >= low && (given as number) <= high)
    return given as number;
  throw new OptionError(`${place}: expected an integer from ${low} to ${high}, received ${show(given)}`);
}

/** Checks a share, such as a threshold. */
export function readShare(given: unknown, place: string): number | undefined {
  if (given === undefined) return undefined;
  if (typeof given === "number" && Number.isFinite(given)) return given;
  throw new OptionError(`${place}: expected a finite number, received ${show(given)}`);
}

/** Formats what was left out: ["3 rows left out (missing or not finite)"]; empty for nothing. */
export function leftOut(count: number, noun = "row", why = "missing or not finite"): string[] {
  return count === 0 ? [] : [`${countOf(count, noun)} left out (${why})`];
}

/** Returns whether each row is of the positive class, and the name of this class. */
export function readTruth(
  given: unknown,
  positive: unknown,
  call: string,
): { truth: (boolean | undefined)[]; name: string } {
  const list = Array.from(readList(given, `${call}: actual`));
  const found = [
    ...new Set(list.filter((value) => value !== null && value !== undefined && !Number.isNaN(value))),
  ];
  const odd = found.find((value) => !["string", "number", "boolean"].includes(typeof value));
  if (odd !== undefined) throw new DataError(`${call}: actual: expected classes, received ${show(odd)}`);
  if (positive === undefined && found.length > 2) {
    const names = found
      .slice(0, 5)
      .map((value) => show(value))
      .join(", ");
    throw new OptionError(
      `${call}: positive: expected the positive class, because there are ${found.length} classes (${names}, …), received nothing. Fix: pass one of them`,
    );
  }
  if (positive !== undefined && found.length > 0 && !found.includes(positive)) {
    throw new OptionError(`${call}: positive: expected a class that occurs, received ${show(positive)}`);
  }
  // As the metrics do: of two labels the second one is positive.
  const isPlain = found.every((value) => value === 0 || value === 1 || typeof value === "boolean");
  const chosen = positive ?? (isPlain ? undefined : found.map(String).sort().at(-1));
  const isPositive = (value: unknown) =>
    chosen === undefined ? value === 1 || value === true : value === chosen || String(value) === chosen;
  const truth = list.map((value) =>
    value === null || value === undefined || Number.isNaN(value) ? undefined : isPositive(value),
  );
  return { truth, name: chosen === undefined ? "" : String(chosen) };
}

/** Several lists by name: one list is named "". */
export function readSeries(given: unknown, place: string): [name: string, values: Float64Array][] {
  if (Array.isArray(given) || ArrayBuffer.isView(given)) return [["", readNumbers(given, place)]];
  if (given === null || typeof given !== "object")
    throw new DataError(
      `${place}: expected numbers, or an object of numbers by name, received ${show(given)}`,
    );
  return Object.entries(given).map(([name, values]) => [
    name,
    readNumbers(values, `${place}: ${show(name)}`),
  ]);
}

/** A bin of a histogram. */
export interface Bin {
  readonly low: number;
  readonly high: number;
  readonly count: number;
}

/** Counts finite values in bins of equal width. */
export function histogram(values: Iterable<number>, bins: number, domain?: readonly [number, number]): Bin[] {
  const list = [...values].filter(isDrawable);
  const extent = domain ?? extentOf(list);
  if (extent === undefined) return [];
  const [low, high] = extent;
  if (high <= low) return [{ low: low - 0.5, high: low + 0.5, count: list.length }];
  const counts = new Array<number>(bins).fill(0);
  const width = high / bins - low / bins;
  for (const value of list) {
    const index = Math.floor((value - low) / width);
    counts[Math.max(0, Math.min(bins - 1, index))]++;
  }
  return counts.map((count, at) => ({
    low: low + at * width,
    high: at === bins - 1 ? high : low + (at + 1) * width,
    count,
  }));
}

/**
 * Returns the number of bins for values: their range divided by 2 IQR / ∛n, from 5 to 60. (Freedman and
 * Diaconis, 1981.)
 */
export function binsFor(values: Float64Array): number {
  const sorted = values.filter(isDrawable).sort();
  const { length } = sorted;
  if (length < 2) return 1;
  const spread = sorted[Math.floor(length * 0.75)] - sorted[Math.floor(length * 0.25)];
  const range = sorted[length - 1] - sorted[0];
  // Few distinct values get a bin each.
  const distinct = new Set(sorted.length > 5000 ? sorted.subarray(0, 5000) : sorted).size;
  const wanted =
    spread > 0 ? Math.ceil((range * Math.cbrt(length)) / (2 * spread)) : Math.ceil(Math.log2(length)) + 1;
  return Math.max(Math.min(5, distinct), Math.min(60, wanted));
}

/** Leaves at most about `most` points of a line; peaks and valleys stay. */
export function thinLine<P extends readonly [number, number]>(points: readonly P[], most = 600): P[] {
  if (points.length <= most) return [...points];
  const buckets = Math.floor(most / 2);
  const kept: P[] = [points[0]];
  for (let bucket = 0; bucket < buckets; bucket++) {
    const part = points.slice(
      Math.floor((bucket * points.length) / buckets),
      Math.floor(((bucket + 1) * points.length) / buckets),
    );
    const lowest = part.reduce((best, point) => (point[1] < best[1] ? point : best));
    const highest = part.reduce((best, point) => (point[1] > best[1] ? point : best));
    kept.push(...(part.indexOf(lowest) < part.indexOf(highest) ? [lowest, highest] : [highest, lowest]));
  }
  const last = points[points.length - 1];
  return [...kept, last].filter((point, at, all) => at === 0 || point !== all[at - 1]);
}

/** Returns about `most` evenly spaced entries, with the first and the last. */
export function sample<T>(list: readonly T[], most: number): T[] {
  if (list.length <= most) return [...list];
  return Array.from({ length: most }, (_, at) => list[Math.round((at * (list.length - 1)) / (most - 1))]);
}

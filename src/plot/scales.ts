// The scales of axes. Their round ticks are those of d3-array and d3-time.

import { nice, ticks } from "d3-array";
import { utcTicks } from "d3-time";
import type { Axis } from "./figure.ts";
import { formatNumber } from "./text.ts";

/** A round value of a scale: its position in the scale's range, and its text. */
export interface Tick {
  readonly position: number;
  readonly label: string;
}

/** Maps values to positions; it clamps to the range. */
export interface Scale {
  (value: number): number;
  /** Returns about `count` ticks at round values. */
  ticks(count: number): Tick[];
}

/** Beyond this the difference of two coordinates may overflow to Infinity. */
export const LARGEST = 1e300;

/** Whether a value can be drawn. */
export const isDrawable = (value: unknown): value is number =>
  typeof value === "number" && Math.abs(value) <= LARGEST;

/** Returns the least and the largest of values that can be drawn. */
export function extentOf(values: Iterable<number>): [low: number, high: number] | undefined {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    if (!isDrawable(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : undefined;
}

/** Whether steps between ticks are neither lost in rounding nor underflow. */
const isWide = ([low, high]: readonly [number, number]) =>
  high - low > Math.max(Math.max(Math.abs(low), Math.abs(high)) * 1e-9, LARGEST ** -1);

/** Returns a domain with room for ticks: equal values get a wider one around them. */
export function roomFor(extent: readonly [number, number] | undefined): [number, number] {
  if (extent === undefined) return [0, 1];
  const [low, high] = extent;
  if (isWide(extent)) return [low, high];
  const half = Math.max(0.5, Math.abs(low) / 2);
  return [low - half, high + half];
}

/** Returns a linear axis over values that ends at round numbers. */
export function linearAxis(label: string, values: Iterable<number>, including: readonly number[] = []): Axis {
  const extent = extentOf([...(extentOf(values) ?? []), ...including]);
  const [low, high] = nice(...roomFor(extent), 5);
  return { kind: "number", label, domain: [low, high] };
}

/** Half a day in milliseconds: the least room around dates. */
const HALF_DAY = 43_200_000;

/** Returns an axis over dates, in milliseconds since 1970, with some room around them. */
export function dateAxis(label: string, times: Iterable<number>): Axis {
  const [low, high] = extentOf(times) ?? [0, 0];
  const room = Math.max(HALF_DAY, (high - low) / 50);
  return { kind: "date", label, domain: [low - room, high + room] };
}

/** Returns an axis over values: logarithmic if all are positive and they span more than a decade. */
export function logAxis(label: string, values: readonly number[]): Axis {
  const extent = extentOf(values);
  if (extent === undefined || extent[0] <= 0 || extent[1] < 10 * extent[0]) return linearAxis(label, values);
  return { kind: "log", label, domain: extent };
}

/** Returns the scale of an axis onto a range. */
export function scaleOf(axis: Axis, [from, to]: readonly [from: number, to: number]): Scale {
  const measure = axis.kind === "log" ? Math.log : (value: number) => value;
  const [low, high] = axis.domain.map(measure);
  const place = (value: number) => {
    const limited = Math.min(axis.domain[1], Math.max(axis.domain[0], value));
    const share = high > low ? (measure(limited) - low) / (high - low) : 0.5;
    return from + share * (to - from);
  };
  return Object.assign(place, {
    ticks: (count: number) => {
      const values = ticksOf(axis, count);
      const texts = labelsOf(axis, values);
      return values.map((value, at) => ({ position: place(value), label: texts[at] }));
    },
  });
}

function ticksOf({ kind, domain, integers }: Axis, count: number): number[] {
  const [low, high] = domain;
  if (kind === "log") return logTicks(domain, count);
  if (kind === "date") return utcTicks(new Date(low), new Date(high), Math.max(3, count)).map(Number);
  // The domain of a color ramp is that of its values, however close they are.
  if (!isWide(domain)) return low === high ? [low] : [low, high];
  return ticks(low, high, count).filter((value) => !integers || Number.isInteger(value));
}

/** Returns the texts of ticks: numbers all have as many decimals as their distance needs. */
function labelsOf({ kind, domain, integers }: Axis, values: readonly number[]): string[] {
  if (kind === "date") return shortDates(values.map((value) => new Date(value).toISOString()));
  if (kind === "log") return values.map(formatNumber);
  const largest = Math.max(...domain.map(Math.abs));
  // Plain digits between a ten-thousandth and a million, exponents beyond.
  if (largest >= 1e6 || largest <= 1e-4)
    return values.map((value) =>
      value === 0 ? "0" : Number(value.toPrecision(12)).toExponential().replace("e+", "e").replace("e0", ""),
    );
  const step = values.length > 1 ? Math.abs(values[1] - values[0]) : 1;
  const digits = integers ? 0 : Math.min(12, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
  const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return values.map((value) => (value === 0 ? 0 : value).toLocaleString("en", options));
}

/** Shortens ISO dates to what differs: years, months, days, or times of the day with their date. */
function shortDates(texts: readonly string[]): string[] {
  const ends = (ending: string) => texts.every((text) => text.endsWith(ending));
  if (ends("-01-01T00:00:00.000Z")) return texts.map((text) => text.slice(0, -20));
  if (ends("-01T00:00:00.000Z")) return texts.map((text) => text.slice(0, -17));
  if (ends("T00:00:00.000Z")) return texts.map((text) => text.slice(0, -14));
  const length = ends(":00.000Z") ? -8 : ends(".000Z") ? -5 : -1;
  return texts.map((text) => text.slice(-19, length).replace("T", " "));
}

/** Returns powers of ten, and 2 and 5 times these where there is room. */
function logTicks([low, high]: readonly [number, number], count: number): number[] {
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const decades = Math.log10(high / low);
  const steps = decades * 3 <= count + 1 ? [1, 2, 5] : [1];
  const stride = Math.max(1, Math.ceil(decades / Math.max(1, count)));
  const ticks: number[] = [];
  for (let power = first; power <= last; power += stride)
    ticks.push(...steps.map((step) => Number(`${step}e${power}`)));
  const inside = ticks.filter((tick) => tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9));
  return inside.length > 0 ? inside : [low, high];
}

/** Returns the cell of a position from 0 to `count`; `count` itself belongs to the last cell. */
export function cellIndex(place: number, count: number): number {
  return Math.max(0, Math.min(count - 1, Math.floor(place)));
}

// Prepares a scatter plot for drawing: drops bad points, fills in options, chooses axes. The three forms
// (svg.ts, html.ts, terminal.ts) start from the same Scatter, so they always agree.

import { type ScaleLinear, scaleLinear } from "d3-scale";
import { type LossCurve, type Losses, prepareLosses } from "./losses.ts";

/** One point of a scatter plot. */
export interface ScatterPoint {
  readonly x: number;
  readonly y: number;
  /** The value that the color shows, such as a prediction. */
  readonly value: number;
  /** The details that hovering shows, in this order, such as `{ x1, x2, prediction, label }`. */
  readonly details: Readonly<Record<string, number | string>>;
  /** Whether to mark the point, for example as misclassified; false by default. */
  readonly marked?: boolean;
}

/** The texts and the color range of a scatter plot. */
export interface ScatterOptions {
  /** The heading; "Scatter plot" by default. */
  readonly title?: string;
  /** The name of the horizontal axis; "x" by default. */
  readonly xLabel?: string;
  /** The name of the vertical axis; "y" by default. */
  readonly yLabel?: string;
  /** The name of the value that the color shows; "value" by default. */
  readonly valueLabel?: string;
  /** The values at the ends of the color ramp, `[0, 1]` by default. Others get the color of an end. */
  readonly valueRange?: readonly [number, number];
  /** The description of marked points; "marked" by default. */
  readonly markLabel?: string;
  /** The losses of the training, drawn as a curve below the points; none by default. */
  readonly losses?: Losses;
}

/** A scatter plot that is ready to be drawn. The scales have a domain and no range yet. */
export interface Scatter extends Required<Omit<ScatterOptions, "losses">> {
  readonly points: readonly ScatterPoint[];
  readonly skipped: number;
  readonly curve: LossCurve | undefined;
  readonly x: ScaleLinear<number, number>;
  readonly y: ScaleLinear<number, number>;
}

const defaults = {
  title: "Scatter plot",
  xLabel: "x",
  yLabel: "y",
  valueLabel: "value",
  valueRange: [0, 1] as const,
  markLabel: "marked",
};

// Beyond this the difference of two coordinates may overflow to Infinity.
const largestCoordinate = 1e300;

/** Drops points that cannot be drawn, fills in the options and chooses the domains of the axes. */
export function prepareScatter(
  points: readonly ScatterPoint[],
  { losses, ...options }: ScatterOptions,
): Scatter {
  const drawable = points.filter(isDrawable);
  return {
    ...defaults,
    ...options,
    points: drawable,
    skipped: points.length - drawable.length,
    curve: prepareLosses(losses),
    x: axisScale(drawable.map((point) => point.x)),
    y: axisScale(drawable.map((point) => point.y)),
  };
}

/** Formats the number of points, shown and skipped: "998 points, 2 skipped (not finite)". */
export function caption({ points, skipped }: Scatter): string {
  const shown = `${formatCount(points.length)} ${points.length === 1 ? "point" : "points"}`;
  return skipped === 0 ? shown : `${shown}, ${formatCount(skipped)} skipped (not finite)`;
}

/** Formats the number of marked points: "22 misclassified"; empty for none. */
export function markCaption({ points, markLabel }: Scatter): string {
  const count = points.filter(({ marked }) => marked).length;
  return count === 0 ? "" : `${formatCount(count)} ${markLabel}`;
}

/** Returns the position of a value on the color ramp, from 0 to 1. */
export function rampPosition(value: number, [low, high]: readonly [number, number]): number {
  if (low === high) return value < low ? 0 : value > low ? 1 : 0.5;
  return Math.min(1, Math.max(0, (value - low) / (high - low)));
}

function isDrawable({ x, y, value }: ScatterPoint): boolean {
  return [x, y, value].every((number) => Math.abs(number) <= largestCoordinate);
}

function axisScale(values: readonly number[]): ScaleLinear<number, number> {
  return scaleLinear().domain(extent(values)).nice(5);
}

// A domain without width has no ticks, so equal values get a wider domain around them.
function extent(values: readonly number[]): [number, number] {
  if (values.length === 0) return [0, 1];
  const low = values.reduce((least, value) => Math.min(least, value));
  const high = values.reduce((most, value) => Math.max(most, value));
  if (high - low > smallestExtent(Math.max(Math.abs(low), Math.abs(high)))) return [low, high];
  const half = Math.max(0.5, Math.abs(low) / 2);
  return [low - half, high + half];
}

// Below this the steps between ticks would be lost in rounding, or underflow.
function smallestExtent(magnitude: number): number {
  return Math.max(magnitude * 1e-9, 1e-300);
}

function formatCount(count: number): string {
  return count.toLocaleString("en");
}

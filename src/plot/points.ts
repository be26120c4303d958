// What a scatter plot shows, made ready for drawing: bad points dropped, options filled, axes chosen.
// The three forms (svg.ts, html.ts, terminal.ts) start from the same Scatter and so always agree.

import { type ScaleLinear, scaleLinear } from "d3-scale";
import { type LossCurve, type Losses, prepareLosses } from "./losses.ts";

/** One point of a scatter plot. */
export interface ScatterPoint {
  readonly x: number;
  readonly y: number;
  /** What the colour shows, for instance a prediction. */
  readonly value: number;
  /** What hovering shows, in this order, for instance `{ x1, x2, prediction, label }`. */
  readonly details: Readonly<Record<string, number | string>>;
  /** Whether the plot marks it, as it does what a model got wrong; false if not given. */
  readonly marked?: boolean;
}

/** The words and the colour range of a scatter plot; every option has a default. */
export interface ScatterOptions {
  /** The heading; "Scatter plot" if not given. */
  readonly title?: string;
  /** The name of the horizontal axis; "x" if not given. */
  readonly xLabel?: string;
  /** The name of the vertical axis; "y" if not given. */
  readonly yLabel?: string;
  /** The name of what the colour shows; "value" if not given. */
  readonly valueLabel?: string;
  /**
   * The values at the two ends of the colour ramp, `[0, 1]` if not given; values beyond take the end
   * colours.
   */
  readonly valueRange?: readonly [number, number];
  /** What the marked points are; "marked" if not given. */
  readonly markLabel?: string;
  /** The losses of the training, drawn as a curve below the points; none if not given. */
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

/** Drops what cannot be drawn, fills the options and chooses the axes' domains. */
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

/** How many points there are and how many were left out, as in "998 points, 2 skipped (not finite)". */
export function caption({ points, skipped }: Scatter): string {
  const shown = `${formatCount(points.length)} ${points.length === 1 ? "point" : "points"}`;
  return skipped === 0 ? shown : `${shown}, ${formatCount(skipped)} skipped (not finite)`;
}

/** How many points are marked, as in "22 misclassified"; empty if none are. */
export function markCaption({ points, markLabel }: Scatter): string {
  const count = points.filter(({ marked }) => marked).length;
  return count === 0 ? "" : `${formatCount(count)} ${markLabel}`;
}

/** The place of a value on the colour ramp, from 0 to 1. */
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

// A domain of no width has no ticks, so equal values stand in the middle of a wider one.
function extent(values: readonly number[]): [number, number] {
  if (values.length === 0) return [0, 1];
  const low = values.reduce((least, value) => Math.min(least, value));
  const high = values.reduce((most, value) => Math.max(most, value));
  if (high - low > smallestExtent(Math.max(Math.abs(low), Math.abs(high)))) return [low, high];
  const half = Math.max(0.5, Math.abs(low) / 2);
  return [low - half, high + half];
}

// Below this the steps between ticks would drown in rounding, or underflow.
function smallestExtent(magnitude: number): number {
  return Math.max(magnitude * 1e-9, 1e-300);
}

function formatCount(count: number): string {
  return count.toLocaleString("en");
}

// A scatter plot, colored by a value or by a class, with the losses of the training below it if wanted.

import { DataError, OptionError, show } from "../../errors.ts";
import { checkNames } from "../../options.ts";
import { binPoints } from "../bins.ts";
import { type Paint, SERIES, seriesPaint, valuePaint } from "../colors.ts";
import type { Figure, Key, Mark, PlotPanel, Point, Rows, Shape } from "../figure.ts";
import { Picture } from "../picture.ts";
import { dateAxis, extentOf, isDrawable, linearAxis } from "../scales.ts";
import { countOf, formatCount, formatDate, formatNumber } from "../text.ts";
import { type Label, leftOut, MOST_POINTS, OTHER, type PictureOptions, readText } from "../values.ts";
import { curvePanel } from "./curves.ts";

/** One point of a scatter plot. */
export interface ScatterPoint {
  readonly x: number | Date;
  readonly y: number | Date;
  /** What the color shows: a number, such as a prediction, or a class; without one all have one color. */
  readonly value?: Label | undefined;
  /** What hovering shows, in this order; x, y and the value by default. */
  readonly details?: Readonly<Record<string, number | string>> | undefined;
  /** Whether to mark the point, for example as misclassified; false by default. */
  readonly marked?: boolean | undefined;
}

/** The losses of a training. */
export interface Losses {
  /** The name of the loss, such as "mean squared error". */
  readonly name: string;
  /** One value for each epoch. Values that are not finite are left out. */
  readonly values: readonly number[];
}

/** The texts and the color range of a scatter plot. */
export interface ScatterOptions extends PictureOptions {
  /** The name of the horizontal axis; "x" by default. */
  readonly xLabel?: string | undefined;
  /** The name of the vertical axis; "y" by default. */
  readonly yLabel?: string | undefined;
  /** The name of the value that the color shows; "value" by default. */
  readonly valueLabel?: string | undefined;
  /**
   * The values at the ends of the color ramp. By default [0, 1] if all values are in it, else the least and
   * the largest. Values beyond get the color of an end.
   */
  readonly valueRange?: readonly [low: number, high: number] | undefined;
  /** The description of marked points; "marked" by default. */
  readonly markLabel?: string | undefined;
  /** The losses of the training, drawn as a curve below the points; none by default. */
  readonly losses?: Losses | undefined;
}

const CALL = "scatter";
const OPTIONS = ["title", "xLabel", "yLabel", "valueLabel", "valueRange", "markLabel", "losses"];
const SHAPES: readonly Shape[] = ["circle", "square", "triangle", "diamond"];

/**
 * Draws points, colored by a number (blue is low, orange is high) or by a class. Points that are not finite
 * are left out; of more than 2,000 points the picture shows the means, or the most frequent class, of the
 * cells of a grid. The captions say so.
 *
 * @example
 * ```ts
 * const points = [{ x: 0.2, y: 0.9, value: 0.97, details: { x1: 0.2, x2: 0.9, prediction: 0.97 } }];
 * scatter(points, { title: "XOR", valueLabel: "prediction" }).svg(); // "<svg …"
 * ```
 *
 * @throws DataError if `points` is not a list of points; OptionError for an unknown option.
 */
export function scatter(points: readonly ScatterPoint[], options: ScatterOptions = {}): Picture {
  checkNames(options, OPTIONS, CALL);
  const { panel, keys, ramp, notes, summary } = scatterPanel(points, options, CALL);
  const { losses } = options;
  const title = readText(options.title, "Scatter plot", `${CALL}: title`);
  const curve =
    losses === undefined
      ? undefined
      : curvePanel(losses.name, [{ name: losses.name, values: losses.values, paint: "text" }], {});
  const figure: Figure = {
    title,
    description: `Scatter plot of ${summary}${curve === undefined ? "" : ` Below it, the ${losses?.name} by epoch.`}`,
    notes,
    keys,
    ...(ramp && { ramp }),
    panels: curve === undefined ? [panel] : [panel, { ...curve, aspect: 0.22 }],
  };
  return new Picture(figure);
}

/** Returns a panel of points with their legend. */
export function scatterPanel(
  given: readonly ScatterPoint[],
  options: ScatterOptions,
  call: string,
  classes?: readonly string[],
) {
  if (!Array.isArray(given))
    throw new DataError(`${call}: points: expected an array of points, received ${show(given)}`);
  const wrong = given.findIndex((point) => point === null || typeof point !== "object");
  if (wrong >= 0)
    throw new DataError(`${call}: points: point ${wrong}: expected { x, y }, received ${show(given[wrong])}`);
  const [xLabel, yLabel] = [
    readText(options.xLabel, "x", `${call}: xLabel`),
    readText(options.yLabel, "y", `${call}: yLabel`),
  ];
  const valueLabel = readText(options.valueLabel, "value", `${call}: valueLabel`);
  const markLabel = readText(options.markLabel, "marked", `${call}: markLabel`);
  const isNumeric =
    given.every(({ value }) => value === undefined || typeof value === "number") &&
    given.some(({ value }) => value !== undefined);
  const drawable = given
    .map((point) => ({ ...point, x: numberOf(point.x), y: numberOf(point.y) }))
    .filter(({ x, y, value }) => isDrawable(x) && isDrawable(y) && (!isNumeric || isDrawable(value)));
  const [xs, ys] = [given.map(({ x }) => x), given.map(({ y }) => y)];
  const [formatX, formatY] = [formatFor(xs), formatFor(ys)];
  const range =
    isNumeric || options.valueRange !== undefined ? readRange(options.valueRange, drawable, call) : undefined;
  const names = isNumeric ? [] : (classes ?? classNames(drawable));
  const isPlain = !isNumeric && names.length === 0;
  const isBinned = drawable.length > MOST_POINTS;
  const seriesOf = new Map(names.map((name, at) => [name, at]));
  const look = ({ value }: ScatterPoint): { paint: Paint; shape?: Shape; group?: number } => {
    if (isNumeric && range !== undefined) return { paint: valuePaint(positionIn(value as number, range)) };
    if (isPlain) return { paint: isBinned ? "d0" : "s0" };
    const index = seriesOf.get(String(value)) ?? SERIES;
    return { paint: seriesPaint(index), shape: SHAPES[index % SHAPES.length], group: index };
  };
  const rowsOf = ({ x, y, value, details }: (typeof drawable)[number]): Rows =>
    Object.entries(
      details ?? {
        [xLabel]: formatX(x),
        [yLabel]: formatY(y),
        ...(value !== undefined && {
          [valueLabel]: String(typeof value === "number" ? formatNumber(value) : value),
        }),
      },
    ).map(
      ([name, detail]) => [name, typeof detail === "number" ? formatNumber(detail) : String(detail)] as const,
    );
  const placed: Point[] = drawable.map((point) => ({
    x: point.x,
    y: point.y,
    ...look(point),
    ...(point.marked && !isBinned && { isMarked: true }),
    ...(!isBinned && { rows: rowsOf(point) }),
  }));
  const x = (isDated(xs) ? dateAxis : linearAxis)(
    xLabel,
    drawable.map((point) => point.x),
  );
  const y = (isDated(ys) ? dateAxis : linearAxis)(
    yLabel,
    drawable.map((point) => point.y),
  );
  const front: Mark = isBinned
    ? { type: "rectangles", rectangles: binPoints(placed, x, y, { x: xLabel, y: yLabel }) }
    : { type: "points", points: placed };
  const panel: PlotPanel = { kind: "plot", x, y, marks: [front] };
  const marked = drawable.filter((point) => point.marked).length;
  const keys: Key[] = names.slice(0, SERIES).map((name, at) => ({
    name,
    paint: seriesPaint(at),
    mark: isBinned ? "area" : SHAPES[at % SHAPES.length],
  }));
  if (names.length > SERIES)
    keys.push({
      name: `${OTHER} (${countOf(names.length - SERIES, "class", "classes")})`,
      paint: "other",
      mark: isBinned ? "area" : "circle",
    });
  if (marked > 0 && !isBinned)
    keys.push({ name: `${formatCount(marked)} ${markLabel}`, paint: "text", mark: "ring" });
  const notes = [
    [
      countOf(drawable.length, "point"),
      ...leftOut(given.length - drawable.length, "point"),
      ...(marked > 0 ? [`${formatCount(marked)} ${markLabel}`] : []),
    ].join(", "),
    ...(isBinned
      ? [
          `Too many to draw one by one: each cell has the color of ${isNumeric ? `its mean ${valueLabel}` : isPlain ? "its number of points (dark is many, on a logarithmic scale)" : "its most frequent class"}.`,
        ]
      : []),
  ];
  const colors =
    range !== undefined && isNumeric
      ? `, the color shows ${valueLabel}, from blue (${formatNumber(range[0])}) to orange (${formatNumber(range[1])})`
      : names.length > 0
        ? `, the color shows the class: ${names.slice(0, SERIES).join(", ")}`
        : "";
  const ramp =
    range !== undefined && isNumeric
      ? { label: valueLabel, range, exceeded: exceeded(drawable, range) }
      : undefined;
  const summary = `${countOf(drawable.length, "point")}: ${xLabel} from left to right, ${yLabel} from bottom to top${colors}.`;
  return { panel, keys, ramp, notes, summary };
}

/** A number, or the milliseconds of a date. */
export const numberOf = (place: number | Date): number => (place instanceof Date ? place.getTime() : place);

/** Returns whether places are dates. */
export const isDated = (places: readonly unknown[]) => places.some((place) => place instanceof Date);

/** Returns what writes places. */
export const formatFor = (places: readonly unknown[]) => (isDated(places) ? formatDate : formatNumber);

/** Returns the classes, the most frequent first. */
function classNames(points: readonly ScatterPoint[]): string[] {
  const counts = new Map<string, number>();
  for (const { value } of points) {
    if (value === undefined || value === null) continue;
    counts.set(String(value), (counts.get(String(value)) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([name]) => name);
}

function exceeded(
  points: readonly ScatterPoint[],
  [low, high]: readonly [number, number],
): [boolean, boolean] {
  return [points.some(({ value }) => Number(value) < low), points.some(({ value }) => Number(value) > high)];
}

function readRange(given: unknown, points: readonly ScatterPoint[], call: string): readonly [number, number] {
  if (given === undefined) {
    const extent = extentOf(points.map(({ value }) => Number(value)));
    return extent === undefined || (extent[0] >= 0 && extent[1] <= 1) ? [0, 1] : extent;
  }
  if (Array.isArray(given) && given.length === 2 && given.every(isDrawable) && given[0] <= given[1])
    return [given[0], given[1]];
  throw new OptionError(
    `${call}: valueRange: expected two finite numbers, the lower first, received ${show(given)}`,
  );
}

/** Returns the position of a value between two others, from 0 to 1; 0.5 between equal ones. */
export function positionIn(value: number, [low, high]: readonly [number, number]): number {
  if (low === high) return value < low ? 0 : value > low ? 1 : 0.5;
  return Math.min(1, Math.max(0, (value - low) / (high - low)));
}

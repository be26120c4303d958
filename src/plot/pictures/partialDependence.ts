// Partial dependence: the mean prediction along a column.

import { DataError, show } from "../../errors.ts";
import { checkNames } from "../../options.ts";
import { SERIES, seriesPaint } from "../colors.ts";
import type { Axis, Bar, Key, Mark, Panel, Rows } from "../figure.ts";
import { Picture } from "../picture.ts";
import { isDrawable, linearAxis } from "../scales.ts";
import { countOf, formatDate, formatNumber } from "../text.ts";
import { type Label, leftOut, OTHER, type PictureOptions, readText } from "../values.ts";

/** The mean predictions along a column, as `partialDependence` of `myelin/insight` or `myelin/table` returns. */
export interface Dependence {
  /** The values of the column. */
  readonly grid: readonly (Label | Date)[];
  /** The mean predictions at each value, [points][outputs]. */
  readonly means: readonly (readonly number[])[];
  /** The name of the column. */
  readonly name?: string | undefined;
  readonly column?: string | number | undefined;
  /** The name of the target. */
  readonly target?: string | undefined;
  /** The classes, in the order of the outputs. */
  readonly classes?: readonly Label[] | undefined;
}

/** How to draw partial dependences. */
export interface DependenceCurvesOptions extends PictureOptions {
  /** The name of what is predicted; the target's name, or "prediction", by default. */
  readonly label?: string | undefined;
  /** The names of the outputs; the classes by default. */
  readonly classes?: readonly string[] | undefined;
}

const CALL = "dependenceCurves";

/**
 * Draws the mean prediction along a column, or along several, with a panel for each: curves over numbers and
 * dates, bars for names. Models of classes have a curve for each class.
 *
 * @example
 * ```ts
 * dependenceCurves(partialDependence(model, data, 0)).svg(); // "<svg …"
 * ```
 *
 * @throws DataError for other values; OptionError for an unknown option.
 */
export function dependenceCurves(
  source: Dependence | readonly Dependence[],
  options: DependenceCurvesOptions = {},
): Picture {
  checkNames(options, ["title", "label", "classes"], CALL);
  const list = (Array.isArray(source) ? source : [source]) as readonly Dependence[];
  for (const one of list) check(one);
  const names = list.map(nameOf);
  const label = (one: Dependence) => readText(options.label, one.target ?? "prediction", `${CALL}: label`);
  const outputs = Math.max(0, ...list.map(({ means }) => means[0]?.length ?? 0));
  const classes =
    options.classes ??
    list.find((one) => one.classes !== undefined)?.classes?.map(String) ??
    Array.from({ length: outputs }, (_, at) => `output ${at}`);
  let omitted = 0;
  const panels = list.flatMap((one, at): Panel[] => {
    omitted += one.means.filter((means) => !means.every(isDrawable)).length;
    const what =
      outputs > 1 ? `mean probability of ${label(one)}`.replace(/ of prediction$/, "") : `mean ${label(one)}`;
    return isContinuous(one) ? [curve(one, names[at], what, classes)] : bars(one, names[at], what, classes);
  });
  const keys: Key[] =
    outputs < 2
      ? []
      : classes.slice(0, SERIES).map((name, at) => ({ name, paint: seriesPaint(at), mark: "line" }));
  if (outputs > SERIES) keys.push({ name: OTHER, paint: "other", mark: "line" });
  return new Picture({
    title: readText(
      options.title,
      `Partial dependence on ${list.length === 1 ? names[0] : `${list.length} columns`}`,
      `${CALL}: title`,
    ),
    description: `The mean prediction when all rows have the same value of ${names.join(", ")}, for values along the column.`,
    notes: [
      [
        ...list.map(({ grid }, at) => `${names[at]}: ${countOf(grid.length, "value")}`).slice(0, 6),
        ...(list.length > 6 ? ["…"] : []),
        ...leftOut(omitted, "value"),
      ].join(", "),
      ...limitsOf(list, names, outputs),
    ],
    keys,
    panels,
    columns: 2,
  });
}

/** Curves of a panel, bars of a panel, and outputs with bars. */
const MOST_CURVES = 50;
const MOST_BARS = 40;
const MOST_OUTPUTS = 3;

/** Says what is left out because there is no room. */
function limitsOf(list: readonly Dependence[], names: readonly string[], outputs: number): string[] {
  const limits = list.flatMap((one, at) =>
    !isContinuous(one) && one.grid.length > MOST_BARS
      ? [`${names[at]}: the first ${MOST_BARS} of ${countOf(one.grid.length, "value")}`]
      : [],
  );
  if (outputs > MOST_OUTPUTS && !list.every(isContinuous))
    limits.push(`bars of the first ${MOST_OUTPUTS} of ${countOf(outputs, "class", "classes")}`);
  if (outputs > MOST_CURVES && list.some(isContinuous))
    limits.push(`curves of the first ${MOST_CURVES} of ${countOf(outputs, "class", "classes")}`);
  return limits;
}

function check(one: Dependence): void {
  if (
    one !== null &&
    typeof one === "object" &&
    Array.isArray(one.grid) &&
    Array.isArray(one.means) &&
    one.grid.length === one.means.length
  )
    return;
  throw new DataError(
    `${CALL}: expected the result of partialDependence, with a "grid" and "means" of the same length, received ${show(one)}`,
  );
}

const nameOf = ({ name, column }: Dependence): string =>
  name ?? (typeof column === "number" ? `column ${column}` : (column ?? "column"));

const isContinuous = ({ grid }: Dependence) =>
  grid.length > 0 && grid.every((value) => typeof value === "number" || value instanceof Date);

const showValue = (value: Label | Date) =>
  value instanceof Date
    ? formatDate(value.getTime())
    : typeof value === "number"
      ? formatNumber(value)
      : String(value);

function curve({ grid, means }: Dependence, name: string, label: string, classes: readonly string[]): Panel {
  const outputs = means[0].length;
  const places = grid.map(Number);
  const rows = grid.map(
    (value, at): Rows => [
      [name, showValue(value)],
      ...means[at]
        .slice(0, 12)
        .map(
          (mean, output) =>
            [outputs > 1 ? (classes[output] ?? `output ${output}`) : label, formatNumber(mean)] as const,
        ),
    ],
  );
  const marks: Mark[] = Array.from({ length: Math.min(outputs, MOST_CURVES) }, (_, output) => output)
    .reverse()
    .map((output) => ({
      type: "line",
      points: places
        .map((x, at) => [x, means[at][output]] as const)
        .filter(([x, y]) => isDrawable(x) && isDrawable(y)),
      paint: seriesPaint(output),
    }));
  const isDate = grid[0] instanceof Date;
  const plain = linearAxis(name, places);
  const ends = places.filter(isDrawable);
  const x: Axis =
    isDate && ends.length > 1
      ? { kind: "date", label: name, domain: [Math.min(...ends), Math.max(...ends)] }
      : plain;
  const slices = places
    .map((at, index) => ({ x: at, rows: rows[index] }))
    .filter((slice) => isDrawable(slice.x));
  if (places.length === 1)
    marks.push({
      type: "points",
      points: means[0]
        .map((y, output) => ({ x: places[0], y, paint: seriesPaint(output) }))
        .filter(({ y }) => isDrawable(y)),
    });
  return {
    kind: "plot",
    x,
    y: linearAxis(label, means.flat(), outputs > 1 ? [0, 1] : []),
    marks: [...marks, { type: "slices", slices }],
  };
}

/** Returns a panel of bars for each output: for classes at most three. */
function bars({ grid, means }: Dependence, name: string, label: string, classes: readonly string[]): Panel[] {
  const outputs = Math.min(means[0]?.length ?? 0, MOST_OUTPUTS);
  const shown = grid.slice(0, MOST_BARS);
  return Array.from({ length: outputs }, (_, output): Panel => {
    const title = outputs > 1 ? `${classes[output] ?? `output ${output}`}: ${name}` : name;
    const list = shown.map((value, at): Bar => {
      const mean = means[at][output];
      return {
        name: showValue(value),
        value: isDrawable(mean) ? mean : 0,
        text: formatNumber(mean),
        paint: seriesPaint(output),
        rows: [
          [name, showValue(value)],
          [label, formatNumber(mean)],
        ],
      };
    });
    return { kind: "bars", title, label, bars: list };
  });
}

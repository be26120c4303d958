// The distribution of a column: a histogram of numbers or dates, or the frequencies of names.

import { DataError, show } from "../../errors.ts";
import { checkNames } from "../../options.ts";
import type { Axis, Figure, PlotPanel, Rows } from "../figure.ts";
import { Picture } from "../picture.ts";
import { isDrawable, linearAxis } from "../scales.ts";
import { countOf, formatCount, formatDate, formatNumber, formatShare } from "../text.ts";
import {
  binsFor,
  histogram,
  type PictureOptions,
  readCount,
  readList,
  readNumbers,
  readText,
} from "../values.ts";

/** How to draw a distribution. */
export interface DistributionOptions extends PictureOptions {
  /** The name of the column; "value" by default. */
  readonly label?: string | undefined;
  /** The number of bins of numbers, from 1 to 200; by default it follows from the values. */
  readonly bins?: number | undefined;
  /** The maximum number of names, from 1 to 100; 20 by default. The rarest become one. */
  readonly top?: number | undefined;
}

/** A cell of a column. */
export type ColumnCell = string | number | bigint | boolean | Date | null | undefined;

const CALL = "distribution";

/**
 * Draws the distribution of a column: a histogram of numbers or dates, or the frequencies of strings and
 * booleans. Missing values and values that are not finite are left out; the caption says how many.
 *
 * @example
 * ```ts
 * distribution([1.2, 3.4, 2.2, 2.9], { label: "length (mm)" }).terminal(); // a histogram as text
 * distribution(["red", "blue", "red", null], { label: "color" }).svg(); // "<svg …"
 * ```
 *
 * @throws DataError for cells of other types or of several; OptionError for an unknown option.
 */
export function distribution(values: ArrayLike<ColumnCell>, options: DistributionOptions = {}): Picture {
  checkNames(options, ["title", "label", "bins", "top"], CALL);
  const list = readList(values, `${CALL}: values`) as ArrayLike<ColumnCell>;
  const label = readText(options.label, "value", `${CALL}: label`);
  const title = readText(options.title, `Distribution of ${label}`, `${CALL}: title`);
  const bins =
    options.bins === undefined ? undefined : readCount(options.bins, 20, [1, 200], `${CALL}: bins`);
  const top = readCount(options.top, 20, [1, 100], `${CALL}: top`);
  const cells = Array.from(list).filter((cell) => cell !== null && cell !== undefined);
  const missing = list.length - cells.length;
  const isName = (cell: ColumnCell) => typeof cell === "string" || typeof cell === "boolean";
  if (cells.some(isName)) {
    const odd = cells.find((cell) => !isName(cell) && typeof cell !== "number");
    if (odd !== undefined)
      throw new DataError(`${CALL}: values: expected cells of one type, received ${show(odd)} among names`);
    return new Picture(frequencies(title, label, cells.map(String), missing, top));
  }
  const isDate = cells.some((cell) => cell instanceof Date);
  return new Picture(
    histogramFigure(title, label, readNumbers(cells, `${CALL}: values`), { missing, bins, isDate }),
  );
}

function histogramFigure(
  title: string,
  label: string,
  all: Float64Array,
  { missing, bins, isDate }: { missing: number; bins: number | undefined; isDate: boolean },
): Figure {
  const values = all.filter(isDrawable);
  const format = isDate ? formatDate : formatNumber;
  const panel = histogramPanel(values, label, { bins, isDate });
  const omitted = [
    ...(missing > 0 ? [`${formatCount(missing)} missing`] : []),
    ...(all.length > values.length
      ? [`${formatCount(all.length - values.length)} left out (missing or not finite)`]
      : []),
  ];
  const summary = values.length > 0 ? summarize(values, format, isDate) : [];
  return {
    title,
    description: `Histogram of ${countOf(values.length, "value")} of ${label}. ${summary.join(", ")}.`,
    notes: [
      [countOf(values.length, "value"), ...omitted].join(", "),
      ...(summary.length > 0 ? [summary.join(", ")] : []),
    ],
    panels: [panel],
  };
}

function summarize(values: Float64Array, format: (value: number) => string, isDate: boolean): string[] {
  const sorted = values.toSorted();
  const mean = sorted.reduce((sum, value) => sum + value / sorted.length, 0);
  const stddev = Math.sqrt(sorted.reduce((sum, value) => sum + (value - mean) ** 2 / sorted.length, 0));
  const middle = (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
  return [
    `minimum ${format(sorted[0])}`,
    `median ${format(middle)}`,
    ...(isDate ? [] : [`mean ${format(mean)}`, `standard deviation ${format(stddev)}`]),
    `maximum ${format(sorted[sorted.length - 1])}`,
  ];
}

/** Returns a panel with the histogram of finite values. */
export function histogramPanel(
  values: Float64Array,
  label: string,
  {
    bins,
    isDate = false,
    title,
    aspect = 0.5,
    names = { value: label, count: "rows" },
  }: {
    bins?: number | undefined;
    isDate?: boolean;
    title?: string;
    aspect?: number;
    names?: { readonly value: string; readonly count: string };
  },
): PlotPanel {
  const format = isDate ? formatDate : formatNumber;
  const bars = histogram(values, bins ?? binsFor(values));
  const rectangles = bars.map(({ low, high, count }) => {
    const rows: Rows = [
      [names.value, `${format(low)} to ${format(high)}`],
      [names.count, formatCount(count)],
      ["share", formatShare(count / values.length)],
    ];
    return { x: [low, high] as const, y: [0, count] as const, paint: "s0" as const, rows };
  });
  const edges = [bars[0]?.low ?? 0, bars.at(-1)?.high ?? 1];
  const plain = linearAxis(label, edges);
  const x: Axis = isDate ? { kind: "date", label, domain: [edges[0], edges[1]] } : plain;
  const y: Axis = {
    ...linearAxis(names.count, [0, Math.max(1, ...bars.map(({ count }) => count))]),
    integers: true,
  };
  return {
    kind: "plot",
    ...(title !== undefined && { title }),
    x,
    y,
    marks: [
      { type: "rectangles", rectangles: rectangles.filter(({ y: [, count] }) => count > 0), gap: true },
    ],
    aspect,
  };
}

function frequencies(
  title: string,
  label: string,
  cells: readonly string[],
  missing: number,
  top: number,
): Figure {
  const counts = new Map<string, number>();
  for (const cell of cells) counts.set(cell, (counts.get(cell) ?? 0) + 1);
  const sorted = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  const shown = sorted.slice(0, sorted.length > top ? Math.max(1, top - 1) : top);
  const rest = sorted.slice(shown.length);
  const others = rest.reduce((sum, [, count]) => sum + count, 0);
  const bars = [
    ...shown,
    ...(rest.length > 0 ? [[`other (${countOf(rest.length, "value")})`, others] as const] : []),
  ];
  const notes = [
    countOf(cells.length, "value"),
    countOf(sorted.length, "different value"),
    ...(missing > 0 ? [`${formatCount(missing)} missing`] : []),
  ];
  return {
    title,
    description: `Frequencies of ${countOf(sorted.length, "different value")} of ${label}. ${shown
      .slice(0, 3)
      .map(([name, count]) => `${name}: ${formatCount(count)}`)
      .join(", ")}.`,
    notes: [notes.join(", ")],
    panels: [
      {
        kind: "bars",
        label: "rows",
        bars: bars.map(([name, count], at) => ({
          name: name.trim() === "" ? JSON.stringify(name) : name,
          value: count,
          text: formatCount(count),
          paint: at < shown.length ? "s0" : "other",
          rows: [
            [label, name],
            ["rows", formatCount(count)],
            ["share", formatShare(count / cells.length)],
          ],
        })),
      },
    ],
  };
}

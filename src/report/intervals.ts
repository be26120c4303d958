// The picture of a model with quantiles: intervals with the true values.

import type { Mark, Rectangle } from "../plot/figure.ts";
import { Picture } from "../plot/picture.ts";
import { linearAxis } from "../plot/scales.ts";
import { countOf, formatNumber } from "../plot/text.ts";

/** Rows that are drawn; more would be too narrow. */
const MOST = 60;

/** Intervals of rows with the true values. */
export interface Intervals {
  readonly label: string;
  readonly levels: readonly number[];
  readonly targets: Float64Array;
  /** [rows][levels], ascending in each row. */
  readonly quantiles: Float64Array;
}

/**
 * Draws the intervals of rows evenly spaced in the order of their middle, each with its true value: inside or
 * outside.
 */
export function intervalPicture({ label, levels, targets, quantiles }: Intervals): Picture {
  const width = levels.length;
  const low = (row: number) => quantiles[row * width];
  const high = (row: number) => quantiles[row * width + width - 1];
  const sorted = Array.from(targets.keys()).sort((a, b) => low(a) + high(a) - low(b) - high(b));
  const count = Math.min(MOST, sorted.length);
  const rows = Array.from(
    { length: count },
    (_, at) => sorted[Math.floor(((at + 0.5) * sorted.length) / count)],
  );
  const isInside = (row: number) => targets[row] >= low(row) && targets[row] <= high(row);
  const rowsOf = (row: number) =>
    [
      [`true ${label}`, formatNumber(targets[row])],
      ...levels.map((level, at) => [`${100 * level} % quantile`, formatNumber(quantiles[row * width + at])]),
    ] as [string, string][];
  const rectangles = rows.map(
    (row, at): Rectangle => ({
      x: [at - 0.35, at + 0.35],
      y: [low(row), high(row)],
      paint: "s0",
      rows: rowsOf(row),
    }),
  );
  const marks: Mark[] = [
    { type: "rectangles", rectangles, opacity: 0.35 },
    {
      type: "points",
      points: rows.map((row, at) => ({
        x: at,
        y: targets[row],
        paint: isInside(row) ? "s0" : "s1",
        shape: isInside(row) ? "circle" : "diamond",
        rows: rowsOf(row),
      })),
    },
  ];
  const ends = [levels[0], levels[width - 1]].map((level) => formatNumber(100 * level));
  const values = rows.flatMap((row) => [low(row), high(row), targets[row]]);
  return new Picture({
    title: "Intervals and true values",
    description: `For ${countOf(count, "row")}: the interval from the ${ends[0]} % to the ${ends[1]} % quantile, and the true value.`,
    notes: [
      `${countOf(count, "row")}${count < targets.length ? ` of ${targets.length.toLocaleString("en")}, evenly spaced` : ""}; each bar is from the ${ends[0]} % to the ${ends[1]} % quantile`,
    ],
    keys: [
      { name: "interval", paint: "s0", mark: "area" },
      { name: "true value inside", paint: "s0", mark: "circle" },
      { name: "true value outside", paint: "s1", mark: "diamond" },
    ],
    panels: [
      {
        kind: "plot",
        x: { kind: "number", label: "rows, from low to high intervals", domain: [-1, count], integers: true },
        y: linearAxis(label, values),
        marks,
        aspect: 0.45,
      },
    ],
  });
}

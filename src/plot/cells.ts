// Points gathered into the cells of a grid, for forms of a plot that have few places to draw at.

import type { Scatter } from "./points.ts";

/** The mean value of the points in each cell, row by row from the top; NaN where there are none. */
export interface Cells {
  readonly columns: number;
  readonly rows: number;
  readonly means: Float64Array;
}

/** Gathers the points of a plot into cells. */
export function gatherCells({ points, x, y }: Scatter, columns: number, rows: number): Cells {
  const across = x.copy().range([0, columns]);
  const down = y.copy().range([rows, 0]);
  const sums = new Float64Array(columns * rows);
  const counts = new Float64Array(columns * rows);
  for (const point of points) {
    const cell = cellIndex(down(point.y), rows) * columns + cellIndex(across(point.x), columns);
    counts[cell]++;
    sums[cell] += point.value;
  }
  return { columns, rows, means: sums.map((sum, cell) => sum / counts[cell]) };
}

/** The cell that a place from 0 to `count` falls into; the far end belongs to the last cell. */
export function cellIndex(place: number, count: number): number {
  return Math.min(count - 1, Math.floor(place));
}

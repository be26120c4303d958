// Points gathered into the cells of a grid, for plots with few pixels.

import type { Scatter } from "./points.ts";
import { cellIndex } from "./ticks.ts";

/** The cells of a grid, row by row from the top. */
export interface Cells {
  readonly columns: number;
  readonly rows: number;
  /** The mean value of the points in each cell; NaN for an empty cell. */
  readonly means: Float64Array;
  /** 1 for each cell with a marked point. */
  readonly marked: Uint8Array;
}

/** Gathers the points of a plot into cells. */
export function gatherCells({ points, x, y }: Scatter, columns: number, rows: number): Cells {
  const across = x.copy().range([0, columns]);
  const down = y.copy().range([rows, 0]);
  const sums = new Float64Array(columns * rows);
  const counts = new Float64Array(columns * rows);
  const marked = new Uint8Array(columns * rows);
  for (const point of points) {
    const cell = cellIndex(down(point.y), rows) * columns + cellIndex(across(point.x), columns);
    counts[cell]++;
    sums[cell] += point.value;
    if (point.marked) marked[cell] = 1;
  }
  return { columns, rows, means: sums.map((sum, cell) => sum / counts[cell]), marked };
}

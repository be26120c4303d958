// Many points gathered into the cells of a grid, because thousands of circles hide each other.

import { amountPaint, type Paint } from "./colors.ts";
import type { Axis, Point, Rectangle, Rows } from "./figure.ts";
import { cellIndex, scaleOf } from "./scales.ts";
import { formatCount, formatDate, formatNumber } from "./text.ts";

const [COLUMNS, ROWS] = [84, 52];

/** Returns a rectangle for each cell that has points, in the color of the mean value or the usual class. */
export function binPoints(
  points: readonly Point[],
  x: Axis,
  y: Axis,
  names: { x: string; y: string },
): Rectangle[] {
  const across = scaleOf(x, [0, COLUMNS]);
  const up = scaleOf(y, [0, ROWS]);
  const cells = new Map<number, Point[]>();
  for (const point of points) {
    const cell = cellIndex(up(point.y), ROWS) * COLUMNS + cellIndex(across(point.x), COLUMNS);
    const found = cells.get(cell);
    if (found === undefined) cells.set(cell, [point]);
    else found.push(point);
  }
  const most = [...cells.values()].reduce((count, { length }) => Math.max(count, length), 1);
  const edge = (axis: Axis, count: number) => {
    const [low, high] = axis.domain;
    return (at: number) => low + (high - low) * (at / count);
  };
  const [xEdge, yEdge] = [edge(x, COLUMNS), edge(y, ROWS)];
  const [formatX, formatY] = [x, y].map(({ kind }) => (kind === "date" ? formatDate : formatNumber));
  return [...cells].map(([cell, inside]) => {
    const [column, row] = [cell % COLUMNS, Math.floor(cell / COLUMNS)];
    const [left, right] = [xEdge(column), xEdge(column + 1)];
    const [bottom, top] = [yEdge(row), yEdge(row + 1)];
    const rows: Rows = [
      [names.x, `${formatX(left)} to ${formatX(right)}`],
      [names.y, `${formatY(bottom)} to ${formatY(top)}`],
      ["points", formatCount(inside.length)],
    ];
    return { x: [left, right], y: [bottom, top], paint: cellPaint(inside, most), rows };
  });
}

/** Returns the mean of values, the most frequent class, or the amount of points that have neither. */
function cellPaint(points: readonly Point[], most: number): Paint {
  const { paint } = points[0];
  if (/^r\d/.test(paint)) {
    const steps = points.map((point) => Number(point.paint.slice(1)));
    return `r${Math.round(steps.reduce((sum, step) => sum + step, 0) / steps.length)}`;
  }
  if (/^d\d/.test(paint)) return amountPaint(most > 1 ? Math.log(points.length) / Math.log(most) : 1);
  const counts = new Map<number | undefined, number>();
  for (const { group } of points) counts.set(group, (counts.get(group) ?? 0) + 1);
  const [usual] = [...counts].reduce((best, one) => (one[1] > best[1] ? one : best));
  return points.find(({ group }) => group === usual)?.paint ?? paint;
}

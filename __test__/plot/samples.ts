// Points for the tests of all output formats.

import type { ScatterPoint } from "../../src/plot/scatter.ts";

/** Returns a grid of side × side points over the unit square. The value is the exclusive or of its halves. */
export function xorGrid(side: number): ScatterPoint[] {
  return Array.from({ length: side * side }, (_, index) => {
    const x = ((index % side) + 0.5) / side;
    const y = (Math.floor(index / side) + 0.5) / side;
    const label = x > 0.5 !== y > 0.5 ? 1 : 0;
    const prediction = label === 1 ? 0.95 : 0.05;
    return { x, y, value: prediction, details: { x1: x, x2: y, prediction, label } };
  });
}

/** Returns one point with its own details. */
export function pointAt(
  x: number,
  y: number,
  value: number,
  details: ScatterPoint["details"] = {},
): ScatterPoint {
  return { x, y, value, details };
}

/** Difficult lists of points, by name. */
export const oddLists: Record<string, ScatterPoint[]> = {
  "no points": [],
  "one point": [pointAt(3, -2, 0.5)],
  "equal points": [pointAt(1, 1, 0.2), pointAt(1, 1, 0.8)],
  "values beyond the ramp": [pointAt(0, 0, -7), pointAt(1, 1, 9)],
  "nothing but non-finite points": [pointAt(Number.NaN, 0, 0), pointAt(0, Number.NEGATIVE_INFINITY, 0)],
  "some non-finite points": [
    pointAt(0, 0, 0),
    pointAt(1, 1, Number.NaN),
    pointAt(Number.POSITIVE_INFINITY, 1, 1),
  ],
  "huge coordinates": [pointAt(1e300, -1e300, 1), pointAt(-1e300, 1e300, 0), pointAt(1.7e308, 0, 0)],
  "tiny coordinates": [pointAt(5e-324, 0, 1), pointAt(0, 5e-324, 0)],
  "neighboring coordinates": [pointAt(1e6, 1, 1), pointAt(1e6 + 1e-9, 1 + Number.EPSILON, 0)],
};

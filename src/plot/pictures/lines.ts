// Lines over a common axis: for functions of the package that draw a curve of their own.

import { seriesPaint } from "../colors.ts";
import type { Axis, Mark } from "../figure.ts";
import { Picture } from "../picture.ts";
import { extentOf, linearAxis, logAxis } from "../scales.ts";
import { thinLine } from "../values.ts";

type Place = readonly [x: number, y: number];

/** Lines to draw. All values are finite. */
export interface Lines {
  readonly title: string;
  readonly description: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly lines: readonly {
    readonly name: string;
    readonly points: readonly Place[];
    readonly style?: "pale";
  }[];
  /** Whether the horizontal axis is logarithmic, where its values are positive and span a decade. */
  readonly isLog?: boolean;
  /** Values that the vertical axis includes. */
  readonly including?: readonly number[];
  /** The largest value of the vertical axis. Values above it are drawn at the edge. */
  readonly top?: number;
  /** A marked position on the horizontal axis, with its name. */
  readonly mark?: { readonly x: number; readonly label: string } | undefined;
}

/** Draws lines. Pale ones are the values behind the line before them, and have its color. */
export function linesPicture(given: Lines): Picture {
  const { title, description, xLabel, yLabel, lines, isLog = false, including = [], top, mark } = given;
  const xs = lines.flatMap(({ points }) => points.map(([x]) => x));
  const ys = lines.flatMap(({ points }) => points.map(([, y]) => y));
  const extent = extentOf(xs);
  const plain: Axis = {
    kind: "number",
    label: xLabel,
    domain: extent !== undefined && extent[0] < extent[1] ? extent : [0, 1],
  };
  const solid = lines.filter(({ style }) => style === undefined);
  const marks: Mark[] = lines.map(({ points, style }, at) => {
    const index = style === "pale" ? Math.max(0, solid.indexOf(lines[at - 1])) : solid.indexOf(lines[at]);
    return { type: "line", points: thinLine(points), paint: seriesPaint(index), ...(style && { style }) };
  });
  return new Picture({
    title,
    description,
    notes: [],
    ...(lines.length > 1 && {
      keys: lines.map(({ name, style }, at) => ({
        name,
        paint: seriesPaint(style === "pale" ? 0 : solid.indexOf(lines[at])),
        mark: "line" as const,
      })),
    }),
    panels: [
      {
        kind: "plot",
        x: isLog ? logAxis(xLabel, xs) : plain,
        y: linearAxis(yLabel, top === undefined ? ys : ys.map((y) => Math.min(y, top)), including),
        marks: [...marks.reverse(), ...(mark === undefined ? [] : [{ type: "rule" as const, ...mark }])],
      },
    ],
  });
}

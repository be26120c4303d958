/** Columns of x and y that are not scaled, or that a single value outweighs. */
import { brief, type Column, exact, isConstant, isLarge, LARGE, rangeOf } from "../../data/columns.ts";
import type { Configuration } from "../../formats/configuration.ts";
import type { Problem } from "../../metrics/metric.ts";
import { createLayer } from "../../nn/layers.ts";
import type { Finding } from "./finding.ts";

/** What the network itself scales before anything else: each column, or the values of each row together. */
export type Scaling = "columns" | "rows" | undefined;

/** How the first layers scale x; embeddings and noise may come before. */
export function scalingOf({ layers }: Configuration): Scaling {
  for (const layer of layers) {
    for (const { kind } of createLayer(layer).operations()) {
      if (kind === "standardize") return "columns";
      if (kind === "row") return "rows";
      if (kind !== "lookup" && kind !== "noise") return undefined;
    }
  }
  return undefined;
}

/** A single value that outweighs all others of its column. */
export function outlier(name: "x" | "y", { column, row, largest, others, hasOutlier }: Column): Finding[] {
  if (!hasOutlier) return [];
  return [
    {
      cause: "outlier",
      column,
      row,
      message: `${name}: row ${row}, column ${column}: a value of size ${exact(largest)}, where the others are about ${brief(others)}`,
      fix: "fix the value or leave out the row, which would outweigh all others",
    },
  ];
}

const SCALE = "(value - mean) / deviation, both over the training rows";

/** A column that is not scaled: too large, or too small to matter where `place` is empty. */
export function unscaled(of: Column, isSmall = false): Finding {
  const { column, row } = of;
  const place = isSmall ? "" : `, the largest in row ${row}`;
  return {
    cause: "unscaledColumn",
    column,
    ...(isSmall ? {} : { row }),
    message: `x: column ${column} has values ${rangeOf(of)}${place}, and is not scaled`,
    fix: `scale it to about -1 to 1, like ${SCALE}, or let batchNorm() be the first layer`,
  };
}

/** Columns of x whose size is above this, the largest first. */
export function largeColumns(columns: readonly Column[], scaling: Scaling, above = LARGE): Finding[] {
  if (scaling === "columns") return [];
  const sizes = columns.map(({ size }) => size).sort((a, b) => a - b);
  // Where rows are scaled, a column drowns the others if it is far larger than they are.
  const others = scaling === "rows" ? sizes[Math.floor((sizes.length - 1) / 2)] : 0;
  return columns
    .filter((column) => isLarge(column) && column.size > Math.max(above, LARGE * others))
    .sort((a, b) => b.size - a.size)
    .map((column) => {
      if (!isConstant(column)) return unscaled(column);
      // Rounding to 32 bits may have made it so.
      const about = Number.isInteger(column.least) && column.largest < 2 ** 24 ? "" : "about ";
      const message = `x: column ${column.column} is ${about}${exact(column.least)} in every row`;
      return { ...unscaled(column), message, fix: "leave it out, or subtract that value" };
    });
}

/** Everything that is wrong with the size of values; columns of x are too large from `above` on. */
export function scaleFindings(
  { x, y }: { readonly x: readonly Column[]; readonly y: readonly Column[] },
  scaling: Scaling,
  above = LARGE,
): Finding[] {
  return [
    ...x.flatMap((column) => outlier("x", column)),
    ...largeColumns(x, scaling, above),
    ...targetFindings(y),
  ];
}

/** Whether targets are plain values that may be scaled: counts and classes are what they are. */
export const isScalable = ({ targets, predictions }: Problem) =>
  targets === "values" && predictions === "estimates";

/** What is wrong with the size of targets that are plain values. */
export function targetFindings(columns: readonly Column[]): Finding[] {
  return columns.flatMap((of) => {
    const far = outlier("y", of);
    if (far.length > 0 || !isLarge(of)) return far;
    const { column, row } = of;
    return [
      {
        cause: "unscaledTarget",
        column,
        row,
        message: `y: column ${column} has values ${rangeOf(of)}, the largest in row ${row}, and is not scaled`,
        fix: `scale it to about -1 to 1, like ${SCALE}, and scale predictions back`,
      },
    ];
  });
}

/** Columns of x and y that are not scaled, or that have an outlier. */
import { brief, type Column, exact, isConstant, isLarge, LARGE, rangeOf } from "../../data/columns.ts";
import type { Configuration } from "../../formats/configuration.ts";
import type { Problem } from "../../metrics/metric.ts";
import { createLayer } from "../../nn/layers.ts";
import type { Finding } from "./finding.ts";

/** What the first layers of the network normalize: each column, or the values of each row together. */
export type Scaling = "columns" | "rows" | undefined;

/** Returns how the first layers normalize x; embeddings and noise may precede them. */
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

/** Finds a single value that outweighs all others of its column. */
export function outlier(name: "x" | "y", { column, row, largest, others, hasOutlier }: Column): Finding[] {
  if (!hasOutlier) return [];
  return [
    {
      cause: "outlier",
      column,
      row,
      message: `${name}: row ${row}, column ${column} has a value of size ${exact(largest)}, but the others are about ${brief(others)}`,
      fix: "correct the value or remove the row, which outweighs all others",
    },
  ];
}

const SCALE = "(value - mean) / standard deviation, both over the training rows";

/** Returns the finding of a column that is too large or, with `isSmall`, too small to matter. */
export function unscaled(of: Column, isSmall = false): Finding {
  const { column, row } = of;
  const place = isSmall ? "" : `, the largest in row ${row}`;
  return {
    cause: "unscaledColumn",
    column,
    ...(isSmall ? {} : { row }),
    message: `x: column ${column} has values ${rangeOf(of)}${place}, and is not scaled`,
    fix: `scale it to about -1 to 1 with ${SCALE}, or make batchNorm() the first layer`,
  };
}

/** Finds columns of x whose size is above `above`, the largest first. */
export function largeColumns(columns: readonly Column[], scaling: Scaling, above = LARGE): Finding[] {
  if (scaling === "columns") return [];
  const sizes = columns.map(({ size }) => size).sort((a, b) => a - b);
  // Where rows are normalized, only a column far larger than the others does harm.
  const others = scaling === "rows" ? sizes[Math.floor((sizes.length - 1) / 2)] : 0;
  return columns
    .filter((column) => isLarge(column) && column.size > Math.max(above, LARGE * others))
    .sort((a, b) => b.size - a.size)
    .map((column) => {
      if (!isConstant(column)) return unscaled(column);
      // The column may be constant only because it was rounded to 32 bits.
      const about = Number.isInteger(column.least) && column.largest < 2 ** 24 ? "" : "about ";
      const message = `x: column ${column.column} is ${about}${exact(column.least)} in every row`;
      return { ...unscaled(column), message, fix: "remove the column, or subtract this value" };
    });
}

/** Finds outliers and columns that are too large; of x above `above`. */
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

/** Returns whether targets may be scaled, as in a regression. Counts and classes may not. */
export const isScalable = ({ targets, predictions }: Problem) =>
  targets === "values" && predictions === "estimates";

/** Finds outliers and unscaled columns in the targets of a regression. */
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
        fix: `scale it to about -1 to 1 with ${SCALE}, and scale predictions back`,
      },
    ];
  });
}

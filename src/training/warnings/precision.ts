/** Columns whose values differ by less than the precision of 32-bit floats, such as times in milliseconds. */
import { brief } from "../../data/columns.ts";
import type { ExpectedInputs } from "../../data/examples.ts";
import type { Problem } from "../../metrics/metric.ts";
import type { Finding } from "./finding.ts";
import type { Sample } from "./rows.ts";
import { isScalable } from "./scale.ts";

/** Rounding may have an error of this share of a column's standard deviation, which changes no model. */
const ROUNDING = 0.01;

/** Values that differ by a smaller share of their size are equal up to the rounding of 64-bit floats. */
const SAME = 2 ** -40;

/** Finds columns of x, and of y in a regression, that rounding the caller's values to 32 bits changes. */
export function roundedColumns(
  { x, y }: { readonly x: Sample; readonly y: Sample },
  { categories }: ExpectedInputs,
  problem: Problem,
): { readonly x: Finding[]; readonly y: Finding[] } {
  const isCategory = (at: number) => categories.some(({ column }) => column === at);
  return {
    x: precisionFindings("x", x).filter(({ column }) => !isCategory(column!)),
    y: isScalable(problem) ? precisionFindings("y", y) : [],
  };
}

/** Finds columns of x or y that rounding to 32 bits changes. */
function precisionFindings(name: "x" | "y", { values, columns, count, total }: Sample): Finding[] {
  const checked = count < total ? `${count} of ${total} rows` : `${count} rows`;
  const findings: Finding[] = [];
  for (let column = 0; column < columns; column++) {
    const first = values[column];
    let [sum, squares, errors, least, most] = [0, 0, 0, 0, 0];
    for (let at = column; at < values.length; at += columns) {
      const distance = values[at] - first;
      sum += distance;
      squares += distance * distance;
      errors += (Math.fround(values[at]) - values[at]) ** 2;
      if (distance < least) least = distance;
      if (distance > most) most = distance;
    }
    const variance = squares - sum ** 2 / count;
    const span = most - least;
    if (errors <= ROUNDING ** 2 * variance || span <= SAME * Math.abs(first)) continue;
    const own = Float64Array.from({ length: count }, (_, row) => values[row * columns + column]);
    const [distinct, left] = [new Set(own).size, new Set(own.map(Math.fround)).size];
    findings.push({
      cause: "precisionLoss",
      column,
      message: `${name}: column ${column} has values near ${brief(first)} that differ by at most ${brief(span)}: 32-bit floats leave ${left} of the ${distinct} distinct values in ${checked}`,
      fix: "before training, subtract the first value or the mean and divide by the standard deviation, in 64-bit floats",
    });
  }
  return findings;
}

/** Columns whose values differ by less than 32-bit floats can tell, as times in milliseconds do. */
import { brief } from "../../data/columns.ts";
import type { ExpectedInputs } from "../../data/examples.ts";
import type { Problem } from "../../metrics/metric.ts";
import type { Finding } from "./finding.ts";
import type { Sample } from "./rows.ts";
import { isScalable } from "./scale.ts";

/** Rounding to 32 bits may add this share of a column's deviation: an error of a hundredth changes no model. */
const ROUNDING = 0.01;

/** Values that differ by a smaller share of their size are the same but for the rounding of 64-bit floats. */
const SAME = 2 ** -40;

/** Columns of x and of targets that are plain values, as the caller gave them, that rounding to 32 bits changes. */
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

/** What rounding to 32 bits does to the columns of x or y. */
function precisionFindings(name: "x" | "y", { values, columns, count, total }: Sample): Finding[] {
  const looked = count < total ? `${count} rows looked at` : `${count} rows`;
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
    const [different, left] = [new Set(own).size, new Set(own.map(Math.fround)).size];
    findings.push({
      cause: "precisionLoss",
      column,
      message: `${name}: column ${column} has values near ${brief(first)} that differ by at most ${brief(span)}: as 32-bit floats ${different} different values of ${looked} become ${left}`,
      fix: "subtract the first value or the mean and divide by the deviation before training, while the numbers are 64-bit floats",
    });
  }
  return findings;
}

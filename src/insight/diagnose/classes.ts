/** Findings about classes: labels outside the classes, and classes without rows. */
import type { Dataset, ExpectedTargets } from "../../data/examples.ts";
import { DataError } from "../../errors.ts";
import type { Problem } from "../../metrics/metric.ts";
import { countsOf } from "../../training/warnings/classes.ts";
import { amount, type Finding, percent } from "../../training/warnings/finding.ts";

/** Returns the rows whose targets the loss accepts, and a finding about the others. */
export function checkTargets(
  data: Dataset,
  { check }: ExpectedTargets,
  problem: Problem,
): { readonly rows: readonly number[]; readonly findings: Finding[] } {
  const rows: number[] = [];
  let first: { readonly row: number; readonly message: string } | undefined;
  for (let row = 0; row < data.rows; row++) {
    try {
      check?.(data.y, row);
      rows.push(row);
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      first ??= { row, message: error.message };
    }
  }
  if (first === undefined) return { rows, findings: [] };
  const count = data.rows - rows.length;
  const share = count / data.rows;
  const finding: Finding = {
    cause: "labelOutsideClasses",
    column: 0,
    row: first.row,
    share,
    message: `${first.message}: the first of ${amount(count, "such row")} out of ${data.rows} (${percent(share)})`,
    fix: fixFor(data, problem),
  };
  return { rows, findings: [finding] };
}

/** Returns the fix for targets that the loss refuses. */
function fixFor({ y }: Dataset, { targets, outputs }: Problem): string {
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of y) {
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  switch (targets) {
    case "labels":
      if (least === 1 && most === outputs) return "count the classes from 0: subtract 1 from every label";
      if (least >= 0 && y.every(Number.isInteger))
        return `the largest label is ${most}: make the last layer dense(${most + 1}), with one output per class, or fix the labels`;
      return `label each row with the number of its class, from 0 to ${outputs - 1}`;
    case "signs":
      return "use -1 for no and 1 for yes, or the loss binaryCrossentropy, which takes 0 and 1";
    case "probabilities":
      return least === -1
        ? "use 0 for no and 1 for yes, or the loss hinge, which takes -1 and 1"
        : "use 0 for no and 1 for yes, or, for a regression, the loss meanSquaredError";
    case "shares":
      return "give each row one share per class, like [0, 1, 0], or the number of its class with the loss sparseCategoricalCrossentropy";
    default:
      return "fix the values, or choose another loss";
  }
}

/** Finds classes without rows, if there is more than one row. */
export function missingClasses(data: Dataset, problem: Problem): Finding[] {
  const counted = data.rows > 1 ? (countsOf(data, problem) ?? []) : [];
  return counted.flatMap((counts, column) =>
    counts.flatMap((count, category): Finding[] => {
      if (count > 0) return [];
      const named = counted.length > 1 ? ` of column ${column}` : "";
      return [
        {
          cause: "missingClass",
          ...(counted.length > 1 ? { column } : {}),
          class: category,
          message: `y: none of ${data.rows} rows has class ${category}${named}, one of ${counts.length} classes`,
          fix:
            "add rows of this class, or remove it from the last layer; shuffle rows that are sorted by class " +
            "before they are split, as the stratified folds of crossValidate do",
        },
      ];
    }),
  );
}

/** Classes: labels that are none, and classes that never occur. */
import type { Dataset, ExpectedTargets } from "../../data/examples.ts";
import { DataError } from "../../errors.ts";
import type { Problem } from "../../metrics/metric.ts";
import { countsOf } from "../../training/warnings/classes.ts";
import { amount, type Finding, percent } from "../../training/warnings/finding.ts";

/** The rows whose targets the loss takes, and what is wrong with the others. */
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
    message: `${first.message}: the first of ${amount(count, "such row")} of ${data.rows} (${percent(share)})`,
    fix: mendOf(data, problem),
  };
  return { rows, findings: [finding] };
}

/** What makes such targets fit. */
function mendOf({ y }: Dataset, { targets, outputs }: Problem): string {
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of y) {
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  switch (targets) {
    case "labels":
      if (least === 1 && most === outputs) return "count the classes from 0: subtract 1 from every label";
      if (least >= 0 && y.every(Number.isInteger))
        return `the labels go up to ${most}: make the last layer dense(${most + 1}), an output for each class, or fix the labels`;
      return `number the classes from 0 to ${outputs - 1}, each row with the number of its class`;
    case "signs":
      return "give -1 for no and 1 for yes, or use the loss binaryCrossentropy, which takes 0 and 1";
    case "probabilities":
      return least === -1
        ? "give 0 for no and 1 for yes, or use the loss hinge, which takes -1 and 1"
        : "give 0 for no and 1 for yes, or, for plain values, use the loss meanSquaredError";
    case "shares":
      return "give each row a share for each class, like [0, 1, 0], or its class's number with the loss sparseCategoricalCrossentropy";
    default:
      return "fix the values, or choose another loss";
  }
}

/** Classes without a row. Of one row there is nothing to be said. */
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
          message: `y: class ${category}${named} never occurs in ${data.rows} rows, which have ${counts.length} classes`,
          fix:
            "add rows of it, or leave it out of the last layer; where rows are sorted by class, mix them " +
            "before they are split, with crossValidate's stratified folds for instance",
        },
      ];
    }),
  );
}

/** Counts of classes, and classes that are missing from the training or the validation. */
import type { Dataset } from "../../data/examples.ts";
import type { Problem } from "../../metrics/metric.ts";
import { largest } from "../../nn/measures.ts";
import type { Finding } from "./finding.ts";

/** Counts the rows of each class: per column for binary columns. Undefined where y has no classes. */
export function countsOf(
  { y, rows, outputs: width }: Dataset,
  { targets, outputs }: Problem,
): number[][] | undefined {
  if (targets === "values") return undefined;
  if (targets === "labels" || targets === "shares") {
    const counts = Array.from({ length: outputs }, () => 0);
    for (let row = 0; row < rows; row++) counts[targets === "labels" ? y[row] : largest(y, row, width)]++;
    return [counts];
  }
  const no = targets === "signs" ? -1 : 0;
  const columns = Array.from({ length: width }, () => [0, 0]);
  for (let at = 0; at < rows * width; at++) {
    // Values in between are probabilities, which no class count can describe.
    if (y[at] !== no && y[at] !== 1) return undefined;
    columns[at % width][Number(y[at] === 1)]++;
  }
  return columns;
}

/** A class that random rows would miss with less than this probability is not missing by chance. */
const BY_CHANCE = 0.01;

/** Returns the probability that `drawn` random rows miss a class that has `count` of `rows` rows. */
const missProbability = (count: number, rows: number, drawn: number) => (1 - count / rows) ** drawn;

/**
 * Finds classes that only one of training and validation has. A rare class that a small validation misses by
 * chance is not a finding. `isTail` means that the validation is the last rows.
 */
export function unsharedClasses(
  training: Dataset,
  validation: Dataset,
  problem: Problem,
  isTail: boolean,
): Finding[] {
  const [trained, validated] = [training, validation].map((data) => countsOf(data, problem));
  if (trained === undefined || validated === undefined) return [];
  const total = trained.length * trained[0].length;
  const fix = isTail
    ? "leave out validationShuffle: false, which holds out the last rows, or shuffle rows that are sorted by class"
    : "shuffle rows that are sorted by class before they are split";
  const isChance = (count: number, rows: number, drawn: number) =>
    missProbability(count, rows, drawn) * total >= BY_CHANCE;
  return trained.flatMap((counts, column) =>
    counts.flatMap((count, category): Finding[] => {
      const other = validated[column][category];
      if ((count === 0) === (other === 0)) return [];
      const isUntrained = count === 0;
      const [number, rows, drawn] = isUntrained
        ? [other, validation.rows, training.rows]
        : [count, training.rows, validation.rows];
      if (isChance(number, rows, drawn)) return [];
      const [has, lacks] = isUntrained ? ["validation", "training"] : ["training", "validation"];
      const name = trained.length > 1 ? `${category} of column ${column}` : `${category}`;
      return [
        {
          cause: "missingClass",
          class: category,
          ...(trained.length > 1 && { column }),
          message: `y: ${number} of ${rows} ${has} rows have class ${name}, but none of ${drawn} ${lacks} rows`,
          fix: `${fix}; otherwise ${isUntrained ? "the model does not learn this class" : "the validation does not measure this class"}`,
        },
      ];
    }),
  );
}

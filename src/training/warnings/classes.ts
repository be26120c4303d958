/** How often each class occurs, and whether a validation has the classes that the training has. */
import type { Dataset } from "../../data/examples.ts";
import { largest, type Problem } from "../../metrics/metric.ts";
import type { Finding } from "./finding.ts";

/** How often each class occurs, by column where each has its yes and no; undefined where y says no classes. */
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
    // What lies between is a probability, and says of no class that it is missing.
    if (y[at] !== no && y[at] !== 1) return undefined;
    columns[at % width][Number(y[at] === 1)]++;
  }
  return columns;
}

/** How likely chance may be to leave a class out of some rows: less, and the rows were not drawn at random. */
const BY_CHANCE = 0.01;

/** How likely it is that `drawn` rows lack a class, of which there are `count` in `rows`. */
const lacking = (count: number, rows: number, drawn: number) => (1 - count / rows) ** drawn;

/**
 * Classes that one of training and validation has and the other lacks. A small validation lacks a rare class by
 * chance: that is no finding. `isTail` says that the validation is the last rows.
 */
export function lackedClasses(
  training: Dataset,
  validation: Dataset,
  problem: Problem,
  isTail: boolean,
): Finding[] {
  const [trained, held] = [training, validation].map((data) => countsOf(data, problem));
  if (trained === undefined || held === undefined) return [];
  const total = trained.length * trained[0].length;
  const mix = isTail
    ? "leave out validationShuffle: false, which holds out the last rows, or mix rows that are sorted by class"
    : "mix rows that are sorted by class before they are split";
  const isChance = (count: number, rows: number, drawn: number) =>
    lacking(count, rows, drawn) * total >= BY_CHANCE;
  return trained.flatMap((counts, column) =>
    counts.flatMap((count, category): Finding[] => {
      const other = held[column][category];
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
          message: `y: class ${name} is in ${number} of the ${rows} rows of the ${has} and in none of the ${drawn} rows of the ${lacks}`,
          fix: `${mix}: ${isUntrained ? "nothing of this class is learned" : "what the validation measures says nothing of this class"}`,
        },
      ];
    }),
  );
}

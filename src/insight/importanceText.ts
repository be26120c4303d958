/** The text of a permutation importance: a line with a bar for each column. */
import { bar } from "../textTable.ts";

/** How much one column matters. */
interface Line {
  readonly name: string;
  readonly mean: number;
  readonly stddev: number;
}

/** The importance of columns as text, the most important first. `score` is that of the rows as they are. */
export function importanceText(score: number, columns: readonly Line[], metric = ""): string {
  const width = Math.max(...columns.map(({ name }) => name.length));
  const most = Math.max(...columns.map(({ mean }) => mean));
  const lines = columns
    .toSorted((a, b) => b.mean - a.mean)
    .map(({ name, mean, stddev }) => {
      const figures = `${mean.toPrecision(3).padStart(9)} ± ${stddev.toPrecision(2).padEnd(8)}`;
      return `${name.padEnd(width)}  ${figures}  ${most > 0 ? bar(mean / most) : ""}`.trimEnd();
    });
  const named = metric === "" ? "" : `${metric} `;
  return [`worse than ${named}${score.toPrecision(4)} by, when the column is shuffled:`, ...lines].join("\n");
}

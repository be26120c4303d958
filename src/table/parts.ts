/** What a table model is made of. */
import type { Background } from "./background.ts";
import type { ColumnDescription } from "./columns.ts";
import type { Learned } from "./learner/learned.ts";
import type { Scores } from "./scores.ts";
import type { TargetDescription } from "./target.ts";

/** What a table model is made of again. */
export interface TableParts {
  readonly columns: readonly ColumnDescription[];
  readonly targets: readonly TrainedTarget[];
  readonly seed: number;
  readonly rows: number;
  readonly notes: readonly string[];
  /** Some training rows, which `explain` compares with. */
  readonly background?: Background | undefined;
}

/** A target with everything that predicts it. */
export interface TrainedTarget {
  readonly description: TargetDescription;
  readonly learned: Omit<Learned, "outOfFold">;
  /** On rows that the networks did not learn from. */
  readonly scores: Scores;
  /** What the mean, or the commonest class, would score on the same rows. */
  readonly baseline: Scores;
}

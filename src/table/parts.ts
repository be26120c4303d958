/** What a table model is made of. */
import { type MisspeltCheck, misspeltChecker } from "../options/misspelt.ts";
import type { Background } from "./background.ts";
import type { ColumnDescription } from "./columns.ts";
import type { Frame } from "./frame.ts";
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
  /** What was done to the model since `fitTable` made it, the last one last. */
  readonly changes?: readonly ModelChange[];
}

/** What `compact` or `fitMore` did to a model. */
export interface ModelChange {
  readonly call: "compact" | "fitMore";
  /** Rows that were given. */
  readonly rows: number;
  /**
   * Rows that the scores are of, where they have the target. Of `fitMore`: none of the networks learned from
   * them. Of `compact`: the small network did not, the model before may have.
   */
  readonly scoredRows: number;
  /** By the names of the targets: the scores of the model before. */
  readonly before: Readonly<Record<string, Scores>>;
  /** The scores of the model afterwards, on the same rows. */
  readonly after: Readonly<Record<string, Scores>>;
  /**
   * Of `compact`, by the names of the targets: the share of rows with the same class, or R² of the numbers.
   */
  readonly agreement?: Readonly<Record<string, number>>;
  /** The sizes of both models' files. */
  readonly bytes?: Sizes;
  /** Parameters of all networks; an answer takes about one multiplication for each. */
  readonly parameters?: Sizes;
  /** Microseconds for the answer to one record, as measured by the call; not kept by a file. */
  readonly microseconds?: Sizes;
}

/** A number of the model before, and of the one afterwards. */
export interface Sizes {
  readonly before: number;
  readonly after: number;
}

/** A target with everything that predicts it. */
export interface TrainedTarget {
  readonly description: TargetDescription;
  readonly learned: Omit<Learned, "outOfFold">;
  /** On rows that the networks did not learn from. */
  readonly scores: Scores;
  /** What the mean, or the commonest class, would score on the same rows. */
  readonly baseline: Scores;
  /** Some of the rows that the scores are of; only of a model that `fitTable` has just made. */
  readonly outOfFold?: OutOfFoldRows;
}

/** Rows of the table with their predictions by networks that did not learn from them. No file keeps them. */
export interface OutOfFoldRows {
  /** The numbers of the rows in the table, ascending; those to validate with follow after the others. */
  readonly rows: Uint32Array;
  /** All rows that have such predictions. */
  readonly of: number;
  /** Numbers, or the numbers of classes. */
  readonly targets: Float64Array;
  /** [rows][outputs]: numbers, or probabilities. */
  readonly predictions: Float64Array;
  /** The classes that are answered, where the threshold was tuned on other rows. */
  readonly decisions?: Uint32Array | undefined;
  /** [rows][quantiles] */
  readonly quantiles?: Float64Array | undefined;
}

/** The columns that the networks of some targets take, in the order of the table. */
export function usedColumns(
  { columns }: Pick<TableParts, "columns">,
  targets: readonly TrainedTarget[],
): readonly ColumnDescription[] {
  const used = new Set(
    targets.flatMap(({ learned }) =>
      learned.parts.flatMap(({ preparation }) => preparation.steps.map(({ column }) => column)),
    ),
  );
  return columns.filter(({ name }) => used.has(name));
}

/** Makes what refuses records with a field that is probably a misspelt column of the model. */
export function recordChecker(parts: TableParts): MisspeltCheck {
  return misspeltChecker(
    usedColumns(parts, parts.targets).map(({ name }) => name),
    [...parts.columns, ...parts.targets.map(({ description }) => description)].map(({ name }) => name),
  );
}

/** Refuses a frame as `check` refuses records. */
export function checkFrame(check: MisspeltCheck, frame: Frame, call: string): void {
  check([Object.fromEntries(frame.cells)], () => call);
}

/** Permutation importance: how much worse a model predicts when one column of x is shuffled. */
import type { Dataset, Examples } from "../data/examples.ts";
import { momentsOf } from "../data/moments.ts";
import { withinMemory } from "../errors.ts";
import { allocate } from "../memory.ts";
import type { MetricEntry } from "../metrics/metric.ts";
import * as metrics from "../metrics/table.ts";
import { createLoss } from "../nn/program.ts";
import { type Choice, checkNames, complete, create, readSize, type Table } from "../options.ts";
import { permutation, purpose } from "../random.ts";
import { readSeed } from "../seed.ts";
import { withText } from "../textTable.ts";
import type { Session } from "../training/session.ts";
import { nameOf, readNames } from "./columns.ts";
import { importanceText } from "./importanceText.ts";

/** How to measure importance. */
export interface ImportanceOptions {
  /** How often each column is shuffled; 5 by default. */
  readonly repeats?: number | undefined;
  /** The seed of the permutations; by default the model's. */
  readonly seed?: number | undefined;
  /** The metric to measure; by default the model's loss. */
  readonly metric?: Choice<typeof metrics> | undefined;
  /** The names of the columns of x, for the result. */
  readonly columns?: readonly string[] | undefined;
}

/** The importance of one column. */
export interface ColumnImportance {
  readonly column: number;
  /** The column's name, or "column 3". */
  readonly name: string;
  /** By how much the score gets worse, as a mean over the repeats; below 0 where it improves. */
  readonly mean: number;
  /** The standard deviation over the repeats; the divisor is their number. */
  readonly stddev: number;
  /** By how much the score gets worse in each repeat. */
  readonly values: readonly number[];
}

/** The importance of every column. */
export interface Importance {
  /** The loss or the metric of the unshuffled rows. */
  readonly score: number;
  /** In the order of x. */
  readonly columns: readonly ColumnImportance[];
  /** A table, the most important column first. */
  readonly text: string;
  toString(): string;
}

const OPTIONS = ["repeats", "seed", "metric", "columns"];
const REPEATS = 5;

interface Score {
  of(data: Dataset): number;
  /** Whether a smaller one is better. */
  readonly smallerIsBetter: boolean;
}

function scoreOf(session: Session, chosen: ImportanceOptions["metric"], data: Dataset): Score {
  if (chosen === undefined) return { of: (changed) => session.loss(changed), smallerIsBetter: true };
  const table = metrics as Table<unknown>;
  const configuration = complete("metric", table, chosen, "importance: metric");
  const make = create("metric", metrics as Table<MetricEntry>, configuration);
  const { meaning } = createLoss(session.configuration);
  const figure = make({ ...meaning, outputs: session.outputs });
  figure.check?.(data.y, data.rows);
  return {
    of: ({ x, y, rows }) => figure.value(session.predictions(x), y, rows),
    smallerIsBetter: figure.smallerIsBetter ?? false,
  };
}

/** Returns the rows with one column in another order. */
function withShuffled(data: Dataset, column: number, order: Uint32Array): Dataset {
  const { x, inputs } = data;
  const changed = allocate(x.length, () => `importance: a copy of ${data.rows} rows`);
  changed.set(x);
  for (const [row, source] of order.entries()) changed[row * inputs + column] = x[source * inputs + column];
  return { ...data, x: changed };
}

/** Computes the importance of every column of x: see `importance` in index.ts. */
export function importance(session: Session, examples: Examples, options: ImportanceOptions): Importance {
  const call = "importance";
  checkNames(options, OPTIONS, call);
  const repeats = options.repeats === undefined ? REPEATS : readSize(options.repeats, `${call}: repeats`);
  const seed = options.seed === undefined ? session.seed : readSeed(options.seed, `${call}: seed`);
  const names = readNames(options.columns, session.inputs, call);
  session.useAlone(call);
  const data = session.examples(call, examples);
  const score = scoreOf(session, options.metric, data);
  const before = score.of(data);
  const order = withinMemory(
    `${call}: the order of ${data.rows} rows does not fit in memory`,
    () => new Uint32Array(data.rows),
  );
  const columns = Array.from({ length: session.inputs }, (_, column) => {
    const values = Array.from({ length: repeats }, (_, repeat) => {
      permutation(seed, { purpose: purpose.importance, index: column * repeats + repeat }, order);
      const after = score.of(withShuffled(data, column, order));
      return score.smallerIsBetter ? after - before : before - after;
    });
    return { column, name: nameOf(names, column), ...momentsOf(values), values };
  });
  const text = importanceText(before, columns);
  return withText({ score: before, columns }, text);
}

/** Permutation importance of the columns of a table. */

import { momentsOf } from "../../data/moments.ts";
import { DataError, OptionError, show, within } from "../../errors.ts";
import { importanceText } from "../../insight/importanceText.ts";
import { checkNames, readSize } from "../../options.ts";
import { permutation, purpose } from "../../random.ts";
import { readSeed } from "../../seed.ts";
import { withText } from "../../textTable.ts";
import { readWeights } from "../columnOptions.ts";
import type { EvaluateTableOptions } from "../evaluation.ts";
import { Frame, type TableRows } from "../frame.ts";
import { type MetricChoice, metricOf, readMetric } from "../metric.ts";
import { finish, type Pieces, type Stoppable, stoppable } from "../pieces.ts";
import { pinballLoss } from "../quantiles.ts";
import { type Scores, scoreTarget, usualMetric } from "../scores.ts";
import { partsOf } from "../tableModel.ts";
import { readTargets, type TargetDescription } from "../target.ts";
import { type AnyTableModel, questionOf, targetOf } from "./questions.ts";

/** How to measure the importance of columns. */
export interface TableImportanceOptions {
  /**
   * What is measured: a metric as in `fitTable`, or `pinballLoss` of a model with quantiles; by default
   * `rootMeanSquaredError` of numbers, and `logLoss` of classes.
   */
  readonly metric?: MetricChoice | "pinballLoss" | undefined;
  /** The number of times that each column is shuffled; 5 by default. */
  readonly repeats?: number | undefined;
  /** Decides the permutations; by default the model's seed. */
  readonly seed?: number | undefined;
  /** The target, for a model of several. */
  readonly target?: string | undefined;
  /** The column, or a list, of a weight for each row, at least 0. By default all rows count alike. */
  readonly sampleWeight?: EvaluateTableOptions["sampleWeight"];
}

/** How much one column matters. */
export interface TableColumnImportance {
  readonly name: string;
  /**
   * By how much the score is worse without the column, the mean over the repeats; below 0 if it is better.
   */
  readonly mean: number;
  /** The standard deviation over the repeats, with their number as the divisor. */
  readonly stddev: number;
  /** By how much the score is worse in each repeat. */
  readonly values: readonly number[];
}

/** The importance of the columns of a table. */
export interface TableImportance {
  readonly metric: keyof Scores;
  /** The score of the rows as they are. */
  readonly score: number;
  /** The columns that the model uses, the most important first. */
  readonly columns: readonly TableColumnImportance[];
  /** A table with a line for each column. */
  readonly text: string;
  toString(): string;
}

const CALL = "importance";
const OPTIONS: readonly (keyof TableImportanceOptions)[] = [
  ...(["metric", "repeats", "seed", "target", "sampleWeight"] as const),
];
const REPEATS = 5;

/**
 * Returns by how much the predictions get worse when the values of one column are shuffled among the rows,
 * for each column (Breiman, "Random Forests", 2001; scikit-learn's `permutation_importance`). It shuffles the
 * columns of the table, before they are encoded.
 *
 * `rows` have targets; rows that the model did not learn from tell more. Rows without a target are left out.
 * Two columns with the same information stand in for each other, so that each looks unimportant.
 *
 * @example
 * ```ts
 * const { columns } = importance(model, otherRows, { metric: "accuracy", repeats: 10 });
 * columns[0].name; // the column that matters most
 * ```
 *
 * @throws OptionError for an unknown option, metric or target; DataError if no row has a target.
 */
export function importance(
  model: AnyTableModel,
  rows: TableRows,
  options: TableImportanceOptions = {},
): TableImportance {
  return finish(measureImportance(model, rows, options));
}

/**
 * Measures what `importance` does, in turns of the event loop, so that a server or a page stays responsive.
 *
 * @example
 * ```ts
 * const { columns } = await importanceAsync(model, otherRows, { signal: AbortSignal.timeout(60_000) });
 * columns[0].name; // the column that matters most
 * ```
 *
 * @throws as `importance`; rejects with the signal's reason if `signal` aborts.
 */
export async function importanceAsync(
  model: AnyTableModel,
  rows: TableRows,
  options: TableImportanceOptions & Stoppable = {},
): Promise<TableImportance> {
  return stoppable(CALL, options, (own) => measureImportance(model, rows, own));
}

/** What `importance` does, in pieces; `only` names the columns to measure. */
export function* measureImportance(
  model: AnyTableModel,
  rows: TableRows,
  options: TableImportanceOptions,
  only?: ReadonlySet<string>,
): Pieces<TableImportance> {
  const parts = partsOf(model, CALL);
  checkNames(options, OPTIONS, CALL);
  const target = targetOf(parts, options.target, CALL);
  const { description } = target;
  const repeats = options.repeats === undefined ? REPEATS : readSize(options.repeats, `${CALL}: repeats`);
  const seed = options.seed === undefined ? model.seed : readSeed(options.seed, `${CALL}: seed`);
  const { columns: used, read, predictPieces, predictAll } = questionOf(parts, target, CALL);
  const { frame, targets, weights } = labeledRows(read(rows), description, options.sampleWeight);
  const chosen = readImportanceMetric(options.metric, description);
  const { metric, isSmaller } = chosen;
  function* scoreOf(changed: Frame): Pieces<number> {
    const { quantiles: levels } = description;
    if (metric !== "pinballLoss" || levels === undefined) {
      const predictions = yield* predictPieces(changed);
      return scoreTarget(chosen.description, targets, predictions, { weights })[metric] as number;
    }
    const { quantiles: values } = predictAll(changed);
    return pinballLoss(targets, { levels, values: values as Float64Array }, weights);
  }
  const before = yield* scoreOf(frame);
  if (!Number.isFinite(before)) {
    throw new DataError(
      `${CALL}: metric: expected rows that ${show(metric)} is defined for, as it is not where all have the same target. Fix: give more rows, or another metric`,
    );
  }
  const order = new Uint32Array(frame.rows);
  const columns: TableColumnImportance[] = [];
  for (const [column, { name }] of used.entries()) {
    if (only?.has(name) === false) continue;
    const cells = frame.cells.get(name);
    const values = new Array<number>(repeats).fill(0);
    for (let repeat = 0; cells !== undefined && repeat < repeats; repeat++) {
      yield;
      permutation(seed, { purpose: purpose.importance, index: column * repeats + repeat }, order);
      const shuffled = Array.from(order, (row) => cells[row]);
      const after = yield* scoreOf(new Frame(new Map(frame.cells).set(name, shuffled), frame.rows));
      values[repeat] = isSmaller ? after - before : before - after;
    }
    columns.push({ name, ...momentsOf(values), values });
  }
  columns.sort((a, b) => b.mean - a.mean);
  const text = columns.length === 0 ? "the model uses no column" : importanceText(before, columns, metric);
  return withText({ metric, score: before, columns }, text);
}

/** The rows that have a target, their targets and their weights. */
function labeledRows(
  frame: Frame,
  description: TargetDescription,
  sampleWeight: TableImportanceOptions["sampleWeight"],
): { frame: Frame; targets: Float64Array; weights: Float64Array | undefined } {
  if (frame.rows === 0) throw new DataError(`${CALL}: expected rows, received none`);
  const { name } = description;
  const cells = frame.cells.get(name);
  if (cells === undefined) {
    throw new DataError(
      `${CALL}: expected the target ${show(name)} among the columns, received none. Fix: give rows with their targets`,
    );
  }
  const all = readTargets(description, cells, CALL);
  const weights = readWeights(sampleWeight, frame, frame, CALL);
  const known = Array.from(all, (_, row) => row).filter((row) => !Number.isNaN(all[row]));
  if (known.length === 0) throw new DataError(`${CALL}: expected rows with a target, received none`);
  const isWhole = known.length === frame.rows;
  return {
    frame: isWhole ? frame : frame.take(known),
    targets: isWhole ? all : Float64Array.from(known, (row) => all[row]),
    weights: isWhole || weights === undefined ? weights : Float64Array.from(known, (row) => weights[row]),
  };
}

/** A metric, and the target's description with which it is among the scores. */
interface Chosen {
  readonly metric: keyof Scores;
  readonly isSmaller: boolean;
  readonly description: TargetDescription;
}

/** Checks the metric; a target's own metric has the options that `fitTable` got. */
function readImportanceMetric(given: unknown, description: TargetDescription): Chosen {
  const place = `${CALL}: metric`;
  if (given === "pinballLoss") {
    if (description.quantiles !== undefined) return { metric: given, isSmaller: true, description };
    throw new OptionError(
      `${place}: "pinballLoss" needs quantiles, which the target ${show(description.name)} does not have. Fix: give fitTable quantiles, or name another metric`,
    );
  }
  const usual = usualMetric(description.task);
  const metric = readMetric(
    given === description.metric?.type ? (description.metric ?? usual) : (given ?? usual),
    place,
  );
  // A target of one class has nothing to measure.
  if (description.classes?.length === 1) return { metric: usual, isSmaller: true, description };
  const { smallerIsBetter: isSmaller } = within(CALL, () => metricOf(metric, description));
  const isUsual = given === undefined || given === usual;
  return {
    metric: metric.type as keyof Scores,
    isSmaller,
    description: isUsual ? description : { ...description, metric },
  };
}

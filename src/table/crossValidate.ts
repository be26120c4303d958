/**
 * crossValidateTable: how good table models are on rows that they did not learn from, with everything
 * refitted.
 */

import { momentsOf } from "../data/moments.ts";
import { OptionError } from "../errors.ts";
import { now } from "../host.ts";
import { checkNames, readSize } from "../options.ts";
import { freshSeed, readSeed } from "../seed.ts";
import { alignTable, withText } from "../textTable.ts";
import { readSignal } from "../training/options.ts";
import type { Answer, AnswerFor, FieldOf, ScoresFor } from "./answers.ts";
import { readGroups, readTargetNames, readTimes } from "./columnOptions.ts";
import { FIT_TABLE_OPTIONS, type FitTableOptions, fitTable, readSeconds } from "./fitTable.ts";
import { dealRows } from "./folds.ts";
import { collectFrame, type Frame, type TableRecord, type TableSource } from "./frame.ts";
import type { TableControl, TableProgress } from "./progress.ts";
import type { Scores } from "./scores.ts";
import type { TableModel } from "./tableModel.ts";
import { classReader, readTarget, readTask, type TargetDescription } from "./target.ts";

/** How to cross-validate: the options of `fitTable`, and the number of folds. */
export interface CrossValidateTableOptions extends FitTableOptions {
  /** The number of folds, at least 2; 5 by default. With `time`, the number of tests, each of later rows. */
  readonly folds?: number | undefined;
}

/** One fold: a model that learned from the other rows, measured on these. */
export interface TableFold<Reply = Answer> {
  /** The numbers of the rows that were held out, ascending. */
  readonly rows: Uint32Array;
  /** What the model answered for them, in the same order. */
  readonly answers: readonly Reply[];
  readonly scores: ScoresFor<Reply>;
}

/** What a cross-validation gives. */
export interface TableCrossValidation<Reply = Answer> {
  readonly folds: readonly TableFold<Reply>[];
  /** The mean of each score over the folds. */
  readonly mean: ScoresFor<Reply>;
  /** The standard deviation of each score over the folds, with their number as the divisor. */
  readonly stddev: ScoresFor<Reply>;
  /** The same seed gives the same folds and the same models. */
  readonly seed: number;
  /** What was noticed. */
  readonly notes: readonly string[];
  /** A line for each score. */
  readonly text: string;
  toString(): string;
}

const CALL = "crossValidateTable";
const FOLDS = 5;

/**
 * Cross-validates a table model: deals the rows to folds, and for each fold fits a model to all other rows
 * and scores it on the fold. Each model infers the types of the columns, fits the encoders, trains and blends
 * its networks from its own training rows, so nothing of the fold leaks into it. It takes the time of `folds`
 * calls of `fitTable`.
 *
 * The folds have their share of each class; with `groups` no group is in two folds; with `time` each fold is
 * tested by models of earlier rows only. `budget` is for the whole call. The models are freed.
 *
 * `model.scores` of a single `fitTable` is such an estimate too, from the networks' own folds, at no further
 * cost.
 *
 * @example
 * ```ts
 * const { mean, stddev, folds } = await crossValidateTable(rows, { target: "species", folds: 3, quality: "fast" });
 * const text = `${mean.accuracy} ± ${stddev.accuracy}`;
 * ```
 *
 * @throws OptionError for an unknown option or column, or for more folds than rows or groups; otherwise as
 * `fitTable`.
 */
export function crossValidateTable<Row extends object, const Name extends FieldOf<Row>>(
  rows: readonly Row[],
  options: CrossValidateTableOptions & { readonly target: Name },
): Promise<TableCrossValidation<AnswerFor<Row, Name>>>;
export function crossValidateTable<Row extends object, const Name extends FieldOf<Row>>(
  rows: readonly Row[],
  options: CrossValidateTableOptions & { readonly target: readonly Name[] },
): Promise<TableCrossValidation<{ readonly [Field in Name]: AnswerFor<Row, Field> }>>;
export function crossValidateTable(
  rows: TableSource,
  options: CrossValidateTableOptions & { readonly target: string },
): Promise<TableCrossValidation>;
export function crossValidateTable(
  rows: TableSource,
  options: CrossValidateTableOptions,
): Promise<TableCrossValidation<Readonly<Record<string, Answer>>>>;
export async function crossValidateTable(
  rows: unknown,
  options: CrossValidateTableOptions,
): Promise<TableCrossValidation<never>> {
  checkNames(options, [...FIT_TABLE_OPTIONS, "folds"], CALL);
  const { folds: given, ...fit } = options;
  const count = given === undefined ? FOLDS : readSize(given, `${CALL}: folds`);
  if (count < 2) throw new OptionError(`${CALL}: folds: expected at least 2, received ${count}`);
  const seed = fit.seed === undefined ? freshSeed() : readSeed(fit.seed, `${CALL}: seed`);
  const task = readTask(fit.task, CALL);
  const begun = now();
  const seconds = readSeconds(fit.budget, CALL);
  const notes: string[] = [];
  const frame = await collectFrame(rows, CALL, {
    signal: readSignal(fit.signal, CALL),
    until: seconds === undefined ? undefined : begun + 500 * seconds,
    onCut: () => {
      notes.push("the budget ended the reading, because half of it is left to train");
    },
  });
  const names = readTargetNames(fit.target, frame, CALL);
  const [name] = names;
  const cells = frame.cells.get(name) as ArrayLike<unknown>;
  const target = readTarget({ name, cells, isText: frame.isText }, task, CALL);
  const folding = {
    folds: count,
    seed,
    groups: readGroups(fit.groups, frame, CALL),
    times: readTimes(fit.time, frame, CALL),
  };
  const splits = dealRows(target, folding, CALL);
  if (splits.length < count) {
    const unit = fit.groups !== undefined ? "groups" : fit.time !== undefined ? "times" : "rows";
    throw new OptionError(
      `${CALL}: folds: expected at most ${splits.length} for these ${unit}, received ${count}`,
    );
  }
  const folds: TableFold[] = [];
  const left = seconds && Math.max(1e-3, seconds - (now() - begun) / 1000);
  let isStopped = false;
  for (const [at, { training, heldOut }] of splits.entries()) {
    const model = (await fitTable(frame.take(training), {
      ...fit,
      seed,
      ...listsOf(fit, training),
      // A fold that lacks a value of the target must not turn classes into numbers.
      ...(names.length === 1 && { task: target.description.task }),
      ...(left !== undefined && { budget: { seconds: left / count } }),
      ...(fit.onProgress && {
        onProgress: ({ finished, total, score }: TableProgress, control: TableControl) => {
          if (isStopped) control.stop();
          const seconds = (now() - begun) / 1000;
          const stop = () => {
            isStopped = true;
            control.stop();
          };
          const whole = { finished: at * total + finished, total: count * total, seconds };
          fit.onProgress?.({ ...whole, ...(score && { score }) }, { stop });
        },
      }),
    })) as unknown as TableModel;
    try {
      const known = knownRows(frame, heldOut, model.targets);
      if (known.length < heldOut.length) {
        const without = heldOut.length - known.length;
        notes.push(
          `fold ${at}: ${without} rows have a class that the training rows lack; they have no score`,
        );
      }
      folds.push({
        rows: heldOut,
        answers: model.predict(recordsOf(frame, heldOut)),
        scores:
          known.length === 0
            ? ({} as Scores)
            : model.evaluate(frame.take(known), { sampleWeight: listsOf(fit, known).sampleWeight }),
      });
    } finally {
      model.dispose();
    }
  }
  const mean = overFolds(folds, names, "mean");
  const stddev = overFolds(folds, names, "stddev");
  const text = textOf(names, mean, stddev, count, notes);
  const result = withText({ folds, mean, stddev, seed, notes }, text);
  return result as unknown as TableCrossValidation<never>;
}

/** Options that are lists of a value for each row, for some of the rows. */
function listsOf({ groups, sampleWeight }: FitTableOptions, rows: Uint32Array): Partial<FitTableOptions> {
  const take = (given: unknown) => {
    if (given === undefined || typeof given === "string") return given;
    return Array.from(rows, (row) => (given as ArrayLike<unknown>)[row]);
  };
  return { groups: take(groups), sampleWeight: take(sampleWeight) } as Partial<FitTableOptions>;
}

/** The rows whose classes the model knows. */
function knownRows(frame: Frame, rows: Uint32Array, targets: readonly TargetDescription[]): Uint32Array {
  const readers = targets.flatMap((target) =>
    target.classes === undefined ? [] : [{ read: classReader(target), cells: frame.cells.get(target.name) }],
  );
  return rows.filter((row) => readers.every(({ read, cells }) => read(cells?.[row]) !== undefined));
}

function recordsOf(frame: Frame, rows: Uint32Array): TableRecord[] {
  const columns = [...frame.cells];
  return Array.from(rows, (row) => Object.fromEntries(columns.map(([name, cells]) => [name, cells[row]])));
}

type ByTarget = Scores | Readonly<Record<string, Scores>>;

/** The mean, or the standard deviation, of each score over the folds that have it. */
function overFolds(
  folds: readonly TableFold[],
  names: readonly string[],
  which: "mean" | "stddev",
): ByTarget {
  const summarize = (all: readonly Scores[]): Scores => {
    // The coverage of quantiles is a figure for each of them; the share between the outer ones is a metric.
    const metrics = new Set(all.flatMap((scores) => Object.keys(scores) as (keyof Scores)[]));
    metrics.delete("coverage");
    return Object.fromEntries(
      [...metrics].map((metric) => {
        const values = all.map((scores) => scores[metric]).filter((value) => typeof value === "number");
        return [metric, momentsOf(values)[which]];
      }),
    );
  };
  const all = folds.map(({ scores }) => scores as ByTarget);
  if (names.length === 1) return summarize(all as Scores[]);
  return Object.fromEntries(
    names.map((name) => [
      name,
      summarize(all.map((scores) => (scores as Record<string, Scores>)[name] ?? {})),
    ]),
  );
}

function textOf(
  names: readonly string[],
  mean: ByTarget,
  stddev: ByTarget,
  folds: number,
  notes: readonly string[],
): string {
  const format = (value: Scores[keyof Scores]) =>
    (typeof value === "number" ? value : Number.NaN).toPrecision(4);
  const lines = names.flatMap((name) => {
    const pick = (scores: ByTarget) => (names.length === 1 ? scores : scores[name as never]) as Scores;
    return (Object.keys(pick(mean)) as (keyof Scores)[]).map((metric) => [
      names.length === 1 ? metric : `${name}: ${metric}`,
      format(pick(mean)[metric]),
      "±",
      format(pick(stddev)[metric]),
    ]);
  });
  const heading = `${folds} folds, mean and standard deviation`;
  return [heading, ...alignTable(lines, [0]), ...notes.map((note) => `note: ${note}`)].join("\n");
}

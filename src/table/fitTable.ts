/** fitTable: rows in, a trained table model out. */
import type { RowSplit } from "../data/folds.ts";
import { DataError, OptionError, show } from "../errors.ts";
import { now } from "../host.ts";
import { checkNames, readSize } from "../options.ts";
import { freshSeed } from "../seed.ts";
import { checkBudget } from "../training/budget.ts";
import { readBoolean } from "../training/options.ts";
import { readOnProgress } from "../training/trainMany.ts";
import type { Answer, AnswerFor, FieldOf, QuantileAnswer } from "./answers.ts";
import { readBackgroundSize, takeBackground } from "./background.ts";
import { readGroups, readTargetNames, readTimes, readWeights, typeColumns } from "./columnOptions.ts";
import type { ColumnType, TypedColumn } from "./columns.ts";
import { ANSWER_OPTIONS, type AnswerOptions, applyControls, isTuned, readControls } from "./controls.ts";
import { dealRows } from "./folds.ts";
import { collectFrame, concatenate, type Frame, type TableSource } from "./frame.ts";
import { scoreLearned } from "./honest.ts";
import { disposeNetworks, learnPrior, orDispose } from "./learner/learned.ts";
import type { Bag } from "./learner/members.ts";
import { countNetworks, type LearnOptions, learn } from "./learner/portfolio.ts";
import { FOLDS, foldsFor, limit, portfolio, QUALITIES, type Quality } from "./learner/portfolios.ts";
import { priorQuantiles } from "./learner/quantiles.ts";
import type { TrainedTarget } from "./parts.ts";
import { inTurns, pause } from "./pieces.ts";
import { Progress, type TableControl, type TableProgress } from "./progress.ts";
import type { ReadLimits, RowName } from "./reading.ts";
import { RUN_OPTIONS, type RunOptions, readRunOptions } from "./runOptions.ts";
import { isStream, readMemory, type Sample, sampleLarge, sampleRows, type TableStream } from "./sample.ts";
import { usualMetric } from "./scores.ts";
import { type Continued, streamer } from "./stream.ts";
import { cutNote, rowsLearned, streamNotes } from "./streamNotes.ts";
import { TableModel } from "./tableModel.ts";
import { readTarget, readTask, type Target, type Task } from "./target.ts";

/** How to fit a table. Only `target` is needed. */
export interface FitTableOptions extends AnswerOptions, RunOptions {
  /** The column to predict, or several. */
  readonly target: string | readonly string[];
  /** `"classification"` or `"regression"`; by default what the target looks like. */
  readonly task?: Task | undefined;
  /**
   * Types of columns by name, where they are not what they look like: `{ zip: "category", id: "ignore" }`.
   */
  readonly columns?: Readonly<Record<string, ColumnType>> | undefined;
  /** How much work: `"fast"`, `"balanced"` (the default) or `"best"`. */
  readonly quality?: Quality | undefined;
  /** The most networks; by default as many as the quality has. One network answers fastest. */
  readonly networks?: number | undefined;
  /**
   * Rows to validate with, in place of folds: all networks learn from all of the other rows, and these rows
   * decide when each stops and how they are blended. The scores are of these rows.
   */
  readonly validation?: TableSource | undefined;
  /**
   * About how many bytes the training may take, for rows that do not fit in memory: an async iterable, or a
   * function that returns an iterable, of records or of blocks of a reader. A uniform sample of the rows is
   * learned from as usual; then, if the source can be read again, the networks continue on all other rows,
   * block by block. The scores are of rows of the sample.
   */
  readonly memory?: number | undefined;
  /**
   * The most seconds to train; what has been trained by then is kept, as it is not where `signal` stops a
   * call. A stream is read in at most half of them, and what was read by then is learned from.
   */
  readonly budget?: { readonly seconds: number } | undefined;
  /** The column, or a list of a value for each row, whose rows of equal value are held out together. */
  readonly groups?: string | readonly (string | number)[] | undefined;
  /**
   * The column of the time of each row: no network learns from rows later than those that it is validated on.
   */
  readonly time?: string | undefined;
  /** The column, or a list, of a weight for each row, at least 0. */
  readonly sampleWeight?: string | readonly number[] | Float32Array | Float64Array | undefined;
  /**
   * Training rows that the model keeps, and its file with it, for `explain` to compare with: from 0 to 64, by
   * default
   * 64. With 0 no row is kept.
   */
  readonly background?: number | undefined;
  /**
   * Called some times a second with how many networks have been trained, and how good they are so far.
   * `control.stop()` ends the training as if the time of `budget` were over: what has been trained is kept. A
   * promise that it returns is not waited for; if it rejects, the next call fails the training with its reason.
   */
  readonly onProgress?: ((progress: TableProgress, control: TableControl) => void) | undefined;
  /**
   * Whether to show progress on standard error: the networks trained, how good they are so far, and about how
   * long the rest takes.
   */
  readonly verbose?: boolean | undefined;
}

/** The names of the options. */
export const FIT_TABLE_OPTIONS: readonly (keyof FitTableOptions)[] = [
  ...(["target", "task", "columns", "quality", "networks", "budget", "groups", "time"] as const),
  ...(["memory", "sampleWeight", "background", "validation", "onProgress", "verbose"] as const),
  ...RUN_OPTIONS,
  ...ANSWER_OPTIONS,
];

const CALL = "fitTable";
/** The share of the budget in which a stream is read; the rest is for the training. */
const READING_SHARE = 0.5;
/** With fewer rows nothing can be held out that tells anything. */
const FEWEST_ROWS = 10;

function readQuality(given: unknown): Quality {
  if (given === undefined) return "balanced";
  if (QUALITIES.includes(given as Quality)) return given as Quality;
  throw new OptionError(`${CALL}: quality: expected "fast", "balanced" or "best", received ${show(given)}`);
}

/** Checks the option `budget`. */
export function readSeconds(budget: unknown, call: string): number | undefined {
  if (budget === undefined) return undefined;
  checkBudget(budget, ["seconds"], `${call}: budget`);
  const { seconds } = budget;
  if (typeof seconds === "number" && seconds > 0) return seconds;
  throw new OptionError(`${call}: budget: seconds: expected a number above 0, received ${show(seconds)}`);
}

/**
 * Trains a model of a table: it finds out what each column is, prepares it, trains a portfolio of networks
 * over folds, and weighs them by their predictions of rows that they did not learn from.
 *
 * @example
 * ```ts
 * const model = await fitTable(rows, { target: "species", quality: "fast" });
 * model.predict({ island: "Biscoe", billLength: 46.1 }).value; // "Gentoo"
 * ```
 *
 * @throws OptionError for an unknown option or column, with the nearest name; DataError for rows that cannot
 * be learned from, with the row and the column.
 */
export function fitTable<Row extends object, const Name extends FieldOf<Row>, const Level extends number>(
  rows: readonly Row[],
  options: FitTableOptions & { readonly target: Name; readonly quantiles: readonly Level[] },
): Promise<TableModel<QuantileAnswer<Level>>>;
export function fitTable<Row extends object, const Name extends FieldOf<Row>>(
  rows: readonly Row[],
  options: FitTableOptions & { readonly target: Name },
): Promise<TableModel<AnswerFor<Row, Name>>>;
export function fitTable<Row extends object, const Name extends FieldOf<Row>>(
  rows: readonly Row[],
  options: FitTableOptions & { readonly target: readonly Name[] },
): Promise<TableModel<{ readonly [Field in Name]: AnswerFor<Row, Field> }>>;
export function fitTable(
  rows: TableSource | TableStream,
  options: FitTableOptions & { readonly target: string },
): Promise<TableModel>;
export function fitTable(
  rows: TableSource | TableStream,
  options: FitTableOptions,
): Promise<TableModel<Readonly<Record<string, Answer>>>>;
export function fitTable(given: unknown, options: FitTableOptions): Promise<TableModel<never>> {
  return fitWith(given, options);
}

/** Fits a table, with a search for more kinds of networks if there is one. */
export async function fitWith(
  given: unknown,
  options: FitTableOptions,
  search?: LearnOptions["search"],
): Promise<TableModel<never>> {
  checkNames(options, FIT_TABLE_OPTIONS, CALL);
  const { target, task, columns: types, sampleWeight, groups, time } = options;
  const quality = readQuality(options.quality);
  const run = readRunOptions(CALL, options, freshSeed);
  const { seed } = run;
  const seconds = readSeconds(options.budget, CALL);
  const controls = readControls(options, CALL);
  const onProgress = readOnProgress<TableProgress, [TableControl]>(CALL, options.onProgress);
  const verbose = readBoolean(options.verbose ?? false, `${CALL}: verbose`);
  const { networks } = options;
  const most = networks === undefined ? undefined : readSize(networks, `${CALL}: networks`);
  const kind = readTask(task, CALL);
  const kept = readBackgroundSize(options.background, CALL);
  const begun = now();
  let isCut = false;
  const limits: ReadLimits = {
    signal: run.signal,
    until: seconds === undefined ? undefined : begun + 1000 * READING_SHARE * seconds,
    onCut: () => {
      isCut = true;
    },
  };
  const streamed = await readSample(given, options, seed, limits);
  const all =
    streamed?.frame ?? (await collectFrame(typeof given === "function" ? given() : given, CALL, limits));
  const isPlain = [groups, time, sampleWeight, options.validation].every((option) => option === undefined);
  const sample =
    streamed ?? (isPlain ? await sampleLarge(all, seconds, types, seed, CALL, run.signal) : undefined);
  const own = sample?.frame ?? all;
  if (own.rows === 0) throw new DataError(`${CALL}: expected rows, received none`);
  const names = readTargetNames(target, own, CALL);
  const validation = await readValidation(
    options,
    run.signal,
    own.names.filter((name) => types?.[name] !== "ignore"),
  );
  const frame = validation === undefined ? own : concatenate(own, validation);
  const leftOut = new Map<string, string>();
  if (typeof sampleWeight === "string") leftOut.set(sampleWeight, "it has the weights of the rows");
  if (typeof groups === "string") leftOut.set(groups, "it has the groups of the rows");
  const nameOf: RowName = (row) =>
    row < own.rows ? `row ${sample?.numbers[row] ?? row}` : `validation: row ${row - own.rows}`;
  const weights = readWeights(sampleWeight, own, frame, CALL, nameOf);
  const folding = {
    folds: FOLDS,
    seed,
    groups: readGroups(groups, frame, CALL),
    times: readTimes(time, frame, CALL),
  };
  const columns = await inTurns(typeColumns(frame, names, types, leftOut, CALL, nameOf));
  const used = new Map(
    columns
      .filter(({ description }) => description.type !== "ignore")
      .map((column) => [column.description.name, column]),
  );
  const notes = columns.flatMap(notesOf);
  const read: Target[] = [];
  for (const name of names) {
    await pause();
    const cells = frame.cells.get(name) as ArrayLike<unknown>;
    read.push(readTarget({ name, cells, isText: frame.isText, nameOf }, kind, CALL));
  }
  await pause();
  const works = applyControls(read, controls, CALL).map((target): Work => {
    const { name, classes } = target.description;
    const without = frame.rows - target.rows.length;
    if (without > 0)
      notes.push(
        `${without === 1 ? "1 row" : `${without} rows`} without ${show(name)} ${without === 1 ? "is" : "are"} left out`,
      );
    const cannot = whyNot(target, own.rows);
    if (cannot !== undefined) notes.push(cannot);
    const isSingle = classes?.length === 1;
    const kept = search === undefined ? foldsFor(target.rows.length) : FOLDS;
    const folds =
      cannot !== undefined
        ? []
        : validation === undefined
          ? dealRows(target, folding, CALL).slice(-kept)
          : [splitOff(target, own.rows)];
    const bags = limit(portfolio(quality, target.description.task, kept), most);
    return { target, folds, bags, isTuned: !isSingle && isTuned(controls, target.description) };
  });
  if (streamed === undefined && isCut) notes.push(cutNote(all.rows));
  // Only a call of `onProgress` can stop the training, and not every host has this class.
  const ending = onProgress && new AbortController();
  const stop = ending?.signal;
  const continued = new Map<string, Continued>();
  const isContinued = sample?.again !== undefined && sample.rows > own.rows;
  const stream = isContinued
    ? streamer(sample, {
        columns: columns.map(({ description }) => description),
        weights: typeof sampleWeight === "string" ? sampleWeight : undefined,
        ...{ ...run, stop, place: CALL },
      })
    : undefined;
  const afterwards: LearnOptions["afterwards"] =
    stream &&
    (async (networks, encoded, target, until) => {
      continued.set(target.description.name, await stream(networks, encoded, target, until));
    });
  const left = seconds && Math.max(1e-3, seconds - (now() - begun) / 1000);
  const progress = { onProgress, verbose, seconds: left, control: { stop: () => ending?.abort() } };
  const shared = { ...run, stop, seconds: left, weights, afterwards, search };
  const trained = await trainTargets(used, works, shared, progress);
  for (const [at, target] of trained.entries())
    if (works[at].folds.length > 0) notes.push(...notesOnLearning(target, seconds));
  const course = sample && { sample, continued };
  if (course !== undefined) notes.push(...streamNotes(course));
  const steps = trained.flatMap(({ learned }) =>
    learned.parts.flatMap(({ preparation }) => preparation.steps),
  );
  const background = takeBackground(used, new Set(steps.map(({ column }) => column)), own.rows, kept, seed);
  return new TableModel({
    columns: columns.map(({ description }) => description),
    targets: trained,
    seed,
    rows: course === undefined ? own.rows : rowsLearned(course),
    notes,
    background,
  });
}

/** What a caller should know of a column. */
function notesOf({ description: { name, type, reason, unreadable }, notes = [] }: TypedColumn): string[] {
  if (type === "ignore")
    return notes.length > 0 ? notes.slice() : [`column ${show(name)} is left out: ${reason}`];
  if (unreadable === undefined) return notes.slice();
  const { cells, example } = unreadable;
  const cannot = `${cells} ${cells === 1 ? "cell" : "cells"} of column ${show(name)} cannot be read as a ${type}`;
  return [...notes, `${cannot}, such as ${example}, and ${cells === 1 ? "counts" : "count"} as missing`];
}

/** Says of a target that no network predicts it, and why, or that the networks are no better than its mean. */
function notesOnLearning(
  { description, learned: { networks, bags }, scores, baseline }: TrainedTarget,
  seconds: number | undefined,
): string[] {
  const { name, task } = description;
  const base = baseOf(description);
  const fix = `. Fix: give more rows, or columns that tell more about ${show(name)}`;
  if (networks.length > 0) {
    const usual = usualMetric(task);
    const [score = 0, always = 0] = [scores[usual], baseline[usual]] as (number | undefined)[];
    return score < always || always === 0
      ? []
      : [
          `the columns say almost nothing about ${show(name)}: ${usual} is not better than if the answer is always ${base}${fix}`,
        ];
  }
  const always = `${show(name)} is always answered with ${base}`;
  if (bags.length === 0) return [`${always}: no column has anything to learn from`];
  if (bags.every(({ loss }) => Number.isNaN(loss))) {
    return seconds === undefined
      ? [`${always}: all networks diverged`]
      : [`${always}: no network was trained in ${seconds} seconds. Fix: give budget more seconds`];
  }
  return [`${always}: no kind of network is better on rows that it did not learn from${fix}`];
}

/** A target with what its networks learn from. Without folds nothing can be learned. */
interface Work {
  readonly target: Target;
  readonly folds: readonly RowSplit[];
  readonly bags: readonly Bag[];
  readonly isTuned: boolean;
}

/** Trains the networks of each target, one target after the other. */
async function trainTargets(
  columns: ReadonlyMap<string, TypedColumn>,
  works: readonly Work[],
  shared: Omit<LearnOptions, "bags" | "folds" | "isTuned" | "onProgress">,
  shown: ConstructorParameters<typeof Progress>[1],
): Promise<TrainedTarget[]> {
  const { seconds, weights, search } = shared;
  const counts = works.map(({ target, folds, bags }) =>
    countNetworks(target, { bags, search }, folds.length),
  );
  const progress = new Progress(counts, shown);
  const trained: TrainedTarget[] = [];
  try {
    for (const { target, folds, bags, isTuned } of works) {
      const share = seconds && Math.max(1e-3, seconds * progress.share());
      const until = share === undefined ? Number.POSITIVE_INFINITY : now() + 1000 * share;
      const learned =
        folds.length === 0
          ? learnPrior(target, weights)
          : await learn(columns, target, {
              ...{ ...shared, bags, folds, isTuned, onProgress: progress.report },
              seconds: share,
            });
      const isCut = shared.stop?.aborted === true || now() >= until;
      const needsQuantiles = target.description.quantiles !== undefined && learned.quantiles === undefined;
      const networks = [...learned.networks, ...(learned.quantiles?.networks ?? [])];
      const scored = await orDispose(networks, async () => {
        await pause();
        const complete = needsQuantiles ? priorQuantiles(learned, target, weights) : learned;
        return scoreLearned(target, complete, isTuned, weights);
      });
      trained.push(scored);
      progress.end(isCut, networks.length);
    }
    return trained;
  } catch (error) {
    for (const { learned } of trained) disposeNetworks(learned);
    throw error;
  } finally {
    progress.close();
  }
}

/** A sample of rows that do not fit in memory, if the caller says how much memory there is. */
async function readSample(
  given: unknown,
  { memory, groups, time, sampleWeight, columns }: FitTableOptions,
  seed: number,
  limits: ReadLimits,
): Promise<Sample | undefined> {
  const bytes = readMemory(memory, CALL);
  if (bytes === undefined) return undefined;
  if (!isStream(given)) {
    throw new OptionError(
      `${CALL}: memory: expected an async iterable of rows, or a function that returns one; received rows that are in memory`,
    );
  }
  for (const [name, value] of Object.entries({ groups, time })) {
    if (value === undefined) continue;
    throw new OptionError(
      `${CALL}: ${name}: expected none beside memory, because later rows cannot be kept out of folds; received both`,
    );
  }
  if (sampleWeight !== undefined && typeof sampleWeight !== "string")
    throw new OptionError(`${CALL}: sampleWeight: expected a column's name beside memory, received a list`);
  return sampleRows(given, bytes, seed, CALL, limits, columns);
}

/** What is answered without networks. */
const baseOf = ({ task }: Target["description"]) =>
  task === "regression" ? "the mean" : "the share of each class";

/** Why nothing can be learned of a target. */
function whyNot({ description, rows }: Target, learnable: number): string | undefined {
  const { name, classes } = description;
  if (classes?.length === 1)
    return `${show(name)} has one class, ${show(classes[0])}, which is always the answer`;
  const count = rows.filter((row) => row < learnable).length;
  if (count >= FEWEST_ROWS) return undefined;
  const some = count === 1 ? "1 row is" : `${count} rows are`;
  return `${some} too few to learn from, ${FEWEST_ROWS} are needed: ${show(name)} is always answered with ${baseOf(description)}`;
}

/** The rows that the caller validates with. */
async function readValidation(
  { validation, groups, time }: FitTableOptions,
  signal: AbortSignal | undefined,
  needed: readonly string[],
): Promise<Frame | undefined> {
  if (validation === undefined) return undefined;
  for (const [name, value] of Object.entries({ groups, time })) {
    if (value === undefined) continue;
    throw new OptionError(
      `${CALL}: ${name}: expected none beside validation, which replaces folds; received both`,
    );
  }
  const frame = await collectFrame(validation, `${CALL}: validation`, { signal });
  if (frame.rows === 0) throw new DataError(`${CALL}: validation: expected rows, received none`);
  const lacking = needed.find((name) => !frame.cells.has(name));
  if (lacking === undefined) return frame;
  throw new DataError(
    `${CALL}: validation: expected the columns of the rows, received none of the name ${show(lacking)}. Fix: give them all columns of the rows, missing values as null`,
  );
}

/** The rows before `learnable` to learn from, the others to validate with. */
function splitOff({ description, rows }: Target, learnable: number): RowSplit {
  const heldOut = rows.filter((row) => row >= learnable);
  if (heldOut.length > 0) return { training: rows.filter((row) => row < learnable), heldOut };
  throw new DataError(
    `${CALL}: validation: expected rows with a value of the target ${show(description.name)}, received none`,
  );
}

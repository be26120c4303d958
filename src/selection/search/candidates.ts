/** Candidates: models with a way to train them, trained on every split of the data in one call. */

import type { Dataset, Examples } from "../../data/examples.ts";
import { type Folding, foldRows, type Groups, type RowSplit } from "../../data/folds.ts";
import { holdOut, takeRows } from "../../data/split.ts";
import { OptionError, show, within } from "../../errors.ts";
import { nextTurn, now } from "../../host.ts";
import { readWeights } from "../../metrics/columns.ts";
import type { Problem } from "../../metrics/metric.ts";
import { Model, type ModelOptions, sessionOf } from "../../model.ts";
import { type Complete, checkNames, isPlain, readSize } from "../../options.ts";
import { freshSeed, readSeed } from "../../seed.ts";
import { classesOf } from "../../training/data.ts";
import type { MetricList } from "../../training/history.ts";
import type { Measure } from "../../training/measures.ts";
import {
  type CheckedFitOptions,
  FIT_OPTIONS,
  type FitOptions,
  readFitOptions,
  readSignal,
  readThreads,
} from "../../training/options.ts";
import { checkShared } from "../../training/participants.ts";
import type { Evaluation, Session } from "../../training/session.ts";
import {
  type ManyHistory,
  type ManyProgress,
  type ModelTraining,
  readOnProgress,
  trainTogether,
} from "../../training/trainMany.ts";
import { warnOfPrecision } from "../../training/warnings/before.ts";

/** A model and how it is trained, as `new Model` and `fit` take them. */
export interface Candidate<List extends MetricList = MetricList> {
  /** The seed is that of the call, unless the model has one of its own. */
  readonly model: ModelOptions<List>;
  /** `signal` and `threads` are options of the call. */
  readonly fit?: Omit<FitOptions, "signal" | "threads" | "verbose"> | undefined;
}

/** What every search over models takes. */
export interface SharedOptions {
  /**
   * How many parts the rows are dealt out to, 5 by default: each is measured once, by a model that has learnt
   * from the others.
   */
  readonly folds?: number | undefined;
  /** Whether every fold has its share of each class, which is a row of y; false by default. */
  readonly stratify?: boolean | undefined;
  /** A name or a number for each row: rows that have the same are never in two folds. */
  readonly groups?: Groups | undefined;
  /** Folds, draws and the models' seeds follow from it. By default a fresh one, which the result keeps. */
  readonly seed?: number | undefined;
  /** As of `trainMany`. */
  readonly threads?: number | undefined;
  /** Stops all; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** The names of these options. */
export const SHARED_OPTIONS: readonly string[] = [
  ...["folds", "stratify", "groups", "seed", "threads", "signal", "onProgress"],
];

/** Shared options with their defaults, checked. */
export interface CheckedShared<Told = ManyProgress> extends Folding {
  readonly threads: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((progress: Told) => void) | undefined;
  /** The call, which warns of each thing once, whatever the number of its trainings. */
  readonly scope: object;
}

/** Checks options that all searches have. */
export function readShared<Told>(
  call: string,
  options: SharedOptions & { readonly onProgress?: unknown },
): CheckedShared<Told> {
  const { folds = 5, stratify = false, groups, seed, threads, signal, onProgress } = options;
  if (typeof stratify !== "boolean") {
    throw new OptionError(`${call}: stratify: expected true or false, received ${show(stratify)}`);
  }
  return {
    folds: readSize(folds, `${call}: folds`),
    stratify,
    groups,
    seed: seed === undefined ? freshSeed() : readSeed(seed, `${call}: seed`),
    threads: readThreads(threads, call),
    signal: readSignal(signal, call),
    onProgress: readOnProgress<Told>(call, onProgress),
    scope: {},
  };
}

/** Rows to learn from and to measure with, taken once for all candidates. */
export interface Split {
  readonly rows: RowSplit;
  readonly training: Dataset;
  /** The weights of the rows to learn from, one array for one array given. */
  weights(ofAll: Float32Array): Float32Array;
  /** What a model makes of the rows held out, which are checked once for all models that take them alike. */
  measure(session: Session, measures: readonly Measure[]): Evaluation;
}

function toSplit(data: Dataset, rows: RowSplit): Split {
  const known = new Map<Float32Array, Float32Array>();
  const prepared = new Map<string, Dataset>();
  const heldOut = takeRows(data, rows.heldOut);
  return {
    rows,
    training: takeRows(data, rows.training),
    measure(session, measures) {
      const held = prepared.get(session.loadsAs) ?? session.prepare(heldOut, measures);
      prepared.set(session.loadsAs, held);
      return session.measure(held, measures);
    },
    weights(ofAll) {
      const weights = known.get(ofAll) ?? Float32Array.from(rows.training, (row) => ofAll[row]);
      known.set(ofAll, weights);
      return weights;
    },
  };
}

/** The one split of a search without folds. */
export interface Holdout {
  readonly share: number;
  readonly seed: number | undefined;
  readonly problem: Problem;
}

/** The splits of a cross-validation; or the one that holds out a share of the rows. */
export function makeSplits(call: string, data: Dataset, folding: Folding, holdout?: Holdout): Split[] {
  const rows = within(call, () => {
    if (holdout === undefined) return foldRows(data, folding);
    const { problem, ...rest } = holdout;
    return [holdOut(data.rows, { ...rest, classOf: classesOf(data, problem) })];
  });
  return rows.map((split) => toSplit(data, split));
}

/** A candidate whose options are checked. */
export interface CheckedCandidate {
  readonly place: string;
  readonly options: CheckedFitOptions;
  readonly sampleWeight: Float32Array | undefined;
  make(): Model;
}

const OF_CALL: readonly string[] = ["signal", "threads", "verbose"];
const CANDIDATE_OPTIONS = FIT_OPTIONS.filter((name) => !OF_CALL.includes(name));

/** Checks a candidate, and that a model can be made of it. */
export function readCandidate(
  place: string,
  candidate: Candidate,
  { seed, threads, scope }: Pick<CheckedShared, "seed" | "threads" | "scope">,
): CheckedCandidate {
  const given: unknown = candidate;
  if (!isPlain(given)) {
    const fix = given instanceof Model ? ". Fix: pass the options that made the model" : "";
    throw new OptionError(`${place}: expected an object { model, fit }, received ${show(given)}${fix}`);
  }
  checkNames(candidate, ["model", "fit"], place);
  const { model, fit = {} } = candidate;
  checkNames(fit, CANDIDATE_OPTIONS, `${place}: fit`);
  if (!isPlain(model)) {
    throw new OptionError(`${place}: model: expected the options of a model, received ${show(model)}`);
  }
  if (typeof fit.callbacks === "function") {
    const fix =
      "Fix: call it, or list the callbacks, which every model gets; only trainMany takes a function";
    throw new OptionError(`${place}: fit: callbacks: expected a list, received a function. ${fix}`);
  }
  const options = readFitOptions(`${place}: fit`, { ...fit, ...(threads && { threads }) });
  checkShared(options.callbacks, `${place}: fit: callbacks`, "train the best candidate again with `fit`");
  if (options.budget.seconds !== undefined) {
    throw new OptionError(
      `${place}: fit: budget: seconds: expected targetLoss alone; use signal for the time`,
    );
  }
  return {
    place,
    options: { ...options, scope },
    sampleWeight: fit.sampleWeight as Float32Array | undefined,
    make: () => within(place, () => new Model({ ...model, seed: model.seed ?? seed })),
  };
}

/** Reads data as the model of each candidate takes it; gives it as the first does, and what its targets are. */
export function readData(
  call: string,
  candidates: readonly CheckedCandidate[],
  data: Examples,
  metrics: readonly Complete[] = [],
) {
  const read = new Map<string, { readonly data: Dataset; readonly problem: Problem }>();
  for (const { make, options } of candidates) {
    const model = make();
    try {
      const session = sessionOf(model);
      if (read.has(session.loadsAs)) continue;
      const all = within(call, () => {
        const all = session.read(data);
        // Later, they see the rows of a fold alone, whose numbers tell the caller nothing.
        for (const { figure } of session.measuresOf(metrics)) figure.check?.(all.y, all.rows);
        return all;
      });
      if (options.warnings) warnOfPrecision(call, session, data, all, options.scope);
      read.set(session.loadsAs, { data: all, problem: session.problem });
    } finally {
      model.dispose();
    }
  }
  const [first] = read.values();
  return first;
}

/** A model that learnt from the training rows of a split, and what it makes of the others. */
export interface Trial {
  readonly model: Model;
  readonly history: ManyHistory;
  /** NaN throughout where the training has an error. */
  readonly evaluation: Evaluation;
}

/** How trials are trained and measured. */
export interface Trials {
  readonly splits: readonly Split[];
  readonly epochs?: number | undefined;
  /** Measured besides what the model measures itself. */
  readonly metrics?: readonly Complete[];
  readonly signal: AbortSignal | undefined;
  readonly threads: number | undefined;
  readonly onProgress: ((progress: ManyProgress) => void) | undefined;
}

/**
 * Trains a model for each candidate and split, all in one call, and measures each; gives what `keep` makes of
 * each trial, by candidate. What it does not keep is let go of at once.
 */
export async function runTrials<Kept>(
  call: string,
  candidates: readonly CheckedCandidate[],
  trials: Trials,
  keep: (trial: Trial) => Kept,
): Promise<Kept[][]> {
  const { splits, metrics = [], signal } = trials;
  const trainings = candidates.flatMap((candidate) => trainingsOf(candidate, trials));
  const measures = trainings.map(({ model }) => {
    const session = sessionOf(model);
    return within(call, () => [...session.measures, ...session.measuresOf(metrics)]);
  });
  const histories = await trainTogether(call, trainings, { ...trials, isSearch: true }).catch((error) => {
    for (const { model } of trainings) model.dispose();
    throw error;
  });
  const pause = pauser(signal);
  const kept: Kept[][] = candidates.map(() => []);
  for (const [at, measured] of measures.entries()) {
    const { model } = trainings.shift()!;
    const history = histories[at];
    const evaluation =
      history.error === undefined
        ? splits[at % splits.length].measure(sessionOf(model), measured)
        : nothing(measured.map(({ name }) => name));
    kept[Math.floor(at / splits.length)].push(keep({ model, history, evaluation }));
    await pause();
  }
  return kept;
}

/** The trainings of a candidate, one for each split. */
function trainingsOf(
  { make, options, sampleWeight, place }: CheckedCandidate,
  { splits, epochs }: Trials,
): ModelTraining[] {
  const weights = within(place, () => readWeights(sampleWeight, rowsOf(splits)));
  return splits.map((split) => ({
    model: make(),
    examples: split.training,
    options: {
      ...options,
      ...(epochs !== undefined && { epochs }),
      sampleWeight: weights && split.weights(weights),
      rowNumbers: split.rows.training,
    },
  }));
}

/** All rows that a split has. */
const rowsOf = ([{ rows }]: readonly Split[]) => rows.training.length + rows.heldOut.length;

const nothing = (names: readonly string[]) =>
  Object.fromEntries(["loss", ...names].map((name) => [name, Number.NaN])) as unknown as Evaluation;

/** How long measuring may hold up everything else. */
const PAUSE_MILLISECONDS = 20;

/** Lets others run now and then, and stops where the signal says so. */
function pauser(signal: AbortSignal | undefined): () => Promise<void> {
  let since = now();
  return async () => {
    if (now() - since < PAUSE_MILLISECONDS) return;
    await new Promise<void>(nextTurn);
    signal?.throwIfAborted();
    since = now();
  };
}

/** The mean of values and their standard deviation, of all: divided by their number. */
export function momentsOf(values: readonly number[]): { readonly mean: number; readonly stddev: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, stddev: Math.sqrt(squares / values.length) };
}

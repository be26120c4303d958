/** trainMany: independent models, trained side by side in one call. */
import { onAbort } from "../abort.ts";
import { checkExamples, type Examples } from "../data/examples.ts";
import { DivergenceError, OptionError, show } from "../errors.ts";
import { every, now } from "../host.ts";
import type { Kernel, KernelTrainings, Progress, Run } from "../kernel/kernel.ts";
import { type Model, sessionOf } from "../model.ts";
import { Clock } from "./budget.ts";
import type { Callback } from "./callbacks/callback.ts";
import type { Loaded } from "./data.ts";
import { isPromise, type TrainingRequests } from "./drive.ts";
import type { History, MetricList } from "./history.ts";
import { readModel } from "./modelArgument.ts";
import { type CheckedFitOptions, FIT_OPTIONS, type FitOptions, readFitOptions } from "./options.ts";
import { checkShared, readCallbacks } from "./participants.ts";
import { displayModels } from "./progressBar.ts";
import type { Session } from "./session.ts";
import type { Training } from "./training.ts";
import { warnAfter } from "./warnings/after.ts";

/** How far the trainings have come. */
export interface ManyProgress {
  /** Models whose training has ended. */
  readonly finished: number;
  /** All models. */
  readonly total: number;
}

/** The callbacks of one of many models. */
export type CallbacksOfModel = (model: Model, index: number) => Callback | readonly Callback[];

/**
 * How to train many models: as `fit` does each, and what only many need. `budget.seconds` is the time of the
 * whole call, `verbose` shows how many models have finished.
 */
export interface TrainManyOptions extends Omit<FitOptions, "callbacks"> {
  /**
   * As of `fit`, for every model: early stopping and hooks; or a function that returns those of one model, so
   * that each can have a file of its own: `(model, index) => callbacks.log({ path: `${index}.jsonl` })`.
   */
  readonly callbacks?: FitOptions["callbacks"] | CallbacksOfModel;
  /** Called with how many have finished, some times a second while they train, and at the end. */
  readonly onProgress?: ((progress: ManyProgress) => void) | undefined;
}

/** A training as `fit` gives it; with an error where the loss did not stay finite. */
export type ManyHistory<List extends MetricList = MetricList> = History<List> & {
  /** Why the training ended early. The model's weights are then those of the last whole epoch. */
  readonly error?: DivergenceError;
};

/** Time between two reports of the progress. */
const PROGRESS_MILLISECONDS = 100;

/**
 * Trains independent models - other seeds, folds, customers, learning rates - on all cores in one call,
 * each on one thread at a time. Every model ends up as `fit` alone would leave it, bit for bit.
 *
 * `data` is what all train on, copied once, or a list with the examples of each model. A model whose loss
 * is no longer finite does not disturb the others: its history has an `error`.
 *
 * @example
 * ```ts
 * const make = (seed: number) =>
 *   new Model({
 *     inputs: 2,
 *     layers: [dense(8), tanh(), dense(1)],
 *     loss: "meanSquaredError",
 *     optimizer: "adam",
 *     seed,
 *   });
 * const models = [1, 2, 3].map(make);
 * const histories = await trainMany(models, xor({ examples: 1000 }), { epochs: 20 });
 * const losses = histories.map(({ loss }) => loss.at(-1));
 * ```
 *
 * @throws OptionError, DataError or ShapeError for bad input, StateError if one of the models is being
 * trained; no model has changed then. The signal's reason if it aborts, or what a hook throws: each model then
 * has the weights of its last whole step.
 */
export async function trainMany<List extends MetricList = MetricList>(
  models: readonly Model<List>[],
  data: Examples | readonly Examples[],
  options: TrainManyOptions = {},
): Promise<ManyHistory<List>[]> {
  const call = "trainMany";
  if (!Array.isArray(data)) checkExamples(data, call);
  else for (const [at, entry] of data.entries()) checkExamples(entry, `${call}: entry ${at}`);
  const ofModel = typeof options?.callbacks === "function" ? options.callbacks : undefined;
  const given = ofModel === undefined ? options : { ...options, callbacks: undefined };
  const checked = readFitOptions(call, given as FitOptions, [...FIT_OPTIONS, "onProgress"]);
  checkShared(checked.callbacks, `${call}: callbacks`, "give a function, (model, index) => callbacks");
  const onProgress = readOnProgress(call, options.onProgress);
  const examples = examplesByModel(models, data);
  if (Array.isArray(data) && checked.sampleWeight !== undefined) {
    throw new OptionError(`${call}: sampleWeight: expected one dataset for all models, received a list`);
  }
  const trainings = models.map((model, at) => ({
    model,
    examples: examples[at],
    options: ofModel ? { ...checked, callbacks: callbacksOf(ofModel, model, at) } : checked,
  }));
  const histories = await trainTogether(call, trainings, { ...checked, onProgress });
  return histories as ManyHistory<List>[];
}

function callbacksOf(ofModel: CallbacksOfModel, model: Model, index: number): readonly Callback[] {
  return readCallbacks(ofModel(model, index), `trainMany: callbacks of model ${index}`);
}

/** One of the trainings of a call: `signal` and `threads` are those of the call. */
export interface ModelTraining {
  readonly model: Model;
  readonly examples: Examples;
  readonly options: CheckedFitOptions;
}

/** What holds for all trainings of a call. */
export interface CallOptions extends Partial<Pick<CheckedFitOptions, "budget" | "verbose">> {
  readonly signal: AbortSignal | undefined;
  readonly threads: number | undefined;
  readonly onProgress: TrainManyOptions["onProgress"];
  /** Whether settings are tried, of which some may fail: it warns only where all have. */
  readonly isSearch?: boolean;
}

/** Trains models that may differ in all, with the same words in errors; data that is shared is copied once. */
export async function trainTogether(
  call: string,
  trainings: readonly ModelTraining[],
  together: CallOptions,
): Promise<ManyHistory[]> {
  together.signal?.throwIfAborted();
  const loads: LoadCache = new Map();
  const begun: ActiveTraining[] = [];
  try {
    for (const training of trainings) begun.push(begin(call, training, together, loads));
    loads.clear();
    const histories = await train(begun, together);
    const whole = begun.flatMap(({ fit, error }) => (error === undefined ? [fit] : []));
    warnAfter(call, whole, together.isSearch);
    return histories;
  } finally {
    for (const { fit } of begun) fit.release();
  }
}

/** A training of a call, taken from request to request. */
interface ActiveTraining {
  readonly fit: Training;
  readonly kernel: Kernel;
  readonly steps: TrainingRequests;
  /** The call of the kernel that it waits for; undefined when it has ended. */
  run: Run | undefined;
  error: unknown;
}

/** What has been loaded, by the examples, for all models that take them in the same way. */
type LoadCache = Map<Examples, { readonly as: readonly unknown[]; readonly loaded: Loaded }[]>;

/** The parts of a training that say how its examples are loaded. */
function loadKeyOf(session: Session, options: CheckedFitOptions): readonly unknown[] {
  const { sampleWeight, classWeight, validationData, validationSplit, validationShuffle } = options;
  const seed = validationSplit !== undefined && validationShuffle ? session.seed : undefined;
  return [session.loadKey, sampleWeight, classWeight, validationData, validationSplit, seed];
}

function load(call: string, training: ModelTraining, options: CheckedFitOptions, loads: LoadCache): Loaded {
  const { examples, model } = training;
  const session = sessionOf(model, call);
  const known = loads.get(examples) ?? [];
  loads.set(examples, known);
  const as = loadKeyOf(session, options);
  const alike = known.find((other) => other.as.every((part, at) => part === as[at]));
  if (alike !== undefined) return alike.loaded;
  const loaded = session.load(call, examples, options);
  known.push({ as, loaded });
  return loaded;
}

function begin(
  call: string,
  training: ModelTraining,
  { signal }: CallOptions,
  loads: LoadCache,
): ActiveTraining {
  const session = sessionOf(training.model, call);
  // The call shows the progress of all.
  const options = { ...training.options, signal, verbose: false };
  const fit = session.begin(call, training.examples, options, (given) => load(call, training, given, loads));
  return { fit, kernel: session.kernel, steps: fit.requests(), run: undefined, error: undefined };
}

/** Checks a function that is called with the progress. */
export function readOnProgress<Told>(call: string, given: unknown): ((progress: Told) => void) | undefined {
  if (given === undefined || typeof given === "function") return given as (progress: Told) => void;
  throw new OptionError(`${call}: onProgress: expected a function, received ${show(given)}`);
}

/** The examples of each model. */
function examplesByModel(
  models: readonly Model[],
  data: Examples | readonly Examples[],
): readonly Examples[] {
  if (!Array.isArray(models) || models.length === 0) {
    throw new OptionError(`trainMany: expected a list of at least 1 model, received ${show(models)}`);
  }
  const trainees = models.map((model, index) =>
    sessionOf(readModel(model, `trainMany: models: entry ${index}`), "trainMany"),
  );
  for (const [index, session] of trainees.entries()) {
    const first = trainees.indexOf(session);
    if (first < index) {
      throw new OptionError(`trainMany: models: entries ${first} and ${index} are the same model`);
    }
  }
  if (!Array.isArray(data)) return models.map(() => data as Examples);
  if (data.length === models.length) return data;
  throw new OptionError(
    `trainMany: data: expected one dataset, or a list of one for each of ${models.length} models, received a list of ${data.length}`,
  );
}

/** What a call of the kernel did for one training. */
type Outcome = { readonly progress?: Progress } | { readonly error: unknown };

/** Takes a training to its next call of the kernel, or to its end; `outcome` is that of its last call. */
async function advanceToRun(entry: ActiveTraining, outcome: Outcome = {}): Promise<void> {
  entry.run = undefined;
  try {
    let step = "error" in outcome ? entry.steps.throw(outcome.error) : entry.steps.next(outcome.progress);
    while (!step.done) {
      const request = step.value;
      if ("run" in request) {
        entry.run = request.run;
        return;
      }
      try {
        if ("value" in request && isPromise(request.value)) await entry.fit.wait(request.value, request);
      } catch (error) {
        step = entry.steps.throw(error);
        continue;
      }
      step = entry.steps.next();
    }
  } catch (error) {
    entry.error = error;
  }
}

/** One call of a kernel: some of the trainings, until something has to be decided. */
interface Call {
  readonly group: readonly ActiveTraining[];
  readonly trainings: KernelTrainings;
  /** Whether none of these trainings continues after it. */
  readonly isLast: boolean;
}

function start(kernel: Kernel, group: readonly ActiveTraining[], threads: number | undefined): Call {
  const list = group.map(({ fit, run }) => ({
    network: fit.network,
    data: fit.kernelData,
    run: run as Run,
  }));
  return {
    group,
    trainings: kernel.trainMany(list, threads),
    isLast: list.every(({ run }, at) => group[at].fit.left === run.learningRates.length),
  };
}

/** Reports that another one has finished, and else at intervals. */
function reporter(onProgress: NonNullable<TrainManyOptions["onProgress"]>, total: number) {
  let [reported, at] = [-1, Number.NEGATIVE_INFINITY];
  return (finished: number) => {
    const time = now();
    if (finished === reported && time - at < PROGRESS_MILLISECONDS / 2) return;
    [reported, at] = [finished, time];
    onProgress({ finished, total });
  };
}

async function train(begun: readonly ActiveTraining[], together: CallOptions): Promise<ManyHistory[]> {
  const { signal, threads, onProgress, verbose, budget } = together;
  const watcher = verbose ? displayModels(begun.length) : undefined;
  const tell = (progress: ManyProgress) => {
    watcher?.show(progress.finished);
    onProgress?.(progress);
  };
  const report = watcher || onProgress ? reporter(tell, begun.length) : undefined;
  const clock = new Clock({ seconds: budget?.seconds });
  const failures: unknown[] = [];
  await Promise.all(begun.map((entry) => advanceToRun(entry)));
  for (let active = activeOf(begun); active.length > 0; active = activeOf(active)) {
    const failed = begun.some(({ error }) => isFailure(error)) || failures.length > 0;
    if (failed) {
      await endAll(active);
      break;
    }
    const kernels = [...new Set(active.map(({ kernel }) => kernel))];
    const calls = kernels.map((kernel) =>
      start(
        kernel,
        active.filter((entry) => entry.kernel === kernel),
        threads,
      ),
    );
    const over = begun.length - active.length;
    const isLast = calls.every((call) => call.isLast);
    const ofAll = report && ((finished: number) => report(isLast ? over + finished : over));
    await watch(calls, { signal, clock }, failures, ofAll);
    for (const { trainings, group } of calls) {
      const outcomes = await trainings.progress.then(
        (all) => all.map((progress) => ({ progress })),
        (error) => group.map(() => ({ error })),
      );
      await Promise.all(group.map((entry, at) => advanceToRun(entry, outcomes[at])));
    }
  }
  watcher?.end();
  signal?.throwIfAborted();
  const failure = begun.find(({ error }) => isFailure(error));
  if (failure !== undefined) throw failure.error;
  if (failures.length > 0) throw failures[0];
  return begun.map(({ fit, error }) =>
    error instanceof DivergenceError ? { ...fit.history, error } : fit.history,
  );
}

const activeOf = (entries: readonly ActiveTraining[]) => entries.filter(({ run }) => run !== undefined);

/** A training that diverged keeps its error to itself; any other error ends the call. */
const isFailure = (error: unknown) => error !== undefined && !(error instanceof DivergenceError);

/** Ends trainings that wait for the kernel, as a hook's `stop` does. */
async function endAll(entries: readonly ActiveTraining[]): Promise<void> {
  await Promise.all(
    entries.map((entry) => {
      entry.fit.leave();
      const position = (entry.run as Run).from;
      const progress = { position, losses: NONE, seconds: NONE, reached: false, stopped: false };
      return advanceToRun(entry, { progress });
    }),
  );
}

const NONE = new Float64Array(0);

/** What stops all trainings of a call. */
interface Stops {
  readonly signal: AbortSignal | undefined;
  readonly clock: Clock;
}

/**
 * Waits for all, reports the progress meanwhile, and stops them when the signal aborts, the time is over or
 * `report` throws; what it throws goes into `failures`.
 */
async function watch(
  calls: readonly Call[],
  { signal, clock }: Stops,
  failures: unknown[],
  report: ((finished: number) => void) | undefined,
): Promise<void> {
  const stop = () => {
    for (const { trainings } of calls) trainings.stop();
  };
  const look = () => {
    try {
      if (failures.length === 0) {
        report?.(calls.reduce((sum, { trainings }) => sum + trainings.finished(), 0));
      }
    } catch (error) {
      failures.push(error);
      stop();
    }
  };
  const endReports = report && every(PROGRESS_MILLISECONDS, look);
  const endListening = onAbort(signal, stop);
  const cancel = clock.whenOver(stop);
  try {
    await Promise.allSettled(calls.map(({ trainings }) => trainings.progress));
  } finally {
    cancel();
    endReports?.();
    endListening();
  }
  look();
}

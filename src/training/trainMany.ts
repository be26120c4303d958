/** trainMany: trains independent models in parallel, in one call */
import { onAbort } from "../abort.ts";
import { checkExamples, type Examples } from "../data/examples.ts";
import { DivergenceError, OptionError, show } from "../errors.ts";
import { every, nextTurn, now } from "../host.ts";
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

/** The progress of a call of `trainMany`. */
export interface ManyProgress {
  /** The number of models whose training has ended. */
  readonly finished: number;
  /** The number of models. */
  readonly total: number;
}

/** Returns the callbacks of one model. */
export type CallbacksOfModel = (model: Model, index: number) => Callback | readonly Callback[];

/**
 * The options of `trainMany`: those of `fit`, for each model, and a few more. `budget.seconds` is the time of
 * the whole call. `verbose` shows how many models have finished.
 */
export interface TrainManyOptions extends Omit<FitOptions, "callbacks"> {
  /**
   * Early stopping and hooks for every model, as in `fit`; or a function that returns the callbacks of one
   * model, so that each can write its own file: `(model, index) => callbacks.log({ path: `${index}.jsonl`
   * })`.
   */
  readonly callbacks?: FitOptions["callbacks"] | CallbacksOfModel;
  /**
   * Called with the number of finished models, several times per second and at the end. If it throws, the call
   * fails with its error. A promise that it returns is not waited for; if it rejects, the next call of
   * `onProgress` fails with its reason.
   */
  readonly onProgress?: ((progress: ManyProgress) => void) | undefined;
}

/** The history of one model, as `fit` returns it, with an error if the loss did not stay finite. */
export type ManyHistory<List extends MetricList = MetricList> = History<List> & {
  /** Why the training ended early. The model then has the weights of its last whole epoch. */
  readonly error?: DivergenceError;
};

/** The time between two reports of the progress. */
const PROGRESS_MILLISECONDS = 100;

/**
 * Trains independent models, for example with different seeds, folds or learning rates, in one call on all
 * cores. Each model uses one thread at a time. The result for every model has the same bits as with `fit`
 * alone.
 *
 * `data` is one dataset for all models, which is copied once, or a list with the examples of each model. If
 * the loss of a model is no longer finite, its history has an `error`, and the other models train on.
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
 * @throws OptionError, DataError or ShapeError for invalid input, StateError if one of the models is being
 * trained. No model has changed then. It also throws the signal's reason if the signal aborts, and the error
 * of a hook. Each model then has the weights of its last whole step.
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

/** One training of a call. Its `signal` and `threads` are ignored: those of the call apply. */
export interface ModelTraining {
  readonly model: Model;
  readonly examples: Examples;
  readonly options: CheckedFitOptions;
}

/** The options that apply to the whole call. */
export interface CallOptions extends Partial<Pick<CheckedFitOptions, "budget" | "verbose">> {
  readonly signal: AbortSignal | undefined;
  readonly threads: number | undefined;
  readonly onProgress: TrainManyOptions["onProgress"];
  /** Ends all trainings when it aborts, as if the time of the budget were over. */
  readonly stop?: AbortSignal | undefined;
  /** Whether the event loop turns between the trainings as they begin: the data must not change then. */
  readonly takesTurns?: boolean;
  /** Whether the call is a search, in which some trainings may fail: it warns only if all fail. */
  readonly isSearch?: boolean;
}

/** Trains models with separate options. Shared data is copied once. `call` begins the messages of errors. */
export async function trainTogether(
  call: string,
  trainings: readonly ModelTraining[],
  options: CallOptions,
): Promise<ManyHistory[]> {
  options.signal?.throwIfAborted();
  const cache: LoadCache = new Map();
  const active: ActiveTraining[] = [];
  try {
    for (const training of trainings) {
      if (options.takesTurns) await new Promise<void>((resolve) => nextTurn(resolve));
      active.push(begin(call, training, options, cache));
    }
    cache.clear();
    const histories = await train(active, options);
    const succeeded = active.flatMap(({ training, error }) => (error === undefined ? [training] : []));
    warnAfter(call, succeeded, options.isSearch);
    return histories;
  } finally {
    for (const { training } of active) training.release();
  }
}

/** A training of a call, and the request that it waits for. */
interface ActiveTraining {
  readonly training: Training;
  readonly kernel: Kernel;
  readonly requests: TrainingRequests;
  /** The call of the kernel that the training waits for; undefined when the training has ended. */
  run: Run | undefined;
  error: unknown;
}

/** The loaded data by its examples, with a key that is equal for models that can share it. */
type LoadCache = Map<Examples, { readonly key: readonly unknown[]; readonly loaded: Loaded }[]>;

/** Returns all that the loading of examples depends on. */
function loadKeyOf(session: Session, options: CheckedFitOptions): readonly unknown[] {
  const { sampleWeight, classWeight, validationData, validationSplit, validationShuffle, inputScales } =
    options;
  const seed = validationSplit !== undefined && validationShuffle ? session.seed : undefined;
  return [session.loadKey, sampleWeight, classWeight, validationData, validationSplit, seed, inputScales];
}

function load(call: string, { model, examples, options }: ModelTraining, cache: LoadCache): Loaded {
  const session = sessionOf(model, call);
  const known = cache.get(examples) ?? [];
  cache.set(examples, known);
  const key = loadKeyOf(session, options);
  const shared = known.find((other) => other.key.every((part, at) => part === key[at]));
  if (shared !== undefined) return shared.loaded;
  const loaded = session.load(call, examples, options);
  known.push({ key, loaded });
  return loaded;
}

function begin(
  call: string,
  { model, examples, options: own }: ModelTraining,
  { signal }: CallOptions,
  cache: LoadCache,
): ActiveTraining {
  const session = sessionOf(model, call);
  // The call itself shows the progress.
  const options = { ...own, signal, verbose: false };
  const loadCached = (given: CheckedFitOptions) => load(call, { model, examples, options: given }, cache);
  const training = session.begin(call, examples, options, loadCached);
  const { kernel } = session;
  return { training, kernel, requests: training.requests(), run: undefined, error: undefined };
}

/**
 * Checks the option `onProgress`. The result does not wait for a promise that the given function returns. If it
 * rejects, the next call throws its reason, so that the rejection does not end the process.
 */
export function readOnProgress<P, Others extends unknown[] = []>(
  call: string,
  given: unknown,
): ((progress: P, ...others: Others) => void) | undefined {
  if (given === undefined) return undefined;
  if (typeof given !== "function")
    throw new OptionError(`${call}: onProgress: expected a function, received ${show(given)}`);
  let rejected: { readonly reason: unknown } | undefined;
  return (...progress) => {
    if (rejected !== undefined) throw rejected.reason;
    const result: unknown = given(...progress);
    if (!isPromise(result)) return;
    result.then(undefined, (reason) => {
      rejected = { reason };
    });
  };
}

/** Checks the models and returns the examples of each. */
function examplesByModel(
  models: readonly Model[],
  data: Examples | readonly Examples[],
): readonly Examples[] {
  if (!Array.isArray(models) || models.length === 0) {
    throw new OptionError(`trainMany: expected a list of at least 1 model, received ${show(models)}`);
  }
  const sessions = models.map((model, index) =>
    sessionOf(readModel(model, `trainMany: models: entry ${index}`), "trainMany"),
  );
  for (const [index, session] of sessions.entries()) {
    const first = sessions.indexOf(session);
    if (first < index) {
      throw new OptionError(`trainMany: models: entries ${first} and ${index} are the same model`);
    }
  }
  if (!Array.isArray(data)) return models.map(() => data as Examples);
  if (data.length === models.length) return data;
  throw new OptionError(
    `trainMany: data: expected one dataset, or a list with one for each of ${models.length} models, received a ` +
      `list of ${data.length}`,
  );
}

/** The result of a call of the kernel for one training. */
type Outcome = { readonly progress?: Progress } | { readonly error: unknown };

/**
 * Continues a training until its next call of the kernel, or its end; `outcome` is the result of its last
 * call.
 */
async function advanceToRun(entry: ActiveTraining, outcome: Outcome = {}): Promise<void> {
  entry.run = undefined;
  try {
    let step =
      "error" in outcome ? entry.requests.throw(outcome.error) : entry.requests.next(outcome.progress);
    while (!step.done) {
      const request = step.value;
      if ("run" in request) {
        entry.run = request.run;
        return;
      }
      try {
        if ("value" in request && isPromise(request.value)) await entry.training.wait(request.value, request);
      } catch (error) {
        step = entry.requests.throw(error);
        continue;
      }
      step = entry.requests.next();
    }
  } catch (error) {
    entry.error = error;
  }
}

/** One call of a kernel, for a group of trainings. */
interface Call {
  readonly group: readonly ActiveTraining[];
  readonly trainings: KernelTrainings;
  /** Whether all these trainings end with this call. */
  readonly isLast: boolean;
}

function start(kernel: Kernel, group: readonly ActiveTraining[], threads: number | undefined): Call {
  const list = group.map(({ training, run }) => ({
    network: training.network,
    data: training.kernelData,
    run: run as Run,
  }));
  return {
    group,
    trainings: kernel.trainMany(list, threads),
    isLast: list.every(({ run }, at) => group[at].training.takesAll(run as Run)),
  };
}

/** Creates a function that reports each change of the number of finished models, and else at intervals. */
function reporter(onProgress: NonNullable<TrainManyOptions["onProgress"]>, total: number) {
  let [reported, at] = [-1, Number.NEGATIVE_INFINITY];
  return (finished: number) => {
    const time = now();
    if (finished === reported && time - at < PROGRESS_MILLISECONDS / 2) return;
    [reported, at] = [finished, time];
    onProgress({ finished, total });
  };
}

async function train(all: readonly ActiveTraining[], options: CallOptions): Promise<ManyHistory[]> {
  const { signal, threads, onProgress, verbose, budget, stop } = options;
  const display = verbose ? displayModels(all.length) : undefined;
  const handleProgress = (progress: ManyProgress) => {
    display?.show(progress.finished);
    onProgress?.(progress);
  };
  const report = display || onProgress ? reporter(handleProgress, all.length) : undefined;
  const clock = new Clock({ seconds: budget?.seconds });
  const failures: unknown[] = [];
  await Promise.all(all.map((entry) => advanceToRun(entry)));
  for (let active = activeOf(all); active.length > 0; active = activeOf(active)) {
    const failed = all.some(({ error }) => isFailure(error)) || failures.length > 0;
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
    const over = all.length - active.length;
    const isLast = calls.every((call) => call.isLast);
    const reportAll = report && ((finished: number) => report(isLast ? over + finished : over));
    await watch(calls, { signal, clock, stop }, failures, reportAll);
    for (const { trainings, group } of calls) {
      const outcomes = await trainings.progress.then(
        (results) => results.map((progress) => ({ progress })),
        (error) => group.map(() => ({ error })),
      );
      await Promise.all(group.map((entry, at) => advanceToRun(entry, outcomes[at])));
    }
  }
  display?.end();
  signal?.throwIfAborted();
  const failure = all.find(({ error }) => isFailure(error));
  if (failure !== undefined) throw failure.error;
  if (failures.length > 0) throw failures[0];
  return all.map(({ training, error }) =>
    error instanceof DivergenceError ? { ...training.history, error } : training.history,
  );
}

const activeOf = (entries: readonly ActiveTraining[]) => entries.filter(({ run }) => run !== undefined);

/** Whether an error ends the call. A divergence does not: it goes into the history of its model. */
const isFailure = (error: unknown) => error !== undefined && !(error instanceof DivergenceError);

/** Ends trainings that wait for the kernel, as the `stop` of a hook does. */
async function endAll(entries: readonly ActiveTraining[]): Promise<void> {
  await Promise.all(
    entries.map((entry) => {
      entry.training.leave();
      const position = (entry.run as Run).from;
      const progress = { position, losses: NONE, seconds: NONE, reached: false, stopped: false };
      return advanceToRun(entry, { progress });
    }),
  );
}

const NONE = new Float64Array(0);

/** What ends the calls before their trainings end. */
interface Ends {
  readonly signal: AbortSignal | undefined;
  readonly clock: Clock;
  readonly stop: AbortSignal | undefined;
}

/**
 * Waits for all calls and reports the progress. Stops the calls when a signal aborts, the time is over or
 * `report` throws; that error is appended to `failures`.
 */
async function watch(
  calls: readonly Call[],
  { signal, clock, stop: ended }: Ends,
  failures: unknown[],
  report: ((finished: number) => void) | undefined,
): Promise<void> {
  const stop = () => {
    for (const { trainings } of calls) trainings.stop();
  };
  const reportProgress = () => {
    try {
      if (failures.length === 0) {
        report?.(calls.reduce((sum, { trainings }) => sum + trainings.finished(), 0));
      }
    } catch (error) {
      failures.push(error);
      stop();
    }
  };
  const endReports = report && every(PROGRESS_MILLISECONDS, reportProgress);
  const endListening = onAbort(signal, stop);
  const endStopping = onAbort(ended, stop);
  if (ended?.aborted) stop();
  const cancel = clock.whenOver(stop);
  try {
    await Promise.allSettled(calls.map(({ trainings }) => trainings.progress));
  } finally {
    cancel();
    endReports?.();
    endListening();
    endStopping();
  }
  reportProgress();
}

/** trainMany: independent models, trained side by side in one call. */
import type { Examples } from "./data/dataset.ts";
import { DivergenceError, OptionError, show } from "./errors.ts";
import type { Loaded } from "./fit/data.ts";
import type { History } from "./fit/history.ts";
import {
  type CheckedFitOptions,
  readFitOptions,
  TRAINING_OPTIONS,
  type TrainingOptions,
} from "./fit/options.ts";
import type { Fit } from "./fit.ts";
import type { Kernel, KernelTrainings, Progress, Run } from "./kernel.ts";
import { Model, traineeOf } from "./model.ts";
import type { Trainee } from "./trainee.ts";

/** How far the trainings have come. */
export interface ManyProgress {
  /** Models whose training has ended. */
  readonly finished: number;
  /** All models. */
  readonly total: number;
}

/** How to train many models: as `fit` does each, and what only many need. */
export interface TrainManyOptions extends TrainingOptions {
  /** Told how many have finished, some times a second while they train, and at the end. */
  readonly onProgress?: ((progress: ManyProgress) => void) | undefined;
}

/** A training as `fit` gives it; with an error where the loss did not stay finite. */
export interface ManyHistory extends History {
  /** Why the training ended early. The model's weights are then those of the last whole epoch. */
  readonly error?: DivergenceError;
}

/** How often somebody is told about the progress. */
const PROGRESS_MILLISECONDS = 100;

/**
 * Trains independent models - other seeds, folds, customers, learning rates - on all cores in one call,
 * each on one thread at a time. Every model ends up as `fit` alone would leave it, bit for bit.
 *
 * `data` is what all train on, copied once, or a list with the examples of each model. A model whose loss
 * is no longer finite keeps the others from nothing: its history has an `error`.
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
 * trained; no model has changed then. The signal's reason if it aborts: each model then has the weights of
 * its last whole step.
 */
export async function trainMany(
  models: readonly Model[],
  data: Examples | readonly Examples[],
  options: TrainManyOptions = {},
): Promise<ManyHistory[]> {
  const checked = readFitOptions("trainMany", options, [...TRAINING_OPTIONS, "onProgress"]);
  const onProgress = readOnProgress("trainMany", options.onProgress);
  const examples = pair(models, data);
  if (Array.isArray(data) && checked.sampleWeight !== undefined) {
    throw new OptionError("trainMany: sampleWeight: expected one dataset for all models, received a list");
  }
  const trainings = models.map((model, at) => ({ model, examples: examples[at], options: checked }));
  return trainTogether("trainMany", trainings, { ...checked, onProgress });
}

/** One of the trainings of a call: `signal` and `threads` are those of the call. */
export interface ModelTraining {
  readonly model: Model;
  readonly examples: Examples;
  readonly options: CheckedFitOptions;
}

/** What holds for all trainings of a call. */
export interface Together {
  readonly signal: AbortSignal | undefined;
  readonly threads: number | undefined;
  readonly onProgress: TrainManyOptions["onProgress"];
}

/** Trains models that may differ in all, with the same words in errors; data that is shared is copied once. */
export async function trainTogether(
  call: string,
  trainings: readonly ModelTraining[],
  { signal, threads, onProgress }: Together,
): Promise<ManyHistory[]> {
  signal?.throwIfAborted();
  const loads: Loads = new Map();
  const begun: Begun[] = [];
  try {
    for (const training of trainings) begun.push(begin(call, training, loads));
    return await train(begun, signal, threads, onProgress);
  } finally {
    for (const { trainee } of begun) trainee.isTraining = false;
  }
}

interface Begun {
  readonly trainee: Trainee;
  readonly fit: Fit;
  readonly kernel: Kernel;
  error: DivergenceError | undefined;
}

/** What has been loaded, by the examples, for all models that take them in the same way. */
type Loads = Map<Examples, { readonly as: readonly unknown[]; readonly loaded: Loaded }[]>;

/** The parts of a training that say how its examples are loaded. */
function loadsAs(trainee: Trainee, options: CheckedFitOptions): readonly unknown[] {
  const { sampleWeight, classWeight, validationData, validationSplit } = options;
  return [trainee.loadsAs, sampleWeight, classWeight, validationData, validationSplit];
}

function load(call: string, trainee: Trainee, training: ModelTraining, loads: Loads): Loaded {
  const { examples, options } = training;
  const known = loads.get(examples) ?? [];
  loads.set(examples, known);
  const as = loadsAs(trainee, options);
  const alike = known.find((other) => other.as.every((part, at) => part === as[at]));
  if (alike !== undefined) return alike.loaded;
  const loaded = trainee.load(call, examples, options);
  known.push({ as, loaded });
  return loaded;
}

function begin(call: string, training: ModelTraining, loads: Loads): Begun {
  const trainee = traineeOf(training.model);
  trainee.useAlone(call);
  const fit = trainee.fit(call, load(call, trainee, training, loads), training.options);
  trainee.isTraining = true;
  return { trainee, fit, kernel: trainee.kernel, error: undefined };
}

/** Checks a function that is told about progress. */
export function readOnProgress<Told>(call: string, given: unknown): ((progress: Told) => void) | undefined {
  if (given === undefined || typeof given === "function") return given as (progress: Told) => void;
  throw new OptionError(`${call}: onProgress: expected a function, received ${show(given)}`);
}

/** The examples of each model. */
function pair(models: readonly Model[], data: Examples | readonly Examples[]): readonly Examples[] {
  if (!Array.isArray(models) || models.length === 0) {
    throw new OptionError(`trainMany: expected a list of at least 1 model, received ${show(models)}`);
  }
  for (const [index, model] of models.entries()) {
    if (!(model instanceof Model)) {
      throw new OptionError(`trainMany: models: entry ${index}: expected a Model, received ${show(model)}`);
    }
    const first = models.indexOf(model);
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

/** One call of a kernel: some of the trainings, until something has to be decided. */
interface Call {
  readonly trainings: KernelTrainings;
  /** Whether no training of these goes on after it. */
  readonly isLast: boolean;
  absorb(progress: readonly Progress[]): void;
}

function start(kernel: Kernel, group: readonly Begun[], threads: number | undefined): Call {
  const list = group.map(({ fit }) => ({ network: fit.network, data: fit.kernelData, run: fit.next() }));
  return {
    trainings: kernel.trainMany(list, threads),
    isLast: group.every(({ fit }, at) => fit.left === list[at].run.learningRates.length),
    absorb(progress) {
      for (const [at, entry] of group.entries()) {
        absorbOne(entry, list[at].run, progress[at]);
      }
    },
  };
}

/** Tells when another one has finished, and else so often. */
function teller(onProgress: NonNullable<TrainManyOptions["onProgress"]>, total: number) {
  let [told, at] = [-1, Number.NEGATIVE_INFINITY];
  return (finished: number) => {
    const now = performance.now();
    if (finished === told && now - at < PROGRESS_MILLISECONDS / 2) return;
    [told, at] = [finished, now];
    onProgress({ finished, total });
  };
}

async function train(
  begun: readonly Begun[],
  signal: AbortSignal | undefined,
  threads: number | undefined,
  onProgress: TrainManyOptions["onProgress"],
): Promise<ManyHistory[]> {
  const tell = onProgress && teller(onProgress, begun.length);
  const isActive = ({ fit, error }: Begun) => error === undefined && fit.left > 0;
  for (let active = begun.filter(isActive); active.length > 0; active = begun.filter(isActive)) {
    const kernels = [...new Set(active.map(({ kernel }) => kernel))];
    const calls: readonly Call[] = kernels.map((kernel) => {
      return start(
        kernel,
        active.filter((entry) => entry.kernel === kernel),
        threads,
      );
    });
    const over = begun.length - active.length;
    const failure = await watch(
      calls.map(({ trainings }) => trainings),
      signal,
      tell && ((finished) => tell(calls.every(({ isLast }) => isLast) ? over + finished : over)),
    );
    for (const { trainings, absorb } of calls) absorb(await trainings.progress);
    if (failure !== undefined) throw failure.error;
    signal?.throwIfAborted();
  }
  return begun.map(({ fit, error }) => (error === undefined ? fit.history : { ...fit.history, error }));
}

/** Keeps the error of a training that diverged; one that was stopped is dealt with where all are. */
function absorbOne(entry: Begun, run: Run, progress: Progress): void {
  try {
    entry.fit.absorb(run, progress);
  } catch (error) {
    if (error instanceof DivergenceError) entry.error = error;
    else if (!progress.stopped) throw error;
  }
}

/**
 * Waits for all, tells about the progress meanwhile, and stops them when the signal says so or `tell`
 * throws; gives what it threw.
 */
async function watch(
  all: readonly KernelTrainings[],
  signal: AbortSignal | undefined,
  tell: ((finished: number) => void) | undefined,
): Promise<{ readonly error: unknown } | undefined> {
  const stop = () => {
    for (const trainings of all) trainings.stop();
  };
  let failure: { readonly error: unknown } | undefined;
  const report = () => {
    try {
      if (failure === undefined) tell?.(all.reduce((sum, trainings) => sum + trainings.finished(), 0));
    } catch (error) {
      failure = { error };
      stop();
    }
  };
  const timer = tell && setInterval(report, PROGRESS_MILLISECONDS);
  signal?.addEventListener("abort", stop, { once: true });
  try {
    await Promise.all(all.map(({ progress }) => progress));
  } finally {
    clearInterval(timer);
    signal?.removeEventListener("abort", stop);
  }
  report();
  return failure;
}

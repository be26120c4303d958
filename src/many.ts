/** trainMany: independent models, trained side by side in one call. */
import type { Examples } from "./data/dataset.ts";
import { DivergenceError, OptionError, show } from "./errors.ts";
import { FIT_OPTIONS, type Fit, type FitOptions, type History, readFitOptions } from "./fit.ts";
import type { Kernel, KernelTrainings, Progress } from "./kernel.ts";
import { begin, end, type Loaded, Model } from "./model.ts";

/** How far the trainings have come. */
export interface ManyProgress {
  /** Models whose training has ended. */
  readonly finished: number;
  /** All models. */
  readonly total: number;
}

/** How to train many models: as `fit` does each, and what only many need. */
export interface TrainManyOptions extends FitOptions {
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
  const checked = readFitOptions("trainMany", options, [...FIT_OPTIONS, "onProgress"]);
  const onProgress = readOnProgress(options.onProgress);
  const examples = pair(models, data);
  checked.signal?.throwIfAborted();
  const loads = new Map<Examples, Map<string, Loaded>>();
  const begun: Begun[] = [];
  try {
    for (const [index, model] of models.entries()) {
      const loadsOf = loads.get(examples[index]) ?? new Map<string, Loaded>();
      loads.set(examples[index], loadsOf);
      begun.push({ ...begin(model, examples[index], checked, loadsOf), model, error: undefined });
    }
    return await train(begun, checked.signal, checked.threads, onProgress);
  } finally {
    for (const { model } of begun) end(model);
  }
}

interface Begun {
  readonly model: Model;
  readonly fit: Fit;
  readonly kernel: Kernel;
  error: DivergenceError | undefined;
}

function readOnProgress(given: unknown): TrainManyOptions["onProgress"] {
  if (given === undefined || typeof given === "function") return given as TrainManyOptions["onProgress"];
  throw new OptionError(`trainMany: onProgress: expected a function, received ${show(given)}`);
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

async function train(
  begun: readonly Begun[],
  signal: AbortSignal | undefined,
  threads: number | undefined,
  onProgress: TrainManyOptions["onProgress"],
): Promise<ManyHistory[]> {
  for (const epochs of begun[0].fit.runs()) {
    const kernels = new Set(begun.map(({ kernel }) => kernel));
    const groups = [...kernels].map((kernel) =>
      begun.filter((entry) => entry.kernel === kernel && entry.error === undefined),
    );
    const running = groups
      .filter((group) => group.length > 0)
      .map((group) => {
        const runs = group.map(({ fit }) => fit.run(epochs));
        const list = group.map(({ fit }, at) => ({
          network: fit.network,
          data: fit.kernelData,
          run: runs[at],
        }));
        const trainings = group[0].kernel.trainMany(list, threads);
        const absorb = (progress: Progress[]) =>
          group.forEach((entry, at) => {
            absorbOne(entry, () => entry.fit.absorb(runs[at], progress[at]));
          });
        return { trainings, absorb };
      });
    const failure = await watch(
      running.map(({ trainings }) => trainings),
      signal,
      onProgress && ((finished) => onProgress({ finished, total: begun.length })),
    );
    for (const { trainings, absorb } of running) absorb(await trainings.progress);
    if (failure !== undefined) throw failure.error;
    signal?.throwIfAborted();
  }
  return begun.map(({ fit, error }) => (error === undefined ? fit.history : { ...fit.history, error }));
}

/** Keeps the error of a training that diverged; one that was stopped is dealt with where all are. */
function absorbOne(entry: Begun, absorb: () => unknown): void {
  try {
    absorb();
  } catch (error) {
    if (error instanceof DivergenceError) entry.error = error;
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

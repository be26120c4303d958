/** The epoch loop: how far each call of the kernel goes, learning rates, history. */
import type { Dataset } from "./data/dataset.ts";
import { DivergenceError, OptionError } from "./errors.ts";
import type { Loaded } from "./fit/data.ts";
import { type Epoch, EpochLists, type History, validationName } from "./fit/history.ts";
import type { Measure } from "./fit/measures.ts";
import type { CheckedFitOptions } from "./fit/options.ts";
import { type Watcher, watch } from "./fit/watch.ts";
import type { Network, Position, Progress, Run } from "./kernel.ts";
import { unknownName } from "./options.ts";
import type { Configuration } from "./program.ts";
import type { Measured, Rates } from "./schedules/schedule.ts";

/**
 * Epochs of one call of the kernel, which takes and gives an entry for each: "until I abort" may be a
 * billion.
 */
const MOST_EPOCHS_A_RUN = 10_000;

/** Predictions of one call, in numbers, unless one epoch has more: 4 MB, which a cache of today holds. */
const MOST_PREDICTIONS_A_RUN = 2 ** 20;

/** What a training needs of its model. */
export interface Trained {
  readonly configuration: Pick<Configuration, "optimizer">;
  readonly seed: number;
  readonly outputs: number;
  readonly measures: readonly Measure[];
  position: Position;
  use(): Network;
}

/** The largest absolute value of an array. */
function largest(values: Float32Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

/** The likely cause of a diverging training, and what to change. */
function advice(data: Dataset, learningRate: number): string {
  const scale = (name: string, most: number) =>
    `${name} has values up to ${Number(most.toPrecision(3))}: scale its columns to about -1 to 1`;
  const causes = [
    ...(largest(data.x) > 100 ? [scale("x", largest(data.x))] : []),
    ...(largest(data.y) > 100 ? [scale("y", largest(data.y))] : []),
    `the learning rate ${learningRate} may be too high: try ${Number((learningRate / 10).toPrecision(3))}`,
  ];
  return causes.join("; ");
}

/** Where the next training starts: what an aborted one left of its last epoch belonged to that training. */
export function atEpoch({ epoch, step, steps }: Position): Position {
  return { epoch: step > 0 ? epoch + 1 : epoch, step: 0, steps, loss: 0 };
}

/** What each epoch of such a training has besides what all have. */
function measuredNames(measures: readonly Measure[], validates: boolean): string[] {
  const names = measures.map(({ name }) => name);
  return validates ? [...names, ...["loss", ...names].map(validationName)] : names;
}

/** Refuses names of what is not measured in a training. */
function checkMonitors(
  place: string,
  monitors: readonly string[],
  measures: readonly Measure[],
  measured: readonly string[],
): void {
  const known = ["loss", ...measured];
  for (const name of monitors.filter((monitor) => !known.includes(monitor))) {
    if (measuredNames(measures, true).includes(name)) {
      throw new OptionError(
        `${place}: ${name} is measured with validationData or validationSplit, and neither is given`,
      );
    }
    throw unknownName(place, "measure", name, known);
  }
}

/** One call of `fit`, `fitSync` or `epochs`: takes the model from epoch to epoch and keeps the history. */
export class Fit {
  readonly network: Network;
  readonly kernelData: object;
  readonly #model: Trained;
  readonly #loaded: Loaded;
  readonly #options: CheckedFitOptions;
  readonly #lists: EpochLists;
  readonly #rates: Rates;
  /** The most epochs that a call of the kernel takes: as many as nothing is decided between. */
  readonly #mostEpochs: number;
  /** Epochs that have ended. */
  #done = 0;
  #last: Epoch | undefined;

  constructor(call: string, model: Trained, loaded: Loaded, options: CheckedFitOptions) {
    this.#model = model;
    this.network = model.use();
    this.#loaded = loaded;
    this.kernelData = loaded.kernelData;
    this.#options = options;
    const measured = measuredNames(model.measures, loaded.validation !== undefined);
    this.#lists = new EpochLists(measured);
    const { learningRate } = model.configuration.optimizer;
    const { schedule } = options;
    checkMonitors(`${call}: schedule: monitor`, schedule?.monitors ?? [], model.measures, measured);
    this.#rates = schedule?.start(learningRate) ?? (() => learningRate);
    this.#mostEpochs = schedule && schedule.monitors.length > 0 ? 1 : this.#epochsThatFit();
    model.position = atEpoch(model.position);
  }

  get history(): History {
    return this.#lists.history;
  }

  /** Epochs still to come. */
  get left(): number {
    return this.#options.epochs - this.#done;
  }

  get #wantsPredictions(): boolean {
    return this.#model.measures.length > 0;
  }

  /** As many epochs as have room for their predictions, where these are wanted. */
  #epochsThatFit(): number {
    if (!this.#wantsPredictions) return MOST_EPOCHS_A_RUN;
    const rows = this.#loaded.data.rows + (this.#loaded.validation?.rows ?? 0);
    const epochs = Math.floor(MOST_PREDICTIONS_A_RUN / (rows * this.#model.outputs));
    return Math.min(MOST_EPOCHS_A_RUN, Math.max(1, epochs));
  }

  /** The next call of the kernel: so many epochs at most, from where the model stands. */
  next(most = Number.POSITIVE_INFINITY): Run {
    const { batchSize, accumulate, shuffle, threads } = this.#options;
    const { data, validation } = this.#loaded;
    const { position, seed } = this.#model;
    const epochs = Math.min(most, this.left, this.#mostEpochs);
    const stepsAnEpoch = Math.ceil(data.rows / Math.min(batchSize, data.rows));
    const last = this.#last as Measured | undefined;
    return {
      from: position,
      steps: epochs * stepsAnEpoch,
      batchSize,
      accumulate,
      seed,
      shuffle,
      ...(threads === undefined ? {} : { threads }),
      learningRates: Float64Array.from({ length: epochs }, (_, index) =>
        this.#rates(this.#done + index, last),
      ),
      ...(validation && { validation: validation.kernelData }),
      ...(this.#wantsPredictions && { predictions: true }),
    };
  }

  /** Takes over what a run did: position and history; throws if it diverged or was stopped. */
  absorb(run: Run, progress: Progress): Epoch[] {
    const epochs = Array.from(progress.losses, (loss, index) => {
      const always = [run.from.epoch + index, loss, run.learningRates[index], progress.seconds[index]];
      return this.#lists.add([...always, ...this.#measure(progress, index)]);
    });
    this.#done += epochs.length;
    this.#last = epochs.at(-1) ?? this.#last;
    this.#model.position = progress.position;
    if (progress.diverged) throw this.#divergence(progress.diverged, run);
    if (progress.stopped) throw this.#options.signal?.reason;
    return epochs;
  }

  /** What was measured of an epoch, in the order of the names. */
  #measure(progress: Progress, epoch: number): number[] {
    const { validation, targets: trained, data } = this.#loaded;
    const { predictions, validationPredictions, validationLosses } = progress;
    const figures = this.#figures(predictions, trained, data.rows, epoch);
    if (validation === undefined) return figures;
    const { targets, rows } = validation;
    const validated = this.#figures(validationPredictions, targets, rows, epoch);
    return [...figures, validationLosses?.[epoch] ?? Number.NaN, ...validated];
  }

  #figures(
    predictions: Float32Array | null | undefined,
    targets: Float32Array | undefined,
    rows: number,
    epoch: number,
  ): number[] {
    if (!predictions || targets === undefined) return [];
    const length = rows * this.#model.outputs;
    const ofEpoch = predictions.subarray(epoch * length, (epoch + 1) * length);
    return this.#model.measures.map(({ figure }) => figure.value(ofEpoch, targets, rows));
  }

  #divergence({ epoch, step }: { epoch: number; step: number }, run: Run): DivergenceError {
    const learningRate = run.learningRates[epoch - run.from.epoch];
    const kept = "The weights are those of the last whole epoch.";
    const what = "the loss, a gradient or a weight is no longer a finite number";
    const text = `epoch ${epoch}, step ${step}: ${what}; ${advice(this.#loaded.data, learningRate)}. ${kept}`;
    return new DivergenceError(text, epoch, step);
  }

  /** Trains all epochs before it returns. */
  sync(): History {
    const watched = this.#watch();
    try {
      while (this.left > 0) {
        const run = this.next(watched?.epochs);
        const epochs = this.absorb(run, this.network.train(this.kernelData, run));
        watched?.show(epochs);
      }
    } finally {
      watched?.end();
    }
    return this.history;
  }

  /** Trains all epochs off the event loop. */
  async all(): Promise<History> {
    const watched = this.#watch();
    try {
      while (this.left > 0) {
        const epochs = await this.epochs(watched?.epochs);
        watched?.show(epochs);
      }
    } finally {
      watched?.end();
    }
    return this.history;
  }

  #watch(): Watcher | undefined {
    return this.#options.verbose ? watch(this.#options.epochs) : undefined;
  }

  /** Trains so many epochs at most off the event loop. */
  async epochs(most?: number): Promise<Epoch[]> {
    const { signal } = this.#options;
    signal?.throwIfAborted();
    const run = this.next(most);
    const stop = () => this.network.stop();
    const running = this.network.start(this.kernelData, run);
    signal?.addEventListener("abort", stop, { once: true });
    try {
      return this.absorb(run, await running);
    } finally {
      signal?.removeEventListener("abort", stop);
    }
  }
}

/** The epoch loop: learning rates, kernel calls, history. */
import type { Dataset } from "./data/dataset.ts";
import { DivergenceError, OptionError, show } from "./errors.ts";
import type { Network, Position, Progress, Run } from "./kernel.ts";
import { checkNames, readSize } from "./options.ts";

/** How to train. */
export interface FitOptions {
  /** How often to go through the data; 1 by default. */
  readonly epochs?: number | undefined;
  /** Rows a step, 32 by default; the last step of an epoch takes what is left. */
  readonly batchSize?: number | undefined;
  /**
   * Steps whose gradients an update takes together, 1 by default: after every so many steps of an epoch and at
   * its end the optimizer gets their mean. So batches that do not fit in memory, or that come one by one, train
   * as larger ones.
   */
  readonly accumulate?: number | undefined;
  /**
   * Whether each epoch takes the rows in an order of its own, which follows from the model's seed; true by
   * default.
   */
  readonly shuffle?: boolean | undefined;
  /**
   * The most threads of the native kernel; by default as many as there are free cores, or what
   * `MYELIN_THREADS` says. They change no bit of the result, and where one is faster, one it is. The
   * typescript kernel has one.
   */
  readonly threads?: number | undefined;
  /** Stops the training after the step at hand; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** One epoch of a training. */
export interface Epoch {
  /** Its number in the model's life, from 0. */
  readonly epoch: number;
  /** The mean loss over the rows, each measured before the step that it took part in. */
  readonly loss: number;
  readonly learningRate: number;
  /** How long it took. */
  readonly seconds: number;
}

/** A training, with an entry for each epoch in every list. */
export interface History {
  /** The number of each epoch in the model's life. */
  readonly epoch: number[];
  /** The mean loss over the rows, each measured before the step that it took part in. */
  readonly loss: number[];
  readonly learningRate: number[];
  /** How long each epoch took. */
  readonly seconds: number[];
}

/** Options with their defaults, checked. */
export interface CheckedFitOptions {
  readonly epochs: number;
  readonly batchSize: number;
  readonly accumulate: number;
  readonly shuffle: boolean;
  readonly threads: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * Epochs of one call of the kernel, which takes and gives an entry for each: "until I abort" may be a
 * billion.
 */
const MOST_EPOCHS_A_RUN = 10_000;

/** The options of a training. */
export const FIT_OPTIONS: readonly string[] = [
  "epochs",
  "batchSize",
  "accumulate",
  "shuffle",
  "threads",
  "signal",
];

/** Checks the options of a call of `fit`, `fitSync` or `epochs` and fills in the defaults. */
export function readFitOptions(
  call: string,
  options: FitOptions = {},
  names = FIT_OPTIONS,
): CheckedFitOptions {
  checkNames(options, names, call);
  const { epochs = 1, batchSize = 32, accumulate = 1, shuffle = true, threads, signal } = options;
  if (typeof shuffle !== "boolean") {
    throw new OptionError(`${call}: shuffle: expected true or false, received ${show(shuffle)}`);
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new OptionError(`${call}: signal: expected an AbortSignal, received ${show(signal)}`);
  }
  return {
    epochs: readSize(epochs, `${call}: epochs`),
    batchSize: readSize(batchSize, `${call}: batchSize`),
    accumulate: readSize(accumulate, `${call}: accumulate`),
    shuffle,
    threads: readThreads(threads, call),
    signal,
  };
}

/** The most threads of a call, if it says so. */
export function readThreads(threads: unknown, call: string): number | undefined {
  return threads === undefined ? undefined : readSize(threads, `${call}: threads`);
}

/** What a training needs of its model. */
export interface Trained {
  readonly network: Network;
  readonly seed: number;
  readonly learningRate: number;
  position: Position;
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

/** One call of `fit`, `fitSync` or `epochs`: takes the model from epoch to epoch and keeps the history. */
export class Fit {
  readonly network: Network;
  readonly kernelData: object;
  readonly history: History = { epoch: [], loss: [], learningRate: [], seconds: [] };
  readonly #model: Trained;
  readonly #data: Dataset;
  readonly #options: CheckedFitOptions;

  constructor(model: Trained, data: Dataset, kernelData: object, options: CheckedFitOptions) {
    this.#model = model;
    this.network = model.network;
    this.#data = data;
    this.kernelData = kernelData;
    this.#options = options;
    model.position = atEpoch(model.position);
  }

  /** So many epochs from where the model stands. */
  run(epochs: number): Run {
    const { batchSize, accumulate, shuffle, threads } = this.#options;
    const { position, seed, learningRate } = this.#model;
    const stepsAnEpoch = Math.ceil(this.#data.rows / Math.min(batchSize, this.#data.rows));
    return {
      from: position,
      steps: epochs * stepsAnEpoch,
      batchSize,
      accumulate,
      seed,
      shuffle,
      ...(threads === undefined ? {} : { threads }),
      learningRates: new Float64Array(epochs).fill(learningRate),
    };
  }

  /** Takes over what a run did: position and history; throws if it diverged or was stopped. */
  absorb(run: Run, progress: Progress): Epoch[] {
    const { model, history } = { model: this.#model, history: this.history };
    const epochs = Array.from(progress.losses, (loss, index) => ({
      epoch: run.from.epoch + index,
      loss,
      learningRate: run.learningRates[index],
      seconds: progress.seconds[index],
    }));
    for (const { epoch, loss, learningRate, seconds } of epochs) {
      history.epoch.push(epoch);
      history.loss.push(loss);
      history.learningRate.push(learningRate);
      history.seconds.push(seconds);
    }
    model.position = progress.position;
    if (progress.diverged) throw this.#divergence(progress.diverged, model.learningRate);
    if (progress.stopped) throw this.#options.signal?.reason;
    return epochs;
  }

  #divergence({ epoch, step }: { epoch: number; step: number }, learningRate: number): DivergenceError {
    const kept = "The weights are those of the last whole epoch.";
    const what = "the loss, a gradient or a weight is no longer a finite number";
    const text = `epoch ${epoch}, step ${step}: ${what}; ${advice(this.#data, learningRate)}. ${kept}`;
    return new DivergenceError(text, epoch, step);
  }

  /** The epochs of each call of the kernel; nearly always all in one. */
  runs(): number[] {
    const { epochs } = this.#options;
    return Array.from({ length: Math.ceil(epochs / MOST_EPOCHS_A_RUN) }, (_, index) =>
      Math.min(MOST_EPOCHS_A_RUN, epochs - index * MOST_EPOCHS_A_RUN),
    );
  }

  /** Trains all epochs before it returns. */
  sync(): History {
    for (const epochs of this.runs()) {
      const run = this.run(epochs);
      this.absorb(run, this.network.train(this.kernelData, run));
    }
    return this.history;
  }

  /** Trains all epochs off the event loop. */
  async all(): Promise<History> {
    for (const epochs of this.runs()) await this.epochs(epochs);
    return this.history;
  }

  /** Trains so many epochs off the event loop. */
  async epochs(count: number): Promise<Epoch[]> {
    const { signal } = this.#options;
    signal?.throwIfAborted();
    const run = this.run(count);
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

/** The epoch loop: how far each call of the kernel goes, learning rates, history, who takes part. */
import type { Callback, Control } from "./callbacks/callback.ts";
import { EarlyStoppingCallback, Stopper } from "./callbacks/early-stopping.ts";
import type { Course } from "./callbacks/participant.ts";
import type { Dataset } from "./data/dataset.ts";
import { DivergenceError, OptionError, show } from "./errors.ts";
import { type Advised, adviceOf } from "./fit/advice.ts";
import { Clock } from "./fit/budget.ts";
import type { Loaded } from "./fit/data.ts";
import { drive, driveSync, type Steps } from "./fit/drive.ts";
import { type Epoch, EpochLists, type History } from "./fit/history.ts";
import { Participants } from "./fit/hooks.ts";
import { checkMonitors, isScore, type Measure, measuredNames } from "./fit/measures.ts";
import type { CheckedFitOptions } from "./fit/options.ts";
import { LearningRates } from "./fit/rates.ts";
import { checkResumed } from "./fit/resume.ts";
import type { Snapshot } from "./formats/checkpoint.ts";
import type { SavedModel } from "./formats/saved.ts";
import type { Network, Position, Progress, Run } from "./kernel.ts";
import type { Configuration } from "./program.ts";
import type { Measured } from "./schedules/schedule.ts";
import { toLayers } from "./weights.ts";

/**
 * Epochs of one call of the kernel, which takes and gives an entry for each: "until I abort" may be a
 * billion.
 */
const MOST_EPOCHS_A_RUN = 10_000;

/** Predictions of one call, in numbers, unless one epoch has more: 4 MB, which a cache of today holds. */
const MOST_PREDICTIONS_A_RUN = 2 ** 20;

/** What is kept of a model besides its parameters. */
export interface Kept {
  readonly optimizerState: boolean;
  readonly history: boolean;
  /** What was kept before, with the same optimizer's state: its numbers may be written over. */
  readonly into?: SavedModel | undefined;
}

/** What a training needs of its model. */
export interface Trained extends Advised {
  readonly configuration: Configuration;
  readonly seed: number;
  readonly outputs: number;
  readonly measures: readonly Measure[];
  position: Position;
  /** All of the model, between two calls of the kernel. */
  saved(kept: Kept): SavedModel;
}

/** Where the next training starts: what an aborted one left of its last epoch belonged to that training. */
export function atEpoch({ epoch, step, steps }: Position): Position {
  return { epoch: step > 0 ? epoch + 1 : epoch, step: 0, steps, loss: 0 };
}

/** One call of `fit`, `fitSync` or `epochs`: takes the model from epoch to epoch and keeps the history. */
export class Fit {
  readonly network: Network;
  readonly kernelData: object;
  readonly #call: string;
  readonly #model: Trained;
  readonly #loaded: Loaded;
  readonly #options: CheckedFitOptions;
  readonly #lists: EpochLists;
  readonly #rates: LearningRates;
  readonly #participants: Participants;
  readonly #stopper: Stopper | undefined;
  readonly #clock: Clock;
  /** The most epochs that a call of the kernel takes: as many as nothing is decided between. */
  readonly #mostEpochs: number;
  /** Epochs that have ended. */
  #done = 0;
  #last: Epoch | undefined;
  /** Whether it ended before its last epoch. */
  #isOver = false;

  constructor(call: string, model: Trained, loaded: Loaded, options: CheckedFitOptions) {
    this.#call = call;
    this.#model = model;
    this.network = model.use();
    this.#loaded = loaded;
    this.kernelData = loaded.kernelData;
    this.#options = options;
    const measured = measuredNames(model.measures, loaded.validation !== undefined);
    this.#lists = new EpochLists(measured);
    const { schedule, callbacks, verbose, epochs, budget } = options;
    checkMonitors(`${call}: schedule: monitor`, schedule?.monitors ?? [], model.measures, measured);
    this.#rates = new LearningRates(schedule, model.configuration.optimizer.learningRate);
    this.#stopper = this.#stopperOf(callbacks, measured);
    this.#participants = new Participants(call, callbacks, verbose ? epochs : undefined);
    this.#clock = new Clock(budget);
    const watches = this.#stopper !== undefined && this.#stopper.inKernel === undefined;
    const decides = watches || (schedule?.monitors.length ?? 0) > 0;
    this.#mostEpochs = decides ? 1 : this.#epochsThatFit();
    model.position = atEpoch(model.position);
  }

  get history(): History {
    return this.#lists.history;
  }

  /** What is learnt from; it may be the caller's own. */
  get data(): Dataset {
    return this.#loaded.data;
  }

  /** Whether to warn where the training has stalled. */
  get warns(): boolean {
    return this.#options.warnings;
  }

  /** Epochs still to come. */
  get left(): number {
    return this.#isOver ? 0 : Math.max(0, this.#options.epochs - this.#done);
  }

  #stopperOf(callbacks: readonly Callback[], measured: readonly string[]): Stopper | undefined {
    const index = callbacks.findIndex((callback) => callback instanceof EarlyStoppingCallback);
    if (index < 0) return undefined;
    const { measures } = this.#model;
    const settings = callbacks[index] as unknown as EarlyStoppingCallback;
    const place = `${this.#call}: callbacks[${index}]: earlyStopping: monitor`;
    checkMonitors(place, [settings.monitor], measures, measured);
    return new Stopper(settings, isScore(settings.monitor, measures));
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

  #rate(epoch: number): number {
    return this.#rates.of(epoch, this.#last as Measured | undefined);
  }

  /** The next call of the kernel: so many epochs at most, from where the model stands. */
  next(most = Number.POSITIVE_INFINITY): Run {
    const { batchSize, accumulate, shuffle, threads, budget } = this.#options;
    const { data, validation } = this.#loaded;
    const { position, seed } = this.#model;
    const epochs = Math.min(most, this.left, this.#mostEpochs);
    const stepsAnEpoch = Math.ceil(data.rows / Math.min(batchSize, data.rows));
    const earlyStopping = this.#stopper?.inKernel;
    const { targetLoss } = budget;
    return {
      from: position,
      steps: epochs * stepsAnEpoch,
      batchSize,
      accumulate,
      seed,
      shuffle,
      ...(threads === undefined ? {} : { threads }),
      learningRates: Float64Array.from({ length: epochs }, (_, index) => this.#rate(this.#done + index)),
      ...(validation && { validation: validation.kernelData }),
      ...(this.#wantsPredictions && { predictions: true }),
      ...(earlyStopping && { earlyStopping }),
      ...(targetLoss === undefined ? {} : { targetLoss }),
    };
  }

  /** Takes over what a run did: position and history; throws if it diverged. */
  absorb(run: Run, progress: Progress): Epoch[] {
    const epochs = Array.from(progress.losses, (loss, index) => {
      const always = [run.from.epoch + index, loss, run.learningRates[index], progress.seconds[index]];
      return this.#lists.add([...always, ...this.#measure(progress, index)]);
    });
    this.#done += epochs.length;
    this.#last = epochs.at(-1) ?? this.#last;
    this.#model.position = progress.position;
    this.#watch(progress, epochs);
    if (progress.diverged) throw this.#divergence(progress.diverged, run);
    if (progress.stopped) this.#stop();
    return epochs;
  }

  /** Shows what ended to early stopping. */
  #watch(progress: Progress, epochs: readonly Epoch[]): void {
    this.#stopper?.absorb(progress);
    if (this.#stopper !== undefined && this.#stopper.inKernel === undefined) {
      for (const epoch of epochs) this.#stopper.see(epoch, () => this.network.read("parameters"));
    }
    this.#isOver ||= progress.reached || this.#stopper?.isOver === true;
  }

  /** A run that was stopped was so by the signal, or since the time was over. */
  #stop(): void {
    this.#options.signal?.throwIfAborted();
    this.#isOver = true;
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
    const kept = `The weights are those of the ${this.#stopper?.parameters ? "best" : "last whole"} epoch.`;
    const what = "the loss, a gradient or a weight is no longer a finite number";
    const advice = adviceOf(this.#model, this.data, learningRate);
    const text = `epoch ${epoch}, step ${step}: ${what}; ${advice}. ${kept}`;
    return new DivergenceError(text, epoch, step);
  }

  /** The training, step by step, for who drives it. */
  *#steps(course: Course): Steps {
    const errors: unknown[] = [];
    try {
      yield* this.#participants.begin(course);
      this.#clock.start(this.history.seconds);
      yield* this.#epochsOf(course);
      yield* this.#participants.lastEpoch(course);
      this.#giveBest();
    } catch (error) {
      if (error instanceof DivergenceError) this.#giveBest();
      errors.push(error);
    }
    yield* this.#participants.end(this.history, errors);
    // What ended the training, not what else went wrong in the end.
    if (errors.length > 0) throw errors[0];
  }

  *#epochsOf(course: Course): Steps {
    while (this.left > 0) {
      const most = Math.min(this.#participants.epochsUntil(this.#done), this.#clock.epochs(course.isSync));
      if (most === 0) return;
      yield* this.#participants.beginEpoch(this.#model.position.epoch, course);
      if (this.#isOver) return;
      this.#options.signal?.throwIfAborted();
      const run = this.next(most);
      const progress = yield { run };
      const epochs = this.absorb(run, progress as Progress);
      this.#clock.count(epochs.length);
      if (epochs.length > 0) yield* this.#participants.endEpochs(epochs, course);
    }
  }

  /** Gives the model the parameters of its best epoch, if somebody watches for that. */
  #giveBest(): void {
    const best = this.#stopper?.parameters;
    if (best !== undefined) this.network.write("parameters", best);
  }

  #snapshot(before: Snapshot | undefined): Snapshot {
    return {
      model: this.#model.saved({ optimizerState: true, history: true, into: before?.model }),
      best: this.#stopper?.parameters,
      state: {
        done: this.#done,
        isOver: this.#isOver,
        ...this.#settings,
        learningRate: this.#rates.set,
        earlyStopping: this.#stopper?.waiting,
      },
    };
  }

  /** What the steps of the training follow from. */
  get #settings() {
    const { batchSize, accumulate, shuffle } = this.#options;
    return { rows: this.#loaded.data.rows, batchSize, accumulate, shuffle };
  }

  #resume(snapshot: Snapshot, place: string): void {
    const { model, state, best } = snapshot;
    const { configuration, seed } = this.#model;
    const { names } = this.#lists;
    const hasEarlyStopping = this.#stopper !== undefined;
    checkResumed({ configuration, seed, names, settings: this.#settings, hasEarlyStopping }, snapshot, place);
    this.network.write("parameters", model.parameters);
    if (model.optimizerState.length > 0) this.network.write("slots", model.optimizerState);
    this.#model.position = { epoch: model.training.epochs, step: 0, steps: model.training.steps, loss: 0 };
    for (let epoch = 0; epoch < state.done; epoch++) {
      // A schedule that watches the training sees all of it again.
      this.#rate(epoch);
      this.#last = this.#lists.add(names.map((name) => model.history?.[name][epoch] ?? Number.NaN));
    }
    this.#rates.set = state.learningRate;
    this.#done = state.done;
    this.#isOver = state.isOver;
    if (state.earlyStopping) this.#stopper?.resume(state.earlyStopping, best);
  }

  #course(isSync: boolean): Course {
    const fit = this;
    const control = this.#control();
    return {
      call: this.#call,
      isSync,
      control,
      get done() {
        return fit.#done;
      },
      get isOver() {
        return fit.#isOver;
      },
      snapshot: (before) => this.#snapshot(before),
      resume: (snapshot, place) => this.#resume(snapshot, place),
    };
  }

  #control(): Control {
    const fit = this;
    return {
      get learningRate() {
        return fit.#rate(Math.min(fit.#done, fit.#options.epochs - 1));
      },
      set learningRate(rate) {
        if (!(typeof rate === "number" && rate >= 0 && rate < Number.POSITIVE_INFINITY)) {
          const expected = "expected a number of at least 0";
          throw new OptionError(`${fit.#call}: control: learningRate: ${expected}, received ${show(rate)}`);
        }
        fit.#rates.set = rate;
      },
      get secondsLeft() {
        return fit.#clock.secondsFor(fit.left);
      },
      stop() {
        fit.#isOver = true;
      },
      getWeights: () => toLayers(fit.#model.layers, fit.network.read("parameters")),
    };
  }

  /** Trains all epochs before it returns. */
  sync(): History {
    driveSync(this.#steps(this.#course(true)), (run) => this.network.train(this.kernelData, run));
    return this.history;
  }

  /** Trains all epochs off the event loop. */
  async all(): Promise<History> {
    await drive(this.#steps(this.#course(false)), (run) => this.#start(run));
    return this.history;
  }

  /** Trains so many epochs at most off the event loop. */
  async epochs(most?: number): Promise<Epoch[]> {
    this.#options.signal?.throwIfAborted();
    const run = this.next(most);
    return this.absorb(run, await this.#start(run));
  }

  /** A call of the kernel that ends early when the signal says so, or when the time is over. */
  async #start(run: Run): Promise<Progress> {
    const { signal } = this.#options;
    const stop = () => this.network.stop();
    const running = this.network.start(this.kernelData, run);
    signal?.addEventListener("abort", stop, { once: true });
    const end = this.#clock.whenOver(stop);
    try {
      return await running;
    } finally {
      end();
      signal?.removeEventListener("abort", stop);
    }
  }
}

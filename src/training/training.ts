/** One training of a model: how far each call of the kernel goes, learning rates, history, participants. */
import { onAbort } from "../abort.ts";
import type { Dataset } from "../data/examples.ts";
import { DivergenceError, OptionError, show } from "../errors.ts";
import type { Snapshot } from "../formats/checkpoint.ts";
import type { Configuration } from "../formats/configuration.ts";
import type { SavedModel } from "../formats/saved.ts";
import type { KernelData, Network, Position, Progress, Run } from "../kernel/kernel.ts";
import type { Measured } from "../nn/schedules/schedule.ts";
import { toLayers } from "../nn/weights.ts";
import { type AdvisedModel, divergenceAdvice } from "./advice.ts";
import { Clock } from "./budget.ts";
import type { Callback, Control } from "./callbacks/callback.ts";
import {
  createEarlyStopper,
  type EarlyStopper,
  type EarlyStoppingCallback,
  findEarlyStopping,
} from "./callbacks/earlyStopping.ts";
import type { RunningTraining } from "./callbacks/participant.ts";
import { free, type Loaded } from "./data.ts";
import { advance, driveSync, type TrainingRequests } from "./drive.ts";
import { EpochMetrics } from "./epochMetrics.ts";
import { type Ended, type Epoch, type History, HistoryBuilder } from "./history.ts";
import { LearningRates } from "./learningRates.ts";
import { checkMonitors, largerIsBetter, metricNames, type NamedMetric } from "./metrics.ts";
import type { CheckedFitOptions } from "./options.ts";
import { type HookResult, Participants } from "./participants.ts";
import { checkResumed, type Settings } from "./resume.ts";
import { warnOfMonitors } from "./warnings/before.ts";
import type { Profile } from "./warnings/profile.ts";

/**
 * Epochs of one call of the kernel, which takes and gives an entry for each: "until I abort" may be a
 * billion.
 */
const MOST_EPOCHS_A_RUN = 10_000;

/** Predictions of one call, in numbers, unless one epoch has more: 4 MB, which a cache of today holds. */
const MOST_PREDICTIONS_A_RUN = 2 ** 20;

/** What is kept of a model besides its parameters. */
export interface SavedParts {
  readonly optimizerState: boolean;
  readonly history: boolean;
  /** What was kept before, with the same optimizer's state: its numbers may be written over. */
  readonly into?: SavedModel | undefined;
}

/** What a training needs of its model. */
export interface TrainableModel extends AdvisedModel {
  readonly configuration: Configuration;
  readonly seed: number;
  readonly outputs: number;
  readonly metrics: readonly NamedMetric[];
  readonly position: Position;
  /** Takes over how far a training has come, and its history. */
  commit(position: Position, history: History): void;
  /** Lets other trainings begin, if it is this one that holds the model. */
  release(training: object): void;
  /** All of the model, between two calls of the kernel. */
  saved(kept: SavedParts): SavedModel;
}

/** Where the next training starts: what an aborted one left of its last epoch belonged to that training. */
export function startOfNextEpoch({ epoch, step, steps }: Position): Position {
  return { epoch: step > 0 ? epoch + 1 : epoch, step: 0, steps, loss: 0 };
}

/**
 * One training: takes the model from epoch to epoch and keeps the history. The model keeps its own position and
 * history until the first step.
 */
export class Training {
  /** The name of the call, which begins the messages of errors. */
  readonly call: string;
  readonly network: Network;
  readonly #model: TrainableModel;
  readonly #options: CheckedFitOptions;
  readonly #growing: HistoryBuilder;
  readonly #participants: Participants;
  readonly #clock: Clock;
  readonly #stopping: EarlyStoppingCallback | undefined;
  #loaded: Loaded;
  /** What was loaded before, which other trainings of the call may still use. */
  #loadedBefore: Loaded | undefined;
  #figures: EpochMetrics;
  #rates: LearningRates;
  #stopper: EarlyStopper | undefined;
  /** Loads the data again, the rows of the validation not drawn. */
  #reload: (() => Loaded) | undefined;
  #position: Position;
  /** Epochs that have ended. */
  #done = 0;
  #isResumed = false;
  #last: Epoch | undefined;
  #steps: TrainingRequests | undefined;

  constructor(
    call: string,
    model: TrainableModel,
    loaded: Loaded,
    options: CheckedFitOptions,
    reload?: () => Loaded,
  ) {
    this.call = call;
    this.#model = model;
    this.network = model.use();
    this.#loaded = loaded;
    this.#options = options;
    this.#reload = reload;
    const measured = metricNames(model.metrics, loaded.validation !== undefined);
    this.#growing = new HistoryBuilder(measured);
    if (loaded.validationRows) this.#growing.history.validationRows = loaded.validationRows;
    const { schedule, callbacks, verbose, epochs, budget } = options;
    checkMonitors(`${call}: schedule: monitor`, schedule?.monitors ?? [], model.metrics, measured);
    this.#stopping = findEarlyStopping(callbacks);
    if (this.#stopping !== undefined) {
      const place = `${call}: callbacks[${callbacks.indexOf(this.#stopping as Callback)}]: earlyStopping`;
      checkMonitors(`${place}: monitor`, [this.#stopping.monitor], model.metrics, measured);
    }
    this.#figures = new EpochMetrics(loaded, model.metrics, model.outputs);
    this.#rates = this.#ratesWatching(this.#monitor);
    this.#stopper = this.#stopperWatching(this.#monitor);
    this.#participants = new Participants(call, callbacks, verbose ? epochs : undefined);
    this.#clock = new Clock(budget);
    this.#position = startOfNextEpoch(model.position);
  }

  /** As far as it has come; a copy for the caller to keep. */
  get history(): History {
    return this.#growing.copy();
  }

  get kernelData(): KernelData {
    return this.#loaded.kernelData;
  }

  /** The rows to train on; it may be the caller's own. */
  get data(): Dataset {
    return this.#loaded.data;
  }

  /** Whether to warn where the training has stalled. */
  get warns(): boolean {
    return this.#options.warnings;
  }

  /** What the data is like, for warnings; undefined where the caller wants none. */
  get profile(): Profile | undefined {
    return this.#loaded.profile;
  }

  get batchSize(): number {
    return this.#options.batchSize;
  }

  /** The call, which warns of each thing once. */
  get scope(): object {
    return this.#options.scope;
  }

  /** Epochs still to come. */
  get left(): number {
    return this.#isOver ? 0 : Math.max(0, this.#options.epochs - this.#done);
  }

  /** Whether it ends, or has ended, before its last epoch. */
  get #isOver(): boolean {
    const { ended } = this.#growing.history;
    return ended !== undefined && ended !== "epochs";
  }

  /** What early stopping and schedules watch by default. */
  get #monitor(): string {
    return this.#loaded.validation === undefined ? "loss" : "validationLoss";
  }

  #ratesWatching(monitor: string): LearningRates {
    const { learningRate } = this.#model.configuration.optimizer;
    return new LearningRates(this.#options.schedule, learningRate, monitor);
  }

  #stopperWatching(standard: string): EarlyStopper | undefined {
    return (
      this.#stopping &&
      createEarlyStopper(this.#stopping, standard, (monitor) => largerIsBetter(monitor, this.#model.metrics))
    );
  }

  get #wantsPredictions(): boolean {
    return this.#model.metrics.length > 0;
  }

  /** The most epochs of a call of the kernel: nothing is decided between them. */
  get #mostEpochs(): number {
    const watches = this.#stopper !== undefined && this.#stopper.inKernel === undefined;
    if (watches || (this.#options.schedule?.monitors.length ?? 0) > 0) return 1;
    if (!this.#wantsPredictions) return MOST_EPOCHS_A_RUN;
    const rows = this.#loaded.data.rows + (this.#loaded.validation?.rows ?? 0);
    const epochs = Math.floor(MOST_PREDICTIONS_A_RUN / (rows * this.#model.outputs));
    return Math.min(MOST_EPOCHS_A_RUN, Math.max(1, epochs));
  }

  #rate(epoch: number): number {
    return this.#rates.at(epoch, this.#last as Measured | undefined);
  }

  /** The next call of the kernel, of at most that many epochs. */
  #next(most: number): Run {
    const { batchSize, accumulate, shuffle, threads, budget } = this.#options;
    const { data, validation } = this.#loaded;
    const epochs = Math.min(most, this.left, this.#mostEpochs);
    const stepsAnEpoch = Math.ceil(data.rows / Math.min(batchSize, data.rows));
    const earlyStopping = this.#stopper?.inKernel;
    const { targetLoss } = budget;
    return {
      from: this.#position,
      steps: epochs * stepsAnEpoch,
      batchSize,
      accumulate,
      seed: this.#model.seed,
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
  #absorb(run: Run, progress: Progress): Epoch[] {
    const epochs = Array.from(progress.losses, (loss, index) => {
      const always = [run.from.epoch + index, loss, run.learningRates[index], progress.seconds[index]];
      return this.#growing.add([...always, ...this.#figures.of(progress, index)]);
    });
    this.#done += epochs.length;
    if (epochs.length > 0) this.#checkWatched(epochs[0]);
    this.#last = epochs.at(-1) ?? this.#last;
    this.#position = progress.position;
    // A run that was stopped before its first step has changed nothing.
    if (progress.diverged || progress.position.steps > run.from.steps || epochs.length > 0) this.#commit();
    this.#watch(progress, epochs);
    if (progress.diverged) throw this.#divergence(progress.diverged, run);
    if (progress.stopped) this.#stop();
    return epochs;
  }

  /** Warns where early stopping or the schedule watches what is not a number. */
  #checkWatched(epoch: Epoch): void {
    const monitors = this.#options.schedule?.monitors ?? [];
    const watched = [...(this.#stopping ? [this.#stopping.monitor] : []), ...monitors];
    const names = watched.map((name) => name ?? this.#monitor);
    warnOfMonitors(this.call, names, epoch, this.#model, this);
  }

  #commit(): void {
    this.#model.commit(this.#position, this.#growing.history);
  }

  /** Shows the epochs that ended to early stopping. */
  #watch(progress: Progress, epochs: readonly Epoch[]): void {
    const stopper = this.#stopper;
    stopper?.absorb(progress);
    if (stopper !== undefined && stopper.inKernel === undefined) {
      for (const epoch of epochs) stopper.observe(epoch, () => this.network.read("parameters"));
    }
    if (epochs.length > 0) this.#noteBest();
    if (stopper?.isOver) this.#end("patience");
    else if (progress.reached) this.#end("target");
  }

  #noteBest(): void {
    if (this.#stopper?.parameters === undefined) return;
    const epochs = this.#growing.history.epoch;
    this.#growing.history.bestEpoch = epochs[epochs.length - 1 - this.#stopper.state.waited];
  }

  /** A run was stopped: the signal did it, or the time is over. */
  #stop(): void {
    this.#options.signal?.throwIfAborted();
    this.#end("budget");
  }

  /** Ends the training; the first reason counts. */
  #end(reason: Ended): void {
    this.#growing.history.ended ??= reason;
  }

  /** Ends the training as a hook's `stop` does. */
  leave(): void {
    this.#end("callback");
  }

  #divergence({ epoch, step }: { epoch: number; step: number }, run: Run): DivergenceError {
    const learningRate = run.learningRates[epoch - run.from.epoch];
    const whole = this.#done > 0 ? "of the last whole epoch" : "from before the training";
    const kept = `The weights are those ${this.#stopper?.parameters ? "of the best epoch" : whole}.`;
    const what = "the loss, a gradient or a weight is no longer a finite number";
    const advice = divergenceAdvice(this.#model, this.#loaded, learningRate);
    const text = `epoch ${epoch}, step ${step}: ${what}; ${advice}. ${kept}`;
    return new DivergenceError(text, epoch, step);
  }

  /** The training as a generator of requests; `shows` asks for the epochs to be shown as they end. */
  *steps(isSync: boolean, shows = false): TrainingRequests {
    const course = this.#course(isSync);
    const errors: unknown[] = [];
    try {
      yield* this.#participants.begin(course);
      this.#reload = undefined;
      this.#clock.start(this.#growing.history.seconds);
      yield* this.#epochsOf(course, shows);
      this.#end("epochs");
      yield* this.#participants.lastEpoch(course);
      this.#giveBest();
    } catch (error) {
      if (error instanceof DivergenceError) this.#giveBest();
      // An error after the last epoch takes nothing from how the epochs ended.
      this.#end(this.#reasonOf(error));
      errors.push(error);
    }
    yield* this.#participants.end(this.history, errors);
    // The error that ended the training, not those that followed.
    if (errors.length > 0) throw errors[0];
  }

  #reasonOf(error: unknown): Ended {
    if (error instanceof DivergenceError) return "divergence";
    const { signal } = this.#options;
    return signal?.aborted && error === signal.reason ? "signal" : "error";
  }

  *#epochsOf(course: RunningTraining, shows: boolean): TrainingRequests {
    while (this.left > 0) {
      const until = Math.min(
        this.#participants.epochsUntil(this.#done),
        this.#clock.epochsUntilCheck(course.isSync),
      );
      if (until === 0) return this.#end("budget");
      yield* this.#participants.beginEpoch(this.#position.epoch, course);
      if (this.#isOver) return;
      this.#options.signal?.throwIfAborted();
      const run = this.#next(shows ? 1 : until);
      const progress = yield { run };
      const epochs = this.#absorb(run, progress as Progress);
      this.#clock.countEpochs(epochs.length);
      if (epochs.length > 0) yield* this.#participants.endEpochs(epochs, course);
      if (shows) yield { ended: epochs };
    }
  }

  /** Gives the model the parameters of its best epoch, if early stopping has seen one. */
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
        learningRate: this.#rates.override,
        monitor: this.#monitor,
        earlyStopping: this.#stopper?.state,
      },
    };
  }

  /** What the steps of the training follow from. */
  get #settings(): Settings {
    const { batchSize, accumulate, shuffle, validationSplit, validationShuffle } = this.#options;
    const drawn = validationSplit === undefined ? undefined : validationShuffle;
    return { rows: this.#loaded.data.rows, batchSize, accumulate, shuffle, validationShuffle: drawn };
  }

  #resume(snapshot: Snapshot, place: string): void {
    const { model, state, best } = snapshot;
    const { configuration, seed } = this.#model;
    const { names } = this.#growing;
    const hasEarlyStopping = this.#stopper !== undefined;
    const isOld = state.monitor === undefined;
    const expected = { configuration, seed, names, settings: this.#settings, hasEarlyStopping };
    const { validationSplit } = this.#options;
    checkResumed({ ...expected, validationSplit }, snapshot, place);
    if (isOld) this.#followOldDefaults();
    this.#isResumed = true;
    this.network.write("parameters", model.parameters);
    if (model.optimizerState.length > 0) this.network.write("slots", model.optimizerState);
    this.#position = { epoch: model.training.epochs, step: 0, steps: model.training.steps, loss: 0 };
    for (let epoch = 0; epoch < state.done; epoch++) {
      // A schedule that watches the training sees all of it again.
      this.#rate(epoch);
      this.#last = this.#growing.add(names.map((name) => model.history?.[name][epoch] ?? Number.NaN));
    }
    this.#rates.override = state.learningRate;
    this.#done = state.done;
    if (state.earlyStopping) this.#stopper?.resume(state.earlyStopping, best);
    this.#noteBest();
    if (state.isOver) this.#end(model.ending.ended ?? (this.#stopper?.isOver ? "patience" : "callback"));
    this.#commit();
  }

  /** A checkpoint of an older version resumes as that version trained. */
  #followOldDefaults(): void {
    const { validationSplit, validationShuffle } = this.#options;
    if (validationSplit !== undefined && validationShuffle && this.#reload !== undefined) {
      this.#loadedBefore = this.#loaded;
      this.#loaded = this.#reload();
      this.#figures = new EpochMetrics(this.#loaded, this.#model.metrics, this.#model.outputs);
      const { validationRows } = this.#loaded;
      if (validationRows) this.#growing.history.validationRows = validationRows;
    }
    this.#rates = this.#ratesWatching("loss");
    this.#stopper = this.#stopperWatching("loss");
  }

  #course(isSync: boolean): RunningTraining {
    const fit = this;
    const control = this.#control();
    return {
      call: this.call,
      isSync,
      control,
      get done() {
        return fit.#done;
      },
      get isOver() {
        return fit.#isOver;
      },
      get isResumed() {
        return fit.#isResumed;
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
          throw new OptionError(`${fit.call}: control: learningRate: ${expected}, received ${show(rate)}`);
        }
        fit.#rates.override = rate;
      },
      get secondsLeft() {
        return fit.#clock.secondsFor(fit.left);
      },
      stop: () => fit.leave(),
      getWeights: () => toLayers(fit.#model.layers, fit.network.read("parameters")),
    };
  }

  /** Trains all epochs before it returns. */
  sync(): History {
    try {
      driveSync(this.steps(true), (run) => this.network.train(this.kernelData, run));
    } finally {
      this.release();
    }
    return this.history;
  }

  /** Trains all epochs off the event loop. */
  async all(): Promise<History> {
    try {
      await this.#advance();
    } finally {
      this.release();
    }
    return this.history;
  }

  /** Trains off the event loop and yields each epoch; waits while the caller has it. */
  async *each(): AsyncGenerator<Epoch, History> {
    try {
      for (let epochs = await this.#advance(true); epochs; epochs = await this.#advance(true)) yield* epochs;
      return this.history;
    } finally {
      await this.abandon();
    }
  }

  /** Ends what `each` began, if nobody pulls it to its end. */
  async abandon(): Promise<void> {
    this.leave();
    try {
      await this.#advance(true);
    } finally {
      this.release();
    }
  }

  /** Lets other trainings of the model begin, and frees the kernel's copy of the data. */
  release(): void {
    this.#model.release(this);
    for (const loaded of [this.#loaded, this.#loadedBefore]) if (loaded !== undefined) free(loaded);
  }

  /** Takes steps until epochs are to be shown, or to the end. */
  #advance(shows = false): Promise<readonly Epoch[] | undefined> {
    this.#steps ??= this.steps(false, shows);
    return advance(this.#steps, {
      train: (run) => this.#start(run),
      wait: (given, answer) => this.wait(given, answer),
    });
  }

  /** A call of the kernel that ends early when the signal aborts, or when the time is over. */
  async #start(run: Run): Promise<Progress> {
    const stop = () => this.network.stop();
    const running = this.network.start(this.kernelData, run);
    const end = this.#onInterruption({ abort: stop, timeOver: stop });
    try {
      return await running;
    } finally {
      end();
    }
  }

  /** Calls back when the signal aborts and when the time is over, until the returned function is called. */
  #onInterruption({ abort, timeOver }: { abort(): void; timeOver?: () => void }): () => void {
    const endListening = onAbort(this.#options.signal, abort);
    const cancel = timeOver && this.#clock.whenOver(timeOver);
    return () => {
      cancel?.();
      endListening();
    };
  }

  /** Waits for a hook's promise, until the signal aborts or, while epochs are to come, the time is over. */
  wait(given: PromiseLike<unknown>, { isInterruptible }: HookResult): PromiseLike<unknown> {
    const { signal } = this.#options;
    if (!isInterruptible) return given;
    const isRunning = this.#growing.history.ended === undefined;
    let end = () => {};
    const waiting = new Promise<unknown>((resolve, reject) => {
      const abort = () => reject(signal?.reason);
      const timeOver = () => {
        this.#end("budget");
        resolve(undefined);
      };
      end = this.#onInterruption({ abort, ...(isRunning && { timeOver }) });
      given.then(resolve, reject);
      if (signal?.aborted) abort();
    });
    return waiting.finally(() => end());
  }
}

/** The state of one training: what a checkpoint holds of it, and how another training resumes from that. */
import type { Snapshot } from "../formats/checkpoint.ts";
import type { Network, Position, Progress, Run } from "../kernel/kernel.ts";
import type { Measured, Rate } from "../nn/schedules/schedule.ts";
import {
  createEarlyStopper,
  type EarlyStopper,
  type EarlyStoppingCallback,
  findEarlyStopping,
} from "./callbacks/earlyStopping.ts";
import { free, type Loaded } from "./data.ts";
import { EpochMetrics } from "./epochMetrics.ts";
import { type Ended, type Epoch, type History, HistoryBuilder } from "./history.ts";
import { LearningRates, rateInRun, rateOf, ratesOfSteps } from "./learningRates.ts";
import { largerIsBetter, metricNames, watchedInKernel } from "./metrics.ts";
import type { CheckedFitOptions } from "./options.ts";
import { checkResumed, type Settings } from "./resume.ts";
import { startOfNextEpoch, type TrainableModel } from "./trainableModel.ts";

/**
 * Position, history, learning rates and early stopping of one training. The model keeps its own position and
 * history until the first `commit`.
 */
export class ResumableState {
  readonly network: Network;
  readonly earlyStopping: EarlyStoppingCallback | undefined;
  readonly #model: TrainableModel;
  readonly #options: CheckedFitOptions;
  readonly #builder: HistoryBuilder;
  #loaded: Loaded;
  /** The data that `#reload` has replaced. Other trainings of the same call may still use it. */
  #replaced: Loaded | undefined;
  /** Loads the data again, with the last rows as the validation. */
  #reload: (() => Loaded) | undefined;
  #epochMetrics: EpochMetrics;
  #rates: LearningRates;
  #earlyStopper: EarlyStopper | undefined;
  #position: Position;
  #done = 0;
  #isResumed = false;
  #last: Epoch | undefined;

  constructor(
    model: TrainableModel,
    loaded: Loaded,
    options: CheckedFitOptions,
    reload: (() => Loaded) | undefined,
  ) {
    this.network = model.use();
    this.earlyStopping = findEarlyStopping(options.callbacks);
    this.#model = model;
    this.#options = options;
    this.#builder = new HistoryBuilder(metricNames(model.metrics, loaded.validation !== undefined));
    this.#loaded = loaded;
    this.#reload = reload;
    this.#epochMetrics = this.#measure(loaded);
    this.#rates = this.#createRates(this.defaultMonitor);
    this.#earlyStopper = this.#createEarlyStopper(this.defaultMonitor);
    this.#position = startOfNextEpoch(model.position);
  }

  /** The history, which grows while the training runs. */
  get history(): History {
    return this.#builder.history;
  }

  /** A copy of the history. */
  get historyCopy(): History {
    return this.#builder.copy();
  }

  get loaded(): Loaded {
    return this.#loaded;
  }

  get earlyStopper(): EarlyStopper | undefined {
    return this.#earlyStopper;
  }

  get position(): Position {
    return this.#position;
  }

  /** Epochs of this training that have ended. */
  get done(): number {
    return this.#done;
  }

  get isResumed(): boolean {
    return this.#isResumed;
  }

  /** Whether the training ends, or has ended, before its last epoch. */
  get isOver(): boolean {
    const { ended } = this.history;
    return ended !== undefined && ended !== "epochs";
  }

  /** Epochs still to come. */
  get epochsLeft(): number {
    return this.isOver ? 0 : Math.max(0, this.#options.epochs - this.#done);
  }

  /** What early stopping and schedules watch by default. */
  get defaultMonitor(): string {
    return this.#loaded.validation === undefined ? "loss" : "validationLoss";
  }

  /** The number of steps in an epoch. */
  get stepsPerEpoch(): number {
    const { rows } = this.#loaded.data;
    return Math.ceil(rows / Math.min(this.#options.batchSize, rows));
  }

  #rate(epoch: number): Rate {
    return this.#rates.at(epoch, this.#last as Measured | undefined);
  }

  /** Returns the learning rate of an epoch of this training; its first, if each step has one. */
  rate(epoch: number): number {
    return rateOf(this.#rate(epoch), 0, Math.ceil(this.stepsPerEpoch / this.#options.accumulate));
  }

  /** Returns the learning rates of the next epochs, in the form of a run. */
  nextRates(epochs: number): Pick<Run, "learningRates" | "ratePerStep"> {
    const rates = Array.from({ length: epochs }, (_, index) => this.#rate(this.#done + index));
    if (rates.every((rate) => typeof rate === "number")) return { learningRates: Float64Array.from(rates) };
    const learningRates = ratesOfSteps(rates, this.stepsPerEpoch, this.#options.accumulate);
    return { learningRates, ratePerStep: true };
  }

  /** Sets the learning rate of all epochs to come. */
  setRate(rate: number): void {
    this.#rates.override = rate;
  }

  /** Appends the epochs that ended in a run to the history and moves the position. */
  record(run: Run, progress: Progress): Epoch[] {
    const steps = this.stepsPerEpoch;
    const epochs = Array.from(progress.losses, (loss, index) => {
      const rate = rateInRun(run, index, steps - 1, steps);
      const always = [run.from.epoch + index, loss, rate, progress.seconds[index]];
      return this.#builder.add([...always, ...this.#epochMetrics.of(progress, index)]);
    });
    this.#done += epochs.length;
    this.#last = epochs.at(-1) ?? this.#last;
    this.#position = progress.position;
    return epochs;
  }

  /** Sets the model's position and history to those of this training. */
  commit(): void {
    this.#model.commit(this.#position, this.history);
  }

  /** Sets why the training ended. The first reason counts. */
  end(reason: Ended): void {
    this.#builder.history.ended ??= reason;
  }

  /** Sets `bestEpoch` of the history, if early stopping has a best epoch. */
  updateBestEpoch(): void {
    if (this.#earlyStopper?.parameters === undefined) return;
    const epochs = this.history.epoch;
    this.#builder.history.bestEpoch = epochs[epochs.length - 1 - this.#earlyStopper.state.waited];
  }

  /** Writes the parameters of the best epoch into the model, if early stopping has a best epoch. */
  restoreBest(): void {
    const best = this.#earlyStopper?.parameters;
    if (best !== undefined) this.network.write("parameters", best);
  }

  /**
   * Returns all that the training needs to resume; `before` is a snapshot whose arrays may be overwritten.
   */
  snapshot(before: Snapshot | undefined): Snapshot {
    return {
      model: this.#model.saved({ optimizerState: true, history: true, into: before?.model }),
      best: this.#earlyStopper?.parameters,
      state: {
        done: this.#done,
        isOver: this.isOver,
        ...this.#settings,
        learningRate: this.#rates.override,
        monitor: this.defaultMonitor,
        earlyStopping: this.#earlyStopper?.state,
      },
    };
  }

  /** Resumes from a snapshot, or throws before anything changes; `place` begins the messages of errors. */
  resume(snapshot: Snapshot, place: string): void {
    const { model, state, best } = snapshot;
    const { configuration, seed } = this.#model;
    const { names } = this.#builder;
    const { validationSplit } = this.#options;
    const hasEarlyStopping = this.#earlyStopper !== undefined;
    const settings = this.#settings;
    checkResumed(
      { configuration, seed, names, settings, validationSplit, hasEarlyStopping },
      snapshot,
      place,
    );
    if (state.monitor === undefined) this.#followOldDefaults();
    this.#isResumed = true;
    this.network.write("parameters", model.parameters);
    if (model.optimizerState.length > 0) this.network.write("slots", model.optimizerState);
    this.#position = { epoch: model.training.epochs, step: 0, steps: model.training.steps, loss: 0 };
    for (let epoch = 0; epoch < state.done; epoch++) {
      // A schedule that watches the training has to see every epoch again.
      this.#rate(epoch);
      this.#last = this.#builder.add(names.map((name) => model.history?.[name][epoch] ?? Number.NaN));
    }
    this.#rates.override = state.learningRate;
    this.#done = state.done;
    if (state.earlyStopping) this.#earlyStopper?.resume(state.earlyStopping, best);
    this.updateBestEpoch();
    if (state.isOver) this.end(model.ending.ended ?? (this.#earlyStopper?.isOver ? "patience" : "callback"));
    this.commit();
  }

  /**
   * Drops the function that loads the data again, and with it the caller's data: nothing resumes any more.
   */
  endResuming(): void {
    this.#reload = undefined;
  }

  /** Frees the kernel's copies of the data. */
  free(): void {
    for (const loaded of [this.#loaded, this.#replaced]) if (loaded !== undefined) free(loaded);
  }

  /** The options that every step depends on. */
  get #settings(): Settings {
    const { batchSize, accumulate, shuffle, validationSplit } = this.#options;
    const validationShuffle = validationSplit === undefined ? undefined : this.#options.validationShuffle;
    return { rows: this.#loaded.data.rows, batchSize, accumulate, shuffle, validationShuffle };
  }

  /** Trains on as the old version did that wrote the checkpoint. */
  #followOldDefaults(): void {
    const { validationSplit, validationShuffle } = this.#options;
    if (validationSplit !== undefined && validationShuffle && this.#reload !== undefined) {
      this.#replaced = this.#loaded;
      this.#loaded = this.#reload();
      this.#epochMetrics = this.#measure(this.#loaded);
    }
    this.#rates = this.#createRates("loss");
    this.#earlyStopper = this.#createEarlyStopper("loss");
  }

  /** Prepares the measuring of epochs, and adds the held-out rows to the history. */
  #measure(loaded: Loaded): EpochMetrics {
    if (loaded.validationRows) this.#builder.history.validationRows = loaded.validationRows;
    return new EpochMetrics(loaded, this.#model.metrics, this.#model.outputs);
  }

  #createRates(defaultMonitor: string): LearningRates {
    const { learningRate } = this.#model.configuration.optimizer;
    return new LearningRates(this.#options.schedule, learningRate, defaultMonitor);
  }

  #createEarlyStopper(defaultMonitor: string): EarlyStopper | undefined {
    const { metrics } = this.#model;
    return (
      this.earlyStopping &&
      createEarlyStopper(this.earlyStopping, defaultMonitor, (monitor) => ({
        largerIsBetter: largerIsBetter(monitor, metrics),
        inKernel: watchedInKernel(monitor, metrics),
      }))
    );
  }
}

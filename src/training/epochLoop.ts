/** The loop over the epochs of one training: plans each call of the kernel and decides about what follows. */
import { DivergenceError, OptionError, show } from "../errors.ts";
import type { Progress, Run } from "../kernel/kernel.ts";
import { toLayers } from "../nn/weights.ts";
import { DIVERGED, divergenceAdvice } from "./advice.ts";
import type { Clock } from "./budget.ts";
import type { Callback, Control } from "./callbacks/callback.ts";
import type { RunningTraining } from "./callbacks/participant.ts";
import type { TrainingRequests } from "./drive.ts";
import type { Ended, Epoch } from "./history.ts";
import { rateInRun } from "./learningRates.ts";
import { checkMonitors, metricNames, needPredictions } from "./metrics.ts";
import type { CheckedFitOptions } from "./options.ts";
import { Participants } from "./participants.ts";
import type { ResumableState } from "./resumableState.ts";
import type { TrainableModel } from "./trainableModel.ts";
import { warnOfMonitors } from "./warnings/before.ts";

/**
 * The most epochs of one call of the kernel, which takes and returns an entry for each epoch: "until I abort"
 * may be a billion.
 */
const MOST_EPOCHS_PER_RUN = 10_000;

/** The most predicted values of one call, unless one epoch has more: 4 MB, which fits in today's caches. */
const MOST_PREDICTIONS_PER_RUN = 2 ** 20;

/** The most learning rates of one call, unless one epoch has more steps with rates of their own: 1 MB. */
const MOST_RATES_PER_RUN = 2 ** 17;

/** What an epoch loop works on. */
export interface EpochLoopParts {
  /** The name of the call, which begins the messages of errors. */
  readonly call: string;
  readonly model: TrainableModel;
  readonly options: CheckedFitOptions;
  readonly state: ResumableState;
  readonly clock: Clock;
}

/** The epochs of one training, as a generator of requests. */
export class EpochLoop {
  readonly #call: string;
  readonly #model: TrainableModel;
  readonly #options: CheckedFitOptions;
  readonly #state: ResumableState;
  readonly #clock: Clock;
  readonly #participants: Participants;

  constructor({ call, model, options, state, clock }: EpochLoopParts) {
    this.#call = call;
    this.#model = model;
    this.#options = options;
    this.#state = state;
    this.#clock = clock;
    this.#checkMonitors();
    const { callbacks, verbose, epochs } = options;
    this.#participants = new Participants(call, callbacks, verbose ? epochs : undefined);
  }

  /** Refuses monitors of the schedule and of early stopping that this training does not measure. */
  #checkMonitors(): void {
    const { schedule, callbacks } = this.#options;
    const { metrics } = this.#model;
    const { earlyStopping, loaded } = this.#state;
    const measured = metricNames(metrics, loaded.validation !== undefined);
    checkMonitors(`${this.#call}: schedule: monitor`, schedule?.monitors ?? [], metrics, measured);
    if (earlyStopping === undefined) return;
    const index = callbacks.indexOf(earlyStopping as Callback);
    const place = `${this.#call}: callbacks[${index}]: earlyStopping: monitor`;
    checkMonitors(place, [earlyStopping.monitor], metrics, measured);
  }

  /** Trains all epochs; with `pauses` it also yields the epochs of each run, one at a time. */
  *requests(isSync: boolean, pauses: boolean): TrainingRequests {
    const state = this.#state;
    const training = this.#runningTraining(isSync);
    const errors: unknown[] = [];
    try {
      yield* this.#participants.begin(training);
      state.endResuming();
      this.#clock.start(state.history.seconds);
      yield* this.#epochs(training, pauses);
      state.end("epochs");
      yield* this.#participants.lastEpoch(training);
      state.restoreBest();
    } catch (error) {
      if (error instanceof DivergenceError) state.restoreBest();
      // After the last epoch this changes nothing: the first reason counts.
      state.end(this.#reasonOf(error));
      errors.push(error);
    }
    yield* this.#participants.end(state.historyCopy, errors);
    // The error that ended the training, not those of `onTrainEnd`.
    if (errors.length > 0) throw errors[0];
  }

  #reasonOf(error: unknown): Ended {
    if (error instanceof DivergenceError) return "divergence";
    const { signal } = this.#options;
    return signal?.aborted && error === signal.reason ? "signal" : "error";
  }

  *#epochs(training: RunningTraining, pauses: boolean): TrainingRequests {
    const state = this.#state;
    while (state.epochsLeft > 0) {
      const untilCheck = this.#clock.epochsUntilCheck(training.isSync);
      const most = Math.min(this.#participants.epochsUntil(state.done), untilCheck);
      if (most === 0) return state.end("budget");
      yield* this.#participants.beginEpoch(state.position.epoch, training);
      if (state.isOver) return;
      this.#options.signal?.throwIfAborted();
      const run = this.#nextRun(pauses ? 1 : most);
      const progress = yield { run };
      const epochs = this.#finishRun(run, progress as Progress);
      this.#clock.countEpochs(epochs.length);
      if (epochs.length > 0) yield* this.#participants.endEpochs(epochs, training);
      if (pauses) yield { ended: epochs };
    }
  }

  get #wantsPredictions(): boolean {
    return needPredictions(this.#model.metrics);
  }

  /** The most epochs of one call of the kernel: TypeScript decides nothing between them. */
  get #mostEpochs(): number {
    const { earlyStopper, loaded } = this.#state;
    const isWatched = earlyStopper !== undefined && earlyStopper.inKernel === undefined;
    if (isWatched || (this.#options.schedule?.monitors.length ?? 0) > 0) return 1;
    const limits = [MOST_EPOCHS_PER_RUN];
    if (this.#options.schedule?.isPerStep) limits.push(MOST_RATES_PER_RUN / this.#state.stepsPerEpoch);
    if (this.#wantsPredictions) {
      const rows = loaded.data.rows + (loaded.validation?.rows ?? 0);
      limits.push(MOST_PREDICTIONS_PER_RUN / (rows * this.#model.outputs));
    }
    return Math.max(1, Math.floor(Math.min(...limits)));
  }

  /** Returns the next call of the kernel, of at most `most` epochs. */
  #nextRun(most: number): Run {
    const { batchSize, accumulate, shuffle, threads, budget } = this.#options;
    const { loaded, epochsLeft, position, earlyStopper, stepsPerEpoch } = this.#state;
    const { validation } = loaded;
    const epochs = Math.min(most, epochsLeft, this.#mostEpochs);
    const earlyStopping = earlyStopper?.inKernel;
    const { targetLoss } = budget;
    return {
      from: position,
      steps: epochs * stepsPerEpoch,
      batchSize,
      accumulate,
      seed: this.#model.seed,
      shuffle,
      ...(threads === undefined ? {} : { threads }),
      ...this.#state.nextRates(epochs),
      ...(validation && { validation: validation.kernelData }),
      ...(this.#wantsPredictions && { predictions: true }),
      ...(earlyStopping && { earlyStopping }),
      ...(targetLoss === undefined ? {} : { targetLoss }),
    };
  }

  /** Records what a run did, and decides whether the training ends; throws if the run diverged. */
  #finishRun(run: Run, progress: Progress): Epoch[] {
    const state = this.#state;
    const epochs = state.record(run, progress);
    if (epochs.length > 0) this.#warnOfMonitors(epochs[0]);
    // A run that was stopped before its first step has changed nothing.
    if (progress.diverged || progress.position.steps > run.from.steps || epochs.length > 0) state.commit();
    this.#watch(progress, epochs);
    if (progress.diverged) throw this.#divergence(progress.diverged, run);
    if (progress.stopped) {
      // The signal stopped the run, or the time is over.
      this.#options.signal?.throwIfAborted();
      state.end("budget");
    }
    return epochs;
  }

  /** Warns where early stopping or the schedule watches what is not a number. */
  #warnOfMonitors(epoch: Epoch): void {
    const { earlyStopping, defaultMonitor, loaded } = this.#state;
    const monitors = this.#options.schedule?.monitors ?? [];
    const watched = [...(earlyStopping ? [earlyStopping.monitor] : []), ...monitors];
    const names = watched.map((name) => name ?? defaultMonitor);
    const { scope } = this.#options;
    warnOfMonitors(this.#call, names, epoch, this.#model, { profile: loaded.profile, scope });
  }

  /** Passes the epochs that ended to early stopping. */
  #watch(progress: Progress, epochs: readonly Epoch[]): void {
    const state = this.#state;
    const { earlyStopper, network } = state;
    earlyStopper?.absorb(progress);
    if (earlyStopper !== undefined && earlyStopper.inKernel === undefined) {
      for (const epoch of epochs) earlyStopper.observe(epoch, () => network.read("parameters"));
    }
    if (epochs.length > 0) state.updateBestEpoch();
    if (earlyStopper?.isOver) state.end("patience");
    else if (progress.reached) state.end("target");
  }

  #divergence({ epoch, step }: { epoch: number; step: number }, run: Run): DivergenceError {
    const { loaded, done, earlyStopper, stepsPerEpoch } = this.#state;
    const learningRate = rateInRun(run, epoch - run.from.epoch, step, stepsPerEpoch);
    const whole = done > 0 ? "of the last whole epoch" : "from before the training";
    const kept = `The weights are those ${earlyStopper?.parameters ? "of the best epoch" : whole}.`;
    const advice = divergenceAdvice(this.#model, loaded, learningRate);
    return new DivergenceError(`epoch ${epoch}, step ${step}: ${DIVERGED}; ${advice}. ${kept}`, epoch, step);
  }

  #runningTraining(isSync: boolean): RunningTraining {
    const state = this.#state;
    return {
      call: this.#call,
      isSync,
      control: this.#control(),
      get done() {
        return state.done;
      },
      get isOver() {
        return state.isOver;
      },
      get isResumed() {
        return state.isResumed;
      },
      snapshot: (before) => state.snapshot(before),
      resume: (snapshot, place) => state.resume(snapshot, place),
    };
  }

  #control(): Control {
    const state = this.#state;
    const [call, clock, { epochs }] = [this.#call, this.#clock, this.#options];
    return {
      get learningRate() {
        return state.rate(Math.min(state.done, epochs - 1));
      },
      set learningRate(rate) {
        if (!(typeof rate === "number" && rate >= 0 && rate < Number.POSITIVE_INFINITY)) {
          const expected = "expected a number of at least 0";
          throw new OptionError(`${call}: control: learningRate: ${expected}, received ${show(rate)}`);
        }
        state.setRate(rate);
      },
      get secondsLeft() {
        return clock.secondsFor(state.epochsLeft);
      },
      stop: () => state.end("callback"),
      getWeights: () => toLayers(this.#model.layers, state.network.read("parameters")),
    };
  }
}

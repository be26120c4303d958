/** The loop of a run over its steps: which rows a step takes, when an epoch ends, and when the run does. */
import { withinMemory } from "../../errors.ts";
import { now } from "../../host.ts";
import { NOISE_ROWS, permutation, purpose } from "../../random.ts";
import {
  type Best,
  CHUNK_ROWS,
  type EarlyStopping,
  type Position,
  type Progress,
  type Rows,
  type Run,
} from "../kernel.ts";
import type { Moment } from "./operations/arrays.ts";
import type { State } from "./state.ts";
import type { Batch } from "./workspace.ts";

/** The parameters and slots that a run publishes at the end of each epoch and restores if it diverges. */
export interface Publisher {
  /** Publishes a copy of the current values. Returns false and publishes nothing if one is not finite. */
  publish(): boolean;
  /** Restores the values that were published last. */
  restore(): void;
  /**
   * Returns the sum of the losses of up to {@link CHUNK_ROWS} rows, beginning at `start`, with the published
   * parameters. Also writes their predictions into `output` if it is given.
   */
  validate(data: Rows, start: number, output: Float32Array | undefined): number;
}

/** The predictions of several epochs in one array. An epoch beyond them overwrites those of the first. */
class EpochPredictions {
  readonly values: Float32Array;
  readonly #epochs: readonly Float32Array[];

  constructor(epochs: number, length: number) {
    const message = "typescript kernel: the predictions do not fit in memory: take fewer epochs";
    this.values = withinMemory(message, () => new Float32Array(epochs * length));
    this.#epochs = Array.from({ length: epochs }, (_, epoch) =>
      this.values.subarray(epoch * length, (epoch + 1) * length),
    );
  }

  /** Returns those of one epoch, counted from the first epoch of the run. */
  of(epoch: number): Float32Array {
    return this.#epochs[epoch % this.#epochs.length];
  }
}

/** Takes a run step by step, so that the caller can yield or stop between any two steps. */
export class StepLoop {
  readonly #state: State;
  readonly #publisher: Publisher;
  readonly #data: Rows;
  readonly #run: Run;
  readonly #batchSize: number;
  readonly #stepsPerEpoch: number;
  readonly #order: Uint32Array | undefined;
  readonly #losses: number[] = [];
  readonly #seconds: number[] = [];
  readonly #validation: Rows | undefined;
  readonly #validationLosses: number[] = [];
  readonly #measures: number[] = [];
  readonly #validationMeasures: number[] = [];
  /** The number of validation rows evaluated at the end of the epoch; undefined before the epoch ends. */
  #validated: number | undefined;
  #validationLoss = 0;
  readonly #predictions: EpochPredictions | undefined;
  readonly #validationPredictions: EpochPredictions | undefined;
  /** Updated in place, like `#turn`, because a step must not allocate. */
  #position: { -readonly [Key in keyof Position]: Position[Key] };
  #publishedPosition: Position;
  readonly #turn = { learningRate: 0, step: 0, of: 1, isFirst: true, isLast: true };
  /** The accumulated gradient at the start of the run, if it starts between two updates. */
  readonly #startGradient: Float32Array | undefined;
  #taken = 0;
  readonly #batch: { -readonly [Key in keyof Batch]: Batch[Key] };
  readonly #moment: { -readonly [Key in keyof Moment]: Moment[Key] };
  #earlyStopping: EarlyStopping | undefined;
  #best: Best | undefined;
  #reached = false;
  #diverged: Progress["diverged"];
  #epochStarted = now();

  constructor(state: State, publisher: Publisher, data: Rows, run: Run) {
    this.#state = state;
    this.#publisher = publisher;
    this.#data = data;
    this.#run = run;
    this.#batchSize = Math.min(run.batchSize, data.rows);
    this.#stepsPerEpoch = Math.ceil(data.rows / this.#batchSize);
    state.reserve(this.#batchSize);
    this.#position = { ...run.from };
    this.#publishedPosition = run.from;
    this.#earlyStopping = run.earlyStopping;
    this.#startGradient = run.from.step % run.accumulate > 0 ? state.gradient.slice() : undefined;
    this.#order = run.shuffle
      ? withinMemory(
          `the order of ${data.rows} rows does not fit in memory`,
          () => new Uint32Array(data.rows),
        )
      : undefined;
    this.#moment = { seed: run.seed, step: 0, before: 0 };
    this.#batch = { data, order: this.#order, start: 0, rows: 0, moment: this.#moment };
    this.#validation = run.validation as Rows | undefined;
    const { outputs, measures } = state.plan;
    if (run.predictions || measures.length > 0) {
      const kept = run.predictions ? Math.ceil((run.from.step + run.steps) / this.#stepsPerEpoch) : 1;
      this.#predictions = new EpochPredictions(kept, data.rows * outputs);
      this.#validationPredictions = new EpochPredictions(kept, (this.#validation?.rows ?? 0) * outputs);
    }
    this.#prepareOrder();
  }

  /** Whether the run has ended: all steps are taken, or it stopped early or diverged. */
  get done(): boolean {
    if (this.#diverged !== undefined || this.#reached) return true;
    return this.#validated === undefined && this.#taken >= this.#run.steps;
  }

  /** Takes one step, or evaluates one chunk of the validation rows. */
  step(): void {
    if (this.#validated !== undefined) {
      this.#validate(this.#validated);
      return;
    }
    const position = this.#position;
    const { epoch, step } = position;
    this.#batch.start = step * this.#batchSize;
    this.#batch.rows = Math.min(this.#batchSize, this.#data.rows - this.#batch.start);
    this.#prepareTurn();
    const output = this.#predictions?.of(epoch - this.#run.from.epoch);
    const loss = this.#state.step(this.#batch, this.#turn, output);
    const ended = step + 1 === this.#stepsPerEpoch;
    if (!Number.isFinite(loss) || (ended && !this.#publisher.publish())) {
      this.#diverge(epoch, step);
      return;
    }
    this.#taken++;
    position.step++;
    if (this.#turn.isLast) position.steps++;
    position.loss += loss;
    if (ended) this.#endSteps();
  }

  /** Sets `#turn` and `#moment` for the next step. */
  #prepareTurn(): void {
    const { epoch, step, steps } = this.#position;
    const { accumulate, learningRates, ratePerStep, from } = this.#run;
    const turn = this.#turn;
    const place = step % accumulate;
    turn.learningRate = learningRates[ratePerStep ? this.#taken : epoch - from.epoch];
    turn.step = steps + 1;
    turn.of = Math.min(accumulate, this.#stepsPerEpoch - (step - place));
    turn.isFirst = place === 0;
    turn.isLast = place + 1 === turn.of;
    this.#moment.step = turn.step;
    this.#moment.before = place * NOISE_ROWS * Math.ceil(this.#batchSize / NOISE_ROWS);
  }

  /** Ends the run between two steps and returns its result. `stopped` tells whether the caller stopped it. */
  finish(stopped: boolean): Progress {
    while (this.#validated !== undefined) this.#validate(this.#validated);
    const { epoch, step } = this.#position;
    if (step > 0 && this.#diverged === undefined && !this.#publisher.publish())
      this.#diverge(epoch, step - 1);
    return {
      position: this.#position,
      losses: Float64Array.from(this.#losses),
      seconds: Float64Array.from(this.#seconds),
      ...(this.#validation && { validationLosses: Float64Array.from(this.#validationLosses) }),
      measures: Float64Array.from(this.#measures),
      ...(this.#validation && { validationMeasures: Float64Array.from(this.#validationMeasures) }),
      ...(this.#run.predictions && { predictions: this.#predictions?.values }),
      ...(this.#run.predictions &&
        this.#validation && { validationPredictions: this.#validationPredictions?.values }),
      ...(this.#earlyStopping && { earlyStopping: this.#earlyStopping }),
      ...(this.#best && { best: this.#best }),
      reached: this.#reached,
      stopped,
      diverged: this.#diverged,
    };
  }

  /** Starts the validation after the last step of an epoch, or ends the epoch if there is none. */
  #endSteps(): void {
    this.#validationLoss = 0;
    if (this.#validation === undefined) this.#endEpoch();
    else this.#validated = 0;
  }

  #validate(start: number): void {
    const data = this.#validation!;
    const output = this.#validationPredictions?.of(this.#position.epoch - this.#run.from.epoch);
    this.#validationLoss += this.#publisher.validate(data, start, output);
    this.#validated = start + CHUNK_ROWS;
    if (this.#validated < data.rows) return;
    this.#validated = undefined;
    this.#validationLosses.push(this.#validationLoss / data.rows);
    this.#endEpoch();
  }

  /** Computes the measures of an epoch that ends. */
  #measure(): void {
    const { measures, outputs } = this.#state.plan;
    const epoch = this.#position.epoch - this.#run.from.epoch;
    for (const { value } of measures) {
      const { y, rows } = this.#data;
      this.#measures.push(value(this.#predictions!.of(epoch), y, rows, outputs));
      if (this.#validation === undefined) continue;
      const predictions = this.#validationPredictions!.of(epoch);
      this.#validationMeasures.push(value(predictions, this.#validation.y, this.#validation.rows, outputs));
    }
  }

  #endEpoch(): void {
    this.#measure();
    const position = this.#position;
    const time = now();
    this.#losses.push(position.loss / this.#data.rows);
    this.#seconds.push((time - this.#epochStarted) / 1000);
    this.#epochStarted = time;
    position.epoch++;
    position.step = 0;
    position.loss = 0;
    this.#publishedPosition = { ...position };
    this.#checkStopping(position.epoch - 1);
    if (!this.done) this.#prepareOrder();
  }

  /** Returns what early stopping watches, of the last epoch. */
  #watched({ validation, measure, largerIsBetter }: EarlyStopping): number {
    const [losses, measured] = validation
      ? [this.#validationLosses, this.#validationMeasures]
      : [this.#losses, this.#measures];
    const { length } = this.#state.plan.measures;
    const value = measure === undefined ? losses.at(-1)! : measured[measured.length - length + measure];
    return largerIsBetter ? -value : value;
  }

  /** Compares the loss of a completed epoch with the target, and updates early stopping. */
  #checkStopping(epoch: number): void {
    const { targetLoss = Number.NEGATIVE_INFINITY } = this.#run;
    this.#reached = this.#losses[this.#losses.length - 1] <= targetLoss;
    if (this.#earlyStopping === undefined) return;
    const { minDelta, patience, best, waited } = this.#earlyStopping;
    const value = this.#watched(this.#earlyStopping);
    const better = value < best - minDelta;
    if (better) this.#saveBest(epoch);
    this.#earlyStopping = {
      ...this.#earlyStopping,
      best: better ? value : best,
      waited: better ? 0 : waited + 1,
    };
    this.#reached ||= this.#earlyStopping.waited > patience;
  }

  #saveBest(epoch: number): void {
    const parameters = this.#best?.parameters ?? new Float32Array(this.#state.parameters.length);
    parameters.set(this.#state.parameters);
    this.#best = { epoch, parameters };
  }

  #diverge(epoch: number, step: number): void {
    this.#publisher.restore();
    if (this.#publishedPosition.step > 0 && this.#startGradient)
      this.#state.gradient.set(this.#startGradient);
    this.#position = { ...this.#publishedPosition };
    this.#diverged = { epoch, step };
  }

  #prepareOrder(): void {
    if (this.#order === undefined) return;
    permutation(this.#run.seed, { purpose: purpose.shuffle, index: this.#position.epoch }, this.#order);
  }
}

/** The loop over steps: which rows a step takes, when an epoch ends, when a run does. */
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

/** What a training publishes at the end of an epoch and falls back to when it diverges. */
export interface Safe {
  /** Keeps the parameters and slots as they are; false, and nothing is kept, if one is not finite. */
  publish(): boolean;
  /** Goes back to what was last published. */
  restore(): void;
  /**
   * The sum of the losses of up to 512 rows from `start` on with what was last published, and their
   * predictions into `output`, if there is one.
   */
  validate(data: Rows, start: number, output: Float32Array | undefined): number;
}

/** Predictions of several epochs in one array. */
class Outputs {
  readonly values: Float32Array;
  readonly #epochs: readonly Float32Array[];

  constructor(epochs: number, length: number) {
    const message = "typescript kernel: the predictions do not fit in memory: take fewer epochs";
    this.values = withinMemory(message, () => new Float32Array(epochs * length));
    this.#epochs = Array.from({ length: epochs }, (_, epoch) =>
      this.values.subarray(epoch * length, (epoch + 1) * length),
    );
  }

  /** Those of one epoch, counted from the run's first. */
  of(epoch: number): Float32Array {
    return this.#epochs[epoch];
  }
}

/** A run that is taken step by step, so that its driver can yield and stop between any two. */
export class StepLoop {
  readonly #state: State;
  readonly #safe: Safe;
  readonly #data: Rows;
  readonly #run: Run;
  readonly #batchSize: number;
  readonly #stepsAnEpoch: number;
  readonly #order: Uint32Array | undefined;
  readonly #losses: number[] = [];
  readonly #seconds: number[] = [];
  readonly #validation: Rows | undefined;
  readonly #validationLosses: number[] = [];
  /** Rows of the validation that the epoch's end has been through; undefined between its steps. */
  #validated: number | undefined;
  #validationLoss = 0;
  readonly #seen: Outputs | undefined;
  readonly #validationSeen: Outputs | undefined;
  /** Counted up in place, as `#turn` is filled: a step allocates nothing. */
  #position: { -readonly [Key in keyof Position]: Position[Key] };
  #safePosition: Position;
  readonly #turn = { learningRate: 0, step: 0, of: 1, isFirst: true, isLast: true };
  /** The gradient at the run's start, if it started between two updates. */
  readonly #collected: Float32Array | undefined;
  #taken = 0;
  readonly #batch: { -readonly [Key in keyof Batch]: Batch[Key] };
  readonly #moment: { -readonly [Key in keyof Moment]: Moment[Key] };
  #earlyStopping: EarlyStopping | undefined;
  #best: Best | undefined;
  #reached = false;
  #diverged: Progress["diverged"];
  #epochStarted = now();

  constructor(state: State, safe: Safe, data: Rows, run: Run) {
    this.#state = state;
    this.#safe = safe;
    this.#data = data;
    this.#run = run;
    this.#batchSize = Math.min(run.batchSize, data.rows);
    this.#stepsAnEpoch = Math.ceil(data.rows / this.#batchSize);
    state.reserve(this.#batchSize);
    this.#position = { ...run.from };
    this.#safePosition = run.from;
    this.#earlyStopping = run.earlyStopping;
    this.#collected = run.from.step % run.accumulate > 0 ? state.gradient.slice() : undefined;
    this.#order = run.shuffle ? new Uint32Array(data.rows) : undefined;
    this.#moment = { seed: run.seed, step: 0, before: 0 };
    this.#batch = { data, order: this.#order, start: 0, rows: 0, moment: this.#moment };
    this.#validation = run.validation as Rows | undefined;
    if (run.predictions) {
      const epochs = Math.ceil((run.from.step + run.steps) / this.#stepsAnEpoch);
      this.#seen = new Outputs(epochs, data.rows * state.plan.outputs);
      const rows = this.#validation?.rows ?? 0;
      this.#validationSeen = new Outputs(epochs, rows * state.plan.outputs);
    }
    this.#prepareOrder();
  }

  /** Whether all steps are taken, or the training ended early or diverged. */
  get done(): boolean {
    if (this.#diverged !== undefined || this.#reached) return true;
    return this.#validated === undefined && this.#taken >= this.#run.steps;
  }

  /** Takes one step, or a chunk of the validation's rows. */
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
    const output = this.#seen?.of(epoch - this.#run.from.epoch);
    const loss = this.#state.step(this.#batch, this.#turn, output);
    const ended = step + 1 === this.#stepsAnEpoch;
    if (!Number.isFinite(loss) || (ended && !this.#safe.publish())) {
      this.#diverge(epoch, step);
      return;
    }
    this.#taken++;
    position.step++;
    if (this.#turn.isLast) position.steps++;
    position.loss += loss;
    if (ended) this.#endSteps();
  }

  /** Says what the step at hand is to the update that it takes part in. */
  #prepareTurn(): void {
    const { epoch, step, steps } = this.#position;
    const { accumulate, learningRates, from } = this.#run;
    const turn = this.#turn;
    const place = step % accumulate;
    turn.learningRate = learningRates[epoch - from.epoch];
    turn.step = steps + 1;
    turn.of = Math.min(accumulate, this.#stepsAnEpoch - (step - place));
    turn.isFirst = place === 0;
    turn.isLast = place + 1 === turn.of;
    this.#moment.step = turn.step;
    this.#moment.before = place * NOISE_ROWS * Math.ceil(this.#batchSize / NOISE_ROWS);
  }

  /** Ends the run, between any two steps; `stopped` says whether somebody asked for it. */
  finish(stopped: boolean): Progress {
    while (this.#validated !== undefined) this.#validate(this.#validated);
    const { epoch, step } = this.#position;
    if (step > 0 && this.#diverged === undefined && !this.#safe.publish()) this.#diverge(epoch, step - 1);
    return {
      position: this.#position,
      losses: Float64Array.from(this.#losses),
      seconds: Float64Array.from(this.#seconds),
      ...(this.#validation && { validationLosses: Float64Array.from(this.#validationLosses) }),
      ...(this.#seen && { predictions: this.#seen.values }),
      ...(this.#validation && this.#validationSeen && { validationPredictions: this.#validationSeen.values }),
      ...(this.#earlyStopping && { earlyStopping: this.#earlyStopping }),
      ...(this.#best && { best: this.#best }),
      reached: this.#reached,
      stopped,
      diverged: this.#diverged,
    };
  }

  /** The last step of an epoch is taken: the validation comes next, or the end of the epoch. */
  #endSteps(): void {
    this.#validationLoss = 0;
    if (this.#validation === undefined) this.#endEpoch();
    else this.#validated = 0;
  }

  #validate(start: number): void {
    const data = this.#validation!;
    const output = this.#validationSeen?.of(this.#position.epoch - this.#run.from.epoch);
    this.#validationLoss += this.#safe.validate(data, start, output);
    this.#validated = start + CHUNK_ROWS;
    if (this.#validated < data.rows) return;
    this.#validated = undefined;
    this.#validationLosses.push(this.#validationLoss / data.rows);
    this.#endEpoch();
  }

  #endEpoch(): void {
    const position = this.#position;
    const time = now();
    this.#losses.push(position.loss / this.#data.rows);
    this.#seconds.push((time - this.#epochStarted) / 1000);
    this.#epochStarted = time;
    position.epoch++;
    position.step = 0;
    position.loss = 0;
    this.#safePosition = { ...position };
    this.#watch(position.epoch - 1);
    if (!this.done) this.#prepareOrder();
  }

  /** Shows the epoch that has ended to early stopping and to the target. */
  #watch(epoch: number): void {
    const { targetLoss = Number.NEGATIVE_INFINITY } = this.#run;
    this.#reached = this.#losses[this.#losses.length - 1] <= targetLoss;
    if (this.#earlyStopping === undefined) return;
    const { validation, minDelta, patience, best, waited } = this.#earlyStopping;
    const losses = validation ? this.#validationLosses : this.#losses;
    const loss = losses[losses.length - 1];
    const better = loss < best - minDelta;
    if (better) this.#keep(epoch);
    this.#earlyStopping = {
      ...this.#earlyStopping,
      best: better ? loss : best,
      waited: better ? 0 : waited + 1,
    };
    this.#reached ||= this.#earlyStopping.waited > patience;
  }

  #keep(epoch: number): void {
    const parameters = this.#best?.parameters ?? new Float32Array(this.#state.parameters.length);
    parameters.set(this.#state.parameters);
    this.#best = { epoch, parameters };
  }

  #diverge(epoch: number, step: number): void {
    this.#safe.restore();
    if (this.#safePosition.step > 0 && this.#collected) this.#state.gradient.set(this.#collected);
    this.#position = { ...this.#safePosition };
    this.#diverged = { epoch, step };
  }

  #prepareOrder(): void {
    if (this.#order === undefined) return;
    permutation(this.#run.seed, { purpose: purpose.shuffle, index: this.#position.epoch }, this.#order);
  }
}

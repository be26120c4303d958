/** The learning rate of each epoch of one training: a schedule's, or what somebody has set since. */
import type { Measured, Rates, Schedule } from "../nn/schedules/schedule.ts";

/** Asks a schedule once for each epoch, in order, as schedules want it. */
export class LearningRates {
  readonly #schedule: Rates;
  /** What the schedule has said, by epoch. */
  readonly #said: number[] = [];
  /** What holds in its place. */
  set: number | undefined;

  constructor(schedule: Schedule | undefined, learningRate: number, monitor: string) {
    this.#schedule = schedule?.start(learningRate, monitor) ?? (() => learningRate);
  }

  /** Of an epoch of this training, from 0; `last` is the one before it, if the schedule has to see that. */
  of(epoch: number, last: Measured | undefined): number {
    while (this.#said.length <= epoch) this.#said.push(this.#schedule(this.#said.length, last));
    return this.set ?? this.#said[epoch];
  }
}

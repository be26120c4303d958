/** The learning rate of each epoch of one training: a schedule's, or what somebody has set since. */
import type { Measured, Rates, Schedule } from "../nn/schedules/schedule.ts";

/** Asks a schedule once for each epoch, in order, as schedules want it. */
export class LearningRates {
  readonly #schedule: Rates;
  /** What the schedule has said, by epoch. */
  readonly #scheduled: number[] = [];
  /** What holds in its place. */
  override: number | undefined;

  constructor(schedule: Schedule | undefined, learningRate: number, monitor: string) {
    this.#schedule = schedule?.start(learningRate, monitor) ?? (() => learningRate);
  }

  /** Of an epoch of this training, from 0; `last` is the one before it, if the schedule has to see that. */
  at(epoch: number, last: Measured | undefined): number {
    while (this.#scheduled.length <= epoch)
      this.#scheduled.push(this.#schedule(this.#scheduled.length, last));
    return this.override ?? this.#scheduled[epoch];
  }
}

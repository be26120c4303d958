/** The learning rate of each epoch of one training: from a schedule, or as a hook has set it. */
import type { Measured, Rates, Schedule } from "../nn/schedules/schedule.ts";

/** Calls the schedule once for each epoch, in order: a schedule may keep state. */
export class LearningRates {
  readonly #schedule: Rates;
  /** The rates of the schedule so far, by epoch. */
  readonly #scheduled: number[] = [];
  /** Replaces the rates of the schedule. */
  override: number | undefined;

  constructor(schedule: Schedule | undefined, learningRate: number, monitor: string) {
    this.#schedule = schedule?.start(learningRate, monitor) ?? (() => learningRate);
  }

  /** Returns the rate of an epoch of this training, from 0; `last` is the epoch before it. */
  at(epoch: number, last: Measured | undefined): number {
    while (this.#scheduled.length <= epoch)
      this.#scheduled.push(this.#schedule(this.#scheduled.length, last));
    return this.override ?? this.#scheduled[epoch];
  }
}

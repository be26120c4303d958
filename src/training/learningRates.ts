/** The learning rate of each epoch or step of one training: from a schedule, or as a hook has set it. */
import type { Run } from "../kernel/kernel.ts";
import type { Measured, Rate, Rates, Schedule } from "../nn/schedules/schedule.ts";

/** Calls the schedule once for each epoch, in order: a schedule may keep state. */
export class LearningRates {
  readonly #schedule: Rates;
  /** The rates of the schedule so far, by epoch. */
  readonly #scheduled: Rate[] = [];
  /** Replaces the rates of the schedule. */
  override: number | undefined;

  constructor(schedule: Schedule | undefined, learningRate: number, monitor: string) {
    this.#schedule = schedule?.start(learningRate, monitor) ?? (() => learningRate);
  }

  /** Returns the rate of an epoch of this training, from 0; `last` is the epoch before it. */
  at(epoch: number, last: Measured | undefined): Rate {
    while (this.#scheduled.length <= epoch)
      this.#scheduled.push(this.#schedule(this.#scheduled.length, last));
    return this.override ?? this.#scheduled[epoch];
  }
}

/** Returns the rate of one update of an epoch. `updates` is the number of updates in the epoch. */
export const rateOf = (rate: Rate, update: number, updates: number) =>
  typeof rate === "number" ? rate : rate(update, updates);

/**
 * Returns the rate of each step of the epochs. An epoch has `steps` steps and an update `accumulate` of them;
 * the last update of an epoch has the remaining steps. All steps of an update have its rate.
 */
export function ratesOfSteps(rates: readonly Rate[], steps: number, accumulate: number): Float64Array {
  const all = new Float64Array(rates.length * steps);
  const updates = Math.ceil(steps / accumulate);
  for (const [epoch, rate] of rates.entries()) {
    for (let update = 0; update < updates; update++) {
      const start = update * accumulate;
      const end = Math.min(start + accumulate, steps);
      all.fill(rateOf(rate, update, updates), epoch * steps + start, epoch * steps + end);
    }
  }
  return all;
}

/** Returns the rate of a step of a run. `epoch` counts from the first epoch of the run. */
export function rateInRun(
  { learningRates, ratePerStep }: Pick<Run, "learningRates" | "ratePerStep">,
  epoch: number,
  step: number,
  stepsPerEpoch: number,
): number {
  return learningRates[ratePerStep ? epoch * stepsPerEpoch + step : epoch];
}

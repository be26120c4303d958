/** Schedules in sequence, and what a caller may pass as a schedule. */
import { OptionError, show } from "../../errors.ts";
import {
  type Choice,
  complete,
  create,
  entry,
  type RequiredOption,
  readSize,
  refuse,
  type Table,
} from "../../options.ts";
import * as rules from "./known.ts";
import { reduceOnPlateau } from "./plateau.ts";
import { known, type Schedule } from "./schedule.ts";

/** Returns the learning rate of an epoch, counted from 0; `learningRate` is the optimizer's. */
export type ScheduleFunction = (epoch: number, learningRate: number) => number;

/** A schedule as given to `fit`: the configuration of an entry, its bare name, or a function. */
export type ScheduleChoice =
  | Choice<typeof rules & { readonly reduceOnPlateau: typeof reduceOnPlateau }>
  | {
      readonly type: "chain";
      readonly schedules: readonly ScheduleChoice[];
      readonly milestones: readonly number[];
    }
  | ScheduleFunction;

/** The option that is a list of schedules. */
const schedules: RequiredOption<readonly Schedule[]> & { readonly given?: readonly ScheduleChoice[] } = {
  required: true,
  expected: "a list of schedules",
  read(value, place) {
    if (!Array.isArray(value) || value.length === 0) throw refuse(place, "a list of schedules", value);
    return value.map((given, index) => readSchedule(given, `${place}: ${index}`));
  },
};

/** The option that is a list of epochs in increasing order. */
const milestones: RequiredOption<readonly number[]> = {
  required: true,
  expected: "a list of epochs, each later than the one before",
  read(value, place) {
    if (!Array.isArray(value)) throw refuse(place, "a list of epochs", value);
    return value.map((given, index) => {
      const epoch = readSize(given, `${place}: ${index}`);
      if (index === 0 || epoch > value[index - 1]) return epoch;
      throw refuse(`${place}: ${index}`, `an epoch after ${value[index - 1]}`, epoch);
    });
  },
};

/**
 * Runs schedules in sequence: at each of the `milestones`, which are epochs, the next schedule starts. Each
 * schedule starts from the optimizer's learning rate and counts its own epochs from 0. As PyTorch's
 * SequentialLR.
 *
 * Options: `schedules`, a list of configurations, names or functions; `milestones`, a list of epochs with one
 * entry fewer, in increasing order. Both are required.
 *
 * @example
 * ```ts
 * const schedule = schedules.chain({
 *   schedules: [schedules.warmup({ epochs: 5 }), schedules.cosine({ epochs: 95 })],
 *   milestones: [5],
 * });
 * ```
 */
export const chain = entry("chain", { schedules, milestones }, ({ schedules, milestones }): Schedule => {
  if (milestones.length !== schedules.length - 1) {
    const expected = `${schedules.length - 1} for ${schedules.length} schedules`;
    throw new OptionError(`chain: milestones: expected ${expected}, received ${milestones.length}`);
  }
  const starts = [0, ...milestones];
  return {
    monitors: schedules.flatMap(({ monitors }) => monitors),
    start(learningRate, monitor) {
      const rates = schedules.map((schedule) => schedule.start(learningRate, monitor));
      return (epoch, last) => {
        const part = starts.findLastIndex((start) => start <= epoch);
        return rates[part](epoch - starts[part], last);
      };
    },
  };
});

/** Returns a function as a schedule, which checks each rate that the function returns. */
function ofFunction(rate: ScheduleFunction, place: string): Schedule {
  return known((epoch, learningRate) => {
    const value: unknown = rate(epoch, learningRate);
    if (typeof value === "number" && value >= 0 && value < Number.POSITIVE_INFINITY) return value;
    const expected = `a learning rate of at least 0 for epoch ${epoch}`;
    throw new OptionError(`${place}: expected ${expected}, received ${show(value)}`);
  });
}

/** Returns the schedule that was given, or throws an {@link OptionError} that begins with `place`. */
export function readSchedule(given: unknown, place: string): Schedule {
  // A builder that was passed without calling it is also a function; it has a type.
  if (typeof given === "function" && !("type" in given)) return ofFunction(given as ScheduleFunction, place);
  const table: Table<Schedule> = { ...rules, reduceOnPlateau, chain };
  return create("schedule", table, complete("schedule", table, given, place));
}

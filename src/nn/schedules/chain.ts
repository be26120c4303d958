/** Schedules one after the other, and what may be given where one is expected. */
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

/** The learning rate as a function of the epoch, from 0, and of the optimizer's learning rate. */
export type ScheduleFunction = (epoch: number, learningRate: number) => number;

/** What may stand for a schedule: an entry's configuration, its bare name, or a function. */
export type ScheduleChoice =
  | Choice<typeof rules & { readonly reduceOnPlateau: typeof reduceOnPlateau }>
  | {
      readonly type: "chain";
      readonly schedules: readonly ScheduleChoice[];
      readonly milestones: readonly number[];
    }
  | ScheduleFunction;

/** A list of schedules. */
const schedules: RequiredOption<readonly Schedule[]> & { readonly given?: readonly ScheduleChoice[] } = {
  required: true,
  expected: "a list of schedules",
  read(value, place) {
    if (!Array.isArray(value) || value.length === 0) throw refuse(place, "a list of schedules", value);
    return value.map((given, index) => readSchedule(given, `${place}: ${index}`));
  },
};

/** A list of epochs, each later than the one before. */
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
 * Schedules one after the other: at each of the `milestones`, which are epochs, the next one takes over. Each
 * begins from the optimizer's learning rate and counts its epochs from there. PyTorch's SequentialLR.
 *
 * Options: `schedules`, a list of configurations, names or functions, and `milestones`, one fewer.
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

/** A function as a schedule; what it gives is checked when it is asked for. */
function ofFunction(rate: ScheduleFunction, place: string): Schedule {
  return known((epoch, learningRate) => {
    const value: unknown = rate(epoch, learningRate);
    if (typeof value === "number" && value >= 0 && value < Number.POSITIVE_INFINITY) return value;
    const expected = `a learning rate of at least 0 for epoch ${epoch}`;
    throw new OptionError(`${place}: expected ${expected}, received ${show(value)}`);
  });
}

/** The schedule that was given, or an {@link OptionError} that names the place. */
export function readSchedule(given: unknown, place: string): Schedule {
  // A builder that was not called is a function, too.
  if (typeof given === "function" && !("type" in given)) return ofFunction(given as ScheduleFunction, place);
  const table: Table<Schedule> = { ...rules, reduceOnPlateau, chain };
  return create("schedule", table, complete("schedule", table, given, place));
}

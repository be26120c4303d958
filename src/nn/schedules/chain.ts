/** Schedules made of schedules, and what a caller may pass as a schedule. */
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

/**
 * Returns the learning rate of an epoch, counted from 0; inside `perStep`, of a step. `learningRate` is the
 * optimizer's.
 */
export type ScheduleFunction = (epoch: number, learningRate: number) => number;

/** A schedule as given to `fit`: the configuration of an entry, its bare name, or a function. */
export type ScheduleChoice =
  | Choice<typeof rules & { readonly reduceOnPlateau: typeof reduceOnPlateau }>
  | {
      readonly type: "chain";
      readonly schedules: readonly ScheduleChoice[];
      readonly milestones: readonly number[];
    }
  | { readonly type: "perStep"; readonly schedule: ScheduleChoice }
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
    isPerStep: schedules.some(({ isPerStep }) => isPerStep),
    start(learningRate, monitor) {
      const rates = schedules.map((schedule) => schedule.start(learningRate, monitor));
      return (epoch, last) => {
        const part = starts.findLastIndex((start) => start <= epoch);
        return rates[part](epoch - starts[part], last);
      };
    },
  };
});

/** The option that is one schedule, which counts steps. */
const schedule: RequiredOption<Schedule> & { readonly given?: ScheduleChoice } = {
  required: true,
  expected: "a schedule",
  read(value, place) {
    const inside = readSchedule(value, place, "step");
    const expected = "a schedule that counts";
    if (inside.isPerStep) throw refuse(place, `${expected} epochs`, value, ", which counts steps itself");
    if (inside.monitors.length === 0) return inside;
    throw refuse(place, expected, value, ", which watches epochs; put it behind perStep in a chain");
  },
};

/**
 * Changes the learning rate with each step: the schedule inside counts steps instead of epochs, so
 * `warmup({ epochs: 500 })` takes 500 steps. As PyTorch's schedulers if `step()` is called after each batch.
 *
 * A step is an update; with `accumulate` it takes several batches. Each training counts its steps from 0. In
 * a `chain`, whose milestones are epochs, steps count from the milestone. `history.learningRate` contains the
 * rate of each epoch's last step.
 *
 * Options: `schedule` (required), any but `reduceOnPlateau`, which watches epochs, and `perStep` itself.
 *
 * @example
 * ```ts
 * // 200 steps of warm-up, then along the cosine to zero at step 1,000.
 * const schedule = schedules.perStep({
 *   schedule: schedules.chain({
 *     schedules: [schedules.warmup({ epochs: 200 }), schedules.cosine({ epochs: 800 })],
 *     milestones: [200],
 *   }),
 * });
 * ```
 */
export const perStep = entry(
  "perStep",
  { schedule },
  ({ schedule }): Schedule => ({
    monitors: [],
    isPerStep: true,
    start(learningRate) {
      const rates = schedule.start(learningRate);
      // The schedule inside knows its rates in advance, each of which is a number.
      return (epoch) => (update, updates) => rates(epoch * updates + update) as number;
    },
  }),
);

/** Returns a function as a schedule, which checks each rate that the function returns. */
function ofFunction(rate: ScheduleFunction, place: string, unit: string): Schedule {
  return known((epoch, learningRate) => {
    const value: unknown = rate(epoch, learningRate);
    if (typeof value === "number" && value >= 0 && value < Number.POSITIVE_INFINITY) return value;
    const expected = `a learning rate of at least 0 for ${unit} ${epoch}`;
    throw new OptionError(`${place}: expected ${expected}, received ${show(value)}`);
  });
}

/**
 * Returns the schedule that was given, or throws an {@link OptionError} that begins with `place`. `unit` is
 * what the schedule counts.
 */
export function readSchedule(given: unknown, place: string, unit = "epoch"): Schedule {
  // A builder that was passed without calling it is also a function; it has a type.
  if (typeof given === "function" && !("type" in given))
    return ofFunction(given as ScheduleFunction, place, unit);
  const table: Table<Schedule> = { ...rules, reduceOnPlateau, chain, perStep };
  return create("schedule", table, complete("schedule", table, given, place));
}

/** The schedule that reacts to what the training measures. */
import type { Monitor } from "../../metrics/names.ts";
import { boolean, count, entry, number, type OptionValues, optionalText } from "../../options.ts";
import type { Rates, Schedule } from "./schedule.ts";

const options = {
  factor: number({ default: 0.1, above: 0, below: 1 }),
  patience: count({ default: 10 }),
  minDelta: number({ default: 1e-4, minimum: 0 }),
  cooldown: count({ default: 0 }),
  minimum: number({ default: 0, minimum: 0 }),
  monitor: optionalText<Monitor>(),
  largerIsBetter: boolean({ default: false }),
};

function rates(learningRate: number, monitor: string, settings: OptionValues<typeof options>): Rates {
  const { factor, patience, minDelta, cooldown, minimum, largerIsBetter } = settings;
  const sign = largerIsBetter ? -1 : 1;
  let rate = learningRate;
  let [best, badEpochs, coolEpochs] = [Number.POSITIVE_INFINITY, 0, 0];
  const watch = (value: number) => {
    if (value < best - minDelta) {
      best = value;
      badEpochs = 0;
    } else badEpochs++;
    if (coolEpochs > 0) {
      coolEpochs--;
      badEpochs = 0;
    }
    if (badEpochs <= patience) return;
    // A learning rate that is already below the minimum does not change.
    rate = Math.min(rate, Math.max(rate * factor, minimum));
    coolEpochs = cooldown;
    badEpochs = 0;
  };
  return (epoch, last) => {
    // Before the first epoch nothing has been measured in this training.
    if (epoch > 0) watch(sign * (last as NonNullable<typeof last>)[monitor]);
    return rate;
  };
}

/**
 * Multiplies the learning rate by `factor`, down to `minimum`, when the monitored metric has not improved by
 * more than `minDelta` for more than `patience` epochs, and then waits for `cooldown` epochs. As PyTorch's
 * ReduceLROnPlateau with `threshold_mode="abs"`, without its `eps`.
 *
 * `monitor` is `"loss"`, the mean loss of the epoch's steps, `"validationLoss"`, or a metric; by default
 * `"validationLoss"` if the training has a validation, else `"loss"`. Smaller is better, unless
 * `largerIsBetter`.
 *
 * Options: `factor` (0.1, above 0 and below 1), `patience` (10 epochs), `minDelta` (1e-4, at least 0),
 * `cooldown` (0 epochs), `minimum` (0, at least 0), `monitor`, `largerIsBetter` (false).
 *
 * @example
 * ```ts
 * const schedule = schedules.reduceOnPlateau({ factor: 0.5, patience: 5 });
 * ```
 */
export const reduceOnPlateau = entry(
  "reduceOnPlateau",
  options,
  (settings): Schedule => ({
    monitors: [settings.monitor],
    start: (learningRate, monitor = "loss") => rates(learningRate, settings.monitor ?? monitor, settings),
  }),
);

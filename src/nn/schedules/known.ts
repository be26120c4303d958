/** Schedules whose rates are known in advance. η is the optimizer's learning rate, e the epoch, from 0. */
import { entry, number, size } from "../../options.ts";
import { known } from "./schedule.ts";

/** Falls from 1 at the share 0 to 0 at the share 1, along half a period of the cosine. */
const falling = (share: number) => (1 + Math.cos(Math.PI * share)) / 2;

/**
 * Multiplies the learning rate by `factor` once in `every` epochs: η factor^⌊e / every⌋. As PyTorch's StepLR.
 *
 * Options: `every` (required, at least 1), `factor` (0.1, above 0).
 *
 * @example
 * ```ts
 * const schedule = schedules.step({ every: 30, factor: 0.5 });
 * ```
 */
export const step = entry("step", { every: size(), factor: number({ default: 0.1, above: 0 }) }, (options) =>
  known((epoch, learningRate) => learningRate * options.factor ** Math.floor(epoch / options.every)),
);

/**
 * Multiplies the learning rate by `factor` after each epoch: η factor^e. As PyTorch's ExponentialLR.
 *
 * Options: `factor` (required, above 0).
 *
 * @example
 * ```ts
 * const schedule = schedules.exponential({ factor: 0.95 });
 * ```
 */
export const exponential = entry("exponential", { factor: number({ above: 0 }) }, ({ factor }) =>
  known((epoch, learningRate) => learningRate * factor ** epoch),
);

/**
 * Lowers the learning rate to `minimum` along half a period of the cosine, within `epochs` epochs, and keeps
 * it there: minimum + (η - minimum) (1 + cos(π min(e, epochs) / epochs)) / 2. As PyTorch's CosineAnnealingLR,
 * which rises again after that. (Loshchilov and Hutter, 2017.)
 *
 * Options: `epochs` (required, at least 1), `minimum` (0, at least 0).
 *
 * @example
 * ```ts
 * const schedule = schedules.cosine({ epochs: 100, minimum: 1e-5 });
 * ```
 */
export const cosine = entry(
  "cosine",
  { epochs: size(), minimum: number({ default: 0, minimum: 0 }) },
  ({ epochs, minimum }) =>
    known(
      (epoch, learningRate) => minimum + (learningRate - minimum) * falling(Math.min(epoch, epochs) / epochs),
    ),
);

/**
 * Lowers the learning rate to zero within `epochs` epochs, and keeps it there:
 * η (1 - min(e, epochs) / epochs)^power. As PyTorch's PolynomialLR.
 *
 * Options: `epochs` (required, at least 1), `power` (1, above 0).
 *
 * @example
 * ```ts
 * const schedule = schedules.polynomial({ epochs: 100, power: 2 });
 * ```
 */
export const polynomial = entry(
  "polynomial",
  { epochs: size(), power: number({ default: 1, above: 0 }) },
  ({ epochs, power }) =>
    known((epoch, learningRate) => learningRate * (1 - Math.min(epoch, epochs) / epochs) ** power),
);

/**
 * Raises the learning rate linearly from `startFactor` times its value to the full value within `epochs`
 * epochs, and keeps it there: η (s + (1 - s) min(e, epochs) / epochs) with s = startFactor. As PyTorch's
 * LinearLR.
 *
 * Options: `epochs` (required, at least 1), `startFactor` (1 / 3, above 0 and at most 1).
 *
 * @example
 * ```ts
 * const schedule = schedules.warmup({ epochs: 5, startFactor: 0.1 });
 * ```
 */
export const warmup = entry(
  "warmup",
  { epochs: size(), startFactor: number({ default: 1 / 3, above: 0, maximum: 1 }) },
  ({ epochs, startFactor }) =>
    known((epoch, learningRate) => {
      const share = Math.min(epoch, epochs) / epochs;
      return learningRate * (startFactor + (1 - startFactor) * share);
    }),
);

/**
 * Raises the learning rate to its full value, then lowers it far below the start, each along half a period of
 * the cosine. With r = warmupShare · epochs - 1, it goes from startFactor η at the first epoch to η at epoch
 * r, and to endFactor η at epoch `epochs` - 1, where it stays. As PyTorch's OneCycleLR with a step for each
 * epoch and the optimizer's learning rate as `max_lr`; the momentum does not change. (Smith and Topin, 2018.)
 *
 * Options: `epochs` (required, at least 1), `warmupShare` (0.3, from 0 up to below 1), `startFactor`
 * (1 / 25, above 0 and at most 1), `endFactor` (1 / 250000, from 0 to 1).
 *
 * @example
 * ```ts
 * const schedule = schedules.oneCycle({ epochs: 50 });
 * ```
 */
export const oneCycle = entry(
  "oneCycle",
  {
    epochs: size(),
    warmupShare: number({ default: 0.3, minimum: 0, below: 1 }),
    startFactor: number({ default: 1 / 25, above: 0, maximum: 1 }),
    endFactor: number({ default: 1 / 250_000, minimum: 0, maximum: 1 }),
  },
  ({ epochs, warmupShare, startFactor, endFactor }) => {
    const [top, end] = [warmupShare * epochs - 1, epochs - 1];
    return known((epoch, learningRate) => {
      const factor =
        epoch < top
          ? 1 + (startFactor - 1) * falling(epoch / top)
          : endFactor + (1 - endFactor) * falling((Math.min(epoch, end) - top) / (end - top));
      return learningRate * factor;
    });
  },
);

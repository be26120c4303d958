/** earlyStopping: ends a training that no longer improves, and restores its best weights */
import type { EarlyStopping, Progress } from "../../kernel/kernel.ts";
import {
  checkNames,
  completeOptions,
  count,
  number,
  type OptionValues,
  optionalText,
} from "../../options.ts";
import type { Epoch, Monitor } from "../history.ts";
import type { Callback } from "./callback.ts";

/** When to stop. */
export interface EarlyStoppingOptions {
  /**
   * The value to monitor: `"loss"`, `"validationLoss"`, or a metric of the model such as
   * `"validationAccuracy"`. Losses and errors improve as they fall, scores as they rise. By default
   * `"validationLoss"` if the training has a validation, else `"loss"`.
   */
  readonly monitor?: Monitor | undefined;
  /**
   * The number of epochs in a row without improvement that are allowed; 10 by default. One more ends the
   * training.
   */
  readonly patience?: number | undefined;
  /** An epoch counts as better if it improves on the best one by more than this, at least 0; 0 by default. */
  readonly minDelta?: number | undefined;
}

const OPTIONS = {
  monitor: optionalText<Monitor>(),
  patience: count({ default: 10 }),
  minDelta: number({ default: 0, minimum: 0 }),
};

/** The callback. It has no hooks: the training reads its settings. */
export class EarlyStoppingCallback {
  readonly type = "earlyStopping";
  /** Null is the default, which depends on the training. */
  readonly monitor: string | null;
  readonly patience: number;
  readonly minDelta: number;

  constructor({ monitor, patience, minDelta }: OptionValues<typeof OPTIONS>) {
    this.monitor = monitor;
    this.patience = patience;
    this.minDelta = minDelta;
  }
}

/**
 * Ends a training when `monitor` has not improved by more than `minDelta` for more than `patience` epochs.
 *
 * At the end the model has the weights of its best epoch, whether the training ends by patience, epochs,
 * budget, `stop` or a loss that is not finite. After an abort, or an error of a hook, it has those of the
 * last whole step. The optimizer's state is always that of the last epoch. This is Keras' EarlyStopping with
 * `restore_best_weights`.
 *
 * @example
 * ```ts
 * const history = await model.fit(data, {
 *   epochs: 1000,
 *   validationSplit: 0.2,
 *   callbacks: [callbacks.earlyStopping({ patience: 20 })],
 * });
 * ```
 */
export function earlyStopping(options: EarlyStoppingOptions = {}): Callback {
  checkNames(options, Object.keys(OPTIONS), "callbacks.earlyStopping");
  const settings = completeOptions(OPTIONS, options, "callbacks.earlyStopping");
  return new EarlyStoppingCallback(settings) as Callback;
}

/** Returns the early stopping among the callbacks. There is at most one. */
export function findEarlyStopping(callbacks: readonly Callback[]): EarlyStoppingCallback | undefined {
  const found = callbacks.find((callback) => callback instanceof EarlyStoppingCallback);
  return found as EarlyStoppingCallback | undefined;
}

/** The state of early stopping. */
export interface EarlyStoppingState {
  /** The monitored value of the best epoch; undefined before the first that is a number. */
  readonly best: number | undefined;
  /** The number of epochs since the best one. */
  readonly waited: number;
}

/** The settings of early stopping in one training. */
export interface EarlyStoppingSettings extends Pick<EarlyStoppingCallback, "patience" | "minDelta"> {
  readonly monitor: string;
  readonly largerIsBetter: boolean;
  /** What the kernel watches; undefined if it does not compute what is monitored. */
  readonly inKernel: Pick<EarlyStopping, "validation" | "measure"> | undefined;
}

/** Watches one training for improvement. */
export class EarlyStopper {
  readonly #settings: EarlyStoppingSettings;
  /** -1 where larger is better: the negative value is then minimized. */
  readonly #sign: number;
  #best = Number.POSITIVE_INFINITY;
  #waited = 0;
  /** The parameters of the best epoch. */
  parameters: Float32Array | undefined;

  constructor(settings: EarlyStoppingSettings) {
    this.#settings = settings;
    this.#sign = settings.largerIsBetter ? -1 : 1;
  }

  get isOver(): boolean {
    return this.#waited > this.#settings.patience;
  }

  get state(): EarlyStoppingState {
    const best = this.parameters === undefined ? undefined : this.#sign * this.#best;
    return { best, waited: this.#waited };
  }

  resume({ best, waited }: EarlyStoppingState, parameters: Float32Array | undefined): void {
    this.#best = best === undefined ? Number.POSITIVE_INFINITY : this.#sign * best;
    this.#waited = waited;
    this.parameters = parameters;
  }

  /** Returns the settings with which the kernel itself watches, for many epochs in one call. */
  get inKernel(): EarlyStopping | undefined {
    const { inKernel, largerIsBetter, minDelta, patience } = this.#settings;
    return (
      inKernel && { ...inKernel, largerIsBetter, minDelta, patience, best: this.#best, waited: this.#waited }
    );
  }

  /** Takes over the result of a run in which the kernel watched. */
  absorb({ earlyStopping, best }: Progress): void {
    if (!earlyStopping) return;
    this.#best = earlyStopping.best;
    this.#waited = earlyStopping.waited;
    if (best) this.parameters = best.parameters;
  }

  /** Compares an epoch that the kernel did not watch with the best one; `read` returns its parameters. */
  observe(epoch: Epoch, read: () => Float32Array): void {
    const { monitor, minDelta } = this.#settings;
    const value = this.#sign * (epoch as unknown as Record<string, number>)[monitor];
    const isBetter = value < this.#best - minDelta;
    if (isBetter) {
      this.#best = value;
      this.parameters = read();
    }
    this.#waited = isBetter ? 0 : this.#waited + 1;
  }
}

/**
 * Creates the early stopping of one training, which monitors `defaultMonitor` unless the callback names
 * another.
 */
export function createEarlyStopper(
  { monitor, patience, minDelta }: EarlyStoppingCallback,
  defaultMonitor: string,
  of: (monitor: string) => Pick<EarlyStoppingSettings, "largerIsBetter" | "inKernel">,
): EarlyStopper {
  const watched = monitor ?? defaultMonitor;
  return new EarlyStopper({ patience, minDelta, monitor: watched, ...of(watched) });
}

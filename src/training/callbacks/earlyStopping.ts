/** earlyStopping: ends a training that gets no better, and gives back its best weights */

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
   * What has to become better: `"loss"`, `"validationLoss"`, or a metric of the model, as
   * `"validationAccuracy"`. Losses and errors should fall, scores rise. By default `"validationLoss"` if the
   * training has a validation, else `"loss"`.
   */
  readonly monitor?: Monitor | undefined;
  /** How many epochs in a row may be no better; 10 by default. One more, and the training ends. */
  readonly patience?: number | undefined;
  /** By how much an epoch has to be better than the best before it, at least 0, which is the default. */
  readonly minDelta?: number | undefined;
}

const OPTIONS = {
  monitor: optionalText<Monitor>(),
  patience: count({ default: 10 }),
  minDelta: number({ default: 0, minimum: 0 }),
};

/** The callback, which has no hooks: the training itself does what it says. */
export class EarlyStoppingCallback {
  readonly type = "earlyStopping";
  /** Null stands for the default, which depends on the training. */
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
 * Ends a training when `monitor` has not become better by more than `minDelta` for more than `patience` epochs.
 * However it then ends, by patience, epochs, budget, `stop` or a loss that is not finite, the model has the
 * weights of its best epoch; after an abort, or an error of a hook, it has those of the last whole step. The
 * optimizer's state stays that of the last epoch. As Keras' EarlyStopping with `restore_best_weights`.
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

/** The early stopping among callbacks, of which there is at most one. */
export function findEarlyStopping(callbacks: readonly Callback[]): EarlyStoppingCallback | undefined {
  const found = callbacks.find((callback) => callback instanceof EarlyStoppingCallback);
  return found as EarlyStoppingCallback | undefined;
}

/** How far early stopping has come. */
export interface EarlyStoppingState {
  /** What was monitored of the best epoch; undefined before the first that is a number. */
  readonly best: number | undefined;
  /** The epochs since. */
  readonly waited: number;
}

/** What early stopping watches in one training. */
export interface EarlyStoppingSettings extends Pick<EarlyStoppingCallback, "patience" | "minDelta"> {
  readonly monitor: string;
  readonly largerIsBetter: boolean;
}

/** Early stopping in one training. */
export class EarlyStopper {
  readonly #settings: EarlyStoppingSettings;
  /** -1 where larger is better: then it watches the negative. */
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

  /** What a kernel may watch itself, so that nothing has to be asked between epochs: a loss. */
  get inKernel(): EarlyStopping | undefined {
    const { monitor, minDelta, patience } = this.#settings;
    if (monitor !== "loss" && monitor !== "validationLoss") return undefined;
    const validation = monitor === "validationLoss";
    return { validation, minDelta, patience, best: this.#best, waited: this.#waited };
  }

  /** Takes over what the kernel saw. */
  absorb({ earlyStopping, best }: Progress): void {
    if (!earlyStopping) return;
    this.#best = earlyStopping.best;
    this.#waited = earlyStopping.waited;
    if (best) this.parameters = best.parameters;
  }

  /** Sees an epoch that no kernel watched; `read` gives its parameters. */
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

/** Begins early stopping, which watches `standard` unless it says what else. */
export function createEarlyStopper(
  { monitor, patience, minDelta }: EarlyStoppingCallback,
  defaultMonitor: string,
  largerIsBetter: (monitor: string) => boolean,
): EarlyStopper {
  const watched = monitor ?? defaultMonitor;
  return new EarlyStopper({ patience, minDelta, monitor: watched, largerIsBetter: largerIsBetter(watched) });
}

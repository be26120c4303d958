/** A callback: an object of hooks that a training calls between its epochs. */
import type { LayerWeights } from "../../nn/weights.ts";
import type { Epoch, History } from "../history.ts";

/** Lets a hook read and change the training that calls it, for as long as the training runs. */
export interface Control {
  /**
   * The learning rate of the next epoch. Setting it sets the rate of all epochs to come, and replaces a
   * schedule.
   */
  learningRate: number;
  /**
   * The expected time until the training ends, in seconds: the mean time of an epoch times the epochs to
   * come, at most the rest of the `budget`. Undefined before the first epoch has ended.
   */
  readonly secondsLeft: number | undefined;
  /** Ends the training after this epoch, as if it had been the last. */
  stop(): void;
  /** Returns a copy of the parameters, in the form of `model.getWeights`. */
  getWeights(): LayerWeights[];
}

/**
 * Hooks of a training, all of them optional. The training waits for the promise that a hook returns;
 * `fitSync` refuses one. If a hook throws, the training ends with that error. The model keeps what it has
 * learned.
 *
 * @example
 * ```ts
 * await model.fit(data, {
 *   epochs: 100,
 *   callbacks: {
 *     onEpochEnd({ epoch, loss }, control) {
 *       if (epoch % 10 === 9) control.learningRate /= 2;
 *       if (loss < 0.001) control.stop();
 *     },
 *   },
 * });
 * ```
 */
export interface Callback<OneEpoch = Epoch, Whole = History> {
  /** Called before the first epoch. */
  onTrainBegin?(control: Control): void | Promise<void>;
  /** Called before each epoch, with the number of the epoch over all trainings of the model, from 0. */
  onEpochBegin?(epoch: number, control: Control): void | Promise<void>;
  /** Called after each epoch, with its loss, metrics, learning rate and time. */
  onEpochEnd?(epoch: OneEpoch, control: Control): void | Promise<void>;
  /** Called when the training has ended, also after an error or an abort. */
  onTrainEnd?(history: Whole): void | Promise<void>;
}

/** The names of the hooks. */
export const HOOKS = ["onTrainBegin", "onEpochBegin", "onEpochEnd", "onTrainEnd"] as const;

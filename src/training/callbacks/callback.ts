/** What a callback is: an object of hooks that a training calls between its epochs. */

import type { LayerWeights } from "../../nn/weights.ts";
import type { Epoch, History } from "../history.ts";

/** What a hook may do to the training that calls it. It holds while the training runs, and no longer. */
export interface Control {
  /**
   * The learning rate of the epochs to come: what it is set to holds for all of them, in place of a schedule's
   * rates.
   */
  learningRate: number;
  /**
   * The time that the training will still take, in seconds, as its epochs have taken on average so far, and
   * what is left of its `budget`; undefined before the first epoch has ended.
   */
  readonly secondsLeft: number | undefined;
  /** Ends the training after this epoch, as if it had been the last. */
  stop(): void;
  /** A copy of the parameters, as `model.getWeights` gives it. */
  getWeights(): LayerWeights[];
}

/**
 * Hooks of `fit` and `fitSync`, all of them optional. `fit` waits for a hook that gives a promise. An error
 * that a hook throws ends the training, which rejects with it; the model keeps what it has learnt.
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
  /** Before the first epoch. */
  onTrainBegin?(control: Control): void | Promise<void>;
  /** Before each epoch, with its number in the model's life, from 0. */
  onEpochBegin?(epoch: number, control: Control): void | Promise<void>;
  /** After each epoch, with what was measured of it. */
  onEpochEnd?(epoch: OneEpoch, control: Control): void | Promise<void>;
  /** When the training is over, however it ended: also after an error or an abort. */
  onTrainEnd?(history: Whole): void | Promise<void>;
}

/** The names of the hooks. */
export const HOOKS = ["onTrainBegin", "onEpochBegin", "onEpochEnd", "onTrainEnd"] as const;

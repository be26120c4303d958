/** What a callback is: an object of hooks that a training calls between its epochs. */
import type { Epoch, History } from "../fit/history.ts";
import type { LayerWeights } from "../weights.ts";

/** What a hook may do to the training that calls it. It holds while the hook runs, and no longer. */
export interface Control {
  /**
   * The learning rate of the epoch that has ended or is about to begin. Setting it changes that of the epochs
   * to come, in place of a schedule's.
   */
  learningRate: number;
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
 * const halve: Callback = {
 *   onEpochEnd({ epoch, loss }, control) {
 *     if (epoch % 10 === 9) control.learningRate /= 2;
 *     if (loss < 0.001) control.stop();
 *   },
 * };
 * await model.fit(data, { epochs: 100, callbacks: [halve] });
 * ```
 */
export interface Callback {
  /** Before the first epoch. */
  onTrainBegin?(control: Control): void | Promise<void>;
  /** Before each epoch, with its number in the model's life, from 0. */
  onEpochBegin?(epoch: number, control: Control): void | Promise<void>;
  /** After each epoch, with what was measured of it. */
  onEpochEnd?(epoch: Epoch, control: Control): void | Promise<void>;
  /** When the training is over, however it ended: also after an error or an abort. */
  onTrainEnd?(history: History): void | Promise<void>;
}

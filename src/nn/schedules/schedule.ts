/** What a schedule is, to the epoch loop. */

/** What an epoch gave by name: `loss`, and whatever else was measured. */
export type Measured = Readonly<Record<string, number>>;

/**
 * The learning rate of each epoch of one training, counted from 0 and asked for in order, once each.
 * `last` is what the epoch before gave; there is none before the first.
 */
export type Rates = (epoch: number, last?: Measured) => number;

/** A schedule with its options filled in. */
export interface Schedule {
  /**
   * The figures of each epoch that the next rate depends on, by name; null stands for the training's default.
   * Where there is none, all rates are known beforehand, without `last`.
   */
  readonly monitors: readonly (string | null)[];
  /**
   * Begins a training from the optimizer's learning rate. `monitor` is the figure that the training watches by
   * default, `"loss"` if left out.
   */
  start(learningRate: number, monitor?: string): Rates;
}

/** A schedule of which each rate is the learning rate times a factor, or another function of both. */
export function known(rate: (epoch: number, learningRate: number) => number): Schedule {
  return { monitors: [], start: (learningRate) => (epoch) => rate(epoch, learningRate) };
}

/** The interface of a schedule, for the loop over epochs. */

/** What an epoch measured, by name: `loss` and the metrics. */
export type Measured = Readonly<Record<string, number>>;

/**
 * Returns the learning rate of an update, counted from 0 in its epoch. `updates` is the number of updates in
 * an epoch.
 */
export type UpdateRates = (update: number, updates: number) => number;

/** The learning rate of an epoch, or of each of its updates. */
export type Rate = number | UpdateRates;

/**
 * Returns the learning rate of an epoch of one training. It is called once for each epoch, from 0, in order.
 * `last` is what the previous epoch measured; undefined for the first epoch.
 */
export type Rates = (epoch: number, last?: Measured) => Rate;

/** A schedule with its options filled in. */
export interface Schedule {
  /**
   * The names of the metrics of an epoch that the next rate depends on; null stands for the training's
   * default. If the list is empty, all rates are known in advance, without `last`.
   */
  readonly monitors: readonly (string | null)[];
  /** Whether the rate may change with each update. */
  readonly isPerStep?: boolean;
  /**
   * Returns the rates of a training that begins at the optimizer's learning rate. `monitor` is the metric
   * that the training watches by default, `"loss"` if left out.
   */
  start(learningRate: number, monitor?: string): Rates;
}

/** Returns a schedule whose rate is a function of the epoch and of the optimizer's learning rate. */
export function known(rate: (epoch: number, learningRate: number) => number): Schedule {
  return { monitors: [], start: (learningRate) => (epoch) => rate(epoch, learningRate) };
}

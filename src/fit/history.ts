/** What a training tells of itself: epoch by epoch, and in lists. */
import type { Ended, Ending, Lists } from "../formats/saved.ts";
import type * as metrics from "../metrics/table.ts";

export type { Ended };

/** The name of a metric: its word in the table. */
export type MetricName = keyof typeof metrics;

/** A figure for each of the model's metrics, by the metric's name. */
export type Metrics<Value> = { readonly [Name in MetricName]?: Value };

/**
 * The same for the validation: `accuracy` becomes `validationAccuracy`, whatever the metric, and the loss
 * `validationLoss`.
 */
export type ValidationMetrics<Value> = {
  readonly [Name in MetricName as `validation${Capitalize<Name>}`]?: Value;
} & { readonly validationLoss?: Value };

/** The name of what is measured, where it is measured of the validation. */
export function validationName(name: string): string {
  return `validation${name[0].toUpperCase()}${name.slice(1)}`;
}

/**
 * One epoch of a training. `loss` and the model's metrics are those of the predictions that the epoch made
 * before each step; `validationLoss` and `validationAccuracy`, for instance, those of the validation at the
 * epoch's end.
 */
export interface Epoch extends Metrics<number>, ValidationMetrics<number> {
  /** Its number in the model's life, from 0. */
  readonly epoch: number;
  /**
   * The mean over the rows of weight · loss, each measured before the step that it took part in. Metrics and
   * the losses of a validation are without weights.
   */
  readonly loss: number;
  readonly learningRate: number;
  /** How long it took, validation included. */
  readonly seconds: number;
}

/** A training, with an entry for each epoch in every list. */
export interface History extends Metrics<number[]>, ValidationMetrics<number[]> {
  /** The number of each epoch in the model's life. */
  readonly epoch: number[];
  /**
   * The mean over the rows of weight · loss, each measured before the step that it took part in. Metrics and
   * the losses of a validation are without weights.
   */
  readonly loss: number[];
  readonly learningRate: number[];
  /** How long each epoch took, validation included. */
  readonly seconds: number[];
  /** With early stopping: the number, in `epoch`, of the epoch whose weights are the best so far. */
  readonly bestEpoch?: number;
  /** Why the training ended; undefined while it runs. */
  readonly ended?: Ended;
  /** With `validationSplit`: the indices of the rows that were held out, in ascending order. */
  readonly validationRows?: readonly number[];
}

/** What every epoch has. */
const ALWAYS = ["epoch", "loss", "learningRate", "seconds"];

/** The properties of a history that are not lists by epoch. */
const OF_TRAINING: readonly string[] = ["bestEpoch", "ended", "validationRows"] satisfies (keyof History)[];

/** The lists of a history that have an entry for each epoch, and how it ended. */
export function parts(history: History): { readonly history: Lists; readonly ending: Ending } {
  const lists = Object.entries(history).filter(([name]) => !OF_TRAINING.includes(name));
  const { ended, bestEpoch } = history;
  return {
    history: Object.fromEntries(lists),
    ending: { ...(ended && { ended }), ...(bestEpoch !== undefined && { bestEpoch }) },
  };
}

/** The history of a training as it grows. */
export class GrowingHistory {
  readonly history: { -readonly [Name in keyof History]: History[Name] };
  /** What an epoch has, by name. */
  readonly names: readonly string[];
  readonly #lists: number[][];

  constructor(measured: readonly string[]) {
    this.names = [...ALWAYS, ...measured];
    this.#lists = this.names.map(() => []);
    this.history = Object.fromEntries(
      this.names.map((name, at) => [name, this.#lists[at]]),
    ) as unknown as History;
  }

  /** Appends an epoch, in the order of the names. */
  add(values: readonly number[]): Epoch {
    const epoch: { [name: string]: number } = {};
    for (let at = 0; at < values.length; at++) {
      this.#lists[at].push(values[at]);
      epoch[this.names[at]] = values[at];
    }
    return epoch as unknown as Epoch;
  }

  /** A copy, for the caller to keep. */
  copy(): History {
    const copied = Object.entries(this.history).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.slice() : value,
    ]);
    return Object.fromEntries(copied) as unknown as History;
  }
}

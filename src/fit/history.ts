/** What a training tells of itself: epoch by epoch, and in lists. */
import type * as metrics from "../metrics/table.ts";

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
}

/** What every epoch has. */
const ALWAYS = ["epoch", "loss", "learningRate", "seconds"];

/** Epochs, kept in lists by what was measured. */
export class EpochLists {
  readonly history: History;
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
}

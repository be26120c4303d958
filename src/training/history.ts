/** The results of a training: an object for each epoch, and a history with a list for each value. */
import type { Ended, Ending, Lists } from "../formats/saved.ts";
import type { MetricList, MetricName, ValidationName } from "../metrics/names.ts";

export type { MetricList, MetricName, Monitor } from "../metrics/names.ts";
export type { Ended };

type NameOf<Metric> = Metric extends { readonly type: infer Name } ? Name : Metric;

/**
 * A value for each metric of a list, by the metric's name. All other metrics are undefined. If the types do
 * not say which metrics are in the list, any may be undefined.
 */
export type Metrics<Value, List extends MetricList = MetricList> = List extends MetricList
  ? number extends List["length"]
    ? { readonly [Name in MetricName]?: Value }
    : { readonly [Name in NameOf<List[number]> & MetricName]: Value } & {
        readonly [Name in Exclude<MetricName, NameOf<List[number]>>]?: never;
      }
  : never;

/** The same values, under the names of the validation. */
type OfValidation<Values> = {
  [Name in keyof Values as ValidationName<Name & string>]: Values[Name];
};

/** The loss and the metrics of a validation. The types may not say whether there is one. */
type ValidationFigures<Value, List extends MetricList, Validated extends boolean> = boolean extends Validated
  ? Partial<OfValidation<{ readonly loss: Value } & Metrics<Value, List>>>
  : Validated extends true
    ? OfValidation<{ readonly loss: Value } & Metrics<Value, List>>
    : { readonly [Name in ValidationName<"loss" | MetricName>]?: never };

/** Returns the name of a value where it is measured on the validation: `validationLoss` for `loss`. */
export function validationName(name: string): string {
  return `validation${name[0].toUpperCase()}${name.slice(1)}`;
}

/**
 * One epoch of a training. `loss` and the model's metrics are computed from the predictions that the epoch
 * made before each step. `validationLoss` and, for instance, `validationAccuracy` are measured at the end of
 * the epoch.
 */
export type Epoch<List extends MetricList = MetricList, Validated extends boolean = boolean> = {
  /** The number of the epoch over all trainings of the model, from 0. */
  readonly epoch: number;
  /**
   * The mean over the rows of weight · loss, each measured before the step that used the row. Metrics and
   * the losses of a validation are not weighted.
   */
  readonly loss: number;
  readonly learningRate: number;
  /** How long the epoch took, validation included. */
  readonly seconds: number;
} & Metrics<number, List> &
  ValidationFigures<number, List, Validated>;

/** The history of a training. Every list has an entry for each epoch. */
export type History<List extends MetricList = MetricList, Validated extends boolean = boolean> = {
  /** The number of each epoch over all trainings of the model. */
  readonly epoch: number[];
  /**
   * The mean over the rows of weight · loss, each measured before the step that used the row. Metrics and
   * the losses of a validation are not weighted.
   */
  readonly loss: number[];
  readonly learningRate: number[];
  /** How long each epoch took, validation included. */
  readonly seconds: number[];
  /**
   * With early stopping: the number, as in `epoch`, of the best epoch so far. At the end of the training the
   * model has the weights of that epoch; after an abort or an error it has those of the last step.
   */
  readonly bestEpoch?: number;
  /** Why the training ended; undefined while it runs. */
  readonly ended?: Ended;
  /** With `validationSplit`: the indices of the rows that were held out, in ascending order. */
  readonly validationRows?: readonly number[];
} & Metrics<number[], List> &
  ValidationFigures<number[], List, Validated>;

/** The fields of every epoch. */
const EPOCH_FIELDS = ["epoch", "loss", "learningRate", "seconds"];

/** The properties of a history that are not lists with an entry for each epoch. */
const TRAINING_FIELDS: readonly string[] = [
  "bestEpoch",
  "ended",
  "validationRows",
] satisfies (keyof History)[];

/** Splits a history into its lists with an entry for each epoch, and how the training ended. */
export function splitHistory(history: History): { readonly history: Lists; readonly ending: Ending } {
  const lists = Object.entries(history).filter(([name]) => !TRAINING_FIELDS.includes(name));
  const { ended, bestEpoch } = history;
  return {
    history: Object.fromEntries(lists) as Lists,
    ending: { ...(ended && { ended }), ...(bestEpoch !== undefined && { bestEpoch }) },
  };
}

/** Builds the history of a training. */
export class HistoryBuilder {
  readonly history: { -readonly [Name in keyof History]: History[Name] };
  /** The names of the values of an epoch. */
  readonly names: readonly string[];
  readonly #lists: number[][];

  constructor(measured: readonly string[]) {
    this.names = [...EPOCH_FIELDS, ...measured];
    this.#lists = this.names.map(() => []);
    this.history = Object.fromEntries(
      this.names.map((name, at) => [name, this.#lists[at]]),
    ) as unknown as History;
  }

  /** Appends an epoch, whose values are in the order of `names`. */
  add(values: readonly number[]): Epoch {
    const epoch: { [name: string]: number } = {};
    for (let at = 0; at < values.length; at++) {
      this.#lists[at].push(values[at]);
      epoch[this.names[at]] = values[at];
    }
    return epoch as unknown as Epoch;
  }

  /** Returns a copy, for the caller to keep. */
  copy(): History {
    const copied = Object.entries(this.history).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.slice() : value,
    ]);
    return Object.fromEntries(copied) as unknown as History;
  }
}

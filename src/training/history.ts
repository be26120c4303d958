/** What a training tells of itself: epoch by epoch, and in lists. */
import type { Ended, Ending, Lists } from "../formats/saved.ts";
import type { MetricList, MetricName, ValidationName } from "../metrics/names.ts";

export type { MetricList, MetricName, Monitor } from "../metrics/names.ts";
export type { Ended };

type NameOf<Metric> = Metric extends { readonly type: infer Name } ? Name : Metric;

/**
 * A value for each metric of a list, by the metric's name; all others are undefined. Of a list whose entries the
 * types do not tell, each may be undefined.
 */
export type Metrics<Value, List extends MetricList = MetricList> = List extends MetricList
  ? number extends List["length"]
    ? { readonly [Name in MetricName]?: Value }
    : { readonly [Name in NameOf<List[number]> & MetricName]: Value } & {
        readonly [Name in Exclude<MetricName, NameOf<List[number]>>]?: never;
      }
  : never;

/** The same under the names of the validation. */
type OfValidation<Figures> = {
  [Name in keyof Figures as ValidationName<Name & string>]: Figures[Name];
};

/** The loss and the metrics of a validation, of which it may not be known whether there is one. */
type ValidationFigures<Value, List extends MetricList, Validated extends boolean> = boolean extends Validated
  ? Partial<OfValidation<{ readonly loss: Value } & Metrics<Value, List>>>
  : Validated extends true
    ? OfValidation<{ readonly loss: Value } & Metrics<Value, List>>
    : { readonly [Name in ValidationName<"loss" | MetricName>]?: never };

/** The name of what is measured, where it is measured of the validation. */
export function validationName(name: string): string {
  return `validation${name[0].toUpperCase()}${name.slice(1)}`;
}

/**
 * One epoch of a training. `loss` and the model's metrics are those of the predictions that the epoch made
 * before each step; `validationLoss` and `validationAccuracy`, for instance, those of the validation at the
 * epoch's end.
 */
export type Epoch<List extends MetricList = MetricList, Validated extends boolean = boolean> = {
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
} & Metrics<number, List> &
  ValidationFigures<number, List, Validated>;

/** A training, with an entry for each epoch in every list. */
export type History<List extends MetricList = MetricList, Validated extends boolean = boolean> = {
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
  /**
   * With early stopping: the number, in `epoch`, of the best epoch so far, whose weights the model has in the end;
   * after an abort or an error it has those of the last step.
   */
  readonly bestEpoch?: number;
  /** Why the training ended; undefined while it runs. */
  readonly ended?: Ended;
  /** With `validationSplit`: the indices of the rows that were held out, in ascending order. */
  readonly validationRows?: readonly number[];
} & Metrics<number[], List> &
  ValidationFigures<number[], List, Validated>;

/** What every epoch has. */
const EPOCH_FIELDS = ["epoch", "loss", "learningRate", "seconds"];

/** The properties of a history that are not lists by epoch. */
const TRAINING_FIELDS: readonly string[] = [
  "bestEpoch",
  "ended",
  "validationRows",
] satisfies (keyof History)[];

/** The lists of a history that have an entry for each epoch, and how it ended. */
export function splitHistory(history: History): { readonly history: Lists; readonly ending: Ending } {
  const lists = Object.entries(history).filter(([name]) => !TRAINING_FIELDS.includes(name));
  const { ended, bestEpoch } = history;
  return {
    history: Object.fromEntries(lists) as Lists,
    ending: { ...(ended && { ended }), ...(bestEpoch !== undefined && { bestEpoch }) },
  };
}

/** The history of a training as it grows. */
export class HistoryBuilder {
  readonly history: { -readonly [Name in keyof History]: History[Name] };
  /** What an epoch has, by name. */
  readonly names: readonly string[];
  readonly #lists: number[][];

  constructor(measured: readonly string[]) {
    this.names = [...EPOCH_FIELDS, ...measured];
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

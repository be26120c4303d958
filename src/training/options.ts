/** What a caller may say of a training, checked. */

import type { Examples, Matrix, NumberArray } from "../data/examples.ts";
import { OptionError, show } from "../errors.ts";
import { readSchedule, type ScheduleChoice } from "../nn/schedules/chain.ts";
import type { Schedule } from "../nn/schedules/schedule.ts";
import { checkNames, readSize } from "../options.ts";
import { type Budget, readBudget } from "./budget.ts";
import type { Callback } from "./callbacks/callback.ts";
import type { Epoch, History, MetricList } from "./history.ts";
import { readCallbacks } from "./participants.ts";
import type { ClassWeight } from "./rowWeights.ts";

/** The options that say whether a training has a validation. */
export type ValidationOptions = Pick<FitOptions, "validationData" | "validationSplit">;

/** Whether a training with such options has a validation: true, false, or a boolean where the types do not tell. */
export type Validates<Options extends ValidationOptions> = Options extends
  | { readonly validationData: object }
  | { readonly validationSplit: number }
  ? true
  : [Options[keyof Options]] extends [undefined]
    ? false
    : boolean;

/**
 * Those options of a call from which it is told whether there is a validation; `Pick`, because TypeScript infers
 * them so and still refuses names that are unknown.
 */
export type ToldBy<Options extends ValidationOptions> = Pick<
  Options,
  keyof Options & keyof ValidationOptions
>;

/** A callback of a training with these metrics. */
type CallbackOf<List extends MetricList, Validated extends boolean> = Callback<
  Epoch<List, Validated>,
  History<List, Validated>
>;

/** How to train. */
export interface FitOptions<List extends MetricList = MetricList, Validated extends boolean = boolean> {
  /** How often to go through the data; 1 by default. */
  readonly epochs?: number | undefined;
  /** Rows a step, 32 by default; the last step of an epoch takes what is left. */
  readonly batchSize?: number | undefined;
  /**
   * Steps whose gradients an update takes together, 1 by default: after every so many steps of an epoch and at
   * its end the optimizer gets their mean. So batches that do not fit in memory, or that come one by one, train
   * as larger ones.
   */
  readonly accumulate?: number | undefined;
  /**
   * Whether each epoch takes the rows in an order of its own, which follows from the model's seed; true by
   * default.
   */
  readonly shuffle?: boolean | undefined;
  /**
   * A weight for each row, of at least 0: its loss and the gradient of its loss are multiplied by it. The
   * loss of a step is the sum of weight · loss over its rows, divided by the number of rows.
   */
  readonly sampleWeight?: readonly number[] | NumberArray | undefined;
  /**
   * A weight for each class, by which the weights of its rows are multiplied; for a loss whose targets say
   * classes: a list from class 0 on, or an object by class like `{ 0: 1, 1: 5 }`, in which a class that is
   * left out has 1. With targets of -1 and 1 the object's names are those. `"balanced"` gives each class that occurs the same say: rows / (classes · rows of the class),
   * where classes without a row do not count.
   */
  readonly classWeight?: ClassWeight | undefined;
  /** Examples that are measured after each epoch and never learnt from: a dataset, or x and y. */
  readonly validationData?: Examples | readonly [x: Matrix, y: Matrix] | undefined;
  /**
   * The share of the rows, above 0 and below 1, that is held out of the training and measured after each epoch.
   * Which rows follows from the model's seed; where rows have classes, each class is held out by its share.
   * `history.validationRows` has their indices.
   */
  readonly validationSplit?: number | undefined;
  /**
   * Whether `validationSplit` draws its rows; true by default. With false it takes the last ones, as a series
   * needs it.
   */
  readonly validationShuffle?: boolean | undefined;
  /** The learning rate of each epoch of this training; by default always the optimizer's. */
  readonly schedule?: ScheduleChoice | undefined;
  /**
   * The most threads of the native kernel; by default as many as there are free cores, or what
   * `MYELIN_THREADS` says. They change no bit of the result, and where one is faster, one it is. The
   * typescript kernel has one.
   */
  readonly threads?: number | undefined;
  /** Stops the training after the current step; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called between the epochs, in this order: objects of hooks, or those in `callbacks`. */
  readonly callbacks?: CallbackOf<List, Validated> | readonly CallbackOf<List, Validated>[] | undefined;
  /** How long to train, and how good is good enough: the training then ends before its last epoch. */
  readonly budget?: Budget | undefined;
  /**
   * Whether to show progress on standard error: a bar on a terminal, elsewhere a line an epoch and at most
   * about one a second; and, at the end, why the training ended. It counts the epochs of the call from 1, where
   * `history.epoch` counts those of the model from 0. A browser's console gets the lines. False by default.
   */
  readonly verbose?: boolean | undefined;
  /**
   * Whether to warn of what keeps a training from working: before it, as of columns that are not scaled, and after
   * one that has learned nothing. A warning is one of Node's process, or a line on a browser's console, and has a
   * code (docs/doctor.md); each is given once for the same data, model and call. True by default.
   */
  readonly warnings?: boolean | undefined;
}

/** Options with their defaults, checked as far as they can be without the data. */
export interface CheckedFitOptions {
  readonly epochs: number;
  readonly batchSize: number;
  readonly accumulate: number;
  readonly shuffle: boolean;
  readonly sampleWeight: unknown;
  readonly classWeight: unknown;
  readonly validationData: unknown;
  readonly validationSplit: number | undefined;
  readonly validationShuffle: boolean;
  readonly schedule: Schedule | undefined;
  readonly callbacks: readonly Callback[];
  readonly budget: Budget;
  readonly verbose: boolean;
  readonly warnings: boolean;
  /** The call that these are the options of, which warns of each thing once. */
  readonly scope: object;
  /** The caller's numbers of the rows, where a call trains on some of the rows that it was given. */
  readonly rowNumbers?: Uint32Array | undefined;
  readonly threads: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/** The options of a training. */
export const FIT_OPTIONS: readonly (keyof FitOptions)[] = [
  "epochs",
  "batchSize",
  "accumulate",
  "shuffle",
  "sampleWeight",
  "classWeight",
  "validationData",
  "validationSplit",
  "validationShuffle",
  "schedule",
  "threads",
  "signal",
  "callbacks",
  "budget",
  "verbose",
  "warnings",
];

/** `true` or `false`. */
export function readBoolean(value: unknown, place: string): boolean {
  if (typeof value === "boolean") return value;
  throw new OptionError(`${place}: expected true or false, received ${show(value)}`);
}

/** A share of the rows. */
export function readSplit(value: unknown, place: string): number {
  if (typeof value === "number" && value > 0 && value < 1) return value;
  throw new OptionError(`${place}: expected a share above 0 and below 1, received ${show(value)}`);
}

/** Checks the options of a training and fills in the defaults. */
export function readFitOptions(
  call: string,
  options: FitOptions = {},
  names: readonly string[] = FIT_OPTIONS,
): CheckedFitOptions {
  checkNames(options, names, call);
  const { epochs = 1, batchSize = 32, accumulate = 1, shuffle = true, threads, signal } = options;
  const { sampleWeight, classWeight, validationData, validationSplit, validationShuffle, schedule } = options;
  const { callbacks, budget, verbose = false, warnings = true } = options;
  if (validationData !== undefined && validationSplit !== undefined) {
    throw new OptionError(`${call}: expected validationData or validationSplit, received both`);
  }
  if (validationShuffle !== undefined && validationSplit === undefined) {
    throw new OptionError(`${call}: validationShuffle: expected validationSplit with it, received none`);
  }
  return {
    epochs: readSize(epochs, `${call}: epochs`),
    batchSize: readSize(batchSize, `${call}: batchSize`),
    accumulate: readSize(accumulate, `${call}: accumulate`),
    shuffle: readBoolean(shuffle, `${call}: shuffle`),
    sampleWeight,
    classWeight,
    validationData,
    validationSplit:
      validationSplit === undefined ? undefined : readSplit(validationSplit, `${call}: validationSplit`),
    validationShuffle: readBoolean(validationShuffle ?? true, `${call}: validationShuffle`),
    schedule: schedule === undefined ? undefined : readSchedule(schedule, `${call}: schedule`),
    callbacks: readCallbacks(callbacks, `${call}: callbacks`),
    budget: budget === undefined ? {} : readBudget(budget, `${call}: budget`),
    verbose: readBoolean(verbose, `${call}: verbose`),
    warnings: readBoolean(warnings, `${call}: warnings`),
    scope: {},
    threads: readThreads(threads, call),
    signal: readSignal(signal, call),
  };
}

/** Foreign signals that are followed, each with one of this realm: one listener for any number of calls. */
const followed = new WeakMap<object, AbortSignal>();

/** The signal that stops a call, if there is one. One of another realm or of a polyfill is followed. */
export function readSignal(signal: unknown, call: string): AbortSignal | undefined {
  if (signal === undefined || signal instanceof AbortSignal) return signal;
  const { aborted, addEventListener } = Object(signal) as Partial<AbortSignal>;
  if (typeof aborted !== "boolean" || typeof addEventListener !== "function") {
    throw new OptionError(`${call}: signal: expected an AbortSignal, received ${show(signal)}`);
  }
  const foreign = signal as AbortSignal;
  const known = followed.get(foreign);
  if (known !== undefined) return known;
  const controller = new AbortController();
  const abort = () => controller.abort(foreign.reason);
  if (aborted) abort();
  else foreign.addEventListener("abort", abort, { once: true });
  followed.set(foreign, controller.signal);
  return controller.signal;
}

/** The most threads of a call, if it says so. */
export function readThreads(threads: unknown, call: string): number | undefined {
  return threads === undefined ? undefined : readSize(threads, `${call}: threads`);
}

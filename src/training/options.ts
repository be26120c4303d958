/** The options of a training, and their checks. */
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

/**
 * Whether a training with these options has a validation: true, false, or boolean if the types do not say.
 */
export type Validates<Options extends ValidationOptions> = Options extends
  | { readonly validationData: object }
  | { readonly validationSplit: number }
  ? true
  : [Options[keyof Options]] extends [undefined]
    ? false
    : boolean;

/**
 * The options that say whether a call has a validation. It is a `Pick`, because then TypeScript infers them
 * and still refuses unknown names.
 */
export type ValidationOptionsOf<Options extends ValidationOptions> = Pick<
  Options,
  keyof Options & keyof ValidationOptions
>;

/** A callback of a training with these metrics, with or without a validation. */
type CallbackOf<List extends MetricList, Validated extends boolean> = Callback<
  Epoch<List, Validated>,
  History<List, Validated>
>;

/** How to train. */
export interface FitOptions<List extends MetricList = MetricList, Validated extends boolean = boolean> {
  /** The number of passes over the data; 1 by default. */
  readonly epochs?: number | undefined;
  /** Rows per step, 32 by default. The last step of an epoch takes the remaining rows. */
  readonly batchSize?: number | undefined;
  /**
   * The number of steps whose gradients are averaged for one update; 1 by default. The optimizer receives the
   * mean after that many steps, and at the end of the epoch. Use it to train with a batch that does not fit
   * in memory.
   */
  readonly accumulate?: number | undefined;
  /**
   * Whether each epoch takes the rows in a new order, which the model's seed determines; true by default.
   */
  readonly shuffle?: boolean | undefined;
  /**
   * A weight for each row, at least 0, which multiplies the row's loss and the gradient of that loss. The
   * loss of a step is the sum of weight · loss over its rows, divided by the number of rows.
   */
  readonly sampleWeight?: readonly number[] | NumberArray | undefined;
  /**
   * A weight for each class, which multiplies the weights of its rows. The loss needs targets that are
   * classes. Pass a list that starts with class 0, or an object like `{ 0: 1, 1: 5 }`, in which the default
   * for a class is 1. With targets of -1 and 1 the keys are -1 and 1. `"balanced"` gives all classes the same
   * total weight: a class has the weight rows / (classes · rows of the class), and classes without rows do
   * not count.
   */
  readonly classWeight?: ClassWeight | undefined;
  /** Examples to measure after each epoch, and never to train on: a dataset, or [x, y]. */
  readonly validationData?: Examples | readonly [x: Matrix, y: Matrix] | undefined;
  /**
   * The share of the rows, above 0 and below 1, to hold out of the training and to measure after each epoch.
   * The model's seed determines the rows. If rows have classes, the same share of each class is held out.
   * `history.validationRows` has the indices of these rows.
   */
  readonly validationSplit?: number | undefined;
  /**
   * Whether `validationSplit` draws rows at random; true by default. With false it takes the last rows, as
   * for a time series.
   */
  readonly validationShuffle?: boolean | undefined;
  /** The learning rate of each epoch of this training; by default the optimizer's for all. */
  readonly schedule?: ScheduleChoice | undefined;
  /**
   * The most threads of the native kernel; by default the number of free cores, or `MYELIN_THREADS`. The
   * number of threads does not change the result, and the kernel uses one where one is faster. The typescript
   * kernel has one.
   */
  readonly threads?: number | undefined;
  /** Stops the training after the current step. The promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Hooks to call between the epochs, in this order: objects of your own, or those from `callbacks`. */
  readonly callbacks?: CallbackOf<List, Validated> | readonly CallbackOf<List, Validated>[] | undefined;
  /** Ends the training before its last epoch: after some time, or at a low enough loss. */
  readonly budget?: Budget | undefined;
  /**
   * Whether to show progress on standard error, and at the end why the training ended; false by default. A
   * terminal shows a bar. Elsewhere, as on a browser's console, there is a line per epoch and at most about
   * one per second. Epochs of the call count from 1, while `history.epoch` counts all epochs of the model
   * from 0.
   */
  readonly verbose?: boolean | undefined;
  /**
   * Whether to warn about problems that keep a model from learning; true by default. Some warnings come
   * before the training, for instance about columns that are not scaled, others after a training that has
   * learned nothing. A warning is a process warning of Node, or a line on a browser's console. Each has a
   * code (docs/doctor.md), and comes once for the same data, model and call.
   */
  readonly warnings?: boolean | undefined;
}

/** Options with their defaults, checked as far as possible without the data. */
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
  /** Identifies the call: each warning is given once per call. */
  readonly scope: object;
  /** The number of each row in the caller's dataset, if the call trains on some of its rows. */
  readonly rowNumbers?: Uint32Array | undefined;
  /** The factor of each input, by which the kernel's copies of the rows and of `validationData` are multiplied. */
  readonly inputScales?: Float32Array | undefined;
  readonly threads: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/** The names of the options of a training. */
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

/** Checks that a value is `true` or `false`. */
export function readBoolean(value: unknown, place: string): boolean {
  if (typeof value === "boolean") return value;
  throw new OptionError(`${place}: expected true or false, received ${show(value)}`);
}

/** Checks a share of the rows. */
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
    throw new OptionError(`${call}: validationShuffle: expected validationSplit too, received none`);
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

/**
 * The signal of this realm for each foreign signal, so that a foreign one gets a single listener for all
 * calls.
 */
const followed = new WeakMap<object, AbortSignal>();

/**
 * Checks an abort signal. For one of another realm, or of a polyfill, it returns a signal that follows it.
 */
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

/** Checks the most threads of a call. */
export function readThreads(threads: unknown, call: string): number | undefined {
  return threads === undefined ? undefined : readSize(threads, `${call}: threads`);
}

/** Candidates: models and how to train them, and the options that crossValidate and search have in common. */
import { checkExamples } from "../../data/examples.ts";
import type { Folding, Groups } from "../../data/folds.ts";
import { OptionError, show, within } from "../../errors.ts";
import { Model, type ModelOptions } from "../../model.ts";
import { checkNames, isPlain, readSize } from "../../options.ts";
import { freshSeed, readSeed } from "../../seed.ts";
import type { MetricList } from "../../training/history.ts";
import {
  type CheckedFitOptions,
  FIT_OPTIONS,
  type FitOptions,
  readFitOptions,
  readSignal,
  readThreads,
} from "../../training/options.ts";
import { checkShared } from "../../training/participants.ts";
import { type ManyProgress, readOnProgress } from "../../training/trainMany.ts";

/** A model and how to train it, in the options of `new Model` and `fit`. */
export interface Candidate<List extends MetricList = MetricList> {
  /** Without a `seed` of its own, the model takes the call's. */
  readonly model: ModelOptions<List>;
  /** Options of `fit`; `signal` and `threads` belong to the call. */
  readonly fit?: Omit<FitOptions, "signal" | "threads" | "verbose"> | undefined;
}

/** The options that `crossValidate` and `search` have in common. */
export interface SharedOptions {
  /** The number of folds, 5 by default. Each fold is measured by a model that was trained on all others. */
  readonly folds?: number | undefined;
  /** Whether every fold gets its share of each class; false by default. A class is a distinct row of y. */
  readonly stratify?: boolean | undefined;
  /** A name or a number for each row. Rows with the same one are always in the same fold. */
  readonly groups?: Groups | undefined;
  /** Determines the folds, the draws and the models' seeds. A fresh one by default; the result has it. */
  readonly seed?: number | undefined;
  /** The number of threads, as in `trainMany`. */
  readonly threads?: number | undefined;
  /** Stops all trainings; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

const SHARED_OPTIONS: readonly string[] = [
  ...["folds", "stratify", "groups", "seed", "threads", "signal", "onProgress"],
];

/** Checks the form of the data, and that every option is a shared one or one of the call's `own`. */
export function checkArguments(
  call: string,
  data: unknown,
  options: unknown,
  own: readonly string[] = [],
): void {
  checkExamples(data, call);
  checkNames(options, [...SHARED_OPTIONS, ...own], call);
}

/** The shared options, checked and with their defaults. */
export interface CheckedShared<Told = ManyProgress> extends Folding {
  readonly threads: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((progress: Told) => void) | undefined;
  /** Stands for the call: its trainings together warn of each cause once. */
  readonly scope: object;
}

/** Checks the shared options and fills in their defaults. */
export function readShared<Told>(
  call: string,
  options: SharedOptions & { readonly onProgress?: unknown },
): CheckedShared<Told> {
  const { folds = 5, stratify = false, groups, seed, threads, signal, onProgress } = options;
  if (typeof stratify !== "boolean") {
    throw new OptionError(`${call}: stratify: expected true or false, received ${show(stratify)}`);
  }
  return {
    folds: readSize(folds, `${call}: folds`),
    stratify,
    groups,
    seed: seed === undefined ? freshSeed() : readSeed(seed, `${call}: seed`),
    threads: readThreads(threads, call),
    signal: readSignal(signal, call),
    onProgress: readOnProgress<Told>(call, onProgress),
    scope: {},
  };
}

/** A candidate whose options are checked. */
export interface CheckedCandidate {
  readonly place: string;
  readonly options: CheckedFitOptions;
  readonly sampleWeight: Float32Array | undefined;
  make(): Model;
}

const OF_CALL: readonly string[] = ["signal", "threads", "verbose"];
const CANDIDATE_OPTIONS = FIT_OPTIONS.filter((name) => !OF_CALL.includes(name));

/** Checks a candidate. `place` begins its error messages. */
export function readCandidate(
  place: string,
  candidate: Candidate,
  { seed, threads, scope }: Pick<CheckedShared, "seed" | "threads" | "scope">,
): CheckedCandidate {
  const given: unknown = candidate;
  if (!isPlain(given)) {
    const fix = given instanceof Model ? ". Fix: pass the options that made the model" : "";
    throw new OptionError(`${place}: expected an object { model, fit }, received ${show(given)}${fix}`);
  }
  checkNames(candidate, ["model", "fit"], place);
  const { model, fit = {} } = candidate;
  checkNames(fit, CANDIDATE_OPTIONS, `${place}: fit`);
  if (!isPlain(model)) {
    throw new OptionError(`${place}: model: expected the options of a model, received ${show(model)}`);
  }
  if (typeof fit.callbacks === "function") {
    const fix =
      "Fix: call it, or list the callbacks, which every model gets; only trainMany takes a function";
    throw new OptionError(`${place}: fit: callbacks: expected a list, received a function. ${fix}`);
  }
  const options = readFitOptions(`${place}: fit`, { ...fit, ...(threads && { threads }) });
  checkShared(options.callbacks, `${place}: fit: callbacks`, "train the best candidate again with `fit`");
  if (options.budget.seconds !== undefined) {
    throw new OptionError(
      `${place}: fit: budget: seconds: expected targetLoss alone; use signal for the time`,
    );
  }
  return {
    place,
    options: { ...options, scope },
    sampleWeight: fit.sampleWeight as Float32Array | undefined,
    make: () => within(place, () => new Model({ ...model, seed: model.seed ?? seed })),
  };
}

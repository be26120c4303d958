/** The data of one training: the rows to train on, their weights, and the validation. */
import {
  checkFiniteX,
  type Dataset,
  type Examples,
  type ExpectedInputs,
  type ExpectedTargets,
  isExamples,
  readExamples,
} from "../data/examples.ts";
import { holdOut, numbersOf, takeRows } from "../data/split.ts";
import { KernelError, OptionError, show, within, withinMemory } from "../errors.ts";
import type { Configuration } from "../formats/configuration.ts";
import type { Kernel, KernelData } from "../kernel/kernel.ts";
import { checkMemory } from "../memory.ts";
import { readWeights } from "../metrics/columns.ts";
import type { Problem } from "../metrics/metric.ts";
import { largest } from "../nn/measures.ts";
import { type NamedMetric, needPredictions } from "./metrics.ts";
import type { CheckedFitOptions } from "./options.ts";
import { combineWeights } from "./rowWeights.ts";
import { type Profile, profileOf } from "./warnings/profile.ts";

/** Checked examples, and the kernel's copy of them. */
export interface Loaded {
  readonly data: Dataset;
  readonly kernelData: KernelData;
  /** A copy of y for the metrics that the kernel does not compute; undefined if there are none. */
  readonly targets: Float32Array | undefined;
  /** The data's properties that warnings look at; undefined where the caller wants no warnings. */
  readonly profile: Profile | undefined;
  readonly validation: (Pick<Loaded, "kernelData" | "targets"> & { readonly rows: number }) | undefined;
  /** The number of each row of `data` in the caller's dataset, unless those are 0, 1, 2, … */
  readonly rowNumbers: Uint32Array | undefined;
  /** The numbers, in the caller's dataset, of the rows that `validationSplit` has held out. */
  readonly validationRows: readonly number[] | undefined;
}

/** What a model requires of its data. */
export interface Expectation {
  readonly inputs: ExpectedInputs;
  readonly targets: ExpectedTargets;
  readonly problem: Problem;
  readonly configuration: Configuration;
  readonly metrics: readonly NamedMetric[];
  readonly kernel: Kernel;
  /** The model's seed, which determines the rows that `validationSplit` holds out. */
  readonly seed: number;
}

/** Checks examples for the loss and for the metrics; `isCheckedLater` is that of `readExamples`. */
export function readFor(
  { inputs, targets, metrics }: Expectation,
  examples: Examples,
  isCheckedLater = false,
): Dataset {
  const data = readExamples(examples, inputs, targets, isCheckedLater && inputs.categories.length === 0);
  for (const { metric } of metrics) metric.check?.(data.y, data.rows);
  return data;
}

function readValidation(expected: Expectation, given: unknown, isCheckedLater: boolean): Dataset {
  return within("validationData", () => {
    if (Array.isArray(given) && given.length === 2) {
      return readFor(expected, { x: given[0], y: given[1] }, isCheckedLater);
    }
    if (isExamples(given)) return readFor(expected, given, isCheckedLater);
    throw new OptionError(`expected a dataset or [x, y], received ${show(given)}`);
  });
}

/** Copies rows to the kernel, and their targets for the metrics. */
function copyToKernel(
  call: string,
  { kernel, metrics }: Expectation,
  data: Dataset,
  scales: Float32Array | undefined,
  weights?: Float32Array,
) {
  const { x, y, rows } = data;
  // The last term is the order of the rows, or the loss of each.
  const isCopied = needPredictions(metrics);
  const numbers = x.length + y.length * (isCopied ? 2 : 1) + (weights?.length ?? 0) + rows;
  checkMemory(numbers * Float32Array.BYTES_PER_ELEMENT, () => `${call}: a copy of ${rows} rows`);
  return {
    kernelData: kernel.dataset(x, y, data.inputs, data.outputs, weights, scales),
    targets: isCopied ? withinMemory(`${call}: targets do not fit in memory`, () => y.slice()) : undefined,
    rows,
  };
}

/** Copies to the kernel, which refuses values that are not finite; `check` then throws an error that names one. */
function named<Result>(copy: () => Result, check: () => void, free?: () => void): Result {
  try {
    return copy();
  } catch (error) {
    free?.();
    if (error instanceof KernelError) check();
    throw error;
  }
}

/** Returns a function from a row to its class; undefined if rows have no single class. */
export function classesOf(
  { y, outputs }: Dataset,
  { targets }: Problem,
): ((row: number) => number) | undefined {
  if (targets === "labels") return (row) => y[row];
  if (targets === "shares") return (row) => largest(y, row, outputs);
  return targets !== "values" && outputs === 1 ? (row) => y[row] : undefined;
}

/** Returns the rows to train on and those that `validationSplit` holds out. */
function split(all: Dataset, { problem, seed }: Expectation, options: CheckedFitOptions) {
  const { validationSplit: share, validationShuffle } = options;
  if (share === undefined) return undefined;
  return holdOut(all.rows, {
    share,
    seed: validationShuffle ? seed : undefined,
    classOf: classesOf(all, problem),
  });
}

/**
 * Checks the data of a training. The returned rows may be in the caller's own memory. With `isCheckedLater`, the
 * kernel checks that x is finite where it copies the rows.
 */
export function readTraining(
  call: string,
  expected: Expectation,
  examples: Examples,
  options: CheckedFitOptions,
  isCheckedLater = false,
) {
  const all = readFor(expected, examples, isCheckedLater);
  return within(call, () => {
    const { sampleWeight, classWeight, validationData, rowNumbers: ofAll } = options;
    const given = readWeights(sampleWeight as Float32Array | undefined, all.rows);
    const rows = split(all, expected, options);
    const data = rows === undefined ? all : takeRows(all, rows.training);
    const ofRows = rows && given ? Float32Array.from(rows.training, (row) => given[row]) : given;
    const held = rows && takeRows(all, rows.heldOut);
    const rowNumbers = rows === undefined ? ofAll : numbersOf(rows.training, ofAll);
    return {
      all,
      data,
      held: validationData === undefined ? held : readValidation(expected, validationData, isCheckedLater),
      weights: combineWeights({ ...data, rowNumbers }, expected.problem, ofRows, classWeight),
      rowNumbers,
      rows,
    };
  });
}

/** Checks the data of a training and copies it to the kernel. */
export function loadFor(
  call: string,
  expected: Expectation,
  examples: Examples,
  options: CheckedFitOptions,
): Loaded {
  const read = readTraining(call, expected, examples, options, true);
  const { all, data, held, weights, rows, rowNumbers } = read;
  const looked = {
    ...{ examples, all, training: data, validation: held, weights, rowNumbers: options.rowNumbers },
    isTail: rows !== undefined && options.validationData === undefined && !options.validationShuffle,
  };
  const copied = named(
    () => copyToKernel(call, expected, data, options.inputScales, weights),
    () => checkFiniteX(all.x, all.inputs),
  );
  const validation =
    held &&
    named(
      () => copyToKernel(call, expected, held, options.inputScales),
      () =>
        options.validationData === undefined
          ? checkFiniteX(all.x, all.inputs)
          : within("validationData", () => checkFiniteX(held.x, held.inputs)),
      () => copied.kernelData.free(),
    );
  return {
    data,
    profile: options.warnings ? profileOf(looked, expected) : undefined,
    ...copied,
    validation,
    rowNumbers,
    validationRows: rows && Array.from(numbersOf(rows.heldOut, options.rowNumbers)),
  };
}

/** Frees the kernel's copies. */
export function free({ kernelData, validation }: Loaded): void {
  kernelData.free();
  validation?.kernelData.free();
}

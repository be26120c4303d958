/** The data of one training: what is learnt from, with its weights, and what is measured beside it. */
import {
  type Dataset,
  type Examples,
  type ExpectedInputs,
  type ExpectedTargets,
  isExamples,
  readExamples,
} from "../data/dataset.ts";
import { splitLast } from "../data/split.ts";
import { OptionError, show, within } from "../errors.ts";
import type { Kernel, KernelData } from "../kernel.ts";
import { readWeights } from "../metrics/columns.ts";
import type { Problem } from "../metrics/metric.ts";
import type { Measure } from "./measures.ts";
import type { CheckedFitOptions } from "./options.ts";
import { weightsOf } from "./weights.ts";

/** Examples as they were checked and as the kernel keeps them. */
export interface Loaded {
  readonly data: Dataset;
  readonly kernelData: KernelData;
  /** A copy of y where there are metrics, which look at it later. */
  readonly targets: Float32Array | undefined;
  readonly validation: (Pick<Loaded, "kernelData" | "targets"> & { readonly rows: number }) | undefined;
}

/** What a model takes as data. */
export interface Expectation {
  readonly inputs: ExpectedInputs;
  readonly targets: ExpectedTargets;
  readonly problem: Problem;
  readonly measures: readonly Measure[];
  readonly kernel: Kernel;
}

/** Checks examples, also as targets of the metrics. */
export function readFor({ inputs, targets, measures }: Expectation, examples: Examples): Dataset {
  const data = readExamples(examples, inputs, targets);
  for (const { figure } of measures) figure.check?.(data.y, data.rows);
  return data;
}

function readValidation(expected: Expectation, given: unknown): Dataset {
  return within("validationData", () => {
    if (Array.isArray(given) && given.length === 2) {
      return readFor(expected, { x: given[0], y: given[1] });
    }
    if (isExamples(given)) return readFor(expected, given);
    throw new OptionError(`expected a dataset or [x, y], received ${show(given)}`);
  });
}

/** The kernel's copy, and ours of the targets. */
function keep({ kernel, measures }: Expectation, data: Dataset, weights?: Float32Array) {
  return {
    kernelData: kernel.dataset(data.x, data.y, data.inputs, data.outputs, weights),
    targets: measures.length > 0 ? data.y.slice() : undefined,
    rows: data.rows,
  };
}

/** Checks all that a training is given and copies it to the kernel. */
export function loadFor(
  call: string,
  expected: Expectation,
  examples: Examples,
  options: CheckedFitOptions,
): Loaded {
  const all = readFor(expected, examples);
  const { data, held, weights } = within(call, () => {
    const { sampleWeight, classWeight, validationSplit, validationData } = options;
    const given = readWeights(sampleWeight as Float32Array | undefined, all.rows);
    const split = validationSplit === undefined ? undefined : splitLast(all, validationSplit);
    const data = split?.first ?? all;
    return {
      data,
      held: validationData === undefined ? split?.last : readValidation(expected, validationData),
      weights: weightsOf(data, expected.problem, given, classWeight),
    };
  });
  return {
    data,
    ...keep(expected, data, weights),
    validation: held && keep(expected, held),
  };
}

/** The profile of a training's data, computed once when it is loaded, for all models that train on it. */
import { type Column, readColumns } from "../../data/columns.ts";
import type { Dataset, Examples, ExpectedInputs } from "../../data/examples.ts";
import type { Configuration } from "../../formats/configuration.ts";
import type { Problem } from "../../metrics/metric.ts";
import { type Baseline, baselineOf } from "./baseline.ts";
import { unsharedClasses } from "./classes.ts";
import type { Finding } from "./finding.ts";
import type { Targets } from "./outputs.ts";
import { roundedColumns } from "./precision.ts";
import { samplesOf } from "./rows.ts";
import { isScalable } from "./scale.ts";

/** The caller's examples, and the rows that a training uses. */
export interface Profiled {
  readonly examples: Examples;
  /** All rows of `examples`, checked. */
  readonly all: Dataset;
  readonly training: Dataset;
  readonly validation: Dataset | undefined;
  /** One for each training row. */
  readonly weights: Float32Array | undefined;
  /** The caller's numbers of the rows of `all`, unless they are 0, 1, 2, … */
  readonly rowNumbers: Uint32Array | undefined;
  /** Whether the validation is the last rows, in their order. */
  readonly isTail: boolean;
}

/** What the model expects of data. */
export interface Expected {
  readonly inputs: ExpectedInputs;
  readonly problem: Problem;
  readonly configuration: Configuration;
}

/** What is known about the data of a training. */
export interface Profile {
  /** The caller's x: each finding is reported once for it. */
  readonly source: object;
  readonly rows: number;
  /** Columns of x, and of y in a regression, without those that rounding has changed. */
  readonly x: readonly Column[];
  readonly y: readonly Column[];
  readonly targets: Targets;
  /** Findings that do not depend on the model: lost precision, classes missing from a split. */
  readonly findings: readonly Finding[];
  /** The loss of a constant prediction, if the loss has a zero. */
  readonly baseline: Baseline | undefined;
  /** Whether all targets of the training, and of the validation, are equal. */
  readonly isConstant: { readonly training: boolean; readonly validation: boolean };
}

/** Returns whether all rows of y are equal. */
function isConstant({ y, outputs }: Dataset): boolean {
  for (let at = outputs; at < y.length; at++) if (y[at] !== y[at - outputs]) return false;
  return true;
}

/** The number of values to read before `fit` returns its promise: they take some 10 ms. */
const MOST_VALUES = 2 ** 22;

/** Computes the profile. Effects of rounding are measured on a sample of the rows. */
export function profileOf(given: Profiled, { inputs, problem, configuration }: Expected): Profile {
  const { examples, all, training, validation, weights, rowNumbers, isTail } = given;
  const isCategory = (at: number) => inputs.categories.some(({ column }) => column === at);
  const rounded = roundedColumns(samplesOf(examples, all), inputs, problem);
  const isWithin = (findings: readonly Finding[], at: number) => findings.some(({ column }) => column === at);
  const columnsOf = (values: Float32Array, columns: number) =>
    readColumns(values, all.rows, columns, rowNumbers, MOST_VALUES);
  const x = columnsOf(all.x, all.inputs);
  const y = isScalable(problem) ? columnsOf(all.y, all.outputs) : [];
  return {
    source: examples.x,
    rows: training.rows,
    x: x.filter(({ column }) => !isCategory(column) && !isWithin(rounded.x, column)),
    y: y.filter(({ column }) => !isWithin(rounded.y, column)),
    targets: { values: all.y, columns: all.outputs, rows: rowNumbers },
    findings: [
      ...rounded.x,
      ...rounded.y,
      ...(validation === undefined ? [] : unsharedClasses(training, validation, problem, isTail)),
    ],
    baseline: baselineOf(configuration, problem, training, weights),
    isConstant: {
      training: isConstant(training),
      validation: validation !== undefined && isConstant(validation),
    },
  };
}

/** What the data of a training is like, looked at once when it is loaded, for all models that train on it. */
import { type Column, readColumns } from "../../data/columns.ts";
import type { Dataset, Examples, ExpectedInputs } from "../../data/examples.ts";
import type { Configuration } from "../../formats/configuration.ts";
import type { Problem } from "../../metrics/metric.ts";
import { type Baseline, baselineOf } from "./baseline.ts";
import { lackedClasses } from "./classes.ts";
import type { Finding } from "./finding.ts";
import type { Targets } from "./outputs.ts";
import { roundedColumns } from "./precision.ts";
import { samplesOf } from "./rows.ts";
import { isScalable } from "./scale.ts";

/** What the caller passed, and what a training learns from and validates with. */
export interface Profiled {
  readonly examples: Examples;
  /** All rows of `examples`, checked. */
  readonly all: Dataset;
  readonly training: Dataset;
  readonly validation: Dataset | undefined;
  /** Of the rows that a training learns from. */
  readonly weights: Float32Array | undefined;
  /** The caller's numbers of the rows of `all`, unless they are 0, 1, 2, … */
  readonly rowNumbers: Uint32Array | undefined;
  /** Whether the validation is the last rows, as they are. */
  readonly isTail: boolean;
}

/** What the model takes as data. */
export interface Expected {
  readonly inputs: ExpectedInputs;
  readonly problem: Problem;
  readonly configuration: Configuration;
}

/** What is known of the data of a training. */
export interface Profile {
  /** What the caller passed as x, about which each thing is said once. */
  readonly source: object;
  readonly rows: number;
  /** Columns of x and of targets that are plain values; without those that rounding has changed. */
  readonly x: readonly Column[];
  readonly y: readonly Column[];
  readonly targets: Targets;
  /** What is wrong whatever the model: precision that is lost, classes that a validation lacks. */
  readonly findings: readonly Finding[];
  /** The loss of the same prediction for every row, if it has a zero. */
  readonly baseline: Baseline | undefined;
  /** Whether all targets are the same, of the training and of the validation. */
  readonly isConstant: { readonly training: boolean; readonly validation: boolean };
}

/** Whether all rows of y are the same. */
function isConstant({ y, outputs }: Dataset): boolean {
  for (let at = outputs; at < y.length; at++) if (y[at] !== y[at - outputs]) return false;
  return true;
}

/** Values that are looked at before `fit` returns its promise: some 10 ms. */
const MOST_VALUES = 2 ** 22;

/** Looks at the values and classes of a training, once; at a sample of the rows for what rounding does. */
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
      ...(validation === undefined ? [] : lackedClasses(training, validation, problem, isTail)),
    ],
    baseline: baselineOf(configuration, problem, training, weights),
    isConstant: {
      training: isConstant(training),
      validation: validation !== undefined && isConstant(validation),
    },
  };
}

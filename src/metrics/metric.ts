/** The interface of a metric, and how metrics read classes from targets and predictions. */
import { DataError, OptionError } from "../errors.ts";
import type { Meaning } from "../nn/losses/loss.ts";
import { createMeasure, type MeasureChoice, measures } from "../nn/measures.ts";
import { type Complete, complete, optionalNumber, type Table } from "../options.ts";

/** The meaning that the loss gives predictions and targets, and the number of outputs. */
export interface Problem extends Meaning {
  /** The number of values in a row of predictions; of classes, where targets are shares or labels. */
  readonly outputs: number;
}

/** A metric for one kind of predictions and targets. */
export interface Metric {
  /** Whether smaller values are better; false by default. */
  readonly smallerIsBetter?: boolean;
  /** The measure that equals the metric without weights, if there is one: kernels compute it in a run. */
  readonly measure?: Complete;
  /** Throws a {@link DataError} if the metric does not apply to these targets. Called once for all rows. */
  check?(targets: Float32Array, rows: number): void;
  /**
   * Returns the value of the metric for all rows. Predictions are [rows][outputs], as `predict` returns them.
   * Targets are as the loss takes them. Each row has a weight, at least 0, by default 1.
   */
  value(predictions: Float32Array, targets: Float32Array, rows: number, weights?: Float32Array): number;
}

/** Creates the metric for a problem; throws an {@link OptionError} if it does not apply to the problem. */
export type MetricEntry = (problem: Problem) => Metric;

/**
 * How targets and predictions are read as classes.
 *
 * - `columns`: each column is yes or no. A target above `middle` is yes, and a prediction above `threshold`.
 * - `labels`: a target is the index of a class.
 * - `shares`: the first largest value of a row of targets is the class.
 *
 * With `labels` and `shares`, the class of a prediction is the first largest output.
 */
export interface Classes {
  readonly form: "columns" | "labels" | "shares";
  readonly middle: number;
  readonly threshold: number;
  readonly check?: NonNullable<Metric["check"]>;
}

/** Whether predictions can be compared directly with targets. */
export const isEstimate = (predictions: Problem["predictions"]) =>
  predictions === "estimates" || predictions === "rates";

/**
 * Returns how the classes of a problem are read. Plain values are classes if they are 0 and 1. `given` is the
 * option `threshold` of the metric named `metric`, which replaces the default.
 */
export function classesOf(problem: Problem, metric = "", given: number | null = null): Classes {
  const { targets, predictions, outputs } = problem;
  const threshold = given ?? (isEstimate(predictions) ? 0.5 : 0);
  if (targets === "signs") return { form: "columns", middle: 0, threshold };
  if (targets === "probabilities") return { form: "columns", middle: 0.5, threshold };
  if (targets === "values" && outputs === 1) {
    return { form: "columns", middle: 0.5, threshold, check: checkColumn };
  }
  if (given !== null) {
    throw notApplicable(metric, "a threshold only with outputs that are yes or no each", problem);
  }
  if (targets !== "values") return { form: targets, middle: 0.5, threshold };
  return {
    form: "shares",
    middle: 0.5,
    threshold,
    check: (values, rows) => checkOneHot(values, rows, outputs),
  };
}

/**
 * The option `threshold` of metrics. Predictions above it are yes. Null is 0.5, or 0 for logits and scores.
 */
export const threshold = optionalNumber({});

const REGRESSION = "for plain values use meanAbsoluteError, rootMeanSquaredError or r2";

/** Checks targets of one output that is yes or no. */
export function checkColumn(targets: Float32Array, rows: number): void {
  for (let row = 0; row < rows; row++) {
    const target = targets[row];
    if (target === 0 || target === 1) continue;
    throw new DataError(`y: row ${row}: expected a class, 0 or 1, received ${target}; ${REGRESSION}`);
  }
}

function checkOneHot(targets: Float32Array, rows: number, outputs: number): void {
  for (let row = 0; row < rows; row++) {
    let ones = 0;
    let zeros = 0;
    for (let at = row * outputs; at < (row + 1) * outputs; at++) {
      ones += Number(targets[at] === 1);
      zeros += Number(targets[at] === 0);
    }
    if (ones === 1 && zeros === outputs - 1) continue;
    throw new DataError(
      `y: row ${row}: expected a one-hot row of classes, with one 1 and zeros; ${REGRESSION}`,
    );
  }
}

/**
 * Returns the metric whose value is that of a measure. `weighted` returns it where rows have weights, which
 * no kernel computes.
 */
export function metricOf(
  choice: MeasureChoice,
  outputs: number,
  weighted: (...given: Required<Parameters<Metric["value"]>>) => number,
): Metric {
  const measure = complete("measure", measures as Table<unknown>, choice, "measure");
  const { value } = createMeasure(measure);
  return {
    measure,
    value: (predictions, targets, rows, weights) =>
      weights === undefined
        ? value(predictions, targets, rows, outputs)
        : weighted(predictions, targets, rows, weights),
  };
}

/** Returns the weighted mean of a value over the rows; NaN if all weights are 0. */
export function meanOf(
  rows: number,
  weights: Float32Array | undefined,
  value: (row: number) => number,
): number {
  let sum = 0;
  let total = 0;
  for (let row = 0; row < rows; row++) {
    const weight = weights === undefined ? 1 : weights[row];
    sum += weight * value(row);
    total += weight;
  }
  return sum / total;
}

/** Creates the error for a metric that does not apply to the problem. */
export function notApplicable(
  metric: string,
  expected: string,
  { targets, predictions, outputs }: Problem,
  fix = "",
): OptionError {
  const received = `targets of the kind "${targets}", predictions of the kind "${predictions}", ${outputs} in a row`;
  return new OptionError(`metric ${metric}: expected ${expected}, received ${received}${fix}`);
}

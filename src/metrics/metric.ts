/** What a metric is, and how classes are read from targets and predictions. */
import { DataError, OptionError } from "../errors.ts";
import type { Meaning } from "../nn/losses/loss.ts";
import { optionalNumber } from "../options.ts";

/** What predictions and targets are: the meaning that the loss gives them, and values in a row. */
export interface Problem extends Meaning {
  /** Values in a row of predictions; classes, where the targets are shares or labels. */
  readonly outputs: number;
}

/** A metric for one kind of predictions and targets. */
export interface Metric {
  /** Whether of two figures the smaller one is the better; else the larger one is. */
  readonly smallerIsBetter?: boolean;
  /** Throws a {@link DataError} if these are no targets of which the figure can be had. Once for all rows. */
  check?(targets: Float32Array, rows: number): void;
  /**
   * The figure of so many rows: predictions [rows][outputs] as `predict` gives them, targets as the loss
   * takes them, and a weight for each row, at least 0, by default 1.
   */
  value(predictions: Float32Array, targets: Float32Array, rows: number, weights?: Float32Array): number;
}

/** A metric with its options filled in: throws an {@link OptionError} if it is none for the problem. */
export type MetricEntry = (problem: Problem) => Metric;

/**
 * How targets and predictions say classes: a yes or no in each column, which is what is above the middle and
 * above the threshold; the index of a class; or shares and scores of classes, the first largest of which
 * counts.
 */
export interface Classes {
  readonly form: "columns" | "labels" | "shares";
  readonly middle: number;
  readonly threshold: number;
  readonly check?: NonNullable<Metric["check"]>;
}

/** Whether predictions can be compared with targets as they are. */
export const isEstimate = (predictions: Problem["predictions"]) =>
  predictions === "estimates" || predictions === "rates";

/**
 * How the classes of a problem are read, for the metric of this name. Plain values are classes where they are 0
 * and 1. A threshold of its own takes the place of the usual one.
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
    throw unfit(metric, "one output, or several that are yes or no each, for a threshold", problem);
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
 * The option `threshold` of metrics. Predictions above it are yes; null is 0.5, or 0 for logits and scores.
 */
export const threshold = optionalNumber({});

const REGRESSION = "for plain values use meanAbsoluteError, rootMeanSquaredError or r2";

/** Targets of one output that is yes or no. */
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

/** The index of the first largest value of a row. */
export function largest(values: Float32Array, row: number, width: number): number {
  const start = row * width;
  let best = 0;
  for (let at = 1; at < width; at++) if (values[start + at] > values[start + best]) best = at;
  return best;
}

/** The mean of a value for each row, by weight where there are weights; NaN where they are all 0. */
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

/** The error for a metric that is none for the problem. */
export function unfit(
  metric: string,
  expected: string,
  { targets, predictions, outputs }: Problem,
): OptionError {
  const received = `targets of the kind "${targets}", predictions of the kind "${predictions}", ${outputs} in a row`;
  return new OptionError(`metric ${metric}: expected ${expected}, received ${received}`);
}

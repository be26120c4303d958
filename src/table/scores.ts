/** How good predictions are, by the metrics of the task, in the target's own units. */
import { measure } from "../metrics/measure.ts";
import { decideAll } from "./decision.ts";
import { metricOf } from "./metric.ts";
import { coverageOf, pinballLoss, type QuantileRows } from "./quantiles.ts";
import type { TargetDescription, Task } from "./target.ts";

/** Figures by the names of the metrics. */
export interface Scores {
  /** Numbers: the root of the mean squared error, in the target's unit. */
  readonly rootMeanSquaredError?: number;
  /** Numbers: the mean absolute error, in the target's unit. */
  readonly meanAbsoluteError?: number;
  /** Numbers: the share of the variance that is explained; absent where the targets do not vary. */
  readonly r2?: number;
  /** Numbers: the mean squared error; where it is the metric that was chosen. */
  readonly meanSquaredError?: number;
  /** Numbers with quantiles: the mean of the pinball losses of all quantiles, in the target's unit. */
  readonly pinballLoss?: number;
  /** Numbers with quantiles: for each one the share of the rows whose target is at or below it. */
  readonly coverage?: Readonly<Record<string, number>>;
  /**
   * Numbers with quantiles: the share of the rows whose target is from the lowest to the highest quantile.
   */
  readonly intervalCoverage?: number;
  /** Classes: the share of right answers. */
  readonly accuracy?: number;
  /** Classes: the mean of -ln of the probability of the right class. */
  readonly logLoss?: number;
  /** Two classes: the area under the ROC curve. */
  readonly rocAuc?: number;
  /**
   * Of the answers that are the positive class the share that is right; where one of its options was given.
   */
  readonly precision?: number;
  /** Of the rows of the positive class the share that is answered so; where one of its options was given. */
  readonly recall?: number;
  /** The harmonic mean of precision and recall; where one of its options was given. */
  readonly f1?: number;
  /** The average precision; where it is the metric that was chosen. */
  readonly averagePrecision?: number;
  /** The share of the rows whose class is among the most probable; where it is the metric that was chosen. */
  readonly topK?: number;
}

/** What is scored beside the predictions. */
export interface Beside {
  /** The class that is answered for each row; by default as the description says. */
  readonly decisions?: ArrayLike<number> | undefined;
  readonly quantiles?: QuantileRows | undefined;
}

/**
 * The scores of predictions: numbers, or probabilities as [rows][classes]. `targets` are numbers, or the
 * numbers of classes.
 */
export function scoreTarget(
  description: TargetDescription,
  targets: Float64Array,
  predictions: Float64Array,
  { decisions, quantiles }: Beside = {},
): Scores {
  const { task, metric } = description;
  const scores =
    task === "regression"
      ? { ...scoreNumbers(description, targets, predictions), ...scoreQuantiles(targets, quantiles) }
      : scoreClasses(description, targets, predictions, decisions);
  if (metric === undefined) return scores;
  return {
    ...scores,
    [metric.type]: metricOf(metric, description).value(targets, predictions, undefined, decisions),
  };
}

function scoreClasses(
  description: TargetDescription,
  targets: Float64Array,
  predictions: Float64Array,
  given: ArrayLike<number> | undefined,
): Scores {
  const { classes = [], positive, threshold, classWeights } = description;
  const outputs = classes.length;
  if (outputs < 2) return { accuracy: 1, logLoss: 0 };
  const decisions = given ?? decideAll(description, predictions);
  const of = (type: string, more: object = {}) =>
    metricOf({ type, ...more }, description).value(targets, predictions, undefined, decisions);
  const scores: Scores = {
    accuracy: of("accuracy", { threshold: null }),
    logLoss: measure("logLoss", targets, predictions, { outputs }),
  };
  if (outputs > 2) return scores;
  const counts = positive !== undefined || threshold !== undefined || classWeights !== undefined;
  const binary = { average: "binary", threshold: null };
  return {
    ...scores,
    ...(targets.includes(0) && targets.includes(1) && { rocAuc: of("rocAuc", { average: "macro" }) }),
    ...(counts && {
      precision: of("precision", binary),
      recall: of("recall", binary),
      f1: of("f1", binary),
    }),
  };
}

function scoreNumbers(
  description: TargetDescription,
  targets: Float64Array,
  predictions: Float64Array,
): Scores {
  const of = (type: string) => metricOf({ type }, description).value(targets, predictions);
  const r2 = of("r2");
  return {
    rootMeanSquaredError: of("rootMeanSquaredError"),
    meanAbsoluteError: of("meanAbsoluteError"),
    ...(!Number.isNaN(r2) && { r2 }),
  };
}

function scoreQuantiles(targets: Float64Array, quantiles: QuantileRows | undefined): Scores {
  if (quantiles === undefined) return {};
  const { levels } = quantiles;
  const shares = levels.map((_, at) => coverageOf(targets, quantiles, at));
  return {
    pinballLoss: pinballLoss(targets, quantiles),
    coverage: Object.fromEntries(levels.map((level, at) => [String(level), shares[at]])),
    ...(levels.length > 1 && { intervalCoverage: intervalCoverage(targets, quantiles) }),
  };
}

/** The share of the targets from the lowest to the highest quantile of their row. */
function intervalCoverage(targets: Float64Array, { levels, values }: QuantileRows): number {
  const width = levels.length;
  let inside = 0;
  for (let row = 0; row < targets.length; row++) {
    const [low, high] = [values[row * width], values[row * width + width - 1]];
    inside += Number(targets[row] >= low && targets[row] <= high);
  }
  return inside / targets.length;
}

/** The metric of a task where the caller does not choose one. */
export const usualMetric = (task: Task): keyof Scores =>
  task === "regression" ? "rootMeanSquaredError" : "logLoss";

/** How good predictions are, by the metrics of the task, in the target's own units. */
import { measure } from "../metrics/measure.ts";
import { decideAll } from "./decision.ts";
import { metricOf } from "./metric.ts";
import { pinballLoss, type QuantileRows, weightedMean } from "./quantiles.ts";
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
  /** The weight of each row. Where none is above 0, all rows count alike. */
  readonly weights?: Float64Array | undefined;
}

/** Predictions with what they are scored by. */
interface Scored extends Omit<Beside, "quantiles"> {
  readonly targets: Float64Array;
  readonly predictions: Float64Array;
}

/**
 * The scores of predictions: numbers, or probabilities as [rows][classes]. `targets` are numbers, or the
 * numbers of classes. A score that these rows do not define, such as the area under the ROC curve of rows of
 * one class, is left out.
 */
export function scoreTarget(
  description: TargetDescription,
  targets: Float64Array,
  predictions: Float64Array,
  { decisions, quantiles, weights: given }: Beside = {},
): Scores {
  const { task, metric } = description;
  const weights = relativeWeights(given);
  const scored: Scored = { targets, predictions, decisions, weights };
  const scores =
    task === "regression"
      ? { ...scoreNumbers(description, scored), ...scoreQuantiles(targets, weights, quantiles) }
      : scoreClasses(description, scored);
  const own = metric && metricOf(metric, description).value(targets, predictions, weights, decisions);
  return Object.fromEntries(
    Object.entries({ ...scores, ...(metric && { [metric.type]: own }) }).filter(
      ([, value]) => !Number.isNaN(value),
    ),
  );
}

/** Weights of at most 1, which 32 bits hold and no sum exceeds; undefined where none is above 0. */
function relativeWeights(weights: Float64Array | undefined): Float64Array | undefined {
  if (weights === undefined) return undefined;
  const largest = weights.reduce((most, weight) => Math.max(most, weight), 0);
  return largest > 0 ? weights.map((weight) => weight / largest) : undefined;
}

function scoreClasses(
  description: TargetDescription,
  { targets, predictions, decisions: given, weights }: Scored,
): Scores {
  const { classes = [], positive, threshold, classWeights } = description;
  const outputs = classes.length;
  if (outputs < 2) return { accuracy: 1, logLoss: 0 };
  const decisions = given ?? decideAll(description, predictions);
  const of = (type: string, more: object = {}) =>
    metricOf({ type, ...more }, description).value(targets, predictions, weights, decisions);
  const scores: Scores = {
    accuracy: of("accuracy", { threshold: null }),
    logLoss: measure("logLoss", targets, predictions, { outputs, sampleWeight: weights }),
  };
  if (outputs > 2) return scores;
  const counts = positive !== undefined || threshold !== undefined || classWeights !== undefined;
  const binary = { average: "binary", threshold: null };
  return {
    ...scores,
    rocAuc: of("rocAuc", { average: "macro" }),
    ...(counts && {
      precision: of("precision", binary),
      recall: of("recall", binary),
      f1: of("f1", binary),
    }),
  };
}

function scoreNumbers(description: TargetDescription, { targets, predictions, weights }: Scored): Scores {
  const of = (type: string) => metricOf({ type }, description).value(targets, predictions, weights);
  return {
    rootMeanSquaredError: of("rootMeanSquaredError"),
    meanAbsoluteError: of("meanAbsoluteError"),
    r2: of("r2"),
  };
}

function scoreQuantiles(
  targets: Float64Array,
  weights: Float64Array | undefined,
  quantiles: QuantileRows | undefined,
): Scores {
  if (quantiles === undefined) return {};
  const { levels, values } = quantiles;
  const width = levels.length;
  const share = (isInside: (target: number, start: number) => boolean) =>
    weightedMean(targets.length, weights, (row) => Number(isInside(targets[row], row * width)));
  const coverage = levels.map((level, at) => [
    String(level),
    share((target, start) => target <= values[start + at]),
  ]);
  return {
    pinballLoss: pinballLoss(targets, quantiles, weights),
    coverage: Object.fromEntries(coverage),
    ...(width > 1 && {
      intervalCoverage: share(
        (target, start) => target >= values[start] && target <= values[start + width - 1],
      ),
    }),
  };
}

/** The metric of a task where the caller does not choose one. */
export const usualMetric = (task: Task): keyof Scores =>
  task === "regression" ? "rootMeanSquaredError" : "logLoss";

/** The metric that a caller wants to be best, of a target's out-of-fold predictions. */
import { bestThreshold } from "../metrics/bestThreshold.ts";
import type { Metric, MetricEntry, Problem } from "../metrics/metric.ts";
import * as metrics from "../metrics/table.ts";
import { type Choice, type Complete, complete, create, refuse, type Table } from "../options.ts";
import { decideAll, positiveOf } from "./decision.ts";
import type { TrainedBag } from "./learner/learned.ts";
import type { TargetDescription } from "./target.ts";

/** A metric of the table of metrics, by its name or with its options. */
export type MetricChoice = Choice<typeof metrics>;

/** A metric of a target. */
export interface TargetMetric {
  readonly smallerIsBetter: boolean;
  /**
   * The value for some rows: `predictions` are numbers, or probabilities as [rows][classes]; `targets`
   * numbers, or the numbers of classes. `decisions` are the classes that are chosen, by default as the
   * target's description says.
   */
  value(
    targets: Float64Array,
    predictions: Float64Array,
    weights?: Float64Array,
    decisions?: ArrayLike<number>,
  ): number;
}

/** Metrics of the class that is chosen, and not of probabilities. */
const OF_DECISIONS = ["accuracy", "f1", "precision", "recall"];

/** Whether a metric is of the class that is chosen, so that a threshold changes it. */
export const isOfDecisions = ({ type }: Complete) => OF_DECISIONS.includes(type);

/** Checks a metric without the target. */
export function readMetric(given: unknown, place: string): Complete {
  const metric = complete("metric", metrics as Table<unknown>, given, place);
  if (metric.threshold === undefined || metric.threshold === null) return metric;
  throw refuse(
    `${place} (${metric.type}): threshold`,
    "none",
    metric.threshold,
    ". Fix: give the option threshold beside metric",
  );
}

/** The metric of a target. Throws an OptionError if it is none for its task or its number of classes. */
export function metricOf(metric: Complete, description: TargetDescription): TargetMetric {
  const { task, classes = [] } = description;
  if (task === "regression") return ofNumbers(metric, description);
  if (Object.hasOwn(OF_NUMBERS, metric.type)) {
    const names = Object.keys(metrics).filter((name) => !Object.hasOwn(OF_NUMBERS, name));
    throw refuse(
      "metric",
      `one for classes, as the target "${description.name}" has them (${names.join(", ")})`,
      metric.type,
    );
  }
  const isBinary = classes.length === 2;
  const problem: Problem = isBinary
    ? { targets: "probabilities", predictions: "estimates", outputs: 1 }
    : { targets: "labels", predictions: "estimates", outputs: classes.length };
  const make: MetricEntry = create("metric", metrics as Table<MetricEntry>, metric);
  const figure = make(problem);
  const isChosen = isOfDecisions(metric);
  return {
    smallerIsBetter: figure.smallerIsBetter === true,
    value(targets, predictions, weights, decisions) {
      const chosen = isChosen ? (decisions ?? decideAll(description, predictions)) : undefined;
      const judged = { targets, predictions, weights, chosen };
      return isBinary
        ? ofTwo(figure, positiveOf(description), judged)
        : ofMany(figure, classes.length, judged);
    },
  };
}

/** The metric that is shown while networks train: the given one, or one that everyone knows. */
export const shownMetric = ({ metric, task }: TargetDescription): Complete =>
  metric ??
  (task === "regression" ? { type: "rootMeanSquaredError" } : { type: "accuracy", threshold: null });

const narrow = (weights: Float64Array | undefined) => weights && Float32Array.from(weights);

/** What a metric of classes is computed from. */
interface Judged {
  readonly targets: Float64Array;
  readonly predictions: Float64Array;
  readonly weights: Float64Array | undefined;
  /** The class that is chosen for each row, for a metric of choices. */
  readonly chosen: ArrayLike<number> | undefined;
}

/** Of two classes: a column of the probability of the positive one, or of 1 where it is chosen. */
function ofTwo(figure: Metric, positive: number, judged: Judged): number {
  const { targets, predictions, weights, chosen } = judged;
  const rows = targets.length;
  const column = new Float32Array(rows);
  const wanted = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    column[row] = chosen === undefined ? predictions[2 * row + positive] : Number(chosen[row] === positive);
    wanted[row] = Number(targets[row] === positive);
  }
  return figure.value(column, wanted, rows, narrow(weights));
}

/** Of several classes: their probabilities, or 1 for the one that is chosen. */
function ofMany(figure: Metric, classes: number, judged: Judged): number {
  const { targets, predictions, weights, chosen } = judged;
  const rows = targets.length;
  let shares: Float32Array;
  if (chosen === undefined) shares = Float32Array.from(predictions);
  else {
    shares = new Float32Array(rows * classes);
    for (let row = 0; row < rows; row++) shares[row * classes + chosen[row]] = 1;
  }
  return figure.value(shares, Float32Array.from(targets), rows, narrow(weights));
}

type Sums = { total: number; squares: number; absolute: number; spread: number };

const OF_NUMBERS: Readonly<Record<string, (sums: Sums) => number>> = {
  meanSquaredError: ({ squares, total }) => squares / total,
  rootMeanSquaredError: ({ squares, total }) => Math.sqrt(squares / total),
  meanAbsoluteError: ({ absolute, total }) => absolute / total,
  // Of equal targets as scikit-learn; of a single row, too, for which scikit-learn has no value.
  r2: ({ squares, spread }) =>
    spread > 0 ? 1 - Math.min(squares / spread, Number.MAX_VALUE) : Number(squares === 0),
};

/**
 * In doubles, where the metrics of networks compute with 32 bits: a target in the billions has more digits.
 */
function ofNumbers(metric: Complete, { name }: TargetDescription): TargetMetric {
  const { type } = metric;
  if (!Object.hasOwn(OF_NUMBERS, type)) {
    throw refuse(
      "metric",
      `one for numbers, as the target "${name}" has them (${Object.keys(OF_NUMBERS).join(", ")})`,
      type,
    );
  }
  const figure = OF_NUMBERS[type];
  return {
    smallerIsBetter: type !== "r2",
    value(targets, predictions, weights) {
      // Relative to a target that counts, so that the spread of equal targets is exactly 0.
      const origin = targets[weights === undefined ? 0 : weights.findIndex((weight) => weight > 0)];
      let [total, sum] = [0, 0];
      for (let row = 0; row < targets.length; row++) {
        const weight = weights === undefined ? 1 : weights[row];
        total += weight;
        sum += weight * (targets[row] - origin);
      }
      let [squares, absolute, spread] = [0, 0, 0];
      for (let row = 0; row < targets.length; row++) {
        const weight = weights === undefined ? 1 : weights[row];
        const error = predictions[row] - targets[row];
        squares += weight * error * error;
        absolute += weight * Math.abs(error);
        spread += weight * (targets[row] - origin - sum / total) ** 2;
      }
      return figure({ total, squares, absolute, spread });
    },
  };
}

/** The kinds of networks of a target, the best first by its metric, or by loss where it has none. */
export function rankBags(bags: readonly TrainedBag[], description: TargetDescription): TrainedBag[] {
  const { metric } = description;
  const isSmaller = metric === undefined || metricOf(metric, description).smallerIsBetter;
  // A kind whose networks have all failed has neither, and comes last.
  const rank = ({ loss, score = loss }: TrainedBag) => {
    const value = isSmaller ? score : -score;
    return Number.isNaN(value) ? Number.POSITIVE_INFINITY : value;
  };
  return bags.toSorted((a, b) => {
    const [first, second] = [rank(a), rank(b)];
    return first === second ? 0 : first - second;
  });
}

/** The metric of a target's threshold where none of decisions was chosen. */
const DEFAULT_METRIC: Complete = { type: "f1", average: "binary", threshold: null };

/**
 * The threshold of the positive class with which the target's metric is best; f1 where the metric is not one
 * of the classes that are chosen. Of equal thresholds it is the lowest.
 */
export function tuneThreshold(
  description: TargetDescription,
  targets: Float64Array,
  probabilities: Float64Array,
  weights: Float64Array | undefined,
): number {
  const { metric } = description;
  const positive = positiveOf(description);
  const rows = targets.length;
  const wanted = new Float32Array(rows);
  const column = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    wanted[row] = Number(targets[row] === positive);
    column[row] = probabilities[2 * row + positive];
  }
  const chosen = metric !== undefined && isOfDecisions(metric) ? metric : DEFAULT_METRIC;
  const sampleWeight = narrow(weights);
  const threshold = bestThreshold(wanted, column, {
    metric: chosen as MetricChoice & { type: "f1" },
    ...(sampleWeight && { sampleWeight }),
  });
  return Math.min(1, Math.max(0, threshold));
}

/** How much worse some predictions are than others by a target's metric: smaller is better, NaN is worst. */
export type Objective = (predictions: Float64Array) => number;

/**
 * What the blend of networks makes smallest. Where the threshold is tuned, each candidate is measured with
 * the threshold that is best for it.
 */
export function objectiveOf(
  description: TargetDescription,
  isTuned: boolean,
  targets: Float64Array,
  weights: Float64Array | undefined,
): Objective | undefined {
  const { metric } = description;
  if (metric === undefined) return undefined;
  const { smallerIsBetter, value } = metricOf(metric, description);
  const tunes = isTuned && isOfDecisions(metric);
  return (predictions) => {
    const given = tunes
      ? {
          ...description,
          threshold: tuneThreshold(description, targets, predictions, weights),
        }
      : description;
    const decisions = tunes ? decideAll(given, predictions) : undefined;
    const found = value(targets, predictions, weights, decisions);
    if (Number.isNaN(found)) return Number.POSITIVE_INFINITY;
    return smallerIsBetter ? found : -found;
  };
}

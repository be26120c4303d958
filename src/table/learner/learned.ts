/**
 * What has been learned of a target: networks with what prepares their inputs, and how their answers are
 * mixed.
 */
import type { Model } from "../../model.ts";
import type { Pieces } from "../pieces.ts";
import type { Preparation } from "../preparation.ts";
import type { QuantileRows } from "../quantiles.ts";
import type { Target } from "../target.ts";

/** How outputs become numbers: a prediction is center + scale · output; 0 and 1 for classes. */
export interface Scaling {
  readonly center: number;
  readonly scale: number;
}

/** What the networks of a fold have in common: how rows become inputs, and outputs become numbers. */
export interface Part extends Scaling {
  readonly preparation: Preparation;
}

/** A trained network of the model. */
export interface TableNetwork {
  readonly model: Model;
  /** The number of its part. */
  readonly part: number;
  /** The number of its bag. */
  readonly bag: number;
}

/** Networks of one kind, as the trained model has them. */
export interface TrainedBag {
  readonly name: string;
  /** Its share of the prediction. */
  readonly weight: number;
  /** Its loss on rows that its networks did not learn from: mean squared error, or log loss. */
  readonly loss: number;
  /** The metric that was to be best, on the same rows. */
  readonly score?: number;
}

/** Predictors of quantiles. */
export interface LearnedQuantiles {
  /** The shares of the quantiles, in ascending order. */
  readonly levels: readonly number[];
  /** What is added to the networks' mean prediction of each quantile: see `conformalShift`. */
  readonly shifts: readonly number[];
  /**
   * The networks; `bag` is the number of the level. A level without one is predicted as the mean of the
   * targets.
   */
  readonly networks: readonly TableNetwork[];
}

/** Everything that predicts one target. */
export interface Learned {
  readonly parts: readonly Part[];
  readonly networks: readonly TableNetwork[];
  readonly bags: readonly TrainedBag[];
  /** What is predicted without any network: the mean, or the share of each class. */
  readonly prior: readonly number[];
  /** The share of the prior in the prediction. */
  readonly priorWeight: number;
  /** The temperature of the mixed probabilities; 1 for numbers. */
  readonly temperature: number;
  /** The smallest and the largest target: no prediction is beyond. */
  readonly range: readonly [number, number];
  /** The rows that have an out-of-fold prediction, and these predictions, [rows][outputs]. */
  readonly outOfFold: {
    readonly rows: Uint32Array;
    readonly predictions: Float64Array;
    /** The quantiles of these rows, calibrated by other rows. */
    readonly quantiles?: QuantileRows;
  };
  /** What predicts quantiles, where the training had `quantiles`. */
  readonly quantiles?: LearnedQuantiles;
}

/**
 * A network's predictions of encoded rows: probabilities, or numbers in the target's unit within `range`,
 * [rows][outputs].
 */
export function* predictEncoded(
  model: Model,
  x: Float32Array<ArrayBuffer>,
  { center, scale }: Scaling,
  range: readonly [number, number],
  isClassification: boolean,
): Pieces<Float64Array> {
  const { inputs, outputs } = model;
  const rows = x.length / inputs;
  const predictions = new Float64Array(rows * outputs);
  for (let start = 0; start < rows; start += PREDICTED) {
    yield;
    predictions.set(model.predict(x.subarray(start * inputs, (start + PREDICTED) * inputs)), start * outputs);
  }
  if (isClassification) return predictions;
  return predictions.map((value) => within(range, center + scale * value));
}

/** Rows whose predictions are one piece of work. */
const PREDICTED = 512;

/** Frees the networks of what was learned. */
export function disposeNetworks({ networks, quantiles }: Pick<Learned, "networks" | "quantiles">): void {
  for (const { model } of networks) model.dispose();
  for (const { model } of quantiles?.networks ?? []) model.dispose();
}

/** Runs what works on networks; if it throws, the networks are disposed. */
export async function orDispose<Result>(
  networks: readonly { readonly model: Model }[],
  run: () => Result | Promise<Result>,
): Promise<Result> {
  try {
    return await run();
  } catch (error) {
    for (const { model } of networks) model.dispose();
    throw error;
  }
}

/**
 * The share of each class, or the mean, of the targets of some rows, by weight. Where no row has a weight
 * above 0, all rows count alike.
 */
export function priorOf(
  target: Pick<Target, "description" | "values">,
  rows: Uint32Array,
  weights: Float64Array | undefined,
): number[] {
  const { description, values } = target;
  const { task, classes = [] } = description;
  const sums = new Array<number>(task === "classification" ? classes.length : 1).fill(0);
  let total = 0;
  for (const row of rows) {
    const weight = weights === undefined ? 1 : weights[row];
    total += weight;
    if (task === "classification") sums[values[row]] += weight;
    else sums[0] += weight * values[row];
  }
  if (total === 0 && weights !== undefined && rows.length > 0) return priorOf(target, rows, undefined);
  const prior = sums.map((sum) => sum / total);
  if (task === "classification") return prior;
  // A mean of equal numbers may be off by its last bit.
  const range = rangeOf({ rows, values });
  return prior.map((value) => within(range, value));
}

/** The number of a range that is nearest to a value. */
export const within = ([low, high]: readonly [number, number], value: number) =>
  Math.min(high, Math.max(low, value));

/** The smallest and the largest target. */
export function rangeOf({ rows, values }: Pick<Target, "rows" | "values">): readonly [number, number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const row of rows) {
    low = Math.min(low, values[row]);
    high = Math.max(high, values[row]);
  }
  return [low, high];
}

/** What a target is answered with where nothing can be learned: the mean, or the share of each class. */
export function learnPrior(target: Target, weights: Float64Array | undefined): Learned {
  const { rows } = target;
  const prior = priorOf(target, rows, weights);
  const { length } = prior;
  const predictions = Float64Array.from({ length: rows.length * length }, (_, at) => prior[at % length]);
  return {
    parts: [],
    networks: [],
    bags: [],
    prior,
    priorWeight: 1,
    temperature: 1,
    range: rangeOf(target),
    outOfFold: { rows, predictions },
  };
}

/** From the predictions of several bags of networks to one: weights, and a temperature for classes. */
import type { Objective } from "../metric.ts";
import type { Pieces } from "../pieces.ts";
import type { Target, Task } from "../target.ts";

/** Predictions and targets of the same rows. */
export interface Scored {
  readonly task: Task;
  readonly outputs: number;
  /** The number, or the number of the class, of each row. */
  readonly targets: Float64Array;
  /** The weight of each row. */
  readonly weights?: Float64Array | undefined;
  /** What the blend makes smallest, with the loss between equals; without it the loss. */
  readonly objective?: Objective | undefined;
}

/** The targets of some rows of a table, and their weights. */
export const scoredRows = (
  { description: { task, classes }, values }: Pick<Target, "description" | "values">,
  rows: Uint32Array,
  weights: Float64Array | undefined,
): Scored => ({
  task,
  outputs: task === "classification" && classes ? classes.length : 1,
  targets: Float64Array.from(rows, (row) => values[row]),
  weights: weights && Float64Array.from(rows, (row) => weights[row]),
});

const LEAST_PROBABILITY = 1e-15;

/** The loss of predictions that decides: mean squared error, or log loss. */
export function blendLoss(predictions: Float64Array, { task, outputs, targets, weights }: Scored): number {
  let [sum, total] = [0, 0];
  for (let row = 0; row < targets.length; row++) {
    const weight = weights === undefined ? 1 : weights[row];
    if (weight === 0) continue;
    total += weight;
    if (task === "regression") sum += weight * (predictions[row] - targets[row]) ** 2;
    else sum -= weight * Math.log(Math.max(LEAST_PROBABILITY, predictions[row * outputs + targets[row]]));
  }
  return sum / total;
}

/** How good a blend is: many are equal by a metric of chosen classes, and differ in loss. */
interface Rank {
  readonly objective: number;
  readonly loss: number;
}

const WORST: Rank = { objective: Number.POSITIVE_INFINITY, loss: Number.POSITIVE_INFINITY };

const isBetter = (one: Rank, other: Rank) =>
  one.objective < other.objective || (one.objective === other.objective && one.loss < other.loss);

/** Rounds of the greedy choice: weights are multiples of 1 / 40. */
const ROUNDS = 40;

/**
 * Weights of a weighted mean, chosen greedily: begin with the best one, then add, with replacement, whichever
 * makes the mean better (Caruana, Niculescu-Mizil, Crew and Ksikes, "Ensemble Selection from Libraries of
 * Models", 2004). `candidates[i]` has the out-of-fold predictions of bag i, the last one those of the prior.
 * They add up to 1.
 */
export function* greedyWeights(candidates: readonly Float64Array[], scored: Scored): Pieces<number[]> {
  const counts = candidates.map(() => 0);
  if (candidates.length === 1) return [1];
  const { length } = candidates[0];
  const sum = new Float64Array(length);
  const mixed = new Float64Array(length);
  let best = { ...WORST, counts: counts.slice() };
  for (let round = 1; round <= ROUNDS; round++) {
    let chosen = { at: 0, ...WORST };
    for (const [at, predictions] of candidates.entries()) {
      yield;
      mean(sum, predictions, round, mixed);
      const loss = blendLoss(mixed, scored);
      const found = { loss, objective: scored.objective === undefined ? loss : scored.objective(mixed) };
      if (isBetter(found, chosen)) chosen = { at, ...found };
    }
    counts[chosen.at]++;
    mean(sum, candidates[chosen.at], 1, sum);
    const { loss, objective } = chosen;
    if (isBetter(chosen, best)) best = { loss, objective, counts: counts.slice() };
  }
  // Where nothing can be compared, because no row has a weight or every bag diverged, the last candidate
  // answers.
  if (best.loss === Number.POSITIVE_INFINITY)
    return candidates.map((_, at) => Number(at === candidates.length - 1));
  const total = best.counts.reduce((a, b) => a + b, 0);
  return best.counts.map((count) => count / total);
}

/** Writes the mean of predictions, of which all but the last ones are in a sum. */
function mean(sum: Float64Array, last: Float64Array, count: number, into: Float64Array): void {
  for (let at = 0; at < into.length; at++) into[at] = (sum[at] + last[at]) / count;
}

/** The weighted mean of predictions. */
export function mix(candidates: readonly Float64Array[], weights: readonly number[]): Float64Array {
  const mixed = new Float64Array(candidates[0].length);
  for (const [at, predictions] of candidates.entries()) {
    if (weights[at] === 0) continue;
    for (let i = 0; i < mixed.length; i++) mixed[i] += weights[at] * predictions[i];
  }
  return mixed;
}

/** Probabilities p^(1 / temperature), scaled to add up to 1 in each row. Above 1 they become less certain. */
export function applyTemperature(probabilities: Float64Array, outputs: number, temperature: number): void {
  if (temperature === 1) return;
  const exponent = 1 / temperature;
  if (outputs === 2) {
    // One power in place of two: it is most of the time that answers take beside the networks.
    for (let at = 0; at < probabilities.length; at += 2) {
      const ratio = (Math.max(probabilities[at + 1], 1e-12) / Math.max(probabilities[at], 1e-12)) ** exponent;
      probabilities[at] = 1 / (1 + ratio);
      probabilities[at + 1] = ratio * probabilities[at];
    }
    return;
  }
  for (let start = 0; start < probabilities.length; start += outputs) {
    let sum = 0;
    for (let at = start; at < start + outputs; at++) {
      probabilities[at] = Math.max(probabilities[at], 1e-12) ** exponent;
      sum += probabilities[at];
    }
    for (let at = start; at < start + outputs; at++) probabilities[at] /= sum;
  }
}

/**
 * The temperature with the least log loss, from 1/4 to 4 (Guo et al., "On Calibration of Modern Neural
 * Networks", 2017).
 */
export function* findTemperature(probabilities: Float64Array, scored: Scored): Pieces<number> {
  const { outputs, targets, weights } = scored;
  // Logarithms are taken once, and relative to the class of the row: its probability is 1 / Σ exp(l / T).
  const logs = new Float64Array(probabilities.length);
  for (let row = 0; row < targets.length; row++) {
    if (row % 64 === 0) yield;
    const start = row * outputs;
    const own = Math.log(Math.max(probabilities[start + targets[row]], 1e-12));
    for (let at = start; at < start + outputs; at++)
      logs[at] = Math.log(Math.max(probabilities[at], 1e-12)) - own;
  }
  function* lossAt(exponent: number): Pieces<number> {
    const factor = 2 ** -exponent;
    let [loss, total] = [0, 0];
    for (let row = 0; row < targets.length; row++) {
      if (row % 64 === 0) yield;
      const weight = weights === undefined ? 1 : weights[row];
      let sum = 0;
      for (let at = row * outputs; at < (row + 1) * outputs; at++)
        sum += logs[at] === 0 ? 1 : Math.exp(factor * logs[at]);
      loss += weight * Math.min(Math.log(sum), -Math.log(LEAST_PROBABILITY));
      total += weight;
    }
    return loss / total;
  }
  // Golden-section search: the log loss is convex in 1 / temperature, so it has one minimum.
  const ratio = (Math.sqrt(5) - 1) / 2;
  let [low, high] = [-2, 2];
  let [left, right] = [high - ratio * (high - low), low + ratio * (high - low)];
  let [lossLeft, lossRight] = [yield* lossAt(left), yield* lossAt(right)];
  for (let step = 0; step < 20; step++) {
    if (lossLeft < lossRight) {
      [high, right, lossRight] = [right, left, lossLeft];
      left = high - ratio * (high - low);
      lossLeft = yield* lossAt(left);
    } else {
      [low, left, lossLeft] = [left, right, lossRight];
      right = low + ratio * (high - low);
      lossRight = yield* lossAt(right);
    }
  }
  return 2 ** ((low + high) / 2);
}

/** The scores that a table model reports of itself: of rows that its networks did not learn from. */
import { permutation, purpose } from "../random.ts";
import { pick } from "./answering.ts";
import { decideAll, decider } from "./decision.ts";
import type { Learned } from "./learner/learned.ts";
import { tuneThreshold } from "./metric.ts";
import type { OutOfFoldRows, TrainedTarget } from "./parts.ts";
import { type Scores, scoreTarget } from "./scores.ts";
import type { Target } from "./target.ts";

/** Parts of the rows, each of which is scored with the threshold that is best on the others. */
const PARTS = 5;

/** Rows whose out-of-fold predictions stay in memory. */
const MOST_KEPT = 5000;

/**
 * A target with its tuned threshold, the scores of its out-of-fold predictions, and those of the prior on the
 * same rows. A tuned threshold is scored on rows that it was not tuned on.
 */
export function scoreLearned(
  target: Target,
  { outOfFold, ...learned }: Learned,
  isTuned: boolean,
  weights: Float64Array | undefined,
): TrainedTarget {
  const { values } = target;
  const { rows, predictions, quantiles } = outOfFold;
  const targets = Float64Array.from(rows, (row) => values[row]);
  const own = weights && Float64Array.from(rows, (row) => weights[row]);
  const description = isTuned
    ? { ...target.description, threshold: tuneThreshold(target.description, targets, predictions, own) }
    : target.description;
  const decisions = isTuned ? decideApart(target, targets, predictions, own) : undefined;
  const scores = scoreTarget(description, targets, predictions, { decisions, quantiles, weights: own });
  const baseline = baselineOf(description, targets, learned.prior, own);
  const kept = drawRows(rows.length);
  const sample: OutOfFoldRows = {
    rows: Uint32Array.from(kept, (at) => rows[at]),
    of: rows.length,
    targets: Float64Array.from(kept, (at) => targets[at]),
    predictions: pick(predictions, kept, learned.prior.length),
    decisions: decisions && Uint32Array.from(kept, (at) => decisions[at]),
    quantiles: quantiles && pick(quantiles.values, kept, quantiles.levels.length),
  };
  return { description, learned, scores, baseline, outOfFold: sample };
}

/** Draws the rows whose predictions are kept, in ascending order. */
function drawRows(rows: number): Uint32Array {
  const order = new Uint32Array(rows);
  permutation(0, { purpose: purpose.samples, index: rows }, order);
  return order.slice(0, MOST_KEPT).sort();
}

/** What always the mean, or the share of each class, scores. */
export function baselineOf(
  description: Target["description"],
  targets: Float64Array,
  prior: readonly number[],
  weights?: Float64Array,
): Scores {
  const answers = Float64Array.from(
    { length: targets.length * prior.length },
    (_, at) => prior[at % prior.length],
  );
  // The commonest class, whatever the threshold.
  const { threshold: _threshold, classWeights: _classWeights, ...plain } = description;
  const decisions = description.classes === undefined ? undefined : decideAll(plain, answers);
  const scores = scoreTarget(description, targets, answers, { decisions, weights });
  const { r2 } = scores;
  // The R² of the mean is 0; what is computed may differ by rounding.
  return r2 !== undefined && Math.abs(r2) < 1e-12 ? { ...scores, r2: 0 } : scores;
}

/** The class of each row, by the threshold that is best for the rows of the other parts. */
function decideApart(
  { description }: Target,
  targets: Float64Array,
  probabilities: Float64Array,
  weights: Float64Array | undefined,
): Uint32Array {
  const rows = targets.length;
  const decisions = new Uint32Array(rows);
  for (let part = 0; part < PARTS; part++) {
    const isOther = (row: number) => row % PARTS !== part;
    const others = targets.filter((_, row) => isOther(row));
    const threshold =
      others.length === 0
        ? 0.5
        : tuneThreshold(
            description,
            others,
            probabilities.filter((_, at) => isOther(Math.floor(at / 2))),
            weights?.filter((_, row) => isOther(row)),
          );
    const decide = decider({ ...description, threshold });
    for (let row = part; row < rows; row += PARTS) decisions[row] = decide(probabilities, 2 * row);
  }
  return decisions;
}

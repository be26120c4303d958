/** rocAuc and averagePrecision: how well predictions rank the rows of a class above the others */
import { entry, oneOf } from "../options.ts";
import { classesOf, type MetricEntry, type Problem } from "./metric.ts";
import { targetReader } from "./tally.ts";

/**
 * Returns the area under the curve by the trapezoidal rule: the probability that a row of the class has a
 * higher score than another row, where equal scores count as a half. NaN if there are no rows of the class,
 * or no others.
 */
function areaOf(scores: Float64Array, isOf: Uint8Array, weights: Float32Array | undefined): number {
  const order = Uint32Array.from(scores.keys()).sort((a, b) => scores[a] - scores[b]);
  let area = 0;
  let [below, others, ofClass] = [0, 0, 0];
  for (let start = 0; start < order.length; ) {
    const score = scores[order[start]];
    let [tiedOthers, tiedOfClass] = [0, 0];
    for (; start < order.length && scores[order[start]] === score; start++) {
      const weight = weights === undefined ? 1 : weights[order[start]];
      if (isOf[order[start]] === 1) tiedOfClass += weight;
      else tiedOthers += weight;
    }
    area += tiedOfClass * (below + tiedOthers / 2);
    below += tiedOthers;
    others += tiedOthers;
    ofClass += tiedOfClass;
  }
  return area / (others * ofClass);
}

/**
 * Returns the logarithm of the sum of the exponentials of a row. It subtracts the largest value, to avoid
 * overflow.
 */
function logSumOfExponentials(values: Float32Array, start: number, width: number): number {
  let most = Number.NEGATIVE_INFINITY;
  for (let at = start; at < start + width; at++) most = Math.max(most, values[at]);
  let sum = 0;
  for (let at = start; at < start + width; at++) sum += Math.exp(values[at] - most);
  return most + Math.log(sum);
}

/**
 * Returns a function that writes the scores of the rows for one class: its probability, or the log of it from
 * logits.
 */
function createScorer({ predictions: kind, outputs }: Problem, byRow: boolean) {
  const normalize = byRow && kind === "logits";
  return (predictions: Float32Array, column: number, scores: Float64Array) => {
    for (let row = 0; row < scores.length; row++) {
      const start = row * outputs;
      const shift = normalize ? logSumOfExponentials(predictions, start, outputs) : 0;
      scores[row] = predictions[start + column] - shift;
    }
  };
}

const options = { average: oneOf(["macro", "weighted"], { default: "macro" }) };

/** Computes a value of rows that are ranked by scores; `isOf` marks the rows of the class. */
type Ranking = (scores: Float64Array, isOf: Uint8Array, weights: Float32Array | undefined) => number;

/** Returns the metric that is the mean over the classes, each ranked against the rest. */
function meanOverClasses(average: "macro" | "weighted", ranking: Ranking): MetricEntry {
  return (problem) => {
    const { outputs } = problem;
    const classes = classesOf(problem);
    const isColumns = classes.form === "columns";
    const targetAt = targetReader(classes, outputs);
    const score = createScorer(problem, !isColumns);
    const isOfClass = (targets: Float32Array, row: number, column: number) =>
      isColumns ? targets[row * outputs + column] > classes.middle : targetAt(targets, row) === column;
    return {
      ...(classes.check && { check: classes.check }),
      value(predictions, targets, rows, weights) {
        const scores = new Float64Array(rows);
        const isOf = new Uint8Array(rows);
        let [sum, total] = [0, 0];
        for (let column = !isColumns && outputs === 2 ? 1 : 0; column < outputs; column++) {
          score(predictions, column, scores);
          let size = 0;
          for (let row = 0; row < rows; row++) {
            isOf[row] = Number(isOfClass(targets, row, column));
            size += isOf[row] * (weights === undefined ? 1 : weights[row]);
          }
          const weight = average === "weighted" && outputs > 1 ? size : 1;
          sum += weight * ranking(scores, isOf, weights);
          total += weight;
        }
        return sum / total;
      },
    };
  };
}

/**
 * The area under the receiver operating characteristic: the probability that a row of a class has a higher
 * output than a row of another class, from 0 to 1. Equal outputs count as a half; 0.5 is chance. (Hanley and
 * McNeil, 1982.)
 *
 * For two classes it is the area of class 1, or yes. For more it is the mean over the classes, each against
 * the rest, by its probability, which is the softmax of the outputs if they are logits. Several outputs that
 * are yes or no each are one class each. The definition is scikit-learn's, with `multi_class` "ovr": NaN if a
 * class has no rows, or has all rows.
 *
 * Options: `average` (`"macro"`): `"macro"` is the mean of the classes' areas, `"weighted"` their mean
 * weighted by the rows of each class.
 *
 * @example
 * ```ts
 * metrics.measure("rocAuc", [0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]); // 0.75
 * ```
 */
export const rocAuc = entry("rocAuc", options, ({ average }) => meanOverClasses(average, areaOf));

/**
 * Returns Σ (Rₙ - Rₙ₋₁) Pₙ over the distinct scores, from the highest down, where Pₙ and Rₙ are precision and
 * recall of the rows with at least that score. 0 if no row is of the class.
 */
function precisionOfRanking(
  scores: Float64Array,
  isOf: Uint8Array,
  weights: Float32Array | undefined,
): number {
  const order = Uint32Array.from(scores.keys()).sort((a, b) => scores[b] - scores[a]);
  let [sum, right, predicted] = [0, 0, 0];
  for (let start = 0; start < order.length; ) {
    const score = scores[order[start]];
    const before = right;
    for (; start < order.length && scores[order[start]] === score; start++) {
      const weight = weights === undefined ? 1 : weights[order[start]];
      predicted += weight;
      right += weight * isOf[order[start]];
    }
    if (right > before) sum += ((right - before) * right) / predicted;
  }
  return right === 0 ? 0 : sum / right;
}

/**
 * The average precision: the sum of (Rₙ - Rₙ₋₁) Pₙ over the distinct outputs, from the highest down, where Pₙ
 * and Rₙ are precision and recall of the rows with at least that output. It summarizes the curve of
 * precision over recall, without interpolation, from 0 to 1; chance is the share of the class. Prefer it to
 * `rocAuc` if one class is rare.
 *
 * Classes are as in `rocAuc`. The definition is scikit-learn's: 0 if a class has no rows.
 *
 * Options: `average` (`"macro"`), as in `rocAuc`.
 *
 * @example
 * ```ts
 * metrics.measure("averagePrecision", [0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]); // 0.8333…
 * ```
 */
export const averagePrecision = entry("averagePrecision", options, ({ average }) =>
  meanOverClasses(average, precisionOfRanking),
);

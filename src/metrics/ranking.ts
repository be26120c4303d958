/** rocAuc and averagePrecision: how well predictions rank the rows of a class before the others */
import { entry, oneOf } from "../options.ts";
import { classesOf, type MetricEntry, type Problem } from "./metric.ts";
import { targetReader } from "./tally.ts";

/**
 * The probability that a row of the class has a higher score than one that is not of it, where equal scores
 * count a half: the area by the trapezoidal rule. NaN where one of the two has no row.
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

/** The logarithm of a sum of exponentials, with the largest taken out first. */
function logSumOfExponentials(values: Float32Array, start: number, width: number): number {
  let most = Number.NEGATIVE_INFINITY;
  for (let at = start; at < start + width; at++) most = Math.max(most, values[at]);
  let sum = 0;
  for (let at = start; at < start + width; at++) sum += Math.exp(values[at] - most);
  return most + Math.log(sum);
}

/** Writes what ranks rows by one class: its probability, or the logarithm of that from logits. */
function scoreRows({ predictions: kind, outputs }: Problem, byRow: boolean) {
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

/** A figure of rows that are ranked by scores; `isOf` says which are of the class. */
type Ranking = (scores: Float64Array, isOf: Uint8Array, weights: Float32Array | undefined) => number;

/** One figure of all classes, each ranked against the rest. */
function overClasses(average: "macro" | "weighted", figure: Ranking): MetricEntry {
  return (problem) => {
    const { outputs } = problem;
    const classes = classesOf(problem);
    const isColumns = classes.form === "columns";
    const targetAt = targetReader(classes, outputs);
    const score = scoreRows(problem, !isColumns);
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
          sum += weight * figure(scores, isOf, weights);
          total += weight;
        }
        return sum / total;
      },
    };
  };
}

/**
 * The area under the receiver operating characteristic: the probability that a row of a class is given a
 * higher output than one that is not, from 0 to 1; 0.5 is chance, and equal outputs count a half. (Hanley and
 * McNeil, 1982.)
 *
 * Of two classes it is that of the class 1, or yes. Of more it is the mean of each one against the rest, by
 * its probability, which is softmax of the outputs where they are logits. Several outputs that are yes or no
 * each are a class each. The definition is scikit-learn's, with `multi_class` "ovr": NaN where a class has
 * no row, or no other class has one.
 *
 * Options: `average` (`"macro"`), how the classes' areas become one: `"macro"`, their mean, or `"weighted"`,
 * their mean by the rows of each class.
 *
 * @example
 * ```ts
 * metrics.measure("rocAuc", [0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]); // 0.75
 * ```
 */
export const rocAuc = entry("rocAuc", options, ({ average }) => overClasses(average, areaOf));

/**
 * Σ (Rₙ - Rₙ₋₁) Pₙ over the distinct scores, from the highest down: the precision P of all rows with at least
 * that score, by how much they raise the recall R. 0 where no row is of the class.
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
 * The average precision: the sum of (Rₙ - Rₙ₋₁) Pₙ over the distinct outputs from the highest down, where Pₙ
 * and Rₙ are precision and recall of the rows with at least that output. It sums up the curve of precision over
 * recall without interpolation, from 0 to 1; chance is the share of the class. The better figure than `rocAuc`
 * where one class is rare.
 *
 * Classes are taken as by `rocAuc`. The definition is scikit-learn's: 0 where a class has no row.
 *
 * Options: `average` (`"macro"`), as of `rocAuc`.
 *
 * @example
 * ```ts
 * metrics.measure("averagePrecision", [0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]); // 0.8333…
 * ```
 */
export const averagePrecision = entry("averagePrecision", options, ({ average }) =>
  overClasses(average, precisionOfRanking),
);

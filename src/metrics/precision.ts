/** precision, recall and f1 */
import { entry, type OptionValues, oneOf } from "../options.ts";
import { classesOf, type MetricEntry, threshold, unfit } from "./metric.ts";
import { averageOf, countClasses, f1Of, precisionOf, recallOf, type Score, tallyOf } from "./tally.ts";

const options = {
  average: oneOf(["binary", "macro", "micro", "weighted"], { default: "binary" }),
  threshold,
};

function ofTally(
  name: string,
  score: Score,
  { average, threshold }: OptionValues<typeof options>,
): MetricEntry {
  return (problem) => {
    const { outputs } = problem;
    const classes = classesOf(problem, name, threshold);
    const hasMore = classes.form === "columns" ? outputs > 1 : countClasses(classes, outputs) !== 2;
    if (average === "binary" && hasMore) {
      throw unfit(
        name,
        '2 classes for the average "binary" (or average "macro", "micro" or "weighted")',
        problem,
      );
    }
    const all = classes.form === "columns" && outputs > 1;
    return {
      ...(classes.check && { check: classes.check }),
      value: (predictions, targets, rows, weights) =>
        averageOf(score, average, tallyOf(classes, outputs, predictions, targets, rows, weights), all),
    };
  };
}

/**
 * Of the rows that are predicted to be of a class, the share that is: right / predicted, and 0 where none is
 * predicted so. The definition is scikit-learn's, with `zero_division` 0.
 *
 * Options: `average` (`"binary"`), how the classes' figures become one. `"binary"` is the figure of the
 * class 1, or yes, of two. `"macro"` is the mean over the classes that targets or predictions have.
 * `"weighted"` is that mean by the rows of each class. `"micro"` is the figure of all rows together. Several
 * outputs that are yes or no each are a class each. `threshold` (null, which is 0.5, or 0 for logits and scores):
 * a prediction above it is yes. It is compared with the predictions as they are, and refused where outputs are
 * classes; `metrics.bestThreshold` finds one.
 *
 * @example
 * ```ts
 * const [y, predictions] = [[1, 0, 1, 1], [0.9, 0.8, 0.3, 0.7]];
 * metrics.measure("precision", y, predictions); // 2 / 3
 * ```
 */
export const precision = entry("precision", options, (given) => ofTally("precision", precisionOf, given));

/**
 * Of the rows of a class, the share that is predicted to be: right / actual, and 0 where there is no such
 * row. The definition is scikit-learn's, with `zero_division` 0.
 *
 * Options: `average` (`"binary"`) and `threshold`, as of `precision`.
 *
 * @example
 * ```ts
 * const [y, predictions] = [[1, 0, 1, 1], [0.9, 0.8, 0.3, 0.7]];
 * metrics.measure("recall", y, predictions); // 2 / 3
 * ```
 */
export const recall = entry("recall", options, (given) => ofTally("recall", recallOf, given));

/**
 * The harmonic mean of precision and recall: 2 right / (predicted + actual), and 0 where a class is neither
 * predicted nor there. The definition is scikit-learn's, with `zero_division` 0.
 *
 * Options: `average` (`"binary"`) and `threshold`, as of `precision`.
 *
 * @example
 * ```ts
 * metrics.measure(metrics.f1({ average: "macro" }), [0, 1, 2], [[2, 1, 0], [1, 2, 0], [0, 2, 1]]);
 * ```
 */
export const f1 = entry("f1", options, (given) => ofTally("f1", f1Of, given));

/** precision, recall and f1 */
import { entry, type OptionValues, oneOf } from "../options.ts";
import { classesOf, type MetricEntry, notApplicable, threshold } from "./metric.ts";
import { averageOf, countClasses, f1Of, precisionOf, recallOf, type Score, tallyOf } from "./tally.ts";

const options = {
  average: oneOf(["binary", "macro", "micro", "weighted"], { default: "binary" }),
  threshold,
};

function fromTally(
  name: string,
  score: Score,
  { average, threshold }: OptionValues<typeof options>,
): MetricEntry {
  return (problem) => {
    const { outputs } = problem;
    const classes = classesOf(problem, name, threshold);
    const hasMore = classes.form === "columns" ? outputs > 1 : countClasses(classes, outputs) !== 2;
    if (average === "binary" && hasMore) {
      throw notApplicable(
        name,
        '2 classes for the average "binary" (or average "macro", "micro" or "weighted")',
        problem,
        `. Fix: give { type: "${name}", average: "macro" } as the metric`,
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
 * Precision: the share of the rows predicted as a class that are of that class. It is right / predicted,
 * where right is the number of rows correctly predicted as the class, and 0 if no row is predicted as the
 * class. The definition is scikit-learn's, with `zero_division` 0.
 *
 * Options: `average` (`"binary"`) and `threshold`.
 *
 * `average` combines the values of the classes. `"binary"` takes the value of class 1, or yes, of two.
 * `"macro"` is the mean over the classes that targets or predictions have. `"weighted"` is this mean weighted
 * by the rows of each class. `"micro"` counts all rows together. Several outputs that are yes or no each are
 * one class each.
 *
 * A prediction above `threshold` (null, which is 0.5, or 0 for logits and scores) is yes. It applies to the
 * raw predictions, and is refused where outputs are classes. `metrics.bestThreshold` finds one.
 *
 * @example
 * ```ts
 * const [y, predictions] = [[1, 0, 1, 1], [0.9, 0.8, 0.3, 0.7]];
 * metrics.measure("precision", y, predictions); // 2 / 3
 * ```
 */
export const precision = entry("precision", options, (given) => fromTally("precision", precisionOf, given));

/**
 * Recall: the share of the rows of a class that are predicted as that class. It is right / actual, and 0 if
 * no row is of the class. The definition is scikit-learn's, with `zero_division` 0.
 *
 * Options: `average` (`"binary"`) and `threshold`, as in `precision`.
 *
 * @example
 * ```ts
 * const [y, predictions] = [[1, 0, 1, 1], [0.9, 0.8, 0.3, 0.7]];
 * metrics.measure("recall", y, predictions); // 2 / 3
 * ```
 */
export const recall = entry("recall", options, (given) => fromTally("recall", recallOf, given));

/**
 * The harmonic mean of precision and recall: 2 right / (predicted + actual), and 0 if no row is of the class
 * or predicted as it. The definition is scikit-learn's, with `zero_division` 0.
 *
 * Options: `average` (`"binary"`) and `threshold`, as in `precision`.
 *
 * @example
 * ```ts
 * metrics.measure(metrics.f1({ average: "macro" }), [0, 1, 2], [[2, 1, 0], [1, 2, 0], [0, 2, 1]]);
 * ```
 */
export const f1 = entry("f1", options, (given) => fromTally("f1", f1Of, given));

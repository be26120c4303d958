/** confusionMatrix and classificationReport: how often each class is predicted as which */
import type { NumberArray } from "../data/examples.ts";
import { DataError, OptionError, show } from "../errors.ts";
import { checkMemory } from "../memory.ts";
import { largest } from "../nn/measures.ts";
import { checkNames, number, readSize } from "../options.ts";
import { type Pair, readPair, readWeights } from "./columns.ts";
import { type Label, type Labeled, readLabels } from "./labels.ts";
import { averageOf, f1Of, precisionOf, recallOf, type Score, type Tally } from "./tally.ts";

/** The options of `confusionMatrix`. */
export interface ConfusionOptions {
  /**
   * The number of classes, by default the number of columns, or the largest index + 1. Or the label of each
   * class in order, by default the labels that occur.
   */
  readonly classes?: number | readonly Label[] | undefined;
  /**
   * Turns a single prediction per row into a class: 1 above the threshold, else 0. By default 0.5 for
   * probabilities, while whole numbers are indices of classes.
   */
  readonly threshold?: number | undefined;
  /** The number of values in a row of predictions, for a typed array with several. */
  readonly outputs?: number | undefined;
  /** A weight for each row, at least 0. */
  readonly sampleWeight?: readonly number[] | NumberArray | undefined;
}

/** The options of `classificationReport`. */
export interface ReportOptions extends ConfusionOptions {
  /** A name for each class; by default its label or index. */
  readonly names?: readonly string[] | undefined;
}

/** The scores of a class, or their mean over all classes. */
export interface ClassScores {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** The number of rows of the class, or their weight. */
  readonly support: number;
}

/** The result of `classificationReport`. */
export interface ClassificationReport {
  /** The classes that occur in targets or predictions, in the order of their indices. */
  readonly classes: readonly (ClassScores & { readonly class: number; readonly name: string })[];
  readonly accuracy: number;
  /** The mean over the classes. */
  readonly macro: ClassScores;
  /** The mean over the classes, weighted by their support. */
  readonly weighted: ClassScores;
  /** The report as a table in plain text. */
  readonly text: string;
}

/** Whether each value is the index of a class. */
const areIndices = (values: Float32Array) => values.every((value) => Number.isInteger(value) && value >= 0);

/** Returns the class of each target: the first largest of several values, or the index. */
function actualClasses({ targets, targetColumns, rows }: Pair): number[] {
  return Array.from({ length: rows }, (_, row) => {
    if (targetColumns > 1) return largest(targets, row, targetColumns);
    if (Number.isInteger(targets[row]) && targets[row] >= 0) return targets[row];
    throw new DataError(`targets: row ${row}: expected the index of a class, received ${targets[row]}`);
  });
}

/** Returns the threshold for single predictions; undefined if they are indices. */
function thresholdOf(predictions: Float32Array, threshold: number | undefined): number | undefined {
  if (threshold !== undefined || areIndices(predictions)) return threshold;
  const row = predictions.findIndex((value) => value < 0 || value > 1);
  if (row < 0) return 0.5;
  const received = `received ${predictions[row]}. Fix: for other scores pass a "threshold", 0 for logits`;
  throw new DataError(
    `predictions: row ${row}: expected indices of classes, or probabilities from 0 to 1, ${received}`,
  );
}

const NAMES = ["classes", "threshold", "outputs", "sampleWeight"];

/**
 * Returns how often each class is predicted as which: [target][prediction], the number of rows or their
 * weight.
 *
 * Targets are indices of classes, one-hot rows, or labels. Predictions are indices, labels, rows of outputs,
 * of which the first largest is the class, or a single output, which is yes above the `threshold`. It is 0.5
 * by default; for logits pass 0.
 *
 * Labels are strings or booleans. Their order is that of `classes`. Without this option false comes before
 * true, and strings are sorted.
 *
 * @example
 * ```ts
 * metrics.confusionMatrix([0, 1, 1, 2], [0, 1, 2, 2]); // [[1, 0, 0], [0, 1, 1], [0, 0, 1]]
 * metrics.confusionMatrix([0, 1, 1], [0.2, 0.9, 0.4]); // [[1, 0], [1, 1]]
 * metrics.confusionMatrix(["cat", "dog"], ["dog", "dog"]); // [[0, 1], [0, 1]]
 * ```
 *
 * @throws DataError for an invalid class, ShapeError if the numbers of rows differ.
 */
export function confusionMatrix(
  targets: Labeled,
  predictions: Labeled,
  options: ConfusionOptions = {},
): number[][] {
  checkNames(options, NAMES, "confusionMatrix");
  return count("confusionMatrix", targets, predictions, options).matrix;
}

interface Counted {
  readonly matrix: number[][];
  readonly labels: readonly Label[] | undefined;
}

function count(place: string, targets: Labeled, predictions: Labeled, options: ConfusionOptions): Counted {
  const { classes, threshold, outputs, sampleWeight } = options;
  const [count, names] = typeof classes === "number" ? [classes] : [undefined, classes];
  if (threshold !== undefined) number({ default: 0 }).read(threshold, `${place}: threshold`);
  const read = readLabels(place, { targets, predictions }, names);
  const { labels, arePredicted } = read;
  const width = outputs && readSize(outputs, `${place}: outputs`);
  const pair = readPair(read.targets, read.predictions, width);
  const weights = readWeights(sampleWeight, pair.rows);
  const limit = pair.outputs > 1 || arePredicted ? undefined : thresholdOf(pair.predictions, threshold);
  const actual = actualClasses(pair);
  const predicted = Array.from({ length: pair.rows }, (_, row) => {
    if (pair.outputs > 1) return largest(pair.predictions, row, pair.outputs);
    return limit === undefined ? pair.predictions[row] : Number(pair.predictions[row] > limit);
  });
  const least = [pair.targetColumns, pair.outputs, limit === undefined ? 1 : 2, labels?.length ?? 1];
  const found = [actual, predicted]
    .flat()
    .reduce((most, index) => Math.max(most, index + 1), Math.max(...least));
  const size = count === undefined ? found : readSize(count, `${place}: classes`);
  if (size < found)
    throw new OptionError(`${place}: classes: expected at least ${found}, received ${show(size)}`);
  checkMemory(8 * size ** 2, `${place}: a matrix of ${size} classes`);
  const matrix = Array.from({ length: size }, () => new Array<number>(size).fill(0));
  for (let row = 0; row < pair.rows; row++) {
    matrix[actual[row]][predicted[row]] += weights === undefined ? 1 : weights[row];
  }
  return { matrix, labels };
}

function tallyOf(matrix: readonly (readonly number[])[]): Tally {
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  return {
    right: Float64Array.from(matrix, (row, index) => row[index]),
    predicted: Float64Array.from(matrix, (_, index) => sum(matrix.map((row) => row[index]))),
    actual: Float64Array.from(matrix, sum),
  };
}

/**
 * Returns precision, recall and F1 of each class, their means, and the accuracy; `text` is a table of them.
 * The definitions are those of `metrics.precision`, `metrics.recall` and `metrics.f1`.
 *
 * Targets and predictions are as for `confusionMatrix`.
 *
 * @example
 * ```ts
 * const report = metrics.classificationReport([0, 1, 1, 2], [0, 1, 2, 2], { names: ["red", "green", "blue"] });
 * report.classes[1].recall; // 0.5
 * report.text; // a table
 * ```
 *
 * @throws DataError for an invalid class, ShapeError if the numbers of rows differ, OptionError if the number
 * of names is not the number of classes.
 */
export function classificationReport(
  targets: Labeled,
  predictions: Labeled,
  options: ReportOptions = {},
): ClassificationReport {
  checkNames(options, [...NAMES, "names"], "classificationReport");
  const { names, ...others } = options;
  const { matrix, labels } = count("classificationReport", targets, predictions, others);
  if (names !== undefined && !(Array.isArray(names) && names.length === matrix.length)) {
    const expected = `a name for each of ${matrix.length} classes`;
    throw new OptionError(`classificationReport: names: expected ${expected}, received ${show(names)}`);
  }
  const tally = tallyOf(matrix);
  const support = tally.actual.reduce((sum, value) => sum + value, 0);
  const scores = (compute: (score: Score) => number, rows: number): ClassScores => ({
    precision: compute(precisionOf),
    recall: compute(recallOf),
    f1: compute(f1Of),
    support: rows,
  });
  const { right, predicted, actual } = tally;
  const classes = matrix
    .map((_, index) => ({
      class: index,
      name: String(names?.[index] ?? labels?.[index] ?? index),
      ...scores((score) => score(right[index], predicted[index], actual[index]), actual[index]),
    }))
    .filter((_, index) => predicted[index] + actual[index] > 0);
  const macro = scores((score) => averageOf(score, "macro", tally, false), support);
  const weighted = scores((score) => averageOf(score, "weighted", tally, false), support);
  const accuracy = averageOf(precisionOf, "micro", tally, false);
  return { classes, accuracy, macro, weighted, text: textOf({ classes, accuracy, macro, weighted }) };
}

/** Returns the table: a line for each class, then the accuracy and the means. */
function textOf({ classes, accuracy, macro, weighted }: Omit<ClassificationReport, "text">): string {
  const digits = (value: number) => value.toFixed(3);
  const rows = (value: number) => (Number.isInteger(value) ? String(value) : value.toFixed(2));
  const line = (name: string, { precision, recall, f1, support }: ClassScores) => [
    name,
    ...[precision, recall, f1].map(digits),
    rows(support),
  ];
  const table = [
    ["", "precision", "recall", "f1", "support"],
    ...classes.map((scores) => line(scores.name, scores)),
    ["accuracy", "", "", digits(accuracy), rows(macro.support)],
    line("macro", macro),
    line("weighted", weighted),
  ];
  const widths = table[0].map((_, column) => Math.max(...table.map((cells) => cells[column].length)));
  return table
    .map((cells) => cells.map((cell, column) => cell.padStart(widths[column])).join("  "))
    .join("\n");
}

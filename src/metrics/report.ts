/** confusionMatrix and classificationReport: how often each class is taken for which */
import type { NumberArray } from "../data/examples.ts";
import { DataError, OptionError, show } from "../errors.ts";
import { checkMemory } from "../memory.ts";
import { checkNames, number, readSize } from "../options.ts";
import { type Pair, readPair, readWeights } from "./columns.ts";
import { type Label, type Labeled, readLabels } from "./labels.ts";
import { largest } from "./metric.ts";
import { averageOf, f1Of, precisionOf, recallOf, type Score, type Tally } from "./tally.ts";

/** How to read classes. */
export interface ConfusionOptions {
  /**
   * The number of classes, by default as many as there are columns, or 1 more than the largest index; or the
   * label of each class in order, by default those that occur.
   */
  readonly classes?: number | readonly Label[] | undefined;
  /**
   * Makes classes of one prediction a row: 1 above the threshold, else 0. By default 0.5 for probabilities; whole
   * numbers are indices of classes.
   */
  readonly threshold?: number | undefined;
  /** Values in a row of predictions, for a typed array of several. */
  readonly outputs?: number | undefined;
  /** A weight for each row, at least 0. */
  readonly sampleWeight?: readonly number[] | NumberArray | undefined;
}

/** How to read classes, and what to call them. */
export interface ReportOptions extends ConfusionOptions {
  /** A name for each class; by default its label or index. */
  readonly names?: readonly string[] | undefined;
}

/** The figures of a class, or of all together. */
export interface ClassScores {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** The rows of the class, or their weight. */
  readonly support: number;
}

/** What `classificationReport` gives. */
export interface ClassificationReport {
  /** The classes that targets or predictions have, by index. */
  readonly classes: readonly (ClassScores & { readonly class: number; readonly name: string })[];
  readonly accuracy: number;
  /** The mean over the classes. */
  readonly macro: ClassScores;
  /** The mean over the classes by their support. */
  readonly weighted: ClassScores;
  /** All of it as a table to read. */
  readonly text: string;
}

/** Whether each value is the index of a class. */
const areIndices = (values: Float32Array) => values.every((value) => Number.isInteger(value) && value >= 0);

/** The class of each target: the first largest of several values, or the index. */
function actualClasses({ targets, targetColumns, rows }: Pair): number[] {
  return Array.from({ length: rows }, (_, row) => {
    if (targetColumns > 1) return largest(targets, row, targetColumns);
    if (Number.isInteger(targets[row]) && targets[row] >= 0) return targets[row];
    throw new DataError(`targets: row ${row}: expected the index of a class, received ${targets[row]}`);
  });
}

/** What single predictions are split at: undefined where they are indices. */
function splitAt(predictions: Float32Array, threshold: number | undefined): number | undefined {
  if (threshold !== undefined || areIndices(predictions)) return threshold;
  const row = predictions.findIndex((value) => value < 0 || value > 1);
  if (row < 0) return 0.5;
  const received = `received ${predictions[row]}; for other scores give a "threshold", 0 for logits`;
  throw new DataError(
    `predictions: row ${row}: expected indices of classes, or probabilities from 0 to 1, ${received}`,
  );
}

const NAMES = ["classes", "threshold", "outputs", "sampleWeight"];

/**
 * How often each class is taken for which: [target][prediction], counts of rows, or their weight.
 *
 * Targets are indices of classes, rows that are one-hot, or labels. Predictions are indices, labels, rows of
 * outputs, the first largest of which counts, or one output for no and yes. That is yes above the `threshold`,
 * 0.5 by default; for logits give 0.
 *
 * Labels are strings or booleans. Their order is that of `classes`; without, false comes before true, and strings
 * are sorted.
 *
 * @example
 * ```ts
 * metrics.confusionMatrix([0, 1, 1, 2], [0, 1, 2, 2]); // [[1, 0, 0], [0, 1, 1], [0, 0, 1]]
 * metrics.confusionMatrix([0, 1, 1], [0.2, 0.9, 0.4]); // [[1, 0], [1, 1]]
 * metrics.confusionMatrix(["cat", "dog"], ["dog", "dog"]); // [[0, 1], [0, 1]]
 * ```
 *
 * @throws DataError for a class that is none, ShapeError if the numbers of rows differ.
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
  const split = pair.outputs > 1 || arePredicted ? undefined : splitAt(pair.predictions, threshold);
  const actual = actualClasses(pair);
  const predicted = Array.from({ length: pair.rows }, (_, row) => {
    if (pair.outputs > 1) return largest(pair.predictions, row, pair.outputs);
    return split === undefined ? pair.predictions[row] : Number(pair.predictions[row] > split);
  });
  const least = [pair.targetColumns, pair.outputs, split === undefined ? 1 : 2, labels?.length ?? 1];
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
 * Precision, recall and F1 of each class, their means, and the accuracy; `text` is a table of them. The
 * definitions are those of `metrics.precision` and its like.
 *
 * Targets and predictions as for `confusionMatrix`; `names` are for the classes.
 *
 * @example
 * ```ts
 * const report = metrics.classificationReport([0, 1, 1, 2], [0, 1, 2, 2], { names: ["red", "green", "blue"] });
 * report.classes[1].recall; // 0.5
 * report.text; // a table
 * ```
 *
 * @throws DataError for a class that is none, ShapeError if the numbers of rows differ, OptionError if the
 * names are not as many as the classes.
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
  const scores = (figure: (score: Score) => number, rows: number): ClassScores => ({
    precision: figure(precisionOf),
    recall: figure(recallOf),
    f1: figure(f1Of),
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

/** The table: a line a class, then the accuracy and the means. */
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

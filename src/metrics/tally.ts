/** Counts of rows by class, from which precision, recall and F1 are computed. */
import { largest } from "../nn/measures.ts";
import type { Classes } from "./metric.ts";

/**
 * The weight of rows by class: rows correctly predicted as the class, predicted as the class, of the class.
 */
export interface Tally {
  readonly right: Float64Array;
  readonly predicted: Float64Array;
  readonly actual: Float64Array;
}

/** Returns the number of classes: two, no and yes, for one column; else one for each column or class. */
export function countClasses({ form }: Classes, outputs: number): number {
  return form === "columns" && outputs === 1 ? 2 : outputs;
}

/** Returns the class of a row: 0 or 1 by the threshold for one column, else the largest value. */
function classOf(values: Float32Array, row: number, width: number, threshold: number): number {
  return width === 1 ? Number(values[row] > threshold) : largest(values, row, width);
}

/** Returns a function that reads the class of a row of targets. */
export function targetReader({ form, middle }: Classes, outputs: number) {
  return form === "labels"
    ? (targets: Float32Array, row: number) => targets[row]
    : (targets: Float32Array, row: number) => classOf(targets, row, outputs, middle);
}

/** Returns a function that reads the class of a row of predictions. */
export function predictionReader({ form, threshold }: Classes, outputs: number) {
  return form === "labels"
    ? (predictions: Float32Array, row: number) => largest(predictions, row, outputs)
    : (predictions: Float32Array, row: number) => classOf(predictions, row, outputs, threshold);
}

/** Counts rows by class. */
export function tallyOf(
  classes: Classes,
  outputs: number,
  predictions: Float32Array,
  targets: Float32Array,
  rows: number,
  weights: Float32Array | undefined,
): Tally {
  const count = countClasses(classes, outputs);
  const [right, predicted, actual] = [0, 1, 2].map(() => new Float64Array(count)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  if (classes.form === "columns" && outputs > 1) {
    const { middle, threshold } = classes;
    for (let at = 0; at < rows * outputs; at++) {
      const weight = weights === undefined ? 1 : weights[Math.floor(at / outputs)];
      const isPredicted = Number(predictions[at] > threshold);
      const isActual = Number(targets[at] > middle);
      right[at % outputs] += weight * isPredicted * isActual;
      predicted[at % outputs] += weight * isPredicted;
      actual[at % outputs] += weight * isActual;
    }
    return { right, predicted, actual };
  }
  const targetAt = targetReader(classes, outputs);
  const predictionAt = predictionReader(classes, outputs);
  for (let row = 0; row < rows; row++) {
    const weight = weights === undefined ? 1 : weights[row];
    const prediction = predictionAt(predictions, row);
    const target = targetAt(targets, row);
    predicted[prediction] += weight;
    actual[target] += weight;
    if (prediction === target) right[target] += weight;
  }
  return { right, predicted, actual };
}

/** Returns a / b, and 0 if b is 0. */
const share = (a: number, b: number) => (b === 0 ? 0 : a / b);

/** Computes a score from the counts of one class, or of several together. */
export type Score = (right: number, predicted: number, actual: number) => number;

/** right / predicted */
export const precisionOf: Score = (right, predicted) => share(right, predicted);
/** right / actual */
export const recallOf: Score = (right, _predicted, actual) => share(right, actual);
/** 2 right / (predicted + actual): the harmonic mean of precision and recall */
export const f1Of: Score = (right, predicted, actual) => share(2 * right, predicted + actual);

/** How the scores of several classes are combined: see `precision`. */
export type Average = "binary" | "macro" | "micro" | "weighted";

const sumOf = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0);

/** Combines the scores of all classes; `all` includes classes that do not occur in targets or predictions. */
export function averageOf(
  score: Score,
  average: Average,
  { right, predicted, actual }: Tally,
  all: boolean,
): number {
  if (average === "binary") return score(right[1], predicted[1], actual[1]);
  if (average === "micro") return score(sumOf(right), sumOf(predicted), sumOf(actual));
  let sum = 0;
  let total = 0;
  for (let at = 0; at < right.length; at++) {
    const isThere = predicted[at] + actual[at] > 0;
    const weight = average === "weighted" ? actual[at] : Number(all || isThere);
    sum += weight * score(right[at], predicted[at], actual[at]);
    total += weight;
  }
  return share(sum, total);
}

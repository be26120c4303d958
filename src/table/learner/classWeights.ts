/** Weights of classes: networks learn with them, and their probabilities are corrected by them afterwards. */
import type { Model } from "../../model.ts";
import type { Target } from "../target.ts";
import { denseLayersOf } from "./denseLayers.ts";

/** The weight of each row as networks learn with it: its own times that of its class. */
export function trainingWeights(
  { description, values }: Target,
  weights: Float64Array | undefined,
): Float64Array | undefined {
  const { classWeights } = description;
  if (classWeights === undefined) return weights;
  const all = new Float64Array(values.length);
  for (let row = 0; row < all.length; row++) {
    if (Number.isNaN(values[row])) continue;
    all[row] = (weights === undefined ? 1 : weights[row]) * classWeights[values[row]];
  }
  return all;
}

interface EncodedRows {
  readonly x: Float32Array<ArrayBuffer>;
  readonly y: Float32Array<ArrayBuffer>;
}

/** Repeated rows are at most this many times the rows. */
const MOST_REPEATED = 8;

/**
 * Rows that occur about as often as the weight of their class says, so that their mean loss is about the
 * weighted one: a validation has no weights of its own.
 */
export function repeatByClass({ x, y }: EncodedRows, classWeights: readonly number[]) {
  const counts = new Array<number>(classWeights.length).fill(0);
  for (const label of y) counts[label]++;
  const present = classWeights.filter((_, label) => counts[label] > 0);
  let unit = present.reduce((least, weight) => Math.min(least, weight), Number.POSITIVE_INFINITY);
  const timesOf = (label: number) => Math.max(1, Math.round(classWeights[label] / unit));
  const total = () => counts.reduce((sum, count, label) => sum + count * timesOf(label), 0);
  while (total() > MOST_REPEATED * y.length) unit *= 2;
  const inputs = x.length / y.length;
  const rows = total();
  const repeated: EncodedRows = { x: new Float32Array(rows * inputs), y: new Float32Array(rows) };
  let to = 0;
  for (let row = 0; row < y.length; row++) {
    const own = x.subarray(row * inputs, (row + 1) * inputs);
    for (let time = timesOf(y[row]); time > 0; time--) {
      repeated.x.set(own, to * inputs);
      repeated.y[to++] = y[row];
    }
  }
  return repeated;
}

/**
 * Writes a temperature T, and the weights w of the classes that a network learned with, into its last layer:
 * the logits z become z / T - ln w, so that its softmax is p^(1 / T), divided by the weights, scaled to add
 * up to 1. It then gives the probabilities of the table (Elkan, "The Foundations of Cost-Sensitive Learning",
 * 2001).
 */
export function foldTemperature(
  model: Model,
  temperature: number,
  classWeights: readonly number[] | undefined,
): void {
  if (temperature === 1 && classWeights === undefined) return;
  const { layers, write } = denseLayersOf(model);
  const { weight, bias } = layers[layers.length - 1];
  for (let at = 0; at < weight.length; at++) weight[at] /= temperature;
  for (let label = 0; label < bias.length; label++)
    bias[label] = bias[label] / temperature - Math.log(classWeights?.[label] ?? 1);
  write();
}

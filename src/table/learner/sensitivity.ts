/**
 * Which columns a network listens to, and inputs scaled by it, so that the next networks begin with what
 * matters: what a diagonal scale layer learns (RealMLP), or a recursive feature machine (Radhakrishnan et
 * al., 2024), in one step.
 */
import type { Model } from "../../model.ts";
import { permutation } from "../../random.ts";
import type { Pieces } from "../pieces.ts";
import type { InputGroup } from "../preparation.ts";
import { denseLayersOf } from "./denseLayers.ts";

/** Rows that are looked at. */
const MOST_ROWS = 512;
/** Rows whose variance is measured. */
const VARIANCE_ROWS = 20_000;
/** Rows between two chances for the event loop to turn. */
const ROWS_IN_TURN = 256;
/** No column is scaled by more. */
const MOST_SCALE = 4;
/** The purpose of these draws, beside those of `random.ts`. */
const PURPOSE = 33;
const LEAST_PROBABILITY = 1e-7;

/**
 * Outputs in which differences count alike: centered logarithms of probabilities, or the outputs of a
 * regression.
 */
function comparable(outputs: Float32Array, width: number, isClassification: boolean): Float64Array {
  const logs = new Float64Array(outputs);
  if (!isClassification) return logs;
  for (let start = 0; start < logs.length; start += width) {
    let sum = 0;
    for (let at = start; at < start + width; at++) {
      logs[at] = Math.log(Math.max(logs[at], LEAST_PROBABILITY));
      sum += logs[at];
    }
    for (let at = start; at < start + width; at++) logs[at] -= sum / width;
  }
  return logs;
}

/**
 * The mean squared change of a network's outputs when the inputs of one column are permuted among rows, for
 * each column. It needs no targets.
 *
 * `x`: encoded rows, [rows][inputs].
 */
export function* sensitivities(
  model: Model,
  x: Float32Array,
  groups: readonly InputGroup[],
  isClassification: boolean,
): Pieces<Float64Array> {
  const { inputs, outputs, seed } = model;
  const rows = Math.min(MOST_ROWS, x.length / inputs);
  const sample = x.subarray(0, rows * inputs);
  const before = comparable(model.predict(sample), outputs, isClassification);
  const order = new Uint32Array(rows);
  const changed = sample.slice();
  const found = new Float64Array(groups.length);
  for (const [index, { at, width }] of groups.entries()) {
    yield;
    permutation(seed, { purpose: PURPOSE, index }, order);
    changed.set(sample);
    for (let row = 0; row < rows; row++)
      for (let input = at; input < at + width; input++)
        changed[row * inputs + input] = sample[order[row] * inputs + input];
    const after = comparable(model.predict(changed), outputs, isClassification);
    let sum = 0;
    for (let i = 0; i < after.length; i++) sum += (after[i] - before[i]) ** 2;
    found[index] = sum / after.length;
  }
  return found;
}

/** How networks of a fold listen to its columns. */
export interface Sensitivity {
  /** By column. */
  readonly ofColumns: Float64Array;
  /** The variance of each input. */
  readonly variances: Float64Array;
}

/**
 * Multiplies factors of inputs by how much a network listens to their columns: by sensitivity^(power / 2), at
 * most 4, so that the total variance of the inputs is kept. Numbers of categories keep their value.
 */
export function scaleBySensitivity(
  scales: Float32Array,
  groups: readonly InputGroup[],
  { ofColumns, variances }: Sensitivity,
  power: number,
): void {
  const strengths = ofColumns.map((value) => value ** power);
  let [total, weighted] = [0, 0];
  for (const [index, { at, width, isLookup }] of groups.entries()) {
    if (isLookup) continue;
    const variance = variances.subarray(at, at + width).reduce((sum, value) => sum + value, 0);
    total += variance;
    weighted += variance * strengths[index];
  }
  if (!(weighted > 0)) return;
  for (const [index, { at, width, isLookup }] of groups.entries()) {
    if (isLookup) continue;
    const factor = Math.min(MOST_SCALE, Math.sqrt((total / weighted) * strengths[index]));
    for (let input = at; input < at + width; input++) scales[input] *= factor;
  }
}

/** The variance of each input over the rows, or over some of many rows, at equal distances. */
export function* variancesOf(x: Float32Array, inputs: number): Pieces<Float64Array> {
  const rows = x.length / inputs;
  const seen = Math.min(VARIANCE_ROWS, rows);
  const [sums, squares] = [new Float64Array(inputs), new Float64Array(inputs)];
  // V8 compiles the loop sooner in a function that is not a generator.
  const add = (row: number) => {
    const start = row * inputs;
    for (let input = 0; input < inputs; input++) {
      const value = x[start + input];
      sums[input] += value;
      squares[input] += value * value;
    }
  };
  for (let taken = 0; taken < seen; taken++) {
    if (taken % ROWS_IN_TURN === 0) yield;
    add(Math.floor((taken * rows) / seen));
  }
  return squares.map((square, input) => Math.max(0, square / seen - (sums[input] / seen) ** 2));
}

/**
 * Multiplies the weights of the first dense layer by the factors, so that the model takes rows that are not
 * scaled.
 */
export function absorbScales(model: Model, scales: Float32Array): void {
  const { layers, write } = denseLayersOf(model);
  const [{ weight, bias }] = layers;
  const inputs = weight.length / bias.length;
  for (let at = 0; at < weight.length; at++) weight[at] *= scales[at % inputs] ?? 1;
  write();
}

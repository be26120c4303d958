/**
 * Which columns a network listens to, and inputs scaled by it, so that the next networks begin with what
 * matters: what a diagonal scale layer learns (RealMLP), or a recursive feature machine (Radhakrishnan et
 * al., 2024), in one step.
 */
import { allocate } from "../../memory.ts";
import type { Model } from "../../model.ts";
import { permutation } from "../../random.ts";
import type { Pieces } from "../pieces.ts";
import type { InputGroup } from "../preparation.ts";

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
  if (!isClassification) return Float64Array.from(outputs);
  const logs = Float64Array.from(outputs, (value) => Math.log(Math.max(value, LEAST_PROBABILITY)));
  for (let start = 0; start < logs.length; start += width) {
    let sum = 0;
    for (let at = start; at < start + width; at++) sum += logs[at];
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
  const changed = allocate(rows * inputs, () => `${rows} rows of ${inputs} inputs`);
  const found = new Float64Array(groups.length);
  for (const [index, { at, width }] of groups.entries()) {
    yield;
    permutation(seed, { purpose: PURPOSE, index }, order);
    changed.set(sample);
    for (let row = 0; row < rows; row++) {
      const from = order[row] * inputs + at;
      changed.set(sample.subarray(from, from + width), row * inputs + at);
    }
    const after = comparable(model.predict(changed), outputs, isClassification);
    let sum = 0;
    for (let i = 0; i < after.length; i++) sum += (after[i] - before[i]) ** 2;
    found[index] = sum / after.length;
  }
  return found;
}

/**
 * Multiplies factors of inputs by how much a network listens to their columns: by sensitivity^(power / 2), at
 * most 4, so that the total variance of the inputs is kept. Numbers of categories keep their value.
 */
export function* scaleBySensitivity(
  scales: Float32Array,
  x: Float32Array,
  groups: readonly InputGroup[],
  sensitivity: Float64Array,
  power: number,
): Pieces<void> {
  const strengths = sensitivity.map((value) => value ** power);
  const variances = yield* variancesOf(x, scales.length);
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
function* variancesOf(x: Float32Array, inputs: number): Pieces<Float64Array> {
  const rows = x.length / inputs;
  const seen = Math.min(VARIANCE_ROWS, rows);
  const [sums, squares] = [new Float64Array(inputs), new Float64Array(inputs)];
  for (let taken = 0; taken < seen; taken++) {
    if (taken % ROWS_IN_TURN === 0) yield;
    const start = Math.floor((taken * rows) / seen) * inputs;
    for (let input = 0; input < inputs; input++) {
      const value = x[start + input];
      sums[input] += value;
      squares[input] += value * value;
    }
  }
  return squares.map((square, input) => Math.max(0, square / seen - (sums[input] / seen) ** 2));
}

/** Rows with each input multiplied by its factor. */
export function* scaleRows(x: Float32Array, scales: Float32Array): Pieces<Float32Array<ArrayBuffer>> {
  const scaled = allocate(x.length, () => "a copy of the encoded rows");
  for (let start = 0; start < x.length; start += scales.length) {
    yield;
    for (let input = 0; input < scales.length; input++)
      scaled[start + input] = x[start + input] * scales[input];
  }
  return scaled;
}

/**
 * Multiplies the weights of the first dense layer by the factors, so that the model takes rows that are not
 * scaled.
 */
export function absorbScales(model: Model, scales: Float32Array): void {
  const weights = model.getWeights();
  const first = weights.find((layer) => "bias" in layer && "weight" in layer) as
    | { weight: number[][] }
    | undefined;
  if (first === undefined) return;
  first.weight = first.weight.map((row) =>
    row.map((weight, input) => (input < scales.length ? weight * scales[input] : weight)),
  );
  model.setWeights(weights);
}

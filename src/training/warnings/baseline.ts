/** The baseline: the loss of a constant prediction. */
import type { Dataset } from "../../data/examples.ts";
import type { Configuration } from "../../formats/configuration.ts";
import type { Problem } from "../../metrics/metric.ts";
import { createLayer } from "../../nn/layers.ts";
import type { RowLoss } from "../../nn/losses/loss.ts";
import { createLoss } from "../../nn/program.ts";
import { evenlySpaced } from "./rows.ts";

/** The number of values of y that a baseline keeps. */
const MOST_VALUES = 2 ** 16;

/** Returns the loss that the network computes, and whether its predictions are logits or scores. */
function lossOf(configuration: Configuration, { predictions }: Problem): { loss: RowLoss; isLogit: boolean } {
  const loss = createLoss(configuration);
  const last = createLayer(configuration.layers[configuration.layers.length - 1])
    .program()
    .at(-1)!;
  if (loss.absorbs?.layer === last.type) return { loss: loss.absorbs.loss, isLogit: true };
  return { loss, isLogit: predictions !== "estimates" };
}

/** Returns the mean of weight · loss over evenly spaced rows, where every prediction is the mean of y. */
function lossOfMeans(
  loss: RowLoss,
  y: Float32Array,
  outputs: number,
  weightOf: (row: number) => number,
  most: number,
): number {
  const chosen = evenlySpaced(y.length / outputs, most);
  const targets = new Float32Array(chosen.length * outputs);
  for (const [at, row] of chosen.entries()) {
    for (let column = 0; column < outputs; column++) {
      targets[at * outputs + column] = y[row * outputs + column];
    }
  }
  const means = new Float64Array(outputs);
  for (let at = 0; at < targets.length; at++) means[at % outputs] += targets[at] / chosen.length;
  const predictions = targets.map((_, at) => means[at % outputs]);
  let sum = 0;
  for (const [at, row] of chosen.entries()) {
    sum += weightOf(row) * loss.value(predictions, targets, at, outputs);
  }
  return sum / chosen.length;
}

/** Returns the baseline, estimated from up to `rows` rows. */
export type Baseline = (rows: number) => number;

/**
 * Returns the baseline of a dataset: the mean of weight · loss, where every prediction is the mean of y, or
 * equal probabilities for classes. Copies what it needs of y, which the caller may change. Undefined for
 * rates, whose loss has no zero.
 */
export function baselineOf(
  configuration: Configuration,
  problem: Problem,
  { y, rows, outputs: columns }: Dataset,
  weights: Float32Array | undefined,
): Baseline | undefined {
  const { predictions, targets, outputs } = problem;
  if (predictions === "rates") return undefined;
  const { loss, isLogit } = lossOf(configuration, problem);
  if (targets !== "values") {
    // Every row has the same loss.
    const alike = targets === "probabilities" ? 0.5 : 1 / outputs;
    const one = loss.value(new Float32Array(outputs).fill(isLogit ? 0 : alike), y, 0, outputs);
    const total = weights?.reduce((sum, weight) => sum + weight, 0) ?? rows;
    return () => (one * total) / rows;
  }
  const step = Math.ceil((rows * columns) / MOST_VALUES);
  const kept = everyRow(y, columns, step);
  return (most) => lossOfMeans(loss, kept, columns, (row) => weights?.[row * step] ?? 1, most);
}

/** Returns a copy of every `step`-th row. */
function everyRow(y: Float32Array, columns: number, step: number): Float32Array {
  if (step === 1) return y.slice();
  const count = Math.ceil(y.length / columns / step);
  const kept = new Float32Array(count * columns);
  for (let row = 0; row < count; row++) {
    const start = row * step * columns;
    kept.set(y.subarray(start, start + columns), row * columns);
  }
  return kept;
}

/** The loss of a model that gives every row the same prediction. */
import type { Dataset } from "../../data/examples.ts";
import type { Configuration } from "../../formats/configuration.ts";
import type { Problem } from "../../metrics/metric.ts";
import { createLayer } from "../../nn/layers.ts";
import type { RowLoss } from "../../nn/losses/loss.ts";
import { createLoss } from "../../nn/program.ts";
import { spread } from "./rows.ts";

/** Values of y that are kept for it. */
const MOST_VALUES = 2 ** 16;

/** The loss as the network computes it, and whether it takes logits or scores. */
function lossOf(configuration: Configuration, { predictions }: Problem): { loss: RowLoss; isLogit: boolean } {
  const loss = createLoss(configuration);
  const last = createLayer(configuration.layers[configuration.layers.length - 1])
    .program()
    .at(-1)!;
  if (loss.absorbs?.layer === last.type) return { loss: loss.absorbs.loss, isLogit: true };
  return { loss, isLogit: predictions !== "estimates" };
}

/** The mean over evenly spaced rows of weight · loss, where every prediction is the mean of y. */
function ofMeans(
  loss: RowLoss,
  y: Float32Array,
  outputs: number,
  weightOf: (row: number) => number,
  most: number,
): number {
  const chosen = spread(y.length / outputs, most);
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

/** The baseline, from so many of the rows. */
export type Baseline = (rows: number) => number;

/**
 * Keeps what is needed of y, which may change, to give the mean over the rows of weight · loss, where every
 * prediction is the mean of y or, of classes, gives each the same probability. Undefined for rates, whose loss has
 * no zero.
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
    // The same for every row.
    const alike = targets === "probabilities" ? 0.5 : 1 / outputs;
    const one = loss.value(new Float32Array(outputs).fill(isLogit ? 0 : alike), y, 0, outputs);
    const total = weights?.reduce((sum, weight) => sum + weight, 0) ?? rows;
    return () => (one * total) / rows;
  }
  const step = Math.ceil((rows * columns) / MOST_VALUES);
  const kept = everyRow(y, columns, step);
  return (most) => ofMeans(loss, kept, columns, (row) => weights?.[row * step] ?? 1, most);
}

/** A copy of the first of every `step` rows. */
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

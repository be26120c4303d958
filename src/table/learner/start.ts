/** Weights that start from the training rows (RealMLP; Holzmüller, Grinsztajn and Steinwart, 2024). */
import { scaleInputs } from "../../kernel/scaleInputs.ts";
import type { Model } from "../../model.ts";
import { uniform } from "../../random.ts";
import { denseLayersOf } from "./denseLayers.ts";

/** Rows that are looked at. */
const MOST_ROWS = 256;
/** Rows that a unit's bias is drawn from. */
const BIAS_ROWS = 5;
/** The purpose of these draws, beside those of `random.ts`. */
const PURPOSE = 32;

/**
 * Scales the weights of each dense layer so that each unit has the standard deviation 1 before its
 * activation, and sets its bias so that it switches near the data: minus an exponentially weighted mean of
 * its value on 5 rows.
 *
 * `x`: the training rows, [rows][inputs]; `scales`: the factors that the network's inputs are multiplied by.
 */
export function startFromData(model: Model, x: Float32Array, scales?: Float32Array): void {
  const { inputs, seed } = model;
  const rows = Math.min(MOST_ROWS, x.length / inputs);
  const sample = scaleInputs(x.slice(0, rows * inputs), scales);
  const { layers, write } = denseLayersOf(model);
  for (const { layer, weight, bias } of layers) {
    const draw = uniform(seed, { purpose: PURPOSE, index: layer });
    const values = model.predict(sample, { layer });
    const units = bias.length;
    const width = weight.length / units;
    for (let unit = 0; unit < units; unit++) {
      let [sum, squares] = [0, 0];
      for (let at = unit; at < values.length; at += units) {
        sum += values[at];
        squares += values[at] * values[at];
      }
      const deviation = Math.sqrt(Math.max(squares / rows - (sum / rows) ** 2, 1e-12));
      let [total, mixed] = [0, 0];
      for (let count = 0; count < BIAS_ROWS; count++) {
        const share = -Math.log(1 - draw());
        total += share;
        mixed += (share * values[Math.floor(draw() * rows) * units + unit]) / deviation;
      }
      bias[unit] = -mixed / total;
      for (let at = unit * width; at < (unit + 1) * width; at++) weight[at] /= deviation;
    }
    write();
  }
}

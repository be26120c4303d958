/** softmax: y = exp(x) / sum(exp(x)), row by row */
import { entry } from "../../options.ts";
import type { Layer, RowFunction } from "./layer.ts";

/**
 * softmax(x)_i = exp(x_i - m) / sum_k exp(x_k - m). Subtracting m, the row's largest value, keeps exp from
 * overflowing. With the gradient g of the output, that of the input is y_i (g_i - sum_k g_k y_k).
 */
export const softmaxRows: RowFunction = {
  value(input, output, start, width) {
    const end = start + width;
    let largest = Number.NEGATIVE_INFINITY;
    for (let at = start; at < end; at++) largest = Math.max(largest, input[at]);
    let sum = 0;
    for (let at = start; at < end; at++) sum += Math.exp(input[at] - largest);
    for (let at = start; at < end; at++) output[at] = Math.exp(input[at] - largest) / sum;
  },
  gradient(_input, output, gradient, result, start, width) {
    const end = start + width;
    let mean = 0;
    for (let at = start; at < end; at++) mean += gradient[at] * output[at];
    for (let at = start; at < end; at++) result[at] = output[at] * (gradient[at] - mean);
  },
};

/**
 * Softmax: y_i = exp(x_i) / sum_k exp(x_k), which turns a row into probabilities: all above 0, with the sum
 * 1. It is a layer, or the `activation` of a dense layer.
 *
 * As the last layer it goes with the losses `categoricalCrossentropy` and `sparseCategoricalCrossentropy`,
 * which are computed together with it, so that they are stable for any input.
 *
 * @example
 * ```ts
 * const layers = [dense(64), relu(), dense(10), softmax()];
 * ```
 */
export const softmax = entry(
  "softmax",
  {},
  (): Layer => ({
    outputs: (inputs) => inputs,
    parameters: () => [],
    program: () => [{ type: "softmax" }],
    operations: () => [{ kind: "row", rows: softmaxRows }],
  }),
);

/** The operation `lookup`: replaces the number of a category by the values of that category. */
import type { Lookup } from "../../../nn/layers/layer.ts";
import { copy } from "./arrays.ts";

/** Replaces the category number of each row by the values of the category. */
export function lookUp(
  { column, units, outputs }: Lookup & { readonly outputs: number },
  table: Float32Array,
  input: Float32Array,
  output: Float32Array,
  rows: number,
): void {
  const inputs = outputs + 1 - units;
  for (let row = 0; row < rows; row++) {
    const [from, to] = [row * inputs, row * outputs];
    copy(input, from, output, to, column);
    copy(table, input[from + column] * units, output, to + column, units);
    copy(input, from + column + 1, output, to + column + units, inputs - column - 1);
  }
}

/** Copies the gradients of all values but the category number, whose gradient is 0. */
export function lookUpGradient(
  { column, units, outputs }: Lookup & { readonly outputs: number },
  gradient: Float32Array,
  result: Float32Array,
  rows: number,
): void {
  const inputs = outputs + 1 - units;
  for (let row = 0; row < rows; row++) {
    const [from, to] = [row * outputs, row * inputs];
    copy(gradient, from, result, to, column);
    result[to + column] = 0;
    copy(gradient, from + column + units, result, to + column + 1, inputs - column - 1);
  }
}

/** Adds the gradient of each row to the gradient of its category's values. */
export function tableGradient(
  { column, units, outputs }: Lookup & { readonly outputs: number },
  table: Float32Array,
  input: Float32Array,
  gradient: Float32Array,
  rows: number,
): void {
  const inputs = outputs + 1 - units;
  for (let row = 0; row < rows; row++) {
    const start = input[row * inputs + column] * units;
    const from = row * outputs + column;
    for (let unit = 0; unit < units; unit++) table[start + unit] += gradient[from + unit];
  }
}

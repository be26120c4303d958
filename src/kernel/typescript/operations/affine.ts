/** The operation `affine`: y = w x + b or y = w x, elementwise. */
import type { ParameterView } from "./arrays.ts";

/** Computes y = w x + b, elementwise. */
export function affine(
  width: number,
  { weight, bias }: ParameterView,
  input: Float32Array,
  output: Float32Array,
  rows: number,
): void {
  const [w, b] = [weight.values, bias!.values];
  for (let start = 0; start < rows * width; start += width) {
    for (let at = 0; at < width; at++) output[start + at] = w[at] * input[start + at] + b[at];
  }
}

/** Computes y = w x, elementwise; also the gradient with respect to x, w g. */
export function multiply(
  width: number,
  weight: Float32Array,
  input: Float32Array,
  output: Float32Array,
  rows: number,
): void {
  for (let start = 0; start < rows * width; start += width) {
    for (let at = 0; at < width; at++) output[start + at] = weight[at] * input[start + at];
  }
}

/** Computes the gradient with respect to w: the sum of g x over the rows. */
export function factorGradient(
  width: number,
  result: Float32Array,
  input: Float32Array,
  gradient: Float32Array,
  rows: number,
  isFirst: boolean,
): void {
  for (let at = 0; at < width; at++) {
    let total = isFirst ? 0 : result[at];
    for (let place = at; place < rows * width; place += width) total += gradient[place] * input[place];
    result[at] = total;
  }
}

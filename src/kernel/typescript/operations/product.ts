/** The passes of a product. In steps that round factors, they take rounded copies of them. */

import {
  biasGradient,
  forward,
  inputGradient,
  type MatrixView,
  type Sizes,
  weightGradient,
  ZEROS,
} from "../products.ts";
import type { ParameterView } from "./arrays.ts";
import { type RoundedFactors, round } from "./rounded.ts";

/** Computes the output. `rounded` has room for the factors if they are to be rounded. */
export function forwardProduct(
  product: Sizes,
  { weight, bias = ZEROS }: ParameterView,
  input: MatrixView,
  output: MatrixView,
  rows: number,
  rounded: RoundedFactors | undefined,
): void {
  const { inputs, outputs } = product;
  const weights = round(weight, rounded?.weight, inputs * outputs);
  const factors = round(input, rounded?.input, rows * inputs);
  forward(product, weights, bias, factors, output, rows);
}

/** Computes the gradient with respect to the input. */
export function backwardProduct(
  product: Sizes,
  { weight }: ParameterView,
  gradient: MatrixView,
  result: MatrixView,
  rows: number,
  rounded: RoundedFactors | undefined,
): void {
  const { inputs, outputs } = product;
  const weights = round(weight, rounded?.weight, inputs * outputs);
  const factors = round(gradient, rounded?.gradient, rows * outputs);
  inputGradient(product, weights, factors, result, rows);
}

/** Adds the gradients of weights and biases to `result`, or overwrites it for the first rows of an update. */
export function productGradient(
  product: Sizes,
  { weight, bias }: ParameterView,
  input: MatrixView,
  gradient: MatrixView,
  rows: number,
  isFirst: boolean,
  rounded: RoundedFactors | undefined,
): void {
  const { inputs, outputs } = product;
  const left = round(gradient, rounded?.gradient, rows * outputs);
  const right = round(input, rounded?.input, rows * inputs);
  weightGradient(product, left, right, isFirst ? ZEROS : weight, weight, rows);
  if (bias !== undefined) biasGradient(product, gradient, isFirst ? ZEROS : bias, bias, rows);
}

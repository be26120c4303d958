/** Rounding to bfloat16, and the rounded factors of products. */

import { type MatrixView, rowsOf, type Sizes } from "../products.ts";

/** The fewest outputs of a product whose factors are rounded. */
const WIDE = 8;

/** The smallest magnitude that is not rounded to 0. */
const SMALLEST = 2 ** -56;

const value = new Float32Array(1);
const bits = new Int32Array(value.buffer);

/** Rounds to the nearest bfloat16, and halves to the even one. Magnitudes below 2^-56 become 0. */
export function bfloat16(number: number): number {
  if (Math.abs(number) < SMALLEST) return 0;
  if (Number.isNaN(number)) return number;
  value[0] = number;
  bits[0] = (bits[0] + 0x7fff + ((bits[0] >>> 16) & 1)) & ~0xffff;
  return value[0];
}

/** Room for the rounded factors of one product. */
export interface RoundedFactors {
  readonly weight: MatrixView;
  readonly input: MatrixView;
  readonly gradient: MatrixView;
}

/** Returns room for the factors of each product with at least 8 outputs. All products share it. */
export function roundedFactors(
  products: readonly (Sizes | undefined)[],
  rows: number,
): (RoundedFactors | undefined)[] {
  const wide = products.map((product) => (product && product.outputs >= WIDE ? product : undefined));
  const most = (size: (product: Sizes) => number) =>
    new Float32Array(wide.reduce((length, product) => Math.max(length, product ? size(product) : 0), 0));
  const weight = most(({ inputs, outputs }) => inputs * outputs);
  const input = most(({ inputs }) => rows * inputs);
  const gradient = most(({ outputs }) => rows * outputs);
  return wide.map(
    (product) =>
      product && {
        weight: rowsOf(weight, product.inputs),
        input: rowsOf(input, product.inputs),
        gradient: rowsOf(gradient, product.outputs),
      },
  );
}

/** Rounds the first `length` values if there is room for the result. Returns what a product takes. */
export function round(source: MatrixView, result: MatrixView | undefined, length: number): MatrixView {
  if (result === undefined) return source;
  const { values: from } = source;
  const { values: to } = result;
  for (let at = 0; at < length; at++) to[at] = bfloat16(from[at]);
  return result;
}

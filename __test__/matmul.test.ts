/**
 * The products of a dense layer equal the textbook definition for any shape, and write nothing outside of
 * their rows.
 */
import fc from "fast-check";
import { describe, test } from "vitest";
import {
  biasGradient,
  forward,
  inputGradient,
  repeated,
  rowsOf,
  type Sizes,
  weightGradient,
  ZEROS,
} from "../src/kernel/typescript/products.ts";
import { expectNear } from "./kernels.ts";
import { draws, values } from "./programs.ts";

type Matrix = readonly (readonly number[])[];

const toRows = (array: Float32Array, columns: number): Matrix =>
  Array.from({ length: array.length / columns }, (_, row) =>
    Array.from(array.subarray(row * columns, (row + 1) * columns)),
  );
const transpose = (matrix: Matrix): Matrix => matrix[0].map((_, column) => matrix.map((row) => row[column]));
const dot = (a: readonly number[], b: readonly number[]) =>
  a.reduce((sum, value, index) => sum + value * b[index], 0);
const multiply = (a: Matrix, b: Matrix): Matrix => {
  const columns = transpose(b);
  return a.map((row) => columns.map((column) => dot(row, column)));
};

/**
 * Sizes with every remainder of tiles of two by four: below one tile, over several, and with either side
 * longer.
 */
const sizes = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 16, 33] as const;

/** The outputs of products have room for an additional row, which must keep this value. */
const UNTOUCHED = 77;
const room = (length: number, width: number) => new Float32Array(length + width).fill(UNTOUCHED);
const withUntouchedRow = (matrix: Matrix, width: number) => [
  ...matrix.flat(),
  ...new Array<number>(width).fill(UNTOUCHED),
];

interface Case extends Sizes {
  readonly rows: number;
  readonly weight: Float32Array;
  readonly bias: Float32Array;
  readonly input: Float32Array;
  readonly gradient: Float32Array;
}

const cases: fc.Arbitrary<Case> = fc
  .record({
    inputs: fc.constantFrom(...sizes),
    outputs: fc.constantFrom(...sizes),
    rows: fc.constantFrom(...sizes),
    seed: fc.nat(1_000_000),
  })
  .map(({ inputs, outputs, rows, seed }) => ({
    inputs,
    outputs,
    rows,
    weight: values(seed, outputs * inputs),
    bias: values(seed + 1, outputs),
    input: values(seed + 2, rows * inputs),
    gradient: values(seed + 3, rows * outputs),
  }));

const holds = (name: string, check: (sizes: Case) => void) =>
  test(name, () => fc.assert(fc.property(cases, check), draws));

describe("over random shapes", () => {
  holds("forward is x Wᵀ + b", ({ inputs, outputs, rows, weight, bias, input }) => {
    const output = room(rows * outputs, outputs);
    const x = rowsOf(input, inputs);
    forward({ inputs, outputs }, rowsOf(weight, inputs), repeated(bias), x, rowsOf(output, outputs), rows);
    const product = multiply(toRows(input, inputs), transpose(toRows(weight, inputs)));
    const expected = product.map((row) => row.map((sum, unit) => sum + bias[unit]));
    expectNear(output, withUntouchedRow(expected, outputs), 1e-6);
  });

  holds("forward without a bias is x Wᵀ", ({ inputs, outputs, rows, weight, input }) => {
    const output = room(rows * outputs, outputs);
    const x = rowsOf(input, inputs);
    forward({ inputs, outputs }, rowsOf(weight, inputs), ZEROS, x, rowsOf(output, outputs), rows);
    const expected = multiply(toRows(input, inputs), transpose(toRows(weight, inputs)));
    expectNear(output, withUntouchedRow(expected, outputs), 1e-6);
  });

  holds("the gradient of the input is g W", ({ inputs, outputs, rows, weight, gradient }) => {
    const result = room(rows * inputs, inputs);
    const g = rowsOf(gradient, outputs);
    inputGradient({ inputs, outputs }, rowsOf(weight, inputs), g, rowsOf(result, inputs), rows);
    const expected = multiply(toRows(gradient, outputs), toRows(weight, inputs));
    expectNear(result, withUntouchedRow(expected, inputs), 1e-6);
  });

  holds("the gradient of the weight is gᵀ x", ({ inputs, outputs, rows, input, gradient }) => {
    const result = room(outputs * inputs, inputs);
    const [g, x] = [rowsOf(gradient, outputs), rowsOf(input, inputs)];
    weightGradient({ inputs, outputs }, g, x, ZEROS, rowsOf(result, inputs), rows);
    const expected = multiply(transpose(toRows(gradient, outputs)), toRows(input, inputs));
    expectNear(result, withUntouchedRow(expected, inputs), 1e-6);
  });

  holds("the gradient of the weight is added to", ({ inputs, outputs, rows, input, gradient, weight }) => {
    const result = rowsOf(weight.slice(), inputs);
    const [g, x] = [rowsOf(gradient, outputs), rowsOf(input, inputs)];
    weightGradient({ inputs, outputs }, g, x, result, result, rows);
    const product = multiply(transpose(toRows(gradient, outputs)), toRows(input, inputs)).flat();
    expectNear(
      result.values,
      product.map((sum, at) => sum + weight[at]),
      1e-6,
    );
  });

  holds("the gradient of the bias is the sum of g over the rows", ({ inputs, outputs, rows, gradient }) => {
    const result = room(outputs, 1);
    const g = rowsOf(gradient, outputs);
    biasGradient({ inputs, outputs }, g, ZEROS, repeated(result), rows);
    const sums = transpose(toRows(gradient, outputs)).map((column) => column.reduce((a, b) => a + b, 0));
    expectNear(result, [...sums, UNTOUCHED], 1e-6);
    biasGradient({ inputs, outputs }, g, repeated(result), repeated(result), rows);
    expectNear(result, [...sums.map((sum) => 2 * sum), UNTOUCHED], 1e-6);
  });
});

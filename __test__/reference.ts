/**
 * The plain 64-bit reference: a Program's loss from the entries' own functions, and gradients by
 * differences of it.
 */
import { createLayer } from "../src/layers.ts";
import type { Loss } from "../src/losses.ts";
import * as losses from "../src/losses.ts";
import { create, type Table } from "../src/options.ts";
import type { Program } from "../src/program.ts";
import { outputsOf, type Rows } from "./programs.ts";

/** Entries look at arrays of any floats; in doubles they are exact enough to take differences of. */
export const asSingles = (doubles: ArrayLike<number>) =>
  Float64Array.from(doubles) as unknown as Float32Array;

/** The output for one row of x. */
export function predictRow(program: Program, parameters: Float64Array, x: readonly number[]): number[] {
  let row = [...x];
  let at = 0;
  for (const operation of program.layers.flatMap((layer) => createLayer(layer).operations())) {
    if (operation.kind === "elementwise") {
      const values = asSingles(row);
      operation.activation.value(values, values, values.length);
      row = Array.from(values);
      continue;
    }
    if (operation.kind === "row") {
      const output = asSingles(row);
      operation.rows.value(asSingles(row), output, 0, row.length);
      row = Array.from(output);
      continue;
    }
    const input = row;
    row = Array.from({ length: operation.outputs }, () =>
      input.reduce((sum, value) => sum + parameters[at++] * value, 0),
    );
    if (operation.bias) row = row.map((sum) => sum + parameters[at++]);
  }
  return row;
}

/** The mean loss of all rows. */
export function meanLoss(program: Program, parameters: Float64Array, { x, y, rows }: Rows): number {
  const outputs = outputsOf(program);
  const loss = create("loss", losses as Table<Loss>, program.loss);
  const targets = loss.targets(outputs);
  let sum = 0;
  for (let row = 0; row < rows; row++) {
    const input = Array.from(x.subarray(row * program.inputs, (row + 1) * program.inputs));
    const target = Array.from(y.subarray(row * targets, (row + 1) * targets));
    const prediction = predictRow(program, parameters, input);
    sum += loss.value(asSingles(prediction), asSingles(target), 0, outputs);
  }
  return sum / rows;
}

/** (f(x + h) - f(x - h)) / 2h: what is left of the third order is below 1e-9, of rounding as well. */
export function difference(f: (x: number) => number, x: number, step = 1e-5): number {
  return (f(x + step) - f(x - step)) / (2 * step);
}

/** What training does with a parameter: whether it changes, and the penalties on it. */
interface Rule {
  readonly trainable: boolean;
  readonly l1: number;
  readonly l2: number;
}

function rulesOf(program: Program): Rule[] {
  let width = program.inputs;
  return program.layers
    .flatMap((layer) => createLayer(layer).operations())
    .flatMap((operation) => {
      if (operation.kind !== "product") return [];
      const { outputs, bias, trainable, l1, l2 } = operation;
      const weights = new Array<Rule>(outputs * width).fill({ trainable, l1, l2 });
      const biases = new Array<Rule>(bias ? outputs : 0).fill({ trainable, l1: 0, l2: 0 });
      width = outputs;
      return [...weights, ...biases];
    });
}

/**
 * The gradient of the mean loss and of the penalties by each parameter, by central differences; 0 where training
 * changes none.
 */
export function gradientByDifferences(program: Program, parameters: Float32Array, rows: Rows): number[] {
  const doubles = Float64Array.from(parameters);
  const rules = rulesOf(program);
  return Array.from(doubles, (middle, at) => {
    const { trainable, l1, l2 } = rules[at];
    if (!trainable) return 0;
    const lossAt = (value: number) => {
      doubles[at] = value;
      return meanLoss(program, doubles, rows) + l1 * Math.abs(value) + l2 * value ** 2;
    };
    const slope = difference(lossAt, middle);
    doubles[at] = middle;
    return slope;
  });
}

/** Formulas of each kind of operation, forward and backward, in letters and with numbers of the first row. */

import type { ParameterArray } from "../kernel/typescript/operations/arrays.ts";
import type { Operation } from "../kernel/typescript/operations.ts";
import type { Name } from "../training/warnings/step.ts";
import { factor, letters, lines, list, products, show, sub } from "./numbers.ts";

/** An operation with its arrays, [rows][width]. */
export interface Part extends Name {
  readonly operation: Operation;
  readonly rows: number;
  /** The number of values in a row of x. */
  readonly inputs: number;
  readonly x: Float32Array;
  readonly y: Float32Array;
  /** ∂E/∂y; undefined where the loss begins at x. */
  readonly g: Float32Array | undefined;
  /** ∂E/∂x */
  readonly inputGradient: Float32Array;
  /** All parameters, and their gradients without penalties. */
  readonly parameters: ParameterArray;
  readonly gradient: ParameterArray;
  /** The output of the fork that an add operation adds, and the gradient that it passes back to the fork. */
  readonly fork: Float32Array | undefined;
  readonly forkGradient: Float32Array | undefined;
}

/** Returns the formula of an operation. */
export function formulaOf(operation: Operation, name: string): string {
  switch (operation.kind) {
    case "product":
      return operation.bias === undefined ? "y = W x" : "y = W x + b";
    case "affine":
      return operation.bias === undefined ? "yᵢ = wᵢ xᵢ" : "yᵢ = wᵢ xᵢ + bᵢ";
    case "lookup":
      return "y = x with a row of W in place of a category's number";
    case "fork":
      return "y = x, which a later sum adds again";
    case "add":
      return "y = x + the input of the block";
    case "noise":
      return `y = ${name}(x), as drawn for this step`;
    case "elementwise":
      return `yᵢ = ${name}(xᵢ)`;
    default:
      return `y = ${name}(x)`;
  }
}

const first = (values: Float32Array, width: number) => values.subarray(0, width);

/** Returns the output values of the first row, with their sums. */
export function forwardLines({ operation, name, inputs, x, y, parameters, fork }: Part): string[] {
  const value = (at: number) => show(y[at]);
  switch (operation.kind) {
    case "product": {
      const { weight, bias, outputs } = operation;
      const line = (unit: number) => {
        const terms = products(inputs, (at) => [parameters[weight + unit * inputs + at], x[at]]);
        const sum = letters(inputs, (at) => `W${sub(unit, at)} x${sub(at)}`);
        const [b, number] =
          bias === undefined ? ["", ""] : [` + b${sub(unit)}`, ` + ${factor(parameters[bias + unit])}`];
        return `y${sub(unit)} = ${sum}${b} = ${terms}${number} = ${value(unit)}`;
      };
      return lines(outputs, line, "units");
    }
    case "affine": {
      const { weight, bias, outputs } = operation;
      const line = (at: number) => {
        const product = products(1, () => [parameters[weight + at], x[at]]);
        const added = bias === undefined ? "" : ` + ${factor(parameters[bias + at])}`;
        return `y${sub(at)} = ${product}${added} = ${value(at)}`;
      };
      return lines(outputs, line, "values");
    }
    case "elementwise":
      return lines(
        operation.outputs,
        (at) => `y${sub(at)} = ${name}(${show(x[at])}) = ${value(at)}`,
        "values",
      );
    case "add":
      return lines(
        operation.outputs,
        (at) => `y${sub(at)} = ${show(x[at])} + ${factor(fork![at])} = ${value(at)}`,
        "values",
      );
    default:
      return [`y = ${list(first(y, operation.outputs))}`];
  }
}

/** Returns the gradients of the parameters, then of the input. */
export function backwardLines(part: Part): string[] {
  const { operation, g, inputGradient, inputs } = part;
  if (g === undefined) return [`∂E/∂x = ${list(first(inputGradient, inputs))}, from the loss`];
  return [`g = ${list(first(g, operation.outputs))}`, ...parameterLines(part, g), ...inputLines(part, g)];
}

function parameterLines({ operation, rows, inputs, x, gradient }: Part, g: Float32Array): string[] {
  if (operation.kind === "product" && !operation.trainable) return ["W and b are not trained"];
  if (operation.kind !== "product" && operation.kind !== "affine") return [];
  const { weight, bias, outputs } = operation;
  const isProduct = operation.kind === "product";
  const over = rows > 1 ? "Σ " : "";
  const line = (place: number) => {
    const [unit, at] = isProduct ? [Math.floor(place / inputs), place % inputs] : [place, place];
    const name = isProduct ? `W${sub(unit, at)}` : `w${sub(at)}`;
    const terms = products(rows, (row) => [g[row * outputs + unit], x[row * inputs + at]]);
    return `∂E/∂${name} = ${over}g${sub(unit)} x${sub(at)} = ${terms} = ${show(gradient[weight + place])}`;
  };
  const shown = lines(isProduct ? outputs * inputs : outputs, line, "weights");
  if (bias === undefined) return shown;
  const ofBias = gradient.subarray(bias, bias + outputs);
  return [...shown, `∂E/∂b = ${over}g = ${list(ofBias)}`];
}

function inputLines(part: Part, g: Float32Array): string[] {
  const { operation, name, inputs, x, y, inputGradient, parameters, forkGradient } = part;
  const value = (at: number) => show(inputGradient[at]);
  switch (operation.kind) {
    case "product": {
      const { weight, outputs } = operation;
      const line = (at: number) => {
        const sum = letters(outputs, (unit) => `W${sub(unit, at)} g${sub(unit)}`);
        const terms = products(outputs, (unit) => [parameters[weight + unit * inputs + at], g[unit]]);
        return `∂E/∂x${sub(at)} = ${sum} = ${terms} = ${value(at)}`;
      };
      return lines(inputs, line, "values");
    }
    case "elementwise": {
      const slopes = new Float32Array(operation.outputs).fill(1);
      operation.activation.gradient(first(x, inputs), first(y, inputs), slopes.slice(), slopes, inputs);
      const line = (at: number) => {
        const product = products(1, () => [g[at], slopes[at]]);
        return `∂E/∂x${sub(at)} = g${sub(at)} ${name}′(${show(x[at])}) = ${product} = ${value(at)}`;
      };
      return lines(inputs, line, "values");
    }
    case "affine": {
      const line = (at: number) => {
        const product = products(1, () => [parameters[operation.weight + at], g[at]]);
        return `∂E/∂x${sub(at)} = w${sub(at)} g${sub(at)} = ${product} = ${value(at)}`;
      };
      return lines(inputs, line, "values");
    }
    case "fork":
      return lines(
        inputs,
        (at) => `∂E/∂x${sub(at)} = ${show(g[at])} + ${factor(forkGradient![at])} = ${value(at)}`,
        "values",
      );
    default:
      return [`∂E/∂x = ${list(first(inputGradient, inputs))}`];
  }
}

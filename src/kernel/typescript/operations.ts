/** The operations that layers compile to, and the forward and backward pass of each kind. */
import type { Activation } from "../../nn/activations.ts";
import type {
  LayerOperation,
  Lookup,
  Noise,
  Pace,
  Penalties,
  RowFunction,
  Standardize,
  TrainingRule,
} from "../../nn/layers/layer.ts";
import { NOISE_ROWS, noiseDraws, noiseKey } from "../../random.ts";
import { affine, factorGradient, multiply } from "./operations/affine.ts";
import { type BatchRange, copy, type ParameterArray, type ParameterView, sum } from "./operations/arrays.ts";
import { lookUp, lookUpGradient, tableGradient } from "./operations/lookup.ts";
import { backwardProduct, forwardProduct, productGradient } from "./operations/product.ts";
import type { RoundedFactors } from "./operations/rounded.ts";
import {
  runningGradient,
  type StandardizeOperation,
  standardize,
  standardizeBatch,
  standardizeGradient,
} from "./operations/standardize.ts";
import { biasGradient, type MatrixView, repeated, rowsOf, type Sizes, ZEROS } from "./products.ts";

/** A contiguous range of the parameters. */
export interface ParameterRange {
  readonly start: number;
  readonly end: number;
}

/** A range of parameters that an update treats alike. */
export interface TrainedRange extends ParameterRange, Pace {
  /** Whether the optimizer's weight decay applies. */
  readonly decays: boolean;
}

/** The penalties on a range of trainable weights. */
export interface Penalty extends ParameterRange, Penalties {}

/** An operation of the Program, with the indices at which its parameters start. */
export type Operation =
  | (Sizes &
      TrainingRule & { readonly kind: "product"; readonly weight: number; readonly bias: number | undefined })
  | { readonly kind: "elementwise"; readonly outputs: number; readonly activation: Activation }
  | { readonly kind: "row"; readonly outputs: number; readonly rows: RowFunction }
  | {
      readonly kind: "affine";
      readonly outputs: number;
      readonly weight: number;
      readonly bias: number | undefined;
    }
  | StandardizeOperation
  | NoiseOperation
  | (Lookup & { readonly kind: "lookup"; readonly outputs: number; readonly weight: number })
  /** `add` is the index of the operation that adds these values. */
  | { readonly kind: "fork"; readonly outputs: number; add: number }
  | { readonly kind: "add"; readonly outputs: number; readonly fork: number };

interface NoiseOperation {
  readonly kind: "noise";
  readonly outputs: number;
  readonly noise: Noise;
  /** The index of this operation among the noise operations. */
  readonly layer: number;
  /** The random numbers for `NOISE_ROWS` rows. */
  readonly draws: Float32Array;
}

/** Compiles a list of operations: determines their sizes and where their parameters start. */
export class Operations {
  readonly list: Operation[] = [];
  /** The number of values in a row of the last operation's output. */
  width: number;
  parameters = 0;
  /** The ranges of parameters that no gradient changes, in increasing order. */
  readonly frozen: ParameterRange[] = [];
  /** The ranges of parameters that updates change, in increasing order. */
  readonly trained: TrainedRange[] = [];
  readonly penalties: Penalty[] = [];
  readonly #decaysBiases: boolean;
  readonly #forks: number[] = [];
  #noises = 0;

  /** `decaysBiases` tells whether weight decay applies to all parameters, and not to matrices only. */
  constructor(inputs: number, decaysBiases = true) {
    this.width = inputs;
    this.#decaysBiases = decaysBiases;
  }

  push(operation: LayerOperation): void {
    if (operation.kind === "standardize") {
      const affine = this.#affine(true, operation);
      this.#add(this.#standardize(operation));
      this.#add(affine);
    } else {
      this.#add(this.#place(operation));
    }
  }

  #add(operation: Operation): void {
    this.list.push(operation);
    this.width = operation.outputs;
  }

  #affine(hasBias: boolean, pace: Pace): Operation {
    const outputs = this.width;
    const weight = this.#vector(outputs, pace);
    return { kind: "affine", outputs, weight, bias: hasBias ? this.#vector(outputs, pace) : undefined };
  }

  #standardize(operation: Standardize & { readonly kind: "standardize" }): Operation {
    const outputs = this.width;
    const [mean, variance] = [this.#allocate(outputs), this.#allocate(outputs)];
    this.frozen.push({ start: mean, end: this.parameters });
    return { ...operation, outputs, mean, variance, rates: new Float64Array(outputs) };
  }

  /** Reserves `count` parameters and returns the index of the first. */
  #allocate(count: number): number {
    const start = this.parameters;
    this.parameters += count;
    return start;
  }

  /** Reserves parameters that updates change, and of which a feature has one. */
  #vector(count: number, pace: Pace, trainable = true): number {
    const start = this.#allocate(count);
    if (trainable) this.#train(start, pace, this.#decaysBiases);
    return start;
  }

  /** Reserves parameters that updates change, of which a feature has several. */
  #matrix(count: number, pace: Pace, trainable = true): number {
    const start = this.#allocate(count);
    if (trainable) this.#train(start, pace, true);
    return start;
  }

  /** Adds the parameters from `start` to the ranges that updates change. */
  #train(start: number, { learningRateFactor }: Pace, decays: boolean): void {
    const last = this.trained.at(-1);
    const end = this.parameters;
    if (last?.end !== start || last.learningRateFactor !== learningRateFactor || last.decays !== decays) {
      this.trained.push({ start, end, learningRateFactor, decays });
    } else this.trained[this.trained.length - 1] = { ...last, end };
  }

  #place(operation: Exclude<LayerOperation, { readonly kind: "standardize" }>): Operation {
    const outputs = this.width;
    switch (operation.kind) {
      case "product": {
        const { trainable, l1, l2 } = operation;
        const weight = this.#matrix(outputs * operation.outputs, operation, trainable);
        const bias = operation.bias ? this.#vector(operation.outputs, operation, trainable) : undefined;
        const end = weight + outputs * operation.outputs;
        if (!trainable) this.frozen.push({ start: weight, end: this.parameters });
        else if (l1 > 0 || l2 > 0)
          // In 32 bits, as gradients are, so that a penalty can cancel a gradient.
          this.penalties.push({ start: weight, end, l1: Math.fround(l1), l2: Math.fround(l2) });
        return { ...operation, inputs: outputs, weight, bias };
      }
      case "affine":
        return this.#affine(operation.bias, operation);
      case "noise": {
        const draws = new Float32Array(NOISE_ROWS * outputs);
        return { ...operation, outputs, layer: this.#noises++, draws };
      }
      case "lookup": {
        const { categories, units } = operation;
        const weight = this.#matrix(categories * units, operation);
        return { ...operation, outputs: outputs - 1 + units, weight };
      }
      case "fork":
        this.#forks.push(this.list.length);
        return { kind: "fork", outputs, add: 0 };
      case "add": {
        const fork = this.#forks.pop()!;
        (this.list[fork] as { add: number }).add = this.list.length;
        return { kind: "add", outputs, fork };
      }
      default:
        return { ...operation, outputs };
    }
  }
}

/** Returns a view of an array of all parameters for each operation that has some. */
export function views(
  operations: readonly Operation[],
  values: ParameterArray,
): readonly (ParameterView | undefined)[] {
  const cut = (start: number, length: number) => values.subarray(start, start + length);
  return operations.map((operation) => {
    switch (operation.kind) {
      case "product": {
        const { inputs, outputs, weight, bias } = operation;
        return {
          weight: rowsOf(cut(weight, inputs * outputs), inputs),
          bias: bias === undefined ? undefined : repeated(cut(bias, outputs)),
        };
      }
      case "affine": {
        const { outputs, weight, bias } = operation;
        return {
          weight: repeated(cut(weight, outputs)),
          bias: bias === undefined ? undefined : repeated(cut(bias, outputs)),
        };
      }
      case "standardize":
        return {
          weight: repeated(cut(operation.mean, operation.outputs)),
          bias: repeated(cut(operation.variance, operation.outputs)),
        };
      case "lookup": {
        const { categories, units, weight } = operation;
        return { weight: rowsOf(cut(weight, categories * units), units), bias: undefined };
      }
      default:
        return undefined;
    }
  });
}

/** Computes the output of an operation. `outputs` contains those of all earlier operations. */
export function forwardOperation(
  operation: Operation,
  view: ParameterView | undefined,
  input: MatrixView,
  output: MatrixView,
  outputs: readonly MatrixView[],
  at: BatchRange,
  rounded?: RoundedFactors,
): void {
  const { rows } = at;
  switch (operation.kind) {
    case "product":
      forwardProduct(operation, view!, input, output, rows, rounded);
      break;
    case "affine":
      if (view!.bias === undefined) {
        multiply(operation.outputs, view!.weight.values, input.values, output.values, rows);
      } else affine(operation.outputs, view!, input.values, output.values, rows);
      break;
    case "standardize":
      if (at.isBatch) standardizeBatch(operation, view!, input.values, output.values, at);
      else standardize(operation, view!, input.values, output.values, rows);
      break;
    case "noise":
      applyNoise(operation, operation.noise.value, input.values, output.values, at);
      break;
    case "lookup":
      lookUp(operation, view!.weight.values, input.values, output.values, rows);
      break;
    case "fork":
      copy(input.values, 0, output.values, 0, rows * operation.outputs);
      break;
    case "add":
      sum(input.values, outputs[operation.fork].values, output.values, rows * operation.outputs);
      break;
    default:
      applyFunction(operation, input.values, output.values, rows);
  }
}

/** Computes a function without parameters. `output` may be `input`. */
export function applyFunction(
  operation: Operation & { readonly kind: "elementwise" | "row" },
  input: Float32Array,
  output: Float32Array,
  rows: number,
): void {
  const width = operation.outputs;
  if (operation.kind === "elementwise") operation.activation.value(input, output, rows * width);
  else for (let row = 0; row < rows; row++) operation.rows.value(input, output, row * width, width);
}

/**
 * Writes the gradient with respect to the input of operation `index`, by default into the gradient of the
 * output before it. The first operation needs a `result`. `outputs` and `gradients` are those of all
 * operations.
 */
export function backwardOperation(
  operation: Operation,
  view: ParameterView | undefined,
  input: MatrixView,
  outputs: readonly MatrixView[],
  gradients: readonly MatrixView[],
  index: number,
  at: BatchRange,
  rounded?: RoundedFactors,
  result = gradients[index - 1],
): void {
  const { rows } = at;
  const output = outputs[index];
  const gradient = gradients[index].values;
  const length = rows * operation.outputs;
  switch (operation.kind) {
    case "product":
      backwardProduct(operation, view!, gradients[index], result, rows, rounded);
      break;
    case "elementwise":
      operation.activation.gradient(input.values, output.values, gradient, result.values, length);
      break;
    case "row":
      for (let start = 0; start < length; start += operation.outputs) {
        operation.rows.gradient(
          input.values,
          output.values,
          gradient,
          result.values,
          start,
          operation.outputs,
        );
      }
      break;
    case "affine":
      multiply(operation.outputs, view!.weight.values, gradient, result.values, rows);
      break;
    case "standardize":
      if (at.isBatch) standardizeGradient(operation, output.values, gradient, result.values, rows);
      else runningGradient(operation, view!, gradient, result.values, rows);
      break;
    case "noise":
      applyNoise(operation, operation.noise.gradient, gradient, result.values, at);
      break;
    case "lookup":
      lookUpGradient(operation, gradient, result.values, rows);
      break;
    case "fork":
      sum(gradient, gradients[operation.add].values, result.values, length);
      break;
    case "add":
      copy(gradient, 0, result.values, 0, length);
  }
}

/**
 * Adds the gradients with respect to an operation's parameters to `result`, or overwrites it for the first
 * rows of an update.
 */
export function parameterGradient(
  operation: Operation,
  result: ParameterView | undefined,
  input: MatrixView,
  gradient: MatrixView,
  rows: number,
  isFirst: boolean,
  rounded?: RoundedFactors,
): void {
  if (result === undefined || (operation.kind === "product" && !operation.trainable)) return;
  const { weight, bias } = result;
  if (operation.kind === "product") {
    productGradient(operation, result, input, gradient, rows, isFirst, rounded);
  } else if (operation.kind === "affine") {
    factorGradient(operation.outputs, weight.values, input.values, gradient.values, rows, isFirst);
    if (bias !== undefined) {
      biasGradient({ inputs: 1, outputs: operation.outputs }, gradient, isFirst ? ZEROS : bias, bias, rows);
    }
  } else if (operation.kind === "lookup") {
    if (isFirst) weight.values.fill(0);
    tableGradient(operation, weight.values, input.values, gradient.values, rows);
  }
}

const key = new Uint32Array(4);

/** Applies a layer's noise to values or gradients. Copies them outside of training. */
function applyNoise(
  { outputs, layer, draws }: NoiseOperation,
  apply: Noise["value"],
  input: Float32Array,
  output: Float32Array,
  { from, rows, moment }: BatchRange,
): void {
  if (moment === undefined) {
    copy(input, 0, output, 0, rows * outputs);
    return;
  }
  noiseKey(moment.seed, layer, moment.step, key);
  for (let row = 0; row < rows; row += NOISE_ROWS) {
    noiseDraws(key, (moment.before + from + row) / NOISE_ROWS, outputs, draws);
    apply(input, output, draws, row * outputs, Math.min(NOISE_ROWS, rows - row) * outputs);
  }
}

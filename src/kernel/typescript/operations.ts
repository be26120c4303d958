/** What the network walks: stages, each with an output of its own; what each kind does, forward and back. */
import type { Activation } from "../../nn/activations.ts";
import type {
  Lookup,
  Noise,
  Operation,
  Penalties,
  RowFunction,
  Standardise,
  Training,
} from "../../nn/layers/layer.ts";
import { NOISE_ROWS, noiseDraws, noiseKey } from "../../random.ts";
import { copy, type Rows, sum, type Values, type View } from "./operations/arrays.ts";
import { lookUp, lookUpGradient, tableGradient } from "./operations/lookup.ts";
import { multiply, scale, scaleGradient } from "./operations/scale.ts";
import {
  runningGradient,
  type StandardiseStage,
  standardise,
  standardiseBatch,
  standardiseGradient,
} from "./operations/standardise.ts";
import {
  biasGradient,
  forward,
  inputGradient,
  type Matrix,
  repeated,
  rowsOf,
  type Sizes,
  weightGradient,
  ZEROS,
} from "./products.ts";

/** Part of the parameters. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** The penalties on a range of weights that change in training. */
export interface Penalty extends Range, Penalties {}

/** An operation of the Program with where its parameters start. */
export type Stage =
  | (Sizes &
      Training & { readonly kind: "product"; readonly weight: number; readonly bias: number | undefined })
  | { readonly kind: "elementwise"; readonly outputs: number; readonly activation: Activation }
  | { readonly kind: "row"; readonly outputs: number; readonly rows: RowFunction }
  | { readonly kind: "scale"; readonly outputs: number; readonly weight: number; readonly bias: number }
  | StandardiseStage
  | NoiseStage
  | (Lookup & { readonly kind: "lookup"; readonly outputs: number; readonly weight: number })
  /** `add` is the number of the stage that adds these values. */
  | { readonly kind: "fork"; readonly outputs: number; add: number }
  | { readonly kind: "add"; readonly outputs: number; readonly fork: number };

interface NoiseStage {
  readonly kind: "noise";
  readonly outputs: number;
  readonly noise: Noise;
  /** Counts the stages that draw. */
  readonly layer: number;
  /** Room for the draws of some rows. */
  readonly draws: Float32Array;
}

/** Makes stages of operations, one after the other, and counts their parameters. */
export class Stages {
  readonly list: Stage[] = [];
  /** Values in a row of the last stage's output. */
  width: number;
  parameters = 0;
  /** The ranges of parameters that no gradient changes, in increasing order. */
  readonly frozen: Range[] = [];
  readonly penalties: Penalty[] = [];
  readonly #forks: number[] = [];
  #noises = 0;

  constructor(inputs: number) {
    this.width = inputs;
  }

  push(operation: Operation): void {
    if (operation.kind === "standardise") {
      const scale = this.#scale();
      this.#add(this.#standardise(operation));
      this.#add(scale);
    } else {
      this.#add(this.#stage(operation));
    }
  }

  #add(stage: Stage): void {
    this.list.push(stage);
    this.width = stage.outputs;
  }

  #scale(): Stage {
    const outputs = this.width;
    return { kind: "scale", outputs, weight: this.#allocate(outputs), bias: this.#allocate(outputs) };
  }

  #standardise(operation: Standardise & { readonly kind: "standardise" }): Stage {
    const outputs = this.width;
    const [mean, variance] = [this.#allocate(outputs), this.#allocate(outputs)];
    this.frozen.push({ start: mean, end: this.parameters });
    return { ...operation, outputs, mean, variance, rates: new Float64Array(outputs) };
  }

  /** So many more parameters; where they start. */
  #allocate(count: number): number {
    const start = this.parameters;
    this.parameters += count;
    return start;
  }

  #stage(operation: Exclude<Operation, { readonly kind: "standardise" }>): Stage {
    const outputs = this.width;
    switch (operation.kind) {
      case "product": {
        const weight = this.#allocate(outputs * operation.outputs);
        const bias = operation.bias ? this.#allocate(operation.outputs) : undefined;
        const { trainable, l1, l2 } = operation;
        const end = weight + outputs * operation.outputs;
        if (!trainable) this.frozen.push({ start: weight, end: this.parameters });
        else if (l1 > 0 || l2 > 0) this.penalties.push({ start: weight, end, l1, l2 });
        return { ...operation, inputs: outputs, weight, bias };
      }
      case "scale":
        return this.#scale();
      case "noise": {
        const draws = new Float32Array(NOISE_ROWS * outputs);
        return { ...operation, outputs, layer: this.#noises++, draws };
      }
      case "lookup": {
        const { categories, units } = operation;
        return { ...operation, outputs: outputs - 1 + units, weight: this.#allocate(categories * units) };
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

/** Cuts an array of all parameters into one view a stage. */
export function views(stages: readonly Stage[], values: Values): readonly (View | undefined)[] {
  const cut = (start: number, length: number) => values.subarray(start, start + length);
  return stages.map((stage) => {
    switch (stage.kind) {
      case "product": {
        const { inputs, outputs, weight, bias } = stage;
        return {
          weight: rowsOf(cut(weight, inputs * outputs), inputs),
          bias: bias === undefined ? undefined : repeated(cut(bias, outputs)),
        };
      }
      case "scale": {
        const { outputs, weight, bias } = stage;
        return { weight: repeated(cut(weight, outputs)), bias: repeated(cut(bias, outputs)) };
      }
      case "standardise":
        return {
          weight: repeated(cut(stage.mean, stage.outputs)),
          bias: repeated(cut(stage.variance, stage.outputs)),
        };
      case "lookup": {
        const { categories, units, weight } = stage;
        return { weight: rowsOf(cut(weight, categories * units), units), bias: undefined };
      }
      default:
        return undefined;
    }
  });
}

/** Takes rows through a stage. `outputs` has those of all stages before. */
export function forwardStage(
  stage: Stage,
  view: View | undefined,
  input: Matrix,
  output: Matrix,
  outputs: readonly Matrix[],
  at: Rows,
): void {
  const { rows } = at;
  switch (stage.kind) {
    case "product":
      forward(stage, view!.weight, view!.bias ?? ZEROS, input, output, rows);
      break;
    case "scale":
      scale(stage.outputs, view!, input.values, output.values, rows);
      break;
    case "standardise":
      if (at.isBatch) standardiseBatch(stage, view!, input.values, output.values, at);
      else standardise(stage, view!, input.values, output.values, rows);
      break;
    case "noise":
      makeNoise(stage, stage.noise.value, input.values, output.values, at);
      break;
    case "lookup":
      lookUp(stage, view!.weight.values, input.values, output.values, rows);
      break;
    case "fork":
      copy(input.values, 0, output.values, 0, rows * stage.outputs);
      break;
    case "add":
      sum(input.values, outputs[stage.fork].values, output.values, rows * stage.outputs);
      break;
    default:
      applyFunction(stage, input.values, output.values, rows);
  }
}

/** Takes rows through a function without parameters. `output` may be `input`. */
export function applyFunction(
  stage: Stage & { readonly kind: "elementwise" | "row" },
  input: Float32Array,
  output: Float32Array,
  rows: number,
): void {
  const width = stage.outputs;
  if (stage.kind === "elementwise") stage.activation.value(input, output, rows * width);
  else for (let row = 0; row < rows; row++) stage.rows.value(input, output, row * width, width);
}

/**
 * Writes the gradient with respect to a stage's input. `outputs` and `gradients` are those of all stages, this
 * one's number being `index`: its input's gradient is that of the output of the one before, unless a
 * `result` is given, for the first.
 */
export function backwardStage(
  stage: Stage,
  view: View | undefined,
  input: Matrix,
  outputs: readonly Matrix[],
  gradients: readonly Matrix[],
  index: number,
  at: Rows,
  result = gradients[index - 1],
): void {
  const { rows } = at;
  const output = outputs[index];
  const gradient = gradients[index].values;
  const length = rows * stage.outputs;
  switch (stage.kind) {
    case "product":
      inputGradient(stage, view!.weight, gradients[index], result, rows);
      break;
    case "elementwise":
      stage.activation.gradient(input.values, output.values, gradient, result.values, length);
      break;
    case "row":
      for (let start = 0; start < length; start += stage.outputs) {
        stage.rows.gradient(input.values, output.values, gradient, result.values, start, stage.outputs);
      }
      break;
    case "scale":
      multiply(stage.outputs, view!.weight.values, gradient, result.values, rows);
      break;
    case "standardise":
      if (at.isBatch) standardiseGradient(stage, output.values, gradient, result.values, rows);
      else runningGradient(stage, view!, gradient, result.values, rows);
      break;
    case "noise":
      makeNoise(stage, stage.noise.gradient, gradient, result.values, at);
      break;
    case "lookup":
      lookUpGradient(stage, gradient, result.values, rows);
      break;
    case "fork":
      sum(gradient, gradients[stage.add].values, result.values, length);
      break;
    case "add":
      copy(gradient, 0, result.values, 0, length);
  }
}

/** Adds the gradients of a stage's parameters over the rows to `result`, or writes them if it `isFirst`. */
export function parameterGradient(
  stage: Stage,
  result: View | undefined,
  input: Matrix,
  gradient: Matrix,
  rows: number,
  isFirst: boolean,
): void {
  if (result === undefined || (stage.kind === "product" && !stage.trainable)) return;
  const { weight, bias } = result;
  if (stage.kind === "product") {
    weightGradient(stage, gradient, input, isFirst ? ZEROS : weight, weight, rows);
    if (bias !== undefined) biasGradient(stage, gradient, isFirst ? ZEROS : bias, bias, rows);
  } else if (stage.kind === "scale") {
    scaleGradient(stage.outputs, weight.values, input.values, gradient.values, rows, isFirst);
    biasGradient({ inputs: 1, outputs: stage.outputs }, gradient, isFirst ? ZEROS : bias!, bias!, rows);
  } else if (stage.kind === "lookup") {
    if (isFirst) weight.values.fill(0);
    tableGradient(stage, weight.values, input.values, gradient.values, rows);
  }
}

const key = new Uint32Array(4);

/** Takes values, or gradients, through a layer's noise; where nothing is trained, there is none. */
function makeNoise(
  { outputs, layer, draws }: NoiseStage,
  act: Noise["value"],
  input: Float32Array,
  output: Float32Array,
  { from, rows, moment }: Rows,
): void {
  if (moment === undefined) {
    copy(input, 0, output, 0, rows * outputs);
    return;
  }
  noiseKey(moment.seed, layer, moment.step, key);
  for (let row = 0; row < rows; row += NOISE_ROWS) {
    noiseDraws(key, (moment.before + from + row) / NOISE_ROWS, outputs, draws);
    act(input, output, draws, row * outputs, Math.min(NOISE_ROWS, rows - row) * outputs);
  }
}

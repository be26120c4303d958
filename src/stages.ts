/** What the network walks: stages, each with an output of its own, and what each kind does, forward and back. */
import type { Activation } from "./activations.ts";
import type {
  Lookup,
  Noise,
  Operation,
  Penalties,
  RowFunction,
  Standardise,
  Training,
} from "./layers/layer.ts";
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
} from "./matmul.ts";
import { NOISE_ROWS, noiseDraws, noiseKey } from "./random.ts";

/** Arrays of the same length as the parameters: their values, gradients or slots. */
export type Values = Float32Array<ArrayBuffer>;

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

interface StandardiseStage extends Standardise {
  readonly kind: "standardise";
  readonly outputs: number;
  /** Where the running mean and the running variance start. */
  readonly mean: number;
  readonly variance: number;
  /** One over the deviation of each value in the batch at hand. */
  readonly rates: Float64Array;
}

interface NoiseStage {
  readonly kind: "noise";
  readonly outputs: number;
  readonly noise: Noise;
  /** Counts the stages that draw. */
  readonly layer: number;
  /** Room for the draws of some rows. */
  readonly draws: Float32Array;
}

/** What the draws of a step follow from. */
export interface Moment {
  readonly seed: number;
  /** The number of the update in the model's life, from 1. */
  readonly step: number;
  /** The rows of batches before this one that the same update takes, rounded up to groups a batch. */
  readonly before: number;
}

/** Some rows of a batch. */
export interface Rows {
  /** The first one's place in the batch. */
  from: number;
  /** How many. */
  rows: number;
  /** Set in training, where there is noise. */
  moment: Moment | undefined;
  /** Whether they go back, too: then figures over a batch are those of its rows. */
  isBatch: boolean;
}

/** A stage's arrays within an array of all parameters, cut once. */
export interface View {
  readonly weight: Matrix;
  readonly bias: Matrix | undefined;
}

/** The running mean and variance are the weight and the bias of a view. */
const runningOf = ({ weight, bias }: View) => ({ means: weight.values, variances: bias!.values });

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
 * one's number being `index`: its input's gradient is that of the output of the one before, unless a `result` is
 * given, for the first.
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

/** Copies so many values: what stands from `start` on in `source` to where `at` says in `target`. */
export function copy(
  source: Float32Array,
  start: number,
  target: Float32Array,
  at: number,
  length: number,
): void {
  for (let index = 0; index < length; index++) target[at + index] = source[start + index];
}

function sum(left: Float32Array, right: Float32Array, result: Float32Array, length: number): void {
  for (let at = 0; at < length; at++) result[at] = left[at] + right[at];
}

/** y = w x + b, value by value. */
function scale(
  width: number,
  { weight, bias }: View,
  input: Float32Array,
  output: Float32Array,
  rows: number,
): void {
  const [w, b] = [weight.values, bias!.values];
  for (let start = 0; start < rows * width; start += width) {
    for (let at = 0; at < width; at++) output[start + at] = w[at] * input[start + at] + b[at];
  }
}

/** The gradient of the input of `scale`: w g. */
function multiply(
  width: number,
  weight: Float32Array,
  gradient: Float32Array,
  result: Float32Array,
  rows: number,
): void {
  for (let start = 0; start < rows * width; start += width) {
    for (let at = 0; at < width; at++) result[start + at] = weight[at] * gradient[start + at];
  }
}

/** The gradient of w: the sum of g x over the rows. */
function scaleGradient(
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

/** x̂ = (x - mean) / √(variance + ε) with the running figures. */
function standardise(
  { outputs: width, epsilon }: StandardiseStage,
  view: View,
  input: Float32Array,
  output: Float32Array,
  rows: number,
): void {
  const { means, variances } = runningOf(view);
  for (let at = 0; at < width; at++) {
    const rate = 1 / Math.sqrt(variances[at] + epsilon);
    for (let place = at; place < rows * width; place += width) {
      output[place] = (input[place] - means[at]) * rate;
    }
  }
}

/** The gradient of x where the figures are the running ones: g / √(variance + ε). */
function runningGradient(
  { outputs: width, epsilon }: StandardiseStage,
  view: View,
  gradient: Float32Array,
  result: Float32Array,
  rows: number,
): void {
  const { variances } = runningOf(view);
  for (let at = 0; at < width; at++) {
    const rate = 1 / Math.sqrt(variances[at] + epsilon);
    for (let place = at; place < rows * width; place += width) result[place] = gradient[place] * rate;
  }
}

/**
 * The same with the figures of the rows, which are a whole batch. In training the running ones follow:
 * running ← (1 - m) running + m batch, the batch's variance with n - 1 in place of n, which a single row has
 * none of.
 */
function standardiseBatch(
  { outputs: width, epsilon, momentum, rates }: StandardiseStage,
  view: View,
  input: Float32Array,
  output: Float32Array,
  { rows, moment }: Rows,
): void {
  const { means, variances } = runningOf(view);
  const end = rows * width;
  for (let at = 0; at < width; at++) {
    let total = 0;
    for (let place = at; place < end; place += width) total += input[place];
    const mean = total / rows;
    let squares = 0;
    for (let place = at; place < end; place += width) squares += (input[place] - mean) ** 2;
    rates[at] = 1 / Math.sqrt(squares / rows + epsilon);
    for (let place = at; place < end; place += width) output[place] = (input[place] - mean) * rates[at];
    if (moment === undefined) continue;
    means[at] += momentum * (mean - means[at]);
    if (rows > 1) variances[at] += momentum * (squares / (rows - 1) - variances[at]);
  }
}

/** The gradient of x: (g - mean(g) - x̂ mean(g x̂)) / √(variance + ε). */
function standardiseGradient(
  { outputs: width, rates }: StandardiseStage,
  output: Float32Array,
  gradient: Float32Array,
  result: Float32Array,
  rows: number,
): void {
  const end = rows * width;
  for (let at = 0; at < width; at++) {
    let mean = 0;
    let share = 0;
    for (let place = at; place < end; place += width) {
      mean += gradient[place];
      share += gradient[place] * output[place];
    }
    mean /= rows;
    share /= rows;
    for (let place = at; place < end; place += width) {
      result[place] = (gradient[place] - mean - output[place] * share) * rates[at];
    }
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

/** Puts the values of each row's category in place of its number. */
function lookUp(
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

/** No gradient flows to the number of a category; that of the other values passes through. */
function lookUpGradient(
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

/** Adds each row's gradient to that of its category's values. */
function tableGradient(
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

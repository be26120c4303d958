/** The network: one mini-batch forward, loss, backward, update. */
import type { Activation } from "./activations.ts";
import type { Penalties, RowFunction, Training } from "./layers/layer.ts";
import { createLayer } from "./layers.ts";
import type { Loss, RowLoss } from "./losses.ts";
import * as losses from "./losses.ts";
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
import type { Optimizer } from "./optimizers.ts";
import * as optimizers from "./optimizers.ts";
import { create, type Table } from "./options.ts";
import type { ClipGradients, Program } from "./program.ts";

/** Arrays of the same length as the parameters: their values, gradients or slots. */
export type Values = Float32Array<ArrayBuffer>;

/** An operation of the Program with where its parameters start. */
type Stage =
  | (Sizes &
      Training & { readonly kind: "product"; readonly weight: number; readonly bias: number | undefined })
  | { readonly kind: "elementwise"; readonly outputs: number; readonly activation: Activation }
  | { readonly kind: "row"; readonly outputs: number; readonly rows: RowFunction };

type FunctionStage = Exclude<Stage, { readonly kind: "product" }>;

/** What stays the same while the parameters change. */
export interface Plan {
  readonly inputs: number;
  readonly outputs: number;
  /** Values in a row of targets. */
  readonly targets: number;
  readonly stages: readonly Stage[];
  readonly loss: RowLoss;
  /** What the loss is computed together with and predictions go through besides, if anything. */
  readonly absorbed: FunctionStage | undefined;
  readonly optimizer: Optimizer;
  readonly parameters: number;
  /**
   * The ranges of parameters that no gradient changes, in increasing order: their gradients stay zero, and
   * no update goes through them.
   */
  readonly frozen: readonly Range[];
  /** What is added to the gradients of weights. */
  readonly penalties: readonly Penalty[];
  /** Within what gradients are held, if anything. */
  readonly clip: ClipGradients | null;
}

/** The penalties on a range of weights that change in training. */
export interface Penalty extends Range, Penalties {}

/** Part of the parameters. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** The parameters that training changes. */
export function trainedRanges({ frozen, parameters }: Plan): readonly Range[] {
  const starts = [0, ...frozen.map(({ end }) => end)];
  const ends = [...frozen.map(({ start }) => start), parameters];
  return starts.map((start, index) => ({ start, end: ends[index] })).filter(({ start, end }) => start < end);
}

/** A stage that changes nothing, where the loss absorbs the only layer. */
const IDENTITY: Activation = {
  value(input, output, length) {
    for (let at = 0; at < length; at++) output[at] = input[at];
  },
  gradient(_input, _output, gradient, result, length) {
    for (let at = 0; at < length; at++) result[at] = gradient[at];
  },
};

/** Compiles a Program. */
export function compile(program: Program): Plan {
  const stages: Stage[] = [];
  let width = program.inputs;
  let parameters = 0;
  const frozen: Range[] = [];
  const penalties: Penalty[] = [];
  for (const operation of program.layers.flatMap((layer) => createLayer(layer).operations())) {
    if (operation.kind === "product") {
      const { outputs, bias, kind, ...training } = operation;
      const { trainable, l1, l2 } = training;
      const weight = parameters;
      const biasStart = weight + width * outputs;
      const sizes = { inputs: width, outputs };
      stages.push({ kind, ...sizes, ...training, weight, bias: bias ? biasStart : undefined });
      parameters = bias ? biasStart + outputs : biasStart;
      if (!trainable) frozen.push({ start: weight, end: parameters });
      else if (l1 > 0 || l2 > 0) penalties.push({ start: weight, end: biasStart, l1, l2 });
      width = outputs;
    } else {
      stages.push({ ...operation, outputs: width });
    }
  }
  const loss = create("loss", losses as Table<Loss>, program.loss);
  const absorbing = loss.absorbs?.layer === program.layers[program.layers.length - 1].type;
  const absorbed = absorbing ? (stages.pop() as FunctionStage) : undefined;
  if (stages.length === 0) stages.push({ kind: "elementwise", outputs: width, activation: IDENTITY });
  return {
    inputs: program.inputs,
    outputs: width,
    targets: loss.targets(width),
    stages,
    loss: absorbing ? loss.absorbs!.loss : loss,
    absorbed,
    optimizer: create("optimizer", optimizers, { learningRate: 0, ...program.optimizer }) as Optimizer,
    parameters,
    frozen,
    penalties,
    clip: program.clipGradients,
  };
}

/** Activations and their gradients for up to `rows` rows, and views of the parameters that the stages use. */
export class Workspace {
  readonly rows: number;
  readonly input: Matrix;
  readonly target: Values;
  /** The output of each stage, [rows][outputs]. */
  readonly outputs: readonly Matrix[];
  /** The gradient of the loss with respect to each stage's output. */
  readonly gradients: readonly Matrix[];

  constructor(plan: Plan, rows: number, backward: boolean) {
    const matrix = (width: number) => rowsOf(new Float32Array(rows * width), width);
    const matrices = () => plan.stages.map((stage) => matrix(stage.outputs));
    this.rows = rows;
    this.input = matrix(plan.inputs);
    this.target = new Float32Array(rows * plan.targets);
    this.outputs = matrices();
    this.gradients = backward ? matrices() : [];
  }

  /** The output of the last stage. */
  get prediction(): Float32Array {
    return this.outputs[this.outputs.length - 1].values;
  }
}

/** A product's arrays within an array of all parameters, cut once. */
export interface View {
  readonly weight: Matrix;
  readonly bias: Matrix | undefined;
}

/** Cuts an array of all parameters into one view a stage. */
export function views(plan: Plan, values: Values): readonly (View | undefined)[] {
  return plan.stages.map((stage) => {
    if (stage.kind !== "product") return undefined;
    const { inputs, outputs, weight, bias } = stage;
    return {
      weight: rowsOf(values.subarray(weight, weight + inputs * outputs), inputs),
      bias: bias === undefined ? undefined : repeated(values.subarray(bias, bias + outputs)),
    };
  });
}

/** Runs the first rows of the workspace's input through the stages. */
export function predict(
  plan: Plan,
  parameters: readonly (View | undefined)[],
  workspace: Workspace,
  rows: number,
) {
  let input = workspace.input;
  for (let index = 0; index < plan.stages.length; index++) {
    const stage = plan.stages[index];
    const output = workspace.outputs[index];
    if (stage.kind === "product") {
      const { weight, bias } = parameters[index]!;
      forward(stage, weight, bias ?? ZEROS, input, output, rows);
    } else {
      applyFunction(stage, input.values, output.values, rows);
    }
    input = output;
  }
}

/** Takes the first rows through a stage that is no product. `output` may be `input`. */
function applyFunction(stage: FunctionStage, input: Float32Array, output: Float32Array, rows: number): void {
  const width = stage.outputs;
  if (stage.kind === "elementwise") stage.activation.value(input, output, rows * width);
  else for (let row = 0; row < rows; row++) stage.rows.value(input, output, row * width, width);
}

/** Takes predictions, in place, through what the loss has absorbed. */
export function applyAbsorbed({ absorbed }: Plan, { prediction }: Workspace, rows: number): void {
  if (absorbed !== undefined) applyFunction(absorbed, prediction, prediction, rows);
}

/** The sum of the losses of the first rows, whose predictions the workspace holds. */
export function lossSum(plan: Plan, workspace: Workspace, rows: number): number {
  const { prediction, target } = workspace;
  let sum = 0;
  for (let row = 0; row < rows; row++) {
    // A row's loss is a float of 32 bits, so that one beyond their range is infinite in both kernels at the
    // same step.
    sum += Math.fround(plan.loss.value(prediction, target, row, plan.outputs));
  }
  return sum;
}

/** Examples as the typescript kernel keeps them, row-major. */
export interface Rows {
  readonly x: Float32Array;
  readonly y: Float32Array;
  readonly inputs: number;
  readonly outputs: number;
  readonly rows: number;
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

/** Copies rows of the data to the workspace: those that `order` names, or those that stand there. */
export function gather(
  { x, y, inputs, outputs }: Rows,
  order: Uint32Array | undefined,
  start: number,
  rows: number,
  { input, target }: Workspace,
) {
  if (order === undefined) {
    copy(x, start * inputs, input.values, 0, rows * inputs);
    copy(y, start * outputs, target, 0, rows * outputs);
    return;
  }
  for (let row = 0; row < rows; row++) {
    const source = order[start + row];
    copy(x, source * inputs, input.values, row * inputs, inputs);
    copy(y, source * outputs, target, row * outputs, outputs);
  }
}

/**
 * What the first rows add to the gradient of the mean loss of a batch, from the output back to the
 * parameters. `scale` is one over the rows of that batch; `isFirst` says that nothing of it is in `gradient`
 * yet.
 */
export function backward(
  plan: Plan,
  parameters: readonly (View | undefined)[],
  gradient: readonly (View | undefined)[],
  workspace: Workspace,
  scale: number,
  rows: number,
  isFirst: boolean,
): void {
  const { input, outputs, gradients, prediction, target } = workspace;
  const last = plan.stages.length - 1;
  for (let row = 0; row < rows; row++) {
    plan.loss.gradient(prediction, target, row, plan.outputs, scale, gradients[last].values);
  }
  for (let index = last; index >= 0; index--) {
    const stage = plan.stages[index];
    const before = index > 0 ? outputs[index - 1] : input;
    if (stage.kind === "product") {
      if (index > 0) {
        inputGradient(stage, parameters[index]!.weight, gradients[index], gradients[index - 1], rows);
      }
      if (!stage.trainable) continue;
      const { weight, bias } = gradient[index]!;
      weightGradient(stage, gradients[index], before, isFirst ? ZEROS : weight, weight, rows);
      if (bias !== undefined) biasGradient(stage, gradients[index], isFirst ? ZEROS : bias, bias, rows);
    } else if (stage.kind === "row" && index > 0) {
      const { rows: rowFunction, outputs: width } = stage;
      const [output, gradient, result] = [outputs[index], gradients[index], gradients[index - 1]];
      for (let start = 0; start < rows * width; start += width) {
        rowFunction.gradient(before.values, output.values, gradient.values, result.values, start, width);
      }
    } else if (stage.kind === "elementwise" && index > 0) {
      stage.activation.gradient(
        before.values,
        outputs[index].values,
        gradients[index].values,
        gradients[index - 1].values,
        rows * stage.outputs,
      );
    }
  }
}

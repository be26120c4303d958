/** The network: one mini-batch forward, loss, backward, update. */
import { linear } from "../../nn/activations.ts";
import { createLayer } from "../../nn/layers.ts";
import type { Loss, RowLoss } from "../../nn/losses.ts";
import * as losses from "../../nn/losses.ts";
import type { Optimizer } from "../../nn/optimizers.ts";
import * as optimizers from "../../nn/optimizers.ts";
import { type ClipGradients, type Program, takesWholeBatches } from "../../nn/program.ts";
import { create, type Table } from "../../options.ts";
import { CHUNK_ROWS } from "../kernel.ts";
import { copy, type ParameterView } from "./operations/arrays.ts";
import {
  applyFunction,
  backwardOperation,
  forwardOperation,
  type Operation,
  Operations,
  type ParameterRange,
  type Penalty,
  parameterGradient,
} from "./operations.ts";
import { type Batch, gather, type Sizes, type Workspace } from "./workspace.ts";

type FunctionOperation = Operation & { readonly kind: "elementwise" | "row" };

/** What stays the same while the parameters change. */
export interface Plan extends Sizes {
  readonly outputs: number;
  /** The most rows that go forward and back together. */
  readonly chunkRows: number;
  readonly loss: RowLoss;
  /** What the loss is computed together with and predictions go through besides, if anything. */
  readonly absorbed: FunctionOperation | undefined;
  readonly optimizer: Optimizer;
  readonly parameters: number;
  /**
   * The ranges of parameters that no gradient changes, in increasing order: their gradients stay zero, and
   * no update goes through them.
   */
  readonly frozen: readonly ParameterRange[];
  /** What is added to the gradients of weights. */
  readonly penalties: readonly Penalty[];
  /** Within what gradients are held, if anything. */
  readonly clip: ClipGradients | null;
}

/** The parameters that training changes. */
export function trainedRanges({ frozen, parameters }: Plan): readonly ParameterRange[] {
  const starts = [0, ...frozen.map(({ end }) => end)];
  const ends = [...frozen.map(({ start }) => start), parameters];
  return starts.map((start, index) => ({ start, end: ends[index] })).filter(({ start, end }) => start < end);
}

/** A operation that changes nothing, where the loss absorbs the only layer. */
const IDENTITY = linear.create({});

/** Compiles a Program. */
export function compile(program: Program): Plan {
  const placed = new Operations(program.inputs);
  for (const layer of program.layers) {
    for (const operation of createLayer(layer).operations()) placed.push(operation);
  }
  const { list, width: outputs, parameters, frozen, penalties } = placed;
  const loss = create("loss", losses as Table<Loss>, program.loss);
  const absorbing = loss.absorbs?.layer === program.layers[program.layers.length - 1].type;
  const absorbed = absorbing ? (list.pop() as FunctionOperation) : undefined;
  if (list.length === 0) list.push({ kind: "elementwise", outputs, activation: IDENTITY });
  return {
    inputs: program.inputs,
    outputs,
    targets: loss.targets(outputs),
    operations: list,
    chunkRows: takesWholeBatches(program) ? Number.POSITIVE_INFINITY : CHUNK_ROWS,
    loss: absorbing ? loss.absorbs!.loss : loss,
    absorbed,
    optimizer: create("optimizer", optimizers, { learningRate: 0, ...program.optimizer }) as Optimizer,
    parameters,
    frozen,
    penalties,
    clip: program.clipGradients,
  };
}

/** Runs the rows at hand, which the workspace's input holds, through the operations. */
export function predict(
  plan: Plan,
  parameters: readonly (ParameterView | undefined)[],
  { input, outputs, at }: Workspace,
): void {
  for (let index = 0; index < plan.operations.length; index++) {
    const before = index > 0 ? outputs[index - 1] : input;
    forwardOperation(plan.operations[index], parameters[index], before, outputs[index], outputs, at);
  }
}

/**
 * Takes the predictions of the rows at hand through what the loss has absorbed, and writes each to its place
 * among the rows of `output`: those that the order names, or those that stand there. The workspace's own are
 * gone then.
 */
export function handOut(
  { absorbed, outputs }: Plan,
  { prediction, at }: Workspace,
  { order, start }: Pick<Batch, "order" | "start">,
  output: Float32Array,
): void {
  if (absorbed !== undefined) applyFunction(absorbed, prediction, prediction, at.rows);
  const first = start + at.from;
  for (let row = 0; row < at.rows; row++) {
    const place = order === undefined ? first + row : order[first + row];
    copy(prediction, row * outputs, output, place * outputs, outputs);
  }
}

/** The sum of the losses of up to 512 rows of a batch from `from` on; their predictions, too, if wanted. */
export function evaluate(
  plan: Plan,
  parameters: readonly (ParameterView | undefined)[],
  workspace: Workspace,
  batch: Batch,
  from: number,
  output: Float32Array | undefined,
): number {
  gather(batch, from, Math.min(CHUNK_ROWS, batch.rows - from), workspace);
  predict(plan, parameters, workspace);
  const loss = lossSum(plan, workspace);
  if (output !== undefined) handOut(plan, workspace, batch, output);
  return loss;
}

/** The sum of the losses of the rows at hand, whose predictions the workspace holds. */
export function lossSum(plan: Plan, { prediction, target, weights, at }: Workspace): number {
  let sum = 0;
  for (let row = 0; row < at.rows; row++) {
    // A row's loss is a float of 32 bits, so that one beyond their range is infinite in both kernels at the
    // same step.
    sum += Math.fround(Math.fround(plan.loss.value(prediction, target, row, plan.outputs)) * weights[row]);
  }
  return sum;
}

/** Multiplies the gradients of the losses of the rows at hand by the rows' weights. */
function weighGradients({ outputs }: Plan, { gradients, weights, at }: Workspace): void {
  const { values } = gradients[gradients.length - 1];
  for (let place = 0; place < at.rows * outputs; place++)
    values[place] *= weights[Math.floor(place / outputs)];
}

/**
 * What the rows at hand add to the gradient of the mean loss of a batch, from the output back to the
 * parameters. `scale` is one over the rows of that batch.
 */
export function backward(
  plan: Plan,
  parameters: readonly (ParameterView | undefined)[],
  gradient: readonly (ParameterView | undefined)[],
  workspace: Workspace,
  scale: number,
  isFirst: boolean,
): void {
  const { input, outputs, gradients, prediction, target, isWeighted, at } = workspace;
  const { rows } = at;
  const last = plan.operations.length - 1;
  for (let row = 0; row < rows; row++) {
    plan.loss.gradient(prediction, target, row, plan.outputs, scale, gradients[last].values);
  }
  if (isWeighted) weighGradients(plan, workspace);
  for (let index = last; index >= 0; index--) {
    const operation = plan.operations[index];
    const before = index > 0 ? outputs[index - 1] : input;
    parameterGradient(operation, gradient[index], before, gradients[index], rows, isFirst);
    if (index === 0) break;
    backwardOperation(operation, parameters[index], before, outputs, gradients, index, at);
  }
}

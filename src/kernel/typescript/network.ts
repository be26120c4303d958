/** The network: forward pass, loss and backward pass of a mini-batch. */
import { linear } from "../../nn/activations.ts";
import { createLayer } from "../../nn/layers.ts";
import type { Loss, RowLoss } from "../../nn/losses.ts";
import * as losses from "../../nn/losses.ts";
import { createMeasure, type Measure } from "../../nn/measures.ts";
import { withoutDecay, withRoundedDecay } from "../../nn/optimizers/optimizer.ts";
import type { Optimizer } from "../../nn/optimizers.ts";
import * as optimizers from "../../nn/optimizers.ts";
import { type ClipGradients, type Program, takesWholeBatches } from "../../nn/program.ts";
import { type Complete, create, type Table } from "../../options.ts";
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
  type TrainedRange,
} from "./operations.ts";
import { type Batch, gather, type RowSizes, type Workspace } from "./workspace.ts";

type FunctionOperation = Operation & { readonly kind: "elementwise" | "row" };

/** A compiled Program: everything that stays the same while the parameters change. */
export interface Plan extends RowSizes {
  readonly outputs: number;
  /** The most rows that go through the network at once. */
  readonly chunkRows: number;
  readonly loss: RowLoss;
  /**
   * The last operation, if the loss computes it too. It is then not in `operations`, and predictions apply it
   * separately.
   */
  readonly absorbed: FunctionOperation | undefined;
  readonly optimizer: Optimizer;
  /** What a run computes at the end of each epoch. */
  readonly measures: readonly Measure[];
  /** The optimizer for parameters that do not decay; undefined if all decay alike. */
  readonly undecayed: Optimizer | undefined;
  readonly parameters: number;
  /**
   * The ranges of parameters that no gradient changes, in increasing order. Their gradients stay zero, and
   * updates skip them.
   */
  readonly frozen: readonly ParameterRange[];
  /** The ranges of parameters that updates change, in increasing order. */
  readonly trained: readonly TrainedRange[];
  readonly penalties: readonly Penalty[];
  readonly clip: ClipGradients | null;
}

/** The identity: the only operation of a network whose only layer is absorbed by the loss. */
const IDENTITY = linear.create({});

/** Compiles a Program. */
export function compile(program: Program): Plan {
  const optimizerOf = (options: Complete) =>
    create("optimizer", optimizers, { learningRate: 0, ...withRoundedDecay(options) }) as Optimizer;
  const undecayed = withoutDecay(program.optimizer);
  const operations = new Operations(program.inputs, undecayed === undefined);
  for (const layer of program.layers) {
    for (const operation of createLayer(layer).operations()) operations.push(operation);
  }
  const { list, width: outputs, parameters, frozen, trained, penalties } = operations;
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
    optimizer: optimizerOf(program.optimizer),
    measures: program.measures.map(createMeasure),
    undecayed: undecayed && optimizerOf(undecayed),
    parameters,
    frozen,
    trained,
    penalties,
    clip: program.clipGradients,
    rounds: program.precision === "bfloat16",
  };
}

/** Computes the outputs of all operations for the rows in the workspace. */
export function predict(
  plan: Plan,
  parameters: readonly (ParameterView | undefined)[],
  workspace: Workspace,
): void {
  const { input, outputs, at } = workspace;
  for (let index = 0; index < plan.operations.length; index++) {
    const before = index > 0 ? outputs[index - 1] : input;
    const operation = plan.operations[index];
    const rounded = workspace.roundedOf(index);
    forwardOperation(operation, parameters[index], before, outputs[index], outputs, at, rounded);
  }
}

/**
 * Applies the absorbed operation, if any, to the predictions in the workspace, in place. Then copies each
 * prediction to the row of `output` that corresponds to its row in the data.
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

/**
 * Returns the sum of the losses of up to {@link CHUNK_ROWS} rows of a batch, beginning at `from`. Also writes
 * their predictions into `output` if it is given.
 */
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

/** Returns the sum of the losses of the rows in the workspace, from their predictions. */
export function lossSum(plan: Plan, { prediction, target, weights, at }: Workspace): number {
  let sum = 0;
  for (let row = 0; row < at.rows; row++) {
    // The loss of a row is rounded to 32 bits, so that it becomes infinite at the same step in both kernels.
    sum += Math.fround(Math.fround(plan.loss.value(prediction, target, row, plan.outputs)) * weights[row]);
  }
  return sum;
}

/** Multiplies the gradients of the losses by the weights of the rows. */
function weightGradients({ outputs }: Plan, { gradients, weights, at }: Workspace): void {
  const { values } = gradients[gradients.length - 1];
  for (let place = 0; place < at.rows * outputs; place++)
    values[place] *= weights[Math.floor(place / outputs)];
}

/**
 * Computes, backward from the loss, what the rows in the workspace contribute to the gradient of the mean
 * loss of the batch. Adds it to `gradient`, or overwrites that for the first rows. `scale` is 1 / the number
 * of rows in the batch.
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
  if (isWeighted) weightGradients(plan, workspace);
  for (let index = last; index >= 0; index--) {
    const operation = plan.operations[index];
    const before = index > 0 ? outputs[index - 1] : input;
    const rounded = workspace.roundedOf(index);
    parameterGradient(operation, gradient[index], before, gradients[index], rows, isFirst, rounded);
    if (index === 0) break;
    backwardOperation(operation, parameters[index], before, outputs, gradients, index, at, rounded);
  }
}

/** The next step of a training with all its values, computed by the functions of the typescript kernel. */
import type { Dataset } from "../../data/examples.ts";
import type { Configuration } from "../../formats/configuration.ts";
import type { Network, Position } from "../../kernel/kernel.ts";
import { backward, compile, lossSum, type Plan, predict } from "../../kernel/typescript/network.ts";
import type { ParameterArray } from "../../kernel/typescript/operations/arrays.ts";
import { applyFunction, backwardOperation, Operations, views } from "../../kernel/typescript/operations.ts";
import { rowsOf } from "../../kernel/typescript/products.ts";
import { addPenalties, Update } from "../../kernel/typescript/update.ts";
import { gather, Workspace } from "../../kernel/typescript/workspace.ts";
import { createLayer } from "../../nn/layers.ts";
import { type LayerShape, toProgram } from "../../nn/program.ts";
import type { Complete } from "../../options.ts";
import type { History } from "../history.ts";

/** What a step depends on: a model, its weights and the position of its training. */
export interface Learner {
  readonly configuration: Configuration;
  readonly seed: number;
  readonly layers: readonly LayerShape[];
  readonly parameters: number;
  readonly position: Position;
  readonly history: History | undefined;
  use(): Network;
  useAlone(call: string): Network;
}

/** The name of an operation, and the index of the layer that it belongs to. */
export interface Name {
  readonly layer: number;
  readonly name: string;
}

/** All values of a step. Arrays of rows are [rows][width]. */
export interface Step {
  readonly plan: Plan;
  readonly rows: number;
  /** Outputs and gradients of all operations. */
  readonly workspace: Workspace;
  /** One for each operation, then one for the function that the loss absorbs, if any. */
  readonly names: readonly Name[];
  /** The predictions: the last outputs, through the function that the loss absorbs. */
  readonly prediction: Float32Array;
  /** The mean over the rows. */
  readonly loss: number;
  /** The gradient of the loss with respect to x. */
  readonly inputGradient: Float32Array;
  /** For each parameter: its value, the gradient of the loss, with penalties, and then clipped. */
  readonly before: ParameterArray;
  readonly gradient: ParameterArray;
  readonly penalized: ParameterArray;
  readonly clipped: ParameterArray;
  /** The parameters after the step. */
  readonly after: ParameterArray;
  readonly learningRate: number;
  /** The number of the update since the model was made, from 1. */
  readonly number: number;
}

/** Returns the part of each operation of a layer: its own around those of the layers inside it. */
function partsOf(part: Complete): { readonly name: string; readonly index: number }[] {
  const { layers } = createLayer(part);
  if (layers === undefined) {
    return createLayer(part)
      .operations()
      .map((_, index) => ({ name: part.type, index }));
  }
  const own = { name: part.type, index: 0 };
  return [own, ...layers.flatMap(partsOf), own];
}

/** Returns a name for each operation of the layers. */
export function namesOf({ inputs, layers }: Configuration): Name[] {
  const placed = new Operations(inputs);
  const names: Name[] = [];
  for (const [layer, configuration] of layers.entries()) {
    for (const part of createLayer(configuration).program()) {
      const parts = partsOf(part);
      for (const [index, operation] of createLayer(part).operations().entries()) {
        placed.push(operation);
        while (names.length < placed.list.length) names.push({ layer, name: parts[index].name });
      }
    }
  }
  return names;
}

/** Formats the place of an operation: "layer 1 (relu)", "layer 0 (dense: relu)". */
export function placeOf(
  { names, layers }: { readonly names: readonly Name[]; readonly layers: readonly LayerShape[] },
  operation: number,
): string {
  const { layer, name } = names[operation];
  const { type } = layers[layer];
  return `layer ${layer} (${type === name ? type : `${type}: ${name}`})`;
}

/** Returns the gradient with respect to x, given that of the first operation's output. */
export function gradientOfInput(
  { operations, inputs }: Plan,
  view: ReturnType<typeof views>[number],
  { input, outputs, gradients, at }: Workspace,
): Float32Array {
  const result = new Float32Array(at.rows * inputs);
  backwardOperation(operations[0], view, input, outputs, gradients, 0, at, undefined, rowsOf(result, inputs));
  return result;
}

/** Computes the step that training would take next on these rows, in 32 bits. Does not change the model. */
export function stepOf(session: Learner, call: string, data: Dataset): Step {
  const network = session.useAlone(call);
  const { configuration, position, seed } = session;
  const { learningRate } = configuration.optimizer;
  const plan = compile({ ...toProgram(configuration), precision: "float32" });
  const number = position.steps + 1;
  const before = Float32Array.from(network.read("parameters"));
  // The forward pass updates running means and variances.
  const moved = before.slice();
  const parameters = views(plan.operations, moved);
  const workspace = new Workspace(plan, data.rows, true);
  const moment = { seed, step: number, before: 0 };
  const rows = { ...data, weights: undefined };
  gather({ data: rows, order: undefined, start: 0, rows: data.rows, moment }, 0, data.rows, workspace);
  predict(plan, parameters, workspace);
  const loss = lossSum(plan, workspace) / data.rows;
  const gradient = new Float32Array(plan.parameters);
  backward(plan, parameters, views(plan.operations, gradient), workspace, 1 / data.rows, true);
  const prediction = Float32Array.from(workspace.prediction);
  if (plan.absorbed !== undefined) applyFunction(plan.absorbed, prediction, prediction, data.rows);
  return {
    plan,
    rows: data.rows,
    workspace,
    names: namesOf(configuration),
    prediction,
    loss,
    inputGradient: gradientOfInput(plan, parameters[0], workspace),
    before,
    gradient,
    ...updateOf(plan, moved, gradient, network.read("slots"), { learningRate, step: number }),
    learningRate,
    number,
  };
}

/** Computes an update of parameters by their gradient. */
export function updateOf(
  plan: Plan,
  parameters: ParameterArray,
  gradient: ParameterArray,
  slots: Float32Array,
  now: { readonly learningRate: number; readonly step: number },
): Pick<Step, "penalized" | "clipped" | "after"> {
  const [after, penalized, clipped] = [parameters.slice(), gradient.slice(), gradient.slice()];
  addPenalties(plan, parameters, penalized);
  const length = plan.parameters;
  const copies = Array.from({ length: plan.optimizer.slots }, (_, slot) =>
    Float32Array.from(slots.subarray(slot * length, (slot + 1) * length)),
  );
  new Update(plan, after, clipped, copies).take(now);
  return { penalized, clipped, after };
}

/** The next step of a training, by the definitions that the typescript kernel runs, with all it computes. */
import type { Dataset } from "../../data/examples.ts";
import type { Configuration } from "../../formats/configuration.ts";
import type { Network, Position } from "../../kernel/kernel.ts";
import { backward, compile, lossSum, type Plan, predict } from "../../kernel/typescript/network.ts";
import type { Values } from "../../kernel/typescript/operations/arrays.ts";
import { applyFunction, backwardOperation, Operations, views } from "../../kernel/typescript/operations.ts";
import { rowsOf } from "../../kernel/typescript/products.ts";
import { addPenalties, Update } from "../../kernel/typescript/update.ts";
import { gather, Workspace } from "../../kernel/typescript/workspace.ts";
import { createLayer } from "../../nn/layers.ts";
import { type LayerShape, toProgram } from "../../nn/program.ts";
import type { Complete } from "../../options.ts";
import type { History } from "../history.ts";

/** What a step is computed of: a model with its weights, and how far its training has come. */
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

/** What a operation is called, and the layer as written that it belongs to. */
export interface Name {
  readonly layer: number;
  readonly name: string;
}

/** All numbers of a step. Arrays of rows are [rows][width]. */
export interface Step {
  readonly plan: Plan;
  readonly rows: number;
  /** Activations, and their gradients, of all operations. */
  readonly workspace: Workspace;
  /** One for each operation, and for what the loss absorbs after the last. */
  readonly names: readonly Name[];
  /** Predictions as `predict` would give them, were this no training. */
  readonly prediction: Values;
  /** The mean over the rows. */
  readonly loss: number;
  /** The gradient of the loss with respect to x. */
  readonly inputGradient: Values;
  /** By parameter: what they were, the gradient of the loss, with that of the penalties, what clipping left of it. */
  readonly before: Values;
  readonly gradient: Values;
  readonly penalised: Values;
  readonly taken: Values;
  /** What they are after the step. */
  readonly after: Values;
  readonly learningRate: number;
  /** The number of the update in the model's life, from 1. */
  readonly number: number;
}

/** The parts that a layer's operations belong to: its own around those of the layers inside it. */
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

/** A name for each operation that the layers make. */
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

/** "layer 1 (relu)", "layer 0 (dense: relu)" */
export function placeOf(
  { names, layers }: { readonly names: readonly Name[]; readonly layers: readonly LayerShape[] },
  operation: number,
): string {
  const { layer, name } = names[operation];
  const { type } = layers[layer];
  return `layer ${layer} (${type === name ? type : `${type}: ${name}`})`;
}

/** The gradient with respect to x, from that of the first operation's output. */
export function gradientOfInput(
  { operations, inputs }: Plan,
  view: ReturnType<typeof views>[number],
  { input, outputs, gradients, at }: Workspace,
): Values {
  const result = new Float32Array(at.rows * inputs);
  backwardOperation(operations[0], view, input, outputs, gradients, 0, at, rowsOf(result, inputs));
  return result;
}

/** The step that training would take next, were these its rows. Changes nothing. */
export function stepOf(session: Learner, call: string, data: Dataset): Step {
  const network = session.useAlone(call);
  const { configuration, position, seed } = session;
  const { learningRate } = configuration.optimizer;
  const plan = compile(toProgram(configuration));
  const number = position.steps + 1;
  const before = Float32Array.from(network.read("parameters"));
  // Running figures move while the rows go through.
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

/** What an update makes of parameters and their gradient. */
export function updateOf(
  plan: Plan,
  parameters: Values,
  gradient: Values,
  slots: Float32Array,
  now: { readonly learningRate: number; readonly step: number },
): Pick<Step, "penalised" | "taken" | "after"> {
  const [after, penalised, taken] = [parameters.slice(), gradient.slice(), gradient.slice()];
  addPenalties(plan, parameters, penalised);
  const length = plan.parameters;
  const copies = Array.from({ length: plan.optimizer.slots }, (_, slot) =>
    Float32Array.from(slots.subarray(slot * length, (slot + 1) * length)),
  );
  new Update(plan, after, taken, copies).take(now);
  return { penalised, taken, after };
}

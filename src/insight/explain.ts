/** Explains one step: all of its values, forward and backward, as data and as text. */
import type { Examples } from "../data/examples.ts";
import { DataError } from "../errors.ts";
import type { ParameterArray } from "../kernel/typescript/operations/arrays.ts";
import { type LayerWeights, toLayers } from "../nn/weights.ts";
import { withText } from "../textTable.ts";
import type { Session } from "../training/session.ts";
import { type Step, stepOf } from "../training/warnings/step.ts";
import { textOf } from "./text.ts";

/** One operation of a layer: a weighted sum, an activation and so on. */
export interface ExplainedOperation {
  /** "product", "elementwise", "row" and so on. */
  readonly kind: string;
  /** The name of its layer or activation, such as "relu". */
  readonly name: string;
  /** The output, [rows][width]. */
  readonly output: number[][];
  /** ∂E/∂output; undefined where the loss is computed together with the operation, from its input. */
  readonly gradient: number[][] | undefined;
}

/** One layer of the list of layers. */
export interface ExplainedLayer {
  readonly type: string;
  /** [rows][width] */
  readonly input: number[][];
  readonly operations: readonly ExplainedOperation[];
  /** The output of the last operation, [rows][width]. */
  readonly output: number[][];
  /** ∂E/∂input, [rows][width]. */
  readonly inputGradient: number[][];
  /** The weights before the step, in the form of `getWeights`. */
  readonly weights: LayerWeights;
  /** ∂E/∂weights with penalties, before clipping, as `gradients` returns them. */
  readonly gradients: LayerWeights;
  /** The weights after the step. */
  readonly updated: LayerWeights;
}

/** All values of one step. E is the mean loss of its rows. */
export interface Explanation {
  readonly x: number[][];
  readonly y: number[][];
  readonly layers: readonly ExplainedLayer[];
  /** The outputs of the last layer, [rows][outputs]. */
  readonly predictions: number[][];
  /** E, without penalties. */
  readonly loss: number;
  /** ∂E/∂x, [rows][inputs]. */
  readonly inputGradient: number[][];
  readonly learningRate: number;
  /** The number of the update since the model was made, from 1. */
  readonly step: number;
  /** The step as text with formulas; long lists are shortened. */
  readonly text: string;
  toString(): string;
}

/** The values of more rows are unreadable and might not fit in memory. */
const MOST_ROWS = 512;

/** Splits a flat array into rows. */
function toRows(values: Float32Array, rows: number): number[][] {
  const width = values.length / rows;
  return Array.from({ length: rows }, (_, row) =>
    Array.from(values.subarray(row * width, (row + 1) * width)),
  );
}

/** Explains the next step of a training: see `explain` in index.ts. */
export function explain(session: Session, examples: Examples): Explanation {
  const call = "explain";
  session.useAlone(call);
  const data = session.examples(call, examples, true);
  if (data.rows > MOST_ROWS) {
    const fix = "Fix: pass a few rows, because every value of each is kept";
    throw new DataError(`${call}: expected at most ${MOST_ROWS} rows, received ${data.rows}. ${fix}`);
  }
  const step = stepOf(session, call, data);
  const text = textOf(session, step);
  const explanation = {
    x: toRows(step.workspace.input.values, step.rows),
    y: toRows(step.workspace.target, step.rows),
    layers: layersOf(session, step),
    predictions: toRows(step.prediction, step.rows),
    loss: step.loss,
    inputGradient: toRows(step.inputGradient, step.rows),
    learningRate: step.learningRate,
    step: step.number,
  };
  return withText(explanation, text);
}

function layersOf(session: Session, step: Step): ExplainedLayer[] {
  const cut = (values: ParameterArray) => toLayers(session.layers, values);
  const [weights, updated] = [cut(step.before), cut(step.after)];
  const gradients = toLayers(session.layers, step.penalized, { measured: false });
  const operations = operationsOf(step);
  let input = toRows(step.workspace.input.values, step.rows);
  let inputGradient = toRows(step.inputGradient, step.rows);
  return session.layers.map(({ type }, index) => {
    const own = operations.filter((_, at) => step.names[at].layer === index);
    const last = own[own.length - 1];
    const layer = {
      type,
      input,
      operations: own,
      output: last.output,
      inputGradient,
      weights: weights[index],
      gradients: gradients[index],
      updated: updated[index],
    };
    input = last.output;
    inputGradient = last.gradient ?? inputGradient;
    return layer;
  });
}

/** Returns each operation, then the function that the loss absorbs. */
function operationsOf({ plan, names, rows, workspace, prediction }: Step): ExplainedOperation[] {
  const { outputs, gradients } = workspace;
  return names.map(({ name }, at) => {
    const isAbsorbed = plan.absorbed !== undefined && at === names.length - 1;
    return {
      kind: isAbsorbed ? plan.absorbed.kind : plan.operations[at].kind,
      name,
      output: toRows(isAbsorbed ? prediction : outputs[at].values, rows),
      gradient: isAbsorbed ? undefined : toRows(gradients[at].values, rows),
    };
  });
}

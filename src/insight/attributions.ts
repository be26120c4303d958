/** Integrated gradients: how much each value of a row contributes to its prediction. */
import { type CheckedRows, expectedX, readMatrix } from "../data/examples.ts";
import { DataError, OptionError } from "../errors.ts";
import { compile, type Plan, predict } from "../kernel/typescript/network.ts";
import { copy } from "../kernel/typescript/operations/arrays.ts";
import { applyFunction, backwardOperation, views } from "../kernel/typescript/operations.ts";
import { Workspace } from "../kernel/typescript/workspace.ts";
import { categoriesOf, toProgram } from "../nn/program.ts";
import { checkNames, readSize } from "../options.ts";
import type { Session } from "../training/session.ts";
import { gradientOfInput } from "../training/warnings/step.ts";

/** How to attribute predictions. */
export interface AttributionOptions {
  /** The row to compare with. By default 0, and each row's own category in categorical columns. */
  readonly baseline?: readonly number[] | undefined;
  /** The number of points between the baseline and the row, at most 1000; 50 by default. */
  readonly steps?: number | undefined;
  /** The output, from 0. Optional if the model has a single one. */
  readonly output?: number | undefined;
}

const OPTIONS = ["baseline", "steps", "output"];
const STEPS = 50;

/** More points take time and memory but do not reduce the error, which is then rounding. */
const MOST_STEPS = 1000;

function readSteps(given: unknown): number {
  if (given === undefined) return STEPS;
  const steps = readSize(given, "attributions: steps");
  if (steps <= MOST_STEPS) return steps;
  throw new OptionError(`attributions: steps: expected at most ${MOST_STEPS}, received ${steps}`);
}

/** Computes the gradient of one output with respect to x, with the functions of the typescript kernel. */
class OutputGradient {
  readonly #plan: Plan;
  readonly #views: ReturnType<typeof views>;
  readonly #workspace: Workspace;
  readonly #output: number;

  constructor(session: Session, parameters: Float32Array, output: number, rows: number) {
    this.#plan = compile(toProgram(session.configuration));
    this.#views = views(this.#plan.operations, Float32Array.from(parameters));
    // The points are not a batch: normalization uses running means and variances, as in `predict`.
    this.#workspace = new Workspace(this.#plan, rows, true, false);
    this.#output = output;
  }

  /** Returns the gradient at each row of x, [rows][inputs]. */
  at(x: Float32Array): Float32Array {
    const plan = this.#plan;
    const { input, outputs, gradients, at } = this.#workspace;
    this.#workspace.hold({ from: 0, rows: x.length / plan.inputs, moment: undefined });
    copy(x, 0, input.values, 0, x.length);
    predict(plan, this.#views, this.#workspace);
    this.#setOutputGradient();
    for (let index = plan.operations.length - 1; index > 0; index--) {
      backwardOperation(
        plan.operations[index],
        this.#views[index],
        outputs[index - 1],
        outputs,
        gradients,
        index,
        at,
      );
    }
    return gradientOfInput(plan, this.#views[0], this.#workspace);
  }

  /** Writes the gradient of the chosen output with respect to all outputs of the last operation. */
  #setOutputGradient(): void {
    const { absorbed, outputs: width, operations } = this.#plan;
    const { gradients, prediction, at } = this.#workspace;
    const result = gradients[operations.length - 1];
    const length = at.rows * width;
    const ones = new Float32Array(length);
    for (let place = this.#output; place < length; place += width) ones[place] = 1;
    if (absorbed === undefined) {
      copy(ones, 0, result.values, 0, length);
      return;
    }
    const output = new Float32Array(length);
    applyFunction(absorbed, prediction, output, at.rows);
    if (absorbed.kind === "elementwise") {
      absorbed.activation.gradient(prediction, output, ones, result.values, length);
      return;
    }
    for (let start = 0; start < length; start += width) {
      absorbed.rows.gradient(prediction, output, ones, result.values, start, width);
    }
  }
}

function readOutput(output: unknown, outputs: number): number {
  if (output === undefined && outputs === 1) return 0;
  if (Number.isInteger(output) && (output as number) >= 0 && (output as number) < outputs) {
    return output as number;
  }
  const received = output === undefined ? "none" : String(output);
  throw new OptionError(
    `attributions: output: expected a whole number from 0 to ${outputs - 1}, received ${received}`,
  );
}

/** Returns the baseline of each row. It has the row's category, because no path leads from one to another. */
function baselinesOf(session: Session, given: unknown, { values, rows }: CheckedRows): Float32Array {
  const { inputs, expected } = session;
  const baselines = new Float32Array(rows * inputs);
  if (given !== undefined) {
    const own = readMatrix(given, { ...expectedX(expected), name: "attributions: baseline" });
    if (own.rows !== 1) throw new DataError(`attributions: baseline: expected 1 row, received ${own.rows}`);
    for (let row = 0; row < rows; row++) baselines.set(own.values, row * inputs);
  }
  for (const { column } of categoriesOf(session.configuration)) {
    for (let place = column; place < baselines.length; place += inputs) {
      if (given !== undefined && baselines[place] !== values[place]) {
        const where = `x: row ${Math.floor(place / inputs)}, column ${column}`;
        throw new DataError(
          `attributions: ${where}: expected the baseline's category, ${baselines[place]}, received ${values[place]}: no path leads from one category to another`,
        );
      }
      baselines[place] = values[place];
    }
  }
  return baselines;
}

/** Computes the attributions: see `attributions` in index.ts. */
export function attributions(
  session: Session,
  x: unknown,
  options: AttributionOptions,
): number[] | number[][] | Float32Array {
  const call = "attributions";
  checkNames(options, OPTIONS, call);
  const steps = readSteps(options.steps);
  const output = readOutput(options.output, session.outputs);
  const network = session.useAlone(call);
  const checked = session.rows(call, x);
  const { inputs } = session;
  const { values, rows, form } = checked;
  const baselines = baselinesOf(session, options.baseline, checked);
  const gradient = new OutputGradient(session, network.read("parameters"), output, steps);
  const result = new Float32Array(values.length);
  const path = new Float32Array(steps * inputs);
  for (let start = 0; start < values.length; start += inputs) {
    for (let step = 0; step < steps; step++) {
      const share = (step + 0.5) / steps;
      for (let at = 0; at < inputs; at++) {
        const from = baselines[start + at];
        path[step * inputs + at] = from + share * (values[start + at] - from);
      }
    }
    const slopes = gradient.at(path);
    for (let at = 0; at < inputs; at++) {
      let sum = 0;
      for (let place = at; place < slopes.length; place += inputs) sum += slopes[place];
      result[start + at] = (sum / steps) * (values[start + at] - baselines[start + at]);
    }
  }
  if (form === "flat") return result;
  const cut = (row: number) => Array.from(result.subarray(row * inputs, (row + 1) * inputs));
  return form === "row" ? cut(0) : Array.from({ length: rows }, (_, row) => cut(row));
}

/** Integrated gradients: what each value of a row adds to its prediction. */
import { type CheckedRows, expectedX, readMatrix } from "../data/examples.ts";
import { DataError, OptionError } from "../errors.ts";
import { compile, type Plan, predict } from "../kernel/typescript/network.ts";
import { copy, type Values } from "../kernel/typescript/operations/arrays.ts";
import { applyFunction, backwardOperation, views } from "../kernel/typescript/operations.ts";
import { Workspace } from "../kernel/typescript/workspace.ts";
import { categoriesOf, toProgram } from "../nn/program.ts";
import { checkNames, readSize } from "../options.ts";
import type { Session } from "../training/session.ts";
import { gradientOfInput } from "../training/warnings/step.ts";

/** How to share out predictions. */
export interface AttributionOptions {
  /** A row that the others are compared with; by default zeros, and in columns of categories what the row has. */
  readonly baseline?: readonly number[] | undefined;
  /** Points on the way from the baseline to the row, at most 1000; 50 by default. */
  readonly steps?: number | undefined;
  /** Which output, from 0; not needed where there is one. */
  readonly output?: number | undefined;
}

const OPTIONS = ["baseline", "steps", "output"];
const STEPS = 50;

/** More points than this only take time and memory: what is left then is rounding. */
const MOST_STEPS = 1000;

function readSteps(given: unknown): number {
  if (given === undefined) return STEPS;
  const steps = readSize(given, "attributions: steps");
  if (steps <= MOST_STEPS) return steps;
  throw new OptionError(`attributions: steps: expected at most ${MOST_STEPS}, received ${steps}`);
}

/** The gradient of one output with respect to x, by the definitions that the typescript kernel runs. */
class OutputGradient {
  readonly #plan: Plan;
  readonly #views: ReturnType<typeof views>;
  readonly #workspace: Workspace;
  readonly #output: number;

  constructor(session: Session, parameters: Float32Array, output: number, rows: number) {
    this.#plan = compile(toProgram(session.configuration));
    this.#views = views(this.#plan.operations, Float32Array.from(parameters));
    // The rows on the way are no batch: figures over one are the running ones, as in `predict`.
    this.#workspace = new Workspace(this.#plan, rows, true, false);
    this.#output = output;
  }

  /** [rows][inputs] */
  at(x: Float32Array): Values {
    const plan = this.#plan;
    const { input, outputs, gradients, at } = this.#workspace;
    this.#workspace.hold({ from: 0, rows: x.length / plan.inputs, moment: undefined });
    copy(x, 0, input.values, 0, x.length);
    predict(plan, this.#views, this.#workspace);
    this.#begin();
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

  /** Writes the gradient of the output asked for with respect to all outputs of the last operation. */
  #begin(): void {
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

/** The baseline of each row: no path leads from one category to another. */
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

/** What each value of x adds to an output, in the form of x: see `Model.attributions`. */
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

/** The TypeScript kernel. It runs in any JavaScript host and defines what the native kernel computes. */

import { KernelError, withinMemory } from "../../errors.ts";
import { allocate } from "../../memory.ts";
import type { Program } from "../../nn/program.ts";
import {
  CHUNK_ROWS,
  type Footprint,
  type Gradients,
  type Kernel,
  type KernelData,
  type Network,
  type Part,
  type Progress,
  type Rows,
  type Run,
} from "../kernel.ts";
import { scaleInputs } from "../scaleInputs.ts";
import { scheduler } from "../scheduler.ts";
import { trainInTurn } from "../trainInTurn.ts";
import { compile, evaluate, handOut, type Plan, predict } from "./network.ts";
import { copy } from "./operations/arrays.ts";
import { views } from "./operations.ts";
import { StepLoop } from "./run.ts";
import { State } from "./state.ts";
import { type Batch, Workspace } from "./workspace.ts";

function allFinite(values: Float32Array): boolean {
  for (let at = 0; at < values.length; at++) if (!Number.isFinite(values[at])) return false;
  return true;
}

/** Whether the first values are finite: 0 v is 0 for a finite value and NaN otherwise, so one sum tells. */
function areFinite(values: Float32Array, count: number): boolean {
  let sum = 0;
  for (let at = 0; at < count; at++) sum += 0 * values[at];
  return sum === 0;
}

/** Returns all rows as one batch, without the noise of training. */
const allRows = (data: Rows): Batch => ({
  data,
  order: undefined,
  start: 0,
  rows: data.rows,
  moment: undefined,
});

class TypeScriptNetwork implements Network {
  readonly #plan: Plan;
  readonly #state: State;
  /** The parameters that `predict` uses: those of the last completed epoch, or after the last call. */
  readonly #published: Float32Array<ArrayBuffer>;
  readonly #publishedViews: ReturnType<typeof views>;
  readonly #publishedSlots: readonly Float32Array[];
  #workspace: Workspace;
  #stopping = false;

  constructor(program: Program) {
    this.#plan = compile(program);
    this.#state = new State(this.#plan);
    this.#published = new Float32Array(this.#plan.parameters);
    this.#publishedViews = views(this.#plan.operations, this.#published);
    this.#publishedSlots = this.#state.slots.map((slot) => new Float32Array(slot.length));
    this.#workspace = new Workspace(this.#plan, 0, false);
  }

  publish(): boolean {
    const { parameters, slots } = this.#state;
    if (!allFinite(parameters) || !slots.every(allFinite)) return false;
    this.#published.set(parameters);
    for (const [index, slot] of slots.entries()) this.#publishedSlots[index].set(slot);
    return true;
  }

  restore(): void {
    this.#state.parameters.set(this.#published);
    for (const [index, slot] of this.#publishedSlots.entries()) this.#state.slots[index].set(slot);
  }

  #training(data: object, run: Run): StepLoop {
    const message = "typescript kernel: the training does not fit in memory: take fewer rows";
    return withinMemory(message, () => new StepLoop(this.#state, this, data as Rows, run));
  }

  train(data: KernelData | Rows, run: Run): Progress {
    const training = this.#training(data, run);
    while (!training.done) training.step();
    return training.finish(false);
  }

  async start(data: KernelData, run: Run): Promise<Progress> {
    this.#stopping = false;
    let training: StepLoop | undefined;
    const step = () => {
      training ??= this.#training(data, run);
      if (!training.done && !this.#stopping) training.step();
      return training.done || this.#stopping;
    };
    await scheduler.run(step);
    return training!.finish(!training!.done);
  }

  stop(): void {
    this.#stopping = true;
  }

  predict(x: Float32Array, output: Float32Array): void {
    const { inputs } = this.#plan;
    const total = x.length / inputs;
    const workspace = this.#reserve(total);
    for (let start = 0; start < total; start += CHUNK_ROWS) {
      const rows = Math.min(CHUNK_ROWS, total - start);
      copy(x, start * inputs, workspace.input.values, 0, rows * inputs);
      if (!areFinite(workspace.input.values, rows * inputs))
        throw new KernelError("typescript kernel: x: expected finite values");
      workspace.hold({ from: 0, rows, moment: undefined });
      predict(this.#plan, this.#publishedViews, workspace);
      handOut(this.#plan, workspace, { order: undefined, start }, output);
    }
  }

  evaluate(data: KernelData | Rows, output?: Float32Array): number {
    const source = data as Rows;
    const batch = allRows(source);
    let loss = 0;
    for (let start = 0; start < source.rows; start += CHUNK_ROWS) {
      loss += this.#evaluateChunk(batch, start, output);
    }
    return loss / source.rows;
  }

  validate(data: Rows, start: number, output: Float32Array | undefined): number {
    return this.#evaluateChunk(allRows(data), start, output);
  }

  #evaluateChunk(batch: Batch, start: number, output: Float32Array | undefined): number {
    return evaluate(this.#plan, this.#publishedViews, this.#reserve(batch.rows), batch, start, output);
  }

  /** Returns a workspace for predictions: for `total` rows or one chunk, whichever is smaller. */
  #reserve(total: number): Workspace {
    const rows = Math.min(total, CHUNK_ROWS);
    if (this.#workspace.rows < rows) {
      const message = `typescript kernel: the values of ${rows} rows do not fit in memory`;
      this.#workspace = withinMemory(message, () => new Workspace(this.#plan, rows, false));
    }
    return this.#workspace;
  }

  gradients(data: KernelData | Rows): Gradients {
    const { rows } = data as Rows;
    this.#state.reserve(rows);
    const { loss, values } = this.#state.gradients(allRows(data as Rows));
    return { loss: loss / rows, values };
  }

  read(part: Part, values?: Float32Array): Float32Array {
    const count = part === "parameters" ? 1 : this.#state.slots.length;
    const all = values ?? allocate(this.#plan.parameters * count, part);
    if (part === "parameters") {
      all.set(this.#published);
      return all;
    }
    for (const [index, slot] of this.#state.slots.entries()) all.set(slot, index * slot.length);
    return all;
  }

  write(part: Part, values: Float32Array): void {
    const length = this.#plan.parameters;
    if (part === "parameters") this.#state.parameters.set(values);
    else {
      for (const [index, slot] of this.#state.slots.entries()) {
        slot.set(values.subarray(index * length, (index + 1) * length));
      }
    }
    this.publish();
  }

  /** Does nothing: the garbage collector frees the network. */
  dispose(): void {}
}

/** Returns rows as kernel data. `free` does nothing because the garbage collector frees them. */
const toKernelData = (rows: Rows): Rows & KernelData => ({ ...rows, free() {} });

function footprint(program: Program): Footprint {
  const { inputs, targets, operations, parameters, optimizer } = compile(program);
  const copies = 2 * (1 + optimizer.slots) + 1;
  const row = operations.reduce((sum, { outputs }) => sum + 2 * outputs, inputs + targets);
  const bytes = Float32Array.BYTES_PER_ELEMENT;
  return { network: bytes * parameters * copies, row: bytes * row };
}

/** The TypeScript kernel. */
export const typescriptKernel: Kernel = {
  name: "typescript",
  dataset(given, y, inputs, outputs, weights, scales) {
    const x = scaleInputs(given.slice(), scales);
    if (!areFinite(x, x.length)) throw new KernelError("data: expected finite values of x");
    return toKernelData({
      x,
      y: y.slice(),
      weights: weights?.slice(),
      inputs,
      outputs,
      rows: x.length / inputs,
    });
  },
  footprint,
  network: (program) => new TypeScriptNetwork(program),
  trainMany: trainInTurn,
};

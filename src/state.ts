/** The state of a network in training, and a step of it. */
import { withinMemory } from "./errors.ts";
import { CHUNK_ROWS } from "./kernel.ts";
import {
  backward,
  gather,
  lossSum,
  type Plan,
  predict,
  type Rows,
  trainedRanges,
  type Values,
  type View,
  views,
  Workspace,
} from "./network.ts";
import type { Now } from "./optimizers.ts";

/** A range of the parameters, cut out of each array. */
interface Trained {
  readonly parameters: Values;
  readonly gradient: Values;
  readonly slots: readonly Values[];
}

/** Parameters, optimizer state and scratch memory of one network. */
export class State {
  readonly plan: Plan;
  readonly parameters: Values;
  readonly slots: readonly Values[];
  /** The gradient of the last batch. */
  readonly gradient: Values;
  /** The parameters that training changes, with all that an update of them takes. */
  readonly #trained: readonly Trained[];
  readonly #parameterViews: readonly (View | undefined)[];
  readonly #gradientViews: readonly (View | undefined)[];
  #workspace: Workspace;

  constructor(plan: Plan) {
    this.plan = plan;
    this.parameters = new Float32Array(plan.parameters);
    this.slots = Array.from({ length: plan.optimizer.slots }, () => new Float32Array(plan.parameters));
    this.gradient = new Float32Array(plan.parameters);
    this.#trained = trainedRanges(plan).map(({ start, end }) => ({
      parameters: this.parameters.subarray(start, end),
      gradient: this.gradient.subarray(start, end),
      slots: this.slots.map((slot) => slot.subarray(start, end)),
    }));
    this.#parameterViews = views(plan, this.parameters);
    this.#gradientViews = views(plan, this.gradient);
    this.#workspace = new Workspace(plan, 0, true);
  }

  /** Makes room for batches of so many rows, so that a step allocates nothing. */
  reserve(rows: number): void {
    const most = Math.min(rows, CHUNK_ROWS);
    if (this.#workspace.rows < most) {
      const message = `typescript kernel: ${most} rows do not fit in memory: take fewer rows`;
      this.#workspace = withinMemory(message, () => new Workspace(this.plan, most, true));
    }
  }

  /** Fills `gradient` from rows of the data, as one batch; gives the sum of their losses. */
  gradients(data: Rows, order: Uint32Array | undefined, start: number, rows: number): number {
    let loss = 0;
    for (let from = 0; from < rows; from += CHUNK_ROWS) {
      const count = Math.min(rows - from, CHUNK_ROWS);
      gather(data, order, start + from, count, this.#workspace);
      predict(this.plan, this.#parameterViews, this.#workspace, count);
      loss += lossSum(this.plan, this.#workspace, count);
      this.#backward(1 / rows, count, from === 0);
    }
    return loss;
  }

  #backward(scale: number, rows: number, isFirst: boolean): void {
    const [parameters, gradient] = [this.#parameterViews, this.#gradientViews];
    backward(this.plan, parameters, gradient, this.#workspace, scale, rows, isFirst);
  }

  /** One step over rows of the data; gives the sum of their losses before it. */
  step(data: Rows, order: Uint32Array | undefined, start: number, rows: number, now: Now): number {
    const loss = this.gradients(data, order, start, rows);
    for (const { parameters, gradient, slots } of this.#trained) {
      this.plan.optimizer.step(parameters, gradient, slots, now);
    }
    return loss;
  }
}

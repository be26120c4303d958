/** The state of a network in training, and its step. */
import { withinMemory } from "../../errors.ts";
import { allocate } from "../../memory.ts";
import type { Now } from "../../nn/optimizers.ts";
import { backward, handOut, lossSum, type Plan, predict } from "./network.ts";
import type { ParameterArray, ParameterView } from "./operations/arrays.ts";
import { views } from "./operations.ts";
import { addPenalties, Update } from "./update.ts";
import { type Batch, gather, Workspace } from "./workspace.ts";

/** The place of a step within the update that it belongs to. */
export interface Turn extends Now {
  /** The number of steps in the update, which uses the mean of their gradients. */
  readonly of: number;
  readonly isFirst: boolean;
  readonly isLast: boolean;
}

/** The parameters, optimizer state and scratch memory of a network. */
export class State {
  readonly plan: Plan;
  readonly parameters: ParameterArray;
  readonly slots: readonly ParameterArray[];
  /**
   * The accumulated gradient of the current update. A run that starts between two updates continues with it.
   */
  readonly gradient: ParameterArray;
  readonly #update: Update;
  readonly #parameterViews: readonly (ParameterView | undefined)[];
  readonly #gradientViews: readonly (ParameterView | undefined)[];
  #workspace: Workspace;

  constructor(plan: Plan) {
    this.plan = plan;
    this.parameters = new Float32Array(plan.parameters);
    this.slots = Array.from({ length: plan.optimizer.slots }, () => new Float32Array(plan.parameters));
    this.gradient = new Float32Array(plan.parameters);
    this.#update = new Update(plan, this.parameters, this.gradient, this.slots);
    this.#parameterViews = views(plan.operations, this.parameters);
    this.#gradientViews = views(plan.operations, this.gradient);
    this.#workspace = new Workspace(plan, 0, true);
  }

  /** Reserves memory for batches of `rows` rows, so that a step does not allocate. */
  reserve(rows: number): void {
    const most = Math.min(rows, this.plan.chunkRows);
    if (this.#workspace.rows < most) {
      const message = `typescript kernel: ${most} rows do not fit in memory: take fewer rows`;
      this.#workspace = withinMemory(message, () => new Workspace(this.plan, most, true));
    }
  }

  /** Returns the sum of the losses of all rows, and the gradient of their mean, penalties included. */
  gradients(batch: Batch): { readonly loss: number; readonly values: ParameterArray } {
    const values = allocate(this.plan.parameters, "gradients");
    const loss = this.#accumulate(views(this.plan.operations, values), batch, 1, true);
    addPenalties(this.plan, this.parameters, values);
    return { loss, values };
  }

  /**
   * Adds the gradient of a batch, divided by `of`, to `gradient`, or overwrites it for the first batch of an
   * update. Returns the sum of the losses of the rows. Also writes their predictions into `output` if it is
   * given.
   */
  #accumulate(
    gradient: readonly (ParameterView | undefined)[],
    batch: Batch,
    of: number,
    isFirst: boolean,
    output?: Float32Array,
  ): number {
    const { plan } = this;
    const [parameters, workspace] = [this.#parameterViews, this.#workspace];
    const scale = 1 / (batch.rows * of);
    let loss = 0;
    for (let from = 0; from < batch.rows; from += plan.chunkRows) {
      gather(batch, from, Math.min(batch.rows - from, plan.chunkRows), workspace);
      predict(plan, parameters, workspace);
      loss += lossSum(plan, workspace);
      backward(plan, parameters, gradient, workspace, scale, isFirst && from === 0);
      if (output !== undefined) handOut(plan, workspace, batch, output);
    }
    return loss;
  }

  /**
   * Takes one step on a batch. Returns the sum of the losses of its rows before the step and, in `output`,
   * their predictions. Returns NaN, without an update, if gradients are clipped by norm and the norm is not
   * finite.
   */
  step(batch: Batch, turn: Turn, output?: Float32Array): number {
    const loss = this.#accumulate(this.#gradientViews, batch, turn.of, turn.isFirst, output);
    return turn.isLast && !this.#update.take(turn) ? Number.NaN : loss;
  }
}

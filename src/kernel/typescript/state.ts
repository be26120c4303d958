/** The state of a network in training, and a step of it. */
import { withinMemory } from "../../errors.ts";
import { allocate } from "../../memory.ts";
import type { Now } from "../../nn/optimizers.ts";
import { backward, handOut, lossSum, type Plan, predict } from "./network.ts";
import type { ParameterArray, ParameterView } from "./operations/arrays.ts";
import { views } from "./operations.ts";
import { addPenalties, Update } from "./update.ts";
import { type Batch, gather, Workspace } from "./workspace.ts";

/** What a step is to an update. */
export interface Turn extends Now {
  /** The steps whose mean gradient the update takes. */
  readonly of: number;
  readonly isFirst: boolean;
  readonly isLast: boolean;
}

/** Parameters, optimizer state and scratch memory of one network. */
export class State {
  readonly plan: Plan;
  readonly parameters: ParameterArray;
  readonly slots: readonly ParameterArray[];
  /**
   * Where the gradient of an update is collected. A run that is stopped between two updates goes on with it.
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

  /** Makes room for batches of so many rows, so that a step allocates nothing. */
  reserve(rows: number): void {
    const most = Math.min(rows, this.plan.chunkRows);
    if (this.#workspace.rows < most) {
      const message = `typescript kernel: ${most} rows do not fit in memory: take fewer rows`;
      this.#workspace = withinMemory(message, () => new Workspace(this.plan, most, true));
    }
  }

  /** The sum of the losses of all rows, and the gradient of their mean, penalties included. */
  gradients(batch: Batch): { readonly loss: number; readonly values: ParameterArray } {
    const values = allocate(this.plan.parameters, "gradients");
    const loss = this.#collect(views(this.plan.operations, values), batch, 1, true);
    addPenalties(this.plan, this.parameters, values);
    return { loss, values };
  }

  /**
   * Adds the gradient of a batch over `of` to what is in `gradient`, or begins with it; gives the sum of the
   * rows' losses. Their predictions are written to the rows' places in `output`, if there is one.
   */
  #collect(
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
   * One step over a batch; gives the sum of its rows' losses before it and, in `output`, their predictions. NaN,
   * and no update, where the norm of the gradient is asked for and is not finite.
   */
  step(batch: Batch, turn: Turn, output?: Float32Array): number {
    const loss = this.#collect(this.#gradientViews, batch, turn.of, turn.isFirst, output);
    return turn.isLast && !this.#update.take(turn) ? Number.NaN : loss;
  }
}

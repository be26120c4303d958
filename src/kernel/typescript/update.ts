/**
 * From the gradient of all parameters to their update: what penalties add to it, and within what it is held.
 */

import type { Now } from "../../nn/optimizers.ts";
import { type Plan, trainedRanges } from "./network.ts";
import type { ParameterArray } from "./operations/arrays.ts";

/**
 * Adds the gradients of the penalties, l1 sign(w) + 2 l2 w with sign(0) = 0, to those of the weights that
 * have some.
 */
export function addPenalties(
  { penalties }: Plan,
  parameters: ParameterArray,
  gradient: ParameterArray,
): void {
  for (const { start, end, l1, l2 } of penalties) {
    for (let at = start; at < end; at++) {
      const weight = parameters[at];
      gradient[at] += l1 * Math.sign(weight) + 2 * l2 * weight;
    }
  }
}

/** √Σg² */
function normOf(gradient: ParameterArray): number {
  let sum = 0;
  for (let at = 0; at < gradient.length; at++) sum += gradient[at] * gradient[at];
  return Math.sqrt(sum);
}

/**
 * Holds a gradient within the norm or the value of `clipGradients`. False, and nothing is done, if its norm is
 * asked for and is not finite.
 */
function clip({ clip }: Plan, gradient: ParameterArray): boolean {
  if (clip?.norm !== undefined) {
    const norm = normOf(gradient);
    if (!Number.isFinite(norm)) return false;
    const factor = clip.norm / (norm + 1e-6);
    if (factor < 1) for (let at = 0; at < gradient.length; at++) gradient[at] *= factor;
  } else if (clip?.value !== undefined) {
    const most = clip.value;
    for (let at = 0; at < gradient.length; at++) {
      gradient[at] = Math.max(-most, Math.min(gradient[at], most));
    }
  }
  return true;
}

/** A range of the parameters, cut out of each array. */
interface Trained {
  readonly parameters: ParameterArray;
  readonly gradient: ParameterArray;
  readonly slots: readonly ParameterArray[];
}

/** The update of a network's parameters from their gradient, which takes up the penalties and is clipped. */
export class Update {
  readonly #plan: Plan;
  readonly #parameters: ParameterArray;
  readonly #gradient: ParameterArray;
  /** What changes, with all that its update takes. */
  readonly #trained: readonly Trained[];

  constructor(
    plan: Plan,
    parameters: ParameterArray,
    gradient: ParameterArray,
    slots: readonly ParameterArray[],
  ) {
    this.#plan = plan;
    this.#parameters = parameters;
    this.#gradient = gradient;
    this.#trained = trainedRanges(plan).map(({ start, end }) => ({
      parameters: parameters.subarray(start, end),
      gradient: gradient.subarray(start, end),
      slots: slots.map((slot) => slot.subarray(start, end)),
    }));
  }

  /** False, and nothing is updated, if the norm of the gradient is asked for and is not finite. */
  take(now: Now): boolean {
    addPenalties(this.#plan, this.#parameters, this.#gradient);
    if (!clip(this.#plan, this.#gradient)) return false;
    for (const { parameters, gradient, slots } of this.#trained) {
      this.#plan.optimizer.step(parameters, gradient, slots, now);
    }
    return true;
  }
}

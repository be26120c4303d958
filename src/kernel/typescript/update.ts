/** The update of all parameters from their gradient: penalties, clipping, and the optimizer's step. */
import type { Now, Optimizer } from "../../nn/optimizers.ts";
import type { Plan } from "./network.ts";
import type { ParameterArray } from "./operations/arrays.ts";

/**
 * Adds the gradient of the penalties, l1 sign(w) + 2 l2 w with sign(0) = 0, for the weights that have some.
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

/** Returns √Σg². */
function normOf(gradient: ParameterArray): number {
  let sum = 0;
  for (let at = 0; at < gradient.length; at++) sum += gradient[at] * gradient[at];
  return Math.sqrt(sum);
}

/**
 * Clips the gradient by norm or value. Returns false, without a change, if it clips by norm and the norm is
 * not finite.
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

/** A range of parameters that are updated alike, as subarrays, and the rule that updates them. */
interface TrainedArrays {
  readonly optimizer: Optimizer;
  readonly learningRateFactor: number;
  readonly parameters: ParameterArray;
  readonly gradient: ParameterArray;
  readonly slots: readonly ParameterArray[];
}

/** Updates the parameters of a network from their gradient, with penalties and clipping. */
export class Update {
  readonly #plan: Plan;
  readonly #parameters: ParameterArray;
  readonly #gradient: ParameterArray;
  readonly #trained: readonly TrainedArrays[];
  /** Updated in place, because a step must not allocate. */
  readonly #scaled = { learningRate: 0, step: 0 };

  constructor(
    plan: Plan,
    parameters: ParameterArray,
    gradient: ParameterArray,
    slots: readonly ParameterArray[],
  ) {
    this.#plan = plan;
    this.#parameters = parameters;
    this.#gradient = gradient;
    this.#trained = plan.trained.map(({ start, end, learningRateFactor, decays }) => ({
      optimizer: decays ? plan.optimizer : plan.undecayed!,
      learningRateFactor,
      parameters: parameters.subarray(start, end),
      gradient: gradient.subarray(start, end),
      slots: slots.map((slot) => slot.subarray(start, end)),
    }));
  }

  /**
   * Updates the parameters. Returns false, without an update, if it clips by norm and the norm is not finite.
   */
  take(now: Now): boolean {
    addPenalties(this.#plan, this.#parameters, this.#gradient);
    if (!clip(this.#plan, this.#gradient)) return false;
    for (const { optimizer, learningRateFactor, parameters, gradient, slots } of this.#trained) {
      const scaled = learningRateFactor === 1 ? now : this.#times(now, learningRateFactor);
      optimizer.step(parameters, gradient, slots, scaled);
    }
    return true;
  }

  /** Returns the same moment with the learning rate times a factor. The next call overwrites it. */
  #times({ learningRate, step }: Now, factor: number): Now {
    this.#scaled.learningRate = learningRate * factor;
    this.#scaled.step = step;
    return this.#scaled;
  }
}

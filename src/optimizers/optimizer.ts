/** What an optimizer is, to a step, and the options that optimizers share. */
import { number } from "../options.ts";

/** What an optimizer knows beyond weights, gradients and slots. */
export interface Now {
  readonly learningRate: number;
  /** The number of this step in the model's life, from 1. */
  readonly step: number;
}

/** An optimizer's rule. */
export interface Optimizer {
  /** Values of state for each parameter, zero at the start. */
  readonly slots: number;
  /** Updates weights and slots from the gradient, all of the same length. */
  step(weight: Float32Array, gradient: Float32Array, slots: readonly Float32Array[], now: Now): void;
}

/** The option of every optimizer that belongs to the run. */
export const learningRate = (standard: number) => number({ default: standard, minimum: 0 });

/** How much of a mean is kept in a step. */
export const share = (standard: number) => number({ default: standard, minimum: 0, below: 1 });

/**
 * What keeps a divisor from zero. State below 1e-30 becomes zero in the native kernel, so a smaller one
 * would be none.
 */
export const epsilon = (standard: number) => number({ default: standard, minimum: 1e-30 });

/** How much of a weight is added to its gradient, or taken off it in a step. */
export const weightDecay = (standard: number) => number({ default: standard, minimum: 0 });

/** What an optimizer is, to a step, and the options that optimizers share. */
import { number } from "../../options.ts";

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
 * What a mean is multiplied by in a step, and what a new value is. Both are rounded to 32 bits, 1 - β after it
 * is taken, as in PyTorch and in the native kernel: near 1, the rounded β is much nearer to 1 or farther from it.
 */
export const sharesOf = (beta: number) => [Math.fround(beta), Math.fround(1 - beta)] as const;

/** How much of a weight is added to its gradient, or taken off it in a step. */
export const weightDecay = (standard: number) => number({ default: standard, minimum: 0 });

/** The interface of an optimizer, and the options that optimizers share. */
import { boolean, type Complete, number } from "../../options.ts";

/** What a step depends on besides weights, gradient and slots. */
export interface Now {
  readonly learningRate: number;
  /** The number of this step in the model's life, from 1. */
  readonly step: number;
}

/** An optimizer with its options filled in. */
export interface Optimizer {
  /** The number of state values for each parameter; they start at zero. */
  readonly slots: number;
  /** Updates weights and slots from the gradient; all arrays have the same length. */
  step(weight: Float32Array, gradient: Float32Array, slots: readonly Float32Array[], now: Now): void;
}

/** The option `learningRate` of every optimizer. */
export const learningRate = (standard: number) => number({ default: standard, minimum: 0 });

/** An option for the share of a running mean that a step keeps. */
export const share = (standard: number) => number({ default: standard, minimum: 0, below: 1 });

/**
 * Returns the factors of the old mean and of the new value in a running mean: β and 1 - β. Both are rounded
 * to 32 bits after the subtraction, as in PyTorch and in the native kernel: for β near 1, subtracting the
 * rounded β would give a much less accurate 1 - β.
 */
export const sharesOf = (beta: number) => [Math.fround(beta), Math.fround(1 - beta)] as const;

/** The option `weightDecay`: the share of a weight that is added to its gradient, or subtracted in a step. */
export const weightDecay = (standard: number) => number({ default: standard, minimum: 0 });

/**
 * The option `decayBiases`. With false, weight decay applies only to matrices: the weights of dense layers
 * and the values of embeddings. λ is then 0 for parameters with one value per feature: biases, and all
 * parameters of `scale`, `batchNorm` and `layerNorm`. Rules ignore the option; the network applies them with
 * λ = 0 to these parameters.
 */
export const decayBiases = boolean({ default: true });

/**
 * Returns the optimizer's options for parameters that do not decay; undefined if all parameters decay alike.
 */
export function withoutDecay(optimizer: Complete): Complete | undefined {
  const isAlike = optimizer.decayBiases !== false || optimizer.weightDecay === 0;
  return isAlike ? undefined : { ...optimizer, weightDecay: 0 };
}

/**
 * Returns the optimizer's options with λ in 32 bits, as gradients are. A gradient that is clipped to -λ, and
 * λ w of a weight of 1, then add up to 0, and not to the rounding error of λ.
 */
export function withRoundedDecay(optimizer: Complete): Complete {
  return { ...optimizer, weightDecay: Math.fround(optimizer.weightDecay as number) };
}

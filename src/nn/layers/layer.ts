/** The interface of a layer, for the program and for the network. */

import { type Complete, number } from "../../options.ts";
import type { Activation } from "../activations.ts";

/** The penalty l1 Σ|w| + l2 Σw² over weights, which training minimizes together with the loss. */
export interface Penalties {
  readonly l1: number;
  readonly l2: number;
}

/** The option of every layer with parameters that an optimizer updates. */
export const learningRateFactor = () => number({ default: 1, minimum: 0 });

/** How fast the parameters of a layer learn. */
export interface Pace {
  /** What the learning rate of each step is multiplied by for these parameters. */
  readonly learningRateFactor: number;
}

/** How training treats the parameters of a layer. */
export interface TrainingRule extends Penalties {
  /** Whether training changes the parameters. */
  readonly trainable: boolean;
}

/** What the network does for a layer. The network knows these kinds, and never the name of a layer. */
export type LayerOperation =
  | ({ readonly kind: "product"; readonly outputs: number; readonly bias: boolean } & TrainingRule & Pace)
  | { readonly kind: "elementwise"; readonly activation: Activation }
  | { readonly kind: "row"; readonly rows: RowFunction }
  /** y = w x + b, elementwise, or without b. */
  | ({ readonly kind: "affine"; readonly bias: boolean } & Pace)
  /** y = w (x - mean) / √(variance + ε) + b, elementwise, with statistics over the rows of the batch. */
  | ({ readonly kind: "standardize" } & Standardize & Pace)
  /** y = f(x, draw) in training, y = x otherwise. */
  | { readonly kind: "noise"; readonly noise: Noise }
  /** The category number at `column` is replaced by `units` values. */
  | ({ readonly kind: "lookup" } & Lookup & Pace)
  /** Keeps the values for the matching operation `add`. */
  | { readonly kind: "fork" }
  /** Adds the values of the matching `fork`, as brackets match. */
  | { readonly kind: "add" };

/** How values are standardized over the rows of a batch. */
export interface Standardize {
  /** Added to the variance. */
  readonly epsilon: number;
  /** The share of a new batch in the running statistics. */
  readonly momentum: number;
}

/** Which column of a row is looked up, the number of categories, and the number of values of each. */
export interface Lookup {
  readonly column: number;
  readonly categories: number;
  readonly units: number;
}

/**
 * A function from a whole row to a row of the same length. Arrays are [rows][width]; the row starts at
 * `start`.
 */
export interface RowFunction {
  /** Writes the function of the row. `output` may be `input`. */
  value(input: Float32Array, output: Float32Array, start: number, width: number): void;
  /** Writes the gradient with respect to the input into `result`, from that with respect to the output. */
  gradient(
    input: Float32Array,
    output: Float32Array,
    gradient: Float32Array,
    result: Float32Array,
    start: number,
    width: number,
  ): void;
}

/**
 * Noise, which only training adds: a function of `length` values from index `start` on, and of `length` draws
 * from index 0 on, each uniform between 0 and 1, both excluded.
 */
export interface Noise {
  /** Writes the noisy values. */
  value(input: Float32Array, output: Float32Array, draws: Float32Array, start: number, length: number): void;
  /** Writes the gradient with respect to the input into `result`, from that with respect to the output. */
  gradient(
    gradient: Float32Array,
    result: Float32Array,
    draws: Float32Array,
    start: number,
    length: number,
  ): void;
}

/** One array of parameters: its public name, shape and initializer. */
export interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly initializer: Complete;
  /** Set if the values are statistics that training measures, and gradients do not change them. */
  readonly isMeasured?: boolean;
  /** The smallest value allowed, if there is one. */
  readonly minimum?: number;
}

/** A layer with its options filled in. */
export interface Layer {
  /** Returns the number of values in a row of the output. */
  outputs(inputs: number): number;
  /** Returns the arrays of parameters, in the order in which the kernels keep them. */
  parameters(inputs: number): Parameter[];
  /** Layers inside this one, complete. */
  readonly layers?: readonly Complete[];
  /**
   * Throws a {@link ShapeError} that begins with `place` if the layer does not fit the number of inputs.
   * `outputs` is the number of outputs of the layers inside.
   */
  check?(inputs: number, place: string, outputs: number): void;
  /**
   * Returns what the kernels receive: layers with only those options that a step depends on. The model's
   * penalties apply where the layer does not set its own.
   */
  program(penalties?: Penalties): Complete[];
  /** Returns what the network does for this layer of a program, where an activation is a layer of its own. */
  operations(): LayerOperation[];
}

/** Returns the parameter w of the operation `affine`, which starts as ones. */
export function affineWeight(inputs: number): Parameter {
  return { name: "weight", shape: [inputs], initializer: { type: "ones" } };
}

/** Returns the parameters of the operation `affine` with a bias: w starts as ones, b as zeros. */
export function affineParameters(inputs: number): Parameter[] {
  return [affineWeight(inputs), { name: "bias", shape: [inputs], initializer: { type: "zeros" } }];
}

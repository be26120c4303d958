/** What a layer is, to the Program and to the network. */

import type { Complete } from "../../options.ts";
import type { Activation } from "../activations.ts";

/** l1 Σ|w| + l2 Σw² over weights, which training lowers together with the loss. */
export interface Penalties {
  readonly l1: number;
  readonly l2: number;
}

/** What training does with the parameters of a layer. */
export interface TrainingRule extends Penalties {
  /** Whether they change. */
  readonly trainable: boolean;
}

/** What the network does for a layer. It looks at these kinds and never at a layer's name. */
export type LayerOperation =
  | ({ readonly kind: "product"; readonly outputs: number; readonly bias: boolean } & TrainingRule)
  | { readonly kind: "elementwise"; readonly activation: Activation }
  | { readonly kind: "row"; readonly rows: RowFunction }
  /** y = w x + b, value by value. */
  | { readonly kind: "scale" }
  /** y = w (x - mean) / √(variance + ε) + b, value by value, over the rows of the batch. */
  | ({ readonly kind: "standardize" } & Standardize)
  /** y = f(x, draw) in training, else y = x. */
  | { readonly kind: "noise"; readonly noise: Noise }
  /** The number of a category, at `column`, is replaced by `units` values. */
  | ({ readonly kind: "lookup" } & Lookup)
  /** What the next operation of the kind `add` adds. */
  | { readonly kind: "fork" }
  /** The values, and those at the last fork that is not added yet. */
  | { readonly kind: "add" };

/** How values are standardized over the rows of a batch. */
export interface Standardize {
  /** Added to the variance. */
  readonly epsilon: number;
  /** The share of a new batch in the running figures. */
  readonly momentum: number;
}

/** Which value of a row is looked up, in how many categories, and how many values each has. */
export interface Lookup {
  readonly column: number;
  readonly categories: number;
  readonly units: number;
}

/**
 * A function of a whole row, as long as the row. Arrays are [rows][width]; the row at hand starts at `start`.
 */
export interface RowFunction {
  /** Writes the function of the row. `output` may be `input`. */
  value(input: Float32Array, output: Float32Array, start: number, width: number): void;
  /** From the gradient with respect to the output writes that with respect to the input into `result`. */
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
 * Noise, in training alone: a function of `length` values from `start` on and of as many draws from 0 on,
 * each uniform between 0 and 1, both left out.
 */
export interface Noise {
  /** Writes the noisy values. */
  value(input: Float32Array, output: Float32Array, draws: Float32Array, start: number, length: number): void;
  /** From the gradient with respect to the noisy values writes that with respect to the values. */
  gradient(
    gradient: Float32Array,
    result: Float32Array,
    draws: Float32Array,
    start: number,
    length: number,
  ): void;
}

/** One array of parameters: its public name, shape and initialiser. */
export interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly initializer: Complete;
  /** Set where training measures the values, and no gradient changes them. */
  readonly isMeasured?: boolean;
  /** The least that a value may be, if there is one. */
  readonly minimum?: number;
}

/** A layer with its options filled in. */
export interface Layer {
  /** Values in a row of the output. */
  outputs(inputs: number): number;
  /** The arrays of parameters, in the order in which the kernels keep them. */
  parameters(inputs: number): Parameter[];
  /** Layers inside this one, complete. */
  readonly layers?: readonly Complete[];
  /**
   * Throws a {@link ShapeError} that begins with `place` if the layer does not fit so many inputs. `outputs`
   * are those of the layers inside.
   */
  check?(inputs: number, place: string, outputs: number): void;
  /**
   * What the kernels are told: layers with only those options that a step depends on. The model's penalties
   * are for what says nothing of its own.
   */
  program(penalties?: Penalties): Complete[];
  /** What the network does for one of the layers that `program` gives. */
  operations(): LayerOperation[];
}

/** The parameters of the operation `scale`: w starts as ones, b as zeros. */
export function scaleParameters(inputs: number): Parameter[] {
  return [
    { name: "weight", shape: [inputs], initializer: { type: "ones" } },
    { name: "bias", shape: [inputs], initializer: { type: "zeros" } },
  ];
}

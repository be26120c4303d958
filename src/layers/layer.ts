/** What a layer is, to the Program and to the network. */
import type { Activation } from "../activations.ts";
import type { Complete } from "../options.ts";

/** l1 Σ|w| + l2 Σw² over weights, which training lowers together with the loss. */
export interface Penalties {
  readonly l1: number;
  readonly l2: number;
}

/** What training does with the parameters of a layer. */
export interface Training extends Penalties {
  /** Whether they change. */
  readonly trainable: boolean;
}

/** What the network does for a layer. It looks at these kinds and never at a layer's name. */
export type Operation =
  | ({ readonly kind: "product"; readonly outputs: number; readonly bias: boolean } & Training)
  | { readonly kind: "elementwise"; readonly activation: Activation }
  | { readonly kind: "row"; readonly rows: RowFunction };

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

/** One array of parameters: its public name, shape and initialiser. */
export interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly initializer: Complete;
}

/** A layer with its options filled in. */
export interface Layer {
  /** Values in a row of the output. */
  outputs(inputs: number): number;
  /** The arrays of parameters, in the order in which the kernels keep them. */
  parameters(inputs: number): Parameter[];
  /**
   * What the kernels are told: layers with only those options that a step depends on. The model's penalties
   * are for what says nothing of its own.
   */
  program(penalties?: Penalties): Complete[];
  /** What the network does for one of the layers that `program` gives. */
  operations(): Operation[];
}

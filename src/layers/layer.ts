/** What a layer is, to the Program and to the network. */
import type { Activation } from "../activations.ts";
import type { Complete } from "../options.ts";

/** What the network does for a layer. It looks at these kinds and never at a layer's name. */
export type Operation =
  | { readonly kind: "product"; readonly outputs: number; readonly bias: boolean }
  | { readonly kind: "elementwise"; readonly activation: Activation };

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
  /** What the kernels are told: layers with only those options that a step depends on. */
  program(): Complete[];
  /** What the network does for one of the layers that `program` gives. */
  operations(): Operation[];
}

/**
 * The table of layers: (options, inputs) → operations and parameters. The activations are layers too.
 */

import type { Activation } from "./activations.ts";
import * as activations from "./activations.ts";
import { dense } from "./layers/dense.ts";
import type { Layer, Operation } from "./layers/layer.ts";
import { softmax } from "./layers/softmax.ts";
import { type AnyEntry, type Choice, type Complete, create, type Table } from "./options.ts";

/** An activation as a layer: one operation, no parameters, as many outputs as inputs. */
function elementwise({ type, options, create }: AnyEntry<Activation>): AnyEntry<Layer> {
  return {
    type,
    options,
    create: (values) => ({
      outputs: (inputs) => inputs,
      parameters: () => [],
      program: () => [{ type, ...values }],
      operations: (): Operation[] => [{ kind: "elementwise", activation: create(values) }],
    }),
  };
}

const elementwiseLayers = Object.fromEntries(
  Object.values(activations).map((activation) => [activation.type, elementwise(activation)]),
);

/** Every kind of layer by name. */
export const layers: Table<Layer> = { dense, softmax, ...elementwiseLayers };

/** A layer as a user writes it: what a builder makes, or the bare name of one that needs no option. */
export type LayerChoice = Choice<
  typeof activations & { readonly dense: typeof dense; readonly softmax: typeof softmax }
>;

/** What a complete configuration of a layer computes. */
export function createLayer(configuration: Complete): Layer {
  return create("layer", layers, configuration);
}

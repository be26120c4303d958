/**
 * The table of layers: (options, inputs) → operations and parameters. Activations are layers, too.
 */

import { type AnyEntry, type Choice, type Complete, create, type Table } from "../options.ts";
import type { Activation } from "./activations.ts";
import * as activations from "./activations.ts";
import { batchNorm } from "./layers/batchNorm.ts";
import { dense } from "./layers/dense.ts";
import { dropout } from "./layers/dropout.ts";
import { embedding } from "./layers/embedding.ts";
import { gaussianNoise } from "./layers/gaussianNoise.ts";
import type { Layer, LayerOperation } from "./layers/layer.ts";
import { layerNorm } from "./layers/layerNorm.ts";
import { residualOf } from "./layers/residual.ts";
import { scale } from "./layers/scale.ts";
import { softmax } from "./layers/softmax.ts";

/** Returns an activation as a layer: one operation, no parameters, as many outputs as inputs. */
function elementwise({ type, options, create }: AnyEntry<Activation>): AnyEntry<Layer> {
  return {
    type,
    options,
    create: (values) => ({
      outputs: (inputs) => inputs,
      parameters: () => [],
      program: () => [{ type, ...values }],
      operations: (): LayerOperation[] => [{ kind: "elementwise", activation: create(values) }],
    }),
  };
}

const elementwiseLayers = Object.fromEntries(
  Object.values(activations).map((activation) => [activation.type, elementwise(activation)]),
);

const entries = { dense, batchNorm, dropout, embedding, gaussianNoise, layerNorm, scale, softmax };

/** Every kind of layer by name. */
export const layers: Table<Layer> = {
  ...entries,
  residual: residualOf(() => layers),
  ...elementwiseLayers,
};

/** The configuration of a residual block. */
export interface Residual {
  readonly type: "residual";
  readonly layers: readonly LayerChoice[];
}

/**
 * A residual block: y = x + f(x), where f is the layers inside, which must have as many outputs as inputs.
 * (He et al., 2016.)
 *
 * `getWeights` returns the weights of the layers inside as `{ layers: [...] }`, with an entry for each.
 *
 * @example
 * ```ts
 * const block = residual([layerNorm(), dense(32), relu(), dense(32)]);
 * const layers = [dense(32), block, block, dense(1)];
 * ```
 */
export const residual = Object.assign(
  (inside: readonly LayerChoice[]): Residual => ({ type: "residual", layers: inside }),
  { type: "residual" as const },
);

/** A layer as given to a model: `dense(64)`, `{ type: "dense", units: 64 }` or `"relu"`. */
export type LayerChoice = Choice<typeof activations & typeof entries> | Residual;

/** Returns the layer that a complete configuration describes. */
export function createLayer(configuration: Complete): Layer {
  return create("layer", layers, configuration);
}

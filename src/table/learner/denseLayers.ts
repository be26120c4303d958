/** The parameters of a network's dense layers, as they are in memory: lists of numbers take several times as long. */
import { type Model, sessionOf } from "../../model.ts";
import { namedParameters } from "../../nn/weights.ts";

/** The parameters of a dense layer. */
export interface DenseLayer {
  /** The number of the layer. */
  readonly layer: number;
  /** [outputs][inputs] */
  readonly weight: Float32Array;
  /** [outputs] */
  readonly bias: Float32Array;
}

/** Returns the dense layers of a network, and a function that sets its parameters to what they have become. */
export function denseLayersOf(model: Model): { layers: DenseLayer[]; write: () => void } {
  const session = sessionOf(model, "fitTable");
  const network = session.use();
  const values = network.read("parameters");
  const all = namedParameters(session.layers);
  const layers = session.layers.flatMap((_, layer) => {
    const at = all.findIndex(({ name }) => name === `${layer}.weight`);
    if (all[at + 1]?.name !== `${layer}.bias`) return [];
    const [weight, bias] = [at, at + 1].map((one) => values.subarray(all[one].start, all[one + 1]?.start));
    return [{ layer, weight, bias }];
  });
  return { layers, write: () => network.write("parameters", values) };
}

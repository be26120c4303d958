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
  const network = session.useAlone("fitTable");
  const values = network.read("parameters");
  const parameters = new Map(
    namedParameters(session.layers).map(({ name, shape, start }) => {
      return [name, values.subarray(start, start + shape.reduce((a, b) => a * b))];
    }),
  );
  const layers = session.layers.flatMap((_, layer) => {
    const [weight, bias] = ["weight", "bias"].map((name) => parameters.get(`${layer}.${name}`));
    return weight === undefined || bias === undefined ? [] : [{ layer, weight, bias }];
  });
  return { layers, write: () => network.write("parameters", values) };
}

/** The layers of a model as a text table. */

import { alignTable } from "../textTable.ts";
import { countParameters, type LayerShape, withInside } from "./program.ts";

/** Returns a title line and a line for each layer, with its sizes and its number of parameters. */
export function layerTable(layers: readonly LayerShape[]): string[] {
  const rows = withInside(layers).map((layer) => [
    layer.number,
    layer.type,
    ...[layer.inputs, layer.outputs, countParameters(layer)].map(String),
  ]);
  return alignTable([["", "layer", "inputs", "outputs", "parameters"], ...rows], [1]);
}

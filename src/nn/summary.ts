/** A model as a table of its layers. */

import { alignTable } from "../textTable.ts";
import { countParameters, type LayerShape, withInside } from "./program.ts";

/** A line for each layer, with its sizes and parameters. */
export function layerTable(layers: readonly LayerShape[]): string[] {
  const rows = withInside(layers).map((layer) => [
    layer.number,
    layer.type,
    ...[layer.inputs, layer.outputs, countParameters(layer)].map(String),
  ]);
  return alignTable([["", "layer", "inputs", "outputs", "parameters"], ...rows], [1]);
}

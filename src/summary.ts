/** A model as a table of its layers. */
import { countParameters, type LayerShape, withInside } from "./program.ts";

/** A line for each layer, with its sizes and parameters. */
export function layerTable(layers: readonly LayerShape[]): string[] {
  const rows = withInside(layers).map((layer) => [
    layer.number,
    layer.type,
    ...[layer.inputs, layer.outputs, countParameters(layer)].map(String),
  ]);
  const table = [["", "layer", "inputs", "outputs", "parameters"], ...rows];
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
  return table.map((row) =>
    row
      .map((cell, column) => (column === 1 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])))
      .join("  "),
  );
}

/** residual: y = x + f(x), where f is the layers inside */
import { OptionError, ShapeError } from "../../errors.ts";
import { type Complete, complete, create, type RequiredOption, refuse, type Table } from "../../options.ts";
import type { Layer } from "./layer.ts";

/**
 * The largest number of residuals inside each other: more than anybody needs, and safe for the call stack.
 */
const DEEPEST = 16;

/** The option that is a list of layers, each of which is an entry of `table`. */
function layerList(table: () => Table<Layer>): RequiredOption<readonly Complete[]> {
  const expected = "a list of at least 1 layer";
  return {
    required: true,
    expected,
    read(value, place) {
      if (!Array.isArray(value) || value.length === 0) {
        throw refuse(place, expected, value);
      }
      const around = place.slice(0, place.lastIndexOf(": "));
      if (around.split("(residual)").length > DEEPEST) {
        throw new OptionError(`${place}: expected at most ${DEEPEST} residuals inside each other`);
      }
      return Array.from(value, (layer, index) =>
        complete("layer", table() as Table<unknown>, layer, `${around}: layer ${index}`),
      );
    },
  };
}

/** Returns the entry of residuals whose layers are from a table, which may contain this entry. */
export function residualOf(table: () => Table<Layer>) {
  const options = { layers: layerList(table) };
  return {
    type: "residual" as const,
    options,
    create({ layers }: { readonly layers: readonly Complete[] }): Layer {
      const inside = layers.map((layer) => create("layer", table(), layer));
      return {
        layers,
        outputs: (inputs) => inputs,
        check(inputs, place, outputs) {
          if (outputs === inputs) return;
          throw new ShapeError(
            `${place}: expected ${inputs} outputs of the layers inside, as many as inputs, received ${outputs}`,
          );
        },
        parameters: () => [],
        program: (penalties) => [
          { type: "residual", layers: inside.flatMap((layer) => layer.program(penalties)) },
        ],
        operations: () => [
          { kind: "fork" },
          ...inside.flatMap((layer) => layer.operations()),
          { kind: "add" },
        ],
      };
    },
  };
}

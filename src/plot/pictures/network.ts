// A network as a diagram: its layers with their units, and the weights between small ones.

import { DataError, show } from "../../errors.ts";
import { checkNames } from "../../options.ts";
import type { Layer } from "../figure.ts";
import { Picture } from "../picture.ts";
import { countOf, formatCount } from "../text.ts";
import { leftOut, type PictureOptions, readText } from "../values.ts";

/** A layer of a configuration. */
export interface LayerDescription {
  readonly type: string;
  readonly units?: unknown;
  readonly activation?: unknown;
  readonly layers?: unknown;
}

/** The architecture of a network, as `toJSON` returns it, with its weights if they are to be drawn. */
export interface NetworkDescription {
  readonly inputs: number;
  readonly layers: readonly LayerDescription[];
  readonly weights?: readonly unknown[] | undefined;
}

const CALL = "networkDiagram";

/** Layers whose units take all units of the layer before. */
const CONNECTED: ReadonlySet<string> = new Set(["dense", "embedding", "residual", "softmax", "layerNorm"]);

/** Layers with more units are drawn without the weights to them. */
const MOST_UNITS = 10;

/**
 * Draws a network as a diagram: the layers with their units, and for small layers each weight as a line,
 * orange above 0 and blue below, the wider the larger. It takes a `Model`, or an architecture like
 * `{ inputs, layers }`, as `model.toJSON()` returns it.
 *
 * @example
 * ```ts
 * networkDiagram(model).svg(); // "<svg …"
 * networkDiagram({ inputs: 2, layers: [dense(64), relu(), dense(1)] }).terminal(); // the layers as text
 * ```
 *
 * @throws DataError for other values; OptionError for an unknown option.
 */
export function networkDiagram(
  source: NetworkDescription | { toJSON(): NetworkDescription },
  options: PictureOptions = {},
): Picture {
  checkNames(options, ["title"], CALL);
  const hasJson =
    source !== null &&
    typeof source === "object" &&
    "toJSON" in source &&
    typeof source.toJSON === "function";
  const network = (hasJson ? source.toJSON() : source) as NetworkDescription;
  if (
    network === null ||
    typeof network !== "object" ||
    !Number.isInteger(network.inputs) ||
    !Array.isArray(network.layers)
  )
    throw new DataError(
      `${CALL}: expected a model, or an object with "inputs" and "layers", received ${show(source)}`,
    );
  const layers = layersOf(network);
  const parameters = (network.weights ?? []).reduce<number>((sum, layer) => sum + countNumbers(layer), 0);
  const isDrawn = layers.some(({ weights }) => weights !== undefined);
  const notFinite = layers.reduce(
    (sum, { weights = [] }) => sum + weights.flat().filter((weight) => !Number.isFinite(weight)).length,
    0,
  );
  const names = layers.map(({ name, units }) => `${name} ${formatCount(units)}`);
  return new Picture({
    title: readText(options.title, "Network", `${CALL}: title`),
    description: `A network of ${countOf(layers.length - 1, "layer")}: ${names.slice(0, 30).join(", then ")}${names.length > 30 ? ", and more" : ""}.`,
    notes: [
      [
        countOf(layers.length - 1, "layer"),
        ...(network.weights === undefined ? [] : [countOf(parameters, "parameter")]),
        ...leftOut(notFinite, "weight"),
      ].join(", "),
    ],
    ...(isDrawn && {
      keys: [
        { name: "weight above 0", paint: "s1", mark: "line" },
        { name: "weight below 0", paint: "s0", mark: "line" },
      ] as const,
    }),
    panels: [{ kind: "diagram", layers }],
  });
}

function layersOf({ inputs, layers, weights }: NetworkDescription): Layer[] {
  const result: Layer[] = [
    {
      name: "input",
      units: inputs,
      note: countOf(inputs, "value"),
      rows: [
        ["layer", "input"],
        ["values", formatCount(inputs)],
      ],
    },
  ];
  for (const [at, layer] of layers.entries()) {
    if (layer === null || typeof layer !== "object" || typeof layer.type !== "string")
      throw new DataError(
        `${CALL}: layer ${at}: expected an object with a "type", received ${show(layer)}. Fix: call the builder, as in relu()`,
      );
    const before = result[result.length - 1].units;
    const own = weights?.[at];
    const units = unitsOf(layer, before);
    const type = (layer.activation as { type?: unknown } | null | undefined)?.type;
    const name = typeof type === "string" ? `${layer.type}, ${type}` : layer.type;
    const parameters = own === undefined ? undefined : countNumbers(own);
    const inside = Array.isArray(layer.layers) ? ` of ${countOf(layer.layers.length, "layer")}` : "";
    const note = `${countOf(units, "unit")}${inside}`;
    const matrix = matrixOf(own, units, before);
    result.push({
      name,
      units,
      note,
      rows: [
        ["layer", `${at}: ${name}${inside}`],
        ["units", formatCount(units)],
        ...(parameters === undefined ? [] : [["parameters", formatCount(parameters)] as const]),
      ],
      ...(units === before && !CONNECTED.has(layer.type) && { isUnitwise: true }),
      ...(matrix && { weights: matrix }),
    });
  }
  return result;
}

/** Returns the number of outputs of a layer; a layer that does not say passes on as many as it gets. */
function unitsOf({ type, units }: LayerDescription, before: number): number {
  if (typeof units !== "number" || !Number.isInteger(units)) return before;
  // An embedding replaces a column by several.
  return type === "embedding" ? before - 1 + units : units;
}

/** Returns the weights of a dense layer, [units][inputs], if it is small enough to draw each. */
function matrixOf(weights: unknown, units: number, inputs: number): number[][] | undefined {
  const { weight } = (weights ?? {}) as { weight?: unknown };
  if (!Array.isArray(weight) || weight.length !== units || units > MOST_UNITS || inputs > MOST_UNITS)
    return undefined;
  return (weight as unknown[]).every((row) => Array.isArray(row) && row.length === inputs)
    ? (weight as number[][])
    : undefined;
}

function countNumbers(value: unknown): number {
  if (typeof value === "number") return 1;
  if (ArrayBuffer.isView(value)) return (value as unknown as ArrayLike<number>).length;
  if (value === null || typeof value !== "object") return 0;
  return Object.values(value).reduce<number>((sum, entry) => sum + countNumbers(entry), 0);
}

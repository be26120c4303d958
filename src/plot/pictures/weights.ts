// Histograms of the parameters of a network, one for each array.

import { DataError, show } from "../../errors.ts";
import { checkNames } from "../../options.ts";
import { Picture } from "../picture.ts";
import { isDrawable } from "../scales.ts";
import { countOf, formatCount, formatNumber } from "../text.ts";
import { leftOut, type PictureOptions, readCount, readText } from "../values.ts";
import { histogramPanel } from "./distribution.ts";

/** The parameters of a layer by name, as `getWeights` returns them. */
export type LayerParameters = Readonly<Record<string, unknown>>;

/** How to draw weights. */
export interface WeightHistogramsOptions extends PictureOptions {
  /** The maximum number of arrays, from 1 to 60; 24 by default. */
  readonly top?: number | undefined;
}

const CALL = "weightHistograms";

interface Parameters {
  readonly name: string;
  readonly values: Float64Array;
}

/**
 * Draws a histogram of each array of parameters: the weights and biases of each layer. It takes a `Model`, or
 * what `getWeights` returns.
 *
 * @example
 * ```ts
 * weightHistograms(model).svg(); // "<svg …"
 * weightHistograms([{ weight: [[0.1, -0.2]], bias: [0] }]).terminal(); // histograms as text
 * ```
 *
 * @throws DataError for other values; OptionError for an unknown option.
 */
export function weightHistograms(
  source: { getWeights(): readonly LayerParameters[] } | readonly LayerParameters[],
  options: WeightHistogramsOptions = {},
): Picture {
  checkNames(options, ["title", "top"], CALL);
  const top = readCount(options.top, 24, [1, 60], `${CALL}: top`);
  const hasWeights = source !== null && typeof source === "object" && "getWeights" in source;
  const layers = hasWeights ? source.getWeights() : source;
  if (!Array.isArray(layers))
    throw new DataError(
      `${CALL}: expected a model, or a list of layers with weights, received ${show(source)}`,
    );
  const all = arraysOf(layers, "");
  const shown = all.slice(0, top);
  let omitted = 0;
  const panels = shown.map(({ name, values }) => {
    const finite = values.filter(isDrawable);
    omitted += values.length - finite.length;
    const mean = finite.reduce((sum, value) => sum + value / finite.length, 0);
    const stddev = Math.sqrt(finite.reduce((sum, value) => sum + (value - mean) ** 2 / finite.length, 0));
    const title = `${name} (${formatCount(values.length)})`;
    const short = (value: number) => formatNumber(Number(value.toPrecision(2)));
    const label = finite.length > 0 ? `${short(mean)} ± ${short(stddev)}` : "no finite values";
    return histogramPanel(finite, label, {
      title,
      aspect: 0.55,
      names: { value: "value", count: "parameters" },
    });
  });
  const total = all.reduce((sum, { values }) => sum + values.length, 0);
  const count =
    all.length > top
      ? `The first ${formatCount(top)} of ${formatCount(all.length)} arrays of parameters`
      : countOf(all.length, "array of parameters", "arrays of parameters");
  return new Picture({
    title: readText(options.title, "Weights by layer", `${CALL}: title`),
    description: `Histograms of the parameters of a network: ${shown.map(({ name }) => name).join(", ")}.`,
    notes: [
      [count, countOf(total, "parameter"), ...leftOut(omitted, "value")].join(", "),
      "Below each: the mean ± the standard deviation.",
    ],
    panels,
    columns: 4,
  });
}

/** Returns all arrays of parameters, including those of layers inside others. */
function arraysOf(layers: readonly LayerParameters[], prefix: string): Parameters[] {
  return layers.flatMap((layer, at) => {
    if (layer === null || typeof layer !== "object")
      throw new DataError(
        `${CALL}: layer ${prefix}${at}: expected parameters by name, received ${show(layer)}`,
      );
    return Object.entries(layer).flatMap(([name, value]) => {
      if (name === "layers" && Array.isArray(value))
        return arraysOf(value as LayerParameters[], `${prefix}${at}.`);
      const values = Float64Array.from(flatten(value, `${CALL}: layer ${prefix}${at}: ${name}`));
      return values.length === 0 ? [] : [{ name: `layer ${prefix}${at} ${name}`, values }];
    });
  });
}

function* flatten(value: unknown, place: string): Generator<number> {
  if (typeof value === "number") yield value;
  else if (Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView))) {
    for (const entry of value as Iterable<unknown>) yield* flatten(entry, place);
  } else throw new DataError(`${place}: expected numbers, received ${show(value)}`);
}

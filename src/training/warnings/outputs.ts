/** Findings about the outputs that a network can have with any weights: constant, or unfit for the loss. */
import { brief, exact } from "../../data/columns.ts";
import type { Configuration } from "../../formats/configuration.ts";
import type { Problem } from "../../metrics/metric.ts";
import type { LayerOperation } from "../../nn/layers/layer.ts";
import { createLayer } from "../../nn/layers.ts";
import type { LayerShape } from "../../nn/program.ts";
import type { Complete } from "../../options.ts";
import { type Finding, percent } from "./finding.ts";
import { type Bounds, formOf, rowBounds } from "./functions.ts";

/** A model without its weights. */
export interface Architecture {
  readonly configuration: Configuration;
  readonly layers: readonly LayerShape[];
  readonly problem: Problem;
}

/** The last layer of a network. */
interface Last {
  readonly layer: number;
  /** "layer 3 (sigmoid)", "layer 2 (dense: sigmoid)" */
  readonly place: string;
  readonly operation: LayerOperation | undefined;
}

function lastOf({ configuration, layers }: Architecture): Last {
  const layer = layers.length - 1;
  const { type } = layers[layer];
  const part = createLayer(configuration.layers[layer]).program().at(-1)!;
  return {
    layer,
    place: `layer ${layer} (${type === part.type ? type : `${type}: ${part.type}`})`,
    operation: createLayer(part).operations().at(-1),
  };
}

/** Returns the range of the last layer's values; undefined where no bound is known. */
function boundsOf({ operation }: Last, outputs: number): Bounds | undefined {
  const bounds =
    operation?.kind === "elementwise"
      ? formOf(operation.activation)
      : operation?.kind === "row"
        ? rowBounds(operation.rows, outputs)
        : undefined;
  return bounds && (Number.isFinite(bounds.low) || Number.isFinite(bounds.high)) ? bounds : undefined;
}

const isCategorical = ({ targets }: Problem) => targets === "labels" || targets === "shares";

/** Finds layers with a constant output: row functions, such as softmax, over a single value. */
function constantLayers(list: readonly Complete[], shapes: readonly LayerShape[]): Finding[] {
  return shapes.flatMap(({ number, place, outputs, layers }, at): Finding[] => {
    const layer = createLayer(list[at]);
    if (layers !== undefined) return constantLayers(layer.layers ?? [], layers);
    const row = outputs === 1 ? layer.operations().find(({ kind }) => kind === "row") : undefined;
    if (row?.kind !== "row") return [];
    const [one, other] = [0, 7].map((value) => {
      const output = new Float32Array(1);
      row.rows.value(Float32Array.of(value), output, 0, 1);
      return output[0];
    });
    if (one !== other) return [];
    return [
      {
        cause: "constantOutput",
        layer: Number.parseInt(number, 10),
        message: `${place} has one value per row and always returns ${one}`,
        fix:
          "for yes or no use dense(1), sigmoid() and the loss binaryCrossentropy; for classes use one output " +
          "per class, as in dense(2); otherwise remove the layer",
      },
    ];
  });
}

/** Finds outputs that do not fit the loss. */
export function outputFindings(model: Architecture): Finding[] {
  const { configuration, layers, problem } = model;
  const { outputs, predictions } = problem;
  const constant = constantLayers(configuration.layers, layers);
  if (constant.length > 0 || !isCategorical(problem)) return constant;
  const last = lastOf(model);
  const { layer, place } = last;
  if (outputs === 1) {
    const message = `${place} has one output, but the loss is for classes: with one class it is always 0`;
    const fix = "give the last layer one output per class; for yes or no use the loss binaryCrossentropy";
    return [{ cause: "constantOutput", layer, message, fix }];
  }
  if (predictions !== "logits") {
    if (last.operation?.kind === "row") return [];
    const message = `${place} returns values that do not sum to 1, but the loss expects the probabilities of ${outputs} classes`;
    const fix = "make softmax() the last layer, or leave out fromLogits: false";
    return [{ cause: "outputMismatch", layer, message, fix }];
  }
  const { low, high } = boundsOf(last, outputs) ?? { low: Number.NEGATIVE_INFINITY, high: 0 };
  if (!Number.isFinite(high - low)) return [];
  const most = 1 / (1 + (outputs - 1) * Math.exp(low - high));
  const message = `${place} returns values from ${brief(low)} to ${brief(high)}, but the loss expects unbounded logits: no probability of the ${outputs} classes can exceed ${brief(most)}`;
  const fix = "make softmax() the last layer, or remove the last activation: the loss expects logits";
  return [{ cause: "outputMismatch", layer, message, fix }];
}

/** The accuracy of the measured bounds. */
const TOLERANCE = 1e-3;

/** Returns the prediction, or a logit of its sign, that a target asks for; undefined if it asks for none. */
function wantedPrediction(target: number, { targets, predictions }: Problem): number | undefined {
  if (targets === "labels") return undefined;
  if (predictions !== "logits") return target;
  if (targets === "shares") return undefined;
  // A probability above one half has a logit above 0.
  return target > 0.5 ? 1 : target < 0.5 ? -1 : 0;
}

/** Targets, [rows][columns], and their row numbers in the caller's data, unless those are 0, 1, 2, … */
export interface Targets {
  readonly values: Float32Array;
  readonly columns: number;
  readonly rows?: Uint32Array | undefined;
}

/** Formats bounds: "from 0 to 1", "of at least 0". */
function formatBounds({ low, high }: Bounds): string {
  if (!Number.isFinite(low)) return `of at most ${brief(high)}`;
  return Number.isFinite(high) ? `from ${brief(low)} to ${brief(high)}` : `of at least ${brief(low)}`;
}

/** Finds targets out of the last layer's range, which no weights can reach. */
export function targetRange(model: Architecture, { values, columns, rows }: Targets): Finding[] {
  const { problem } = model;
  const last = lastOf(model);
  const bounds = boundsOf(last, problem.outputs);
  if (bounds === undefined) return [];
  const { low, high } = bounds;
  const isOut = (value: number) => value < low - TOLERANCE || value > high + TOLERANCE;
  let [first, counted, count] = [-1, -1, 0];
  for (let at = 0; at < values.length; at++) {
    if (!isOut(wantedPrediction(values[at], problem) ?? low)) continue;
    const row = Math.floor(at / columns);
    if (first < 0) first = at;
    if (row > counted) count++;
    counted = row;
  }
  if (first < 0) return [];
  const share = count / (values.length / columns);
  const [at, column] = [Math.floor(first / columns), first % columns];
  const row = rows?.[at] ?? at;
  const isLogit = problem.predictions === "logits";
  const side = wantedPrediction(values[first], problem)! < low ? "below" : "above";
  const needs = isLogit ? `, which needs a logit ${side} 0` : "";
  return [
    {
      cause: "targetOutOfRange",
      layer: last.layer,
      row,
      column,
      share,
      message: `${last.place} returns values ${formatBounds(bounds)}, but ${percent(share)} of the rows have other targets: row ${row}, column ${column} has ${exact(values[first])}${needs}`,
      fix: isLogit
        ? "remove the activation after the last dense layer: the loss expects logits"
        : "remove the activation after the last dense layer, or scale y into its range",
    },
  ];
}

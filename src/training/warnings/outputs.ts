/** What layers can give, whatever their weights: the same for every input, or not what the loss takes. */
import { brief, exact } from "../../data/columns.ts";
import type { Configuration } from "../../formats/configuration.ts";
import type { Problem } from "../../metrics/metric.ts";
import type { LayerOperation } from "../../nn/layers/layer.ts";
import { createLayer } from "../../nn/layers.ts";
import type { LayerShape } from "../../nn/program.ts";
import type { Complete } from "../../options.ts";
import { type Finding, percent } from "./finding.ts";
import { type Bounds, formOf, rowBounds } from "./functions.ts";

/** What is known of a model without its weights. */
export interface Architecture {
  readonly configuration: Configuration;
  readonly layers: readonly LayerShape[];
  readonly problem: Problem;
}

/** The layer that ends a network. */
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

/** The values that the last layer can give; undefined where it can give any, as far as that is known. */
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

/** Layers that give the same whatever comes in, since their function of a row has one value to look at. */
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
        message: `${place} has one value a row, and gives ${one} whatever that is`,
        fix:
          "for yes or no use dense(1), sigmoid() and the loss binaryCrossentropy; for classes give it an " +
          "output for each, as dense(2) does; else leave it out",
      },
    ];
  });
}

/** A network whose outputs cannot say what the loss asks for. */
export function outputFindings(model: Architecture): Finding[] {
  const { configuration, layers, problem } = model;
  const { outputs, predictions } = problem;
  const constant = constantLayers(configuration.layers, layers);
  if (constant.length > 0 || !isCategorical(problem)) return constant;
  const last = lastOf(model);
  const { layer, place } = last;
  if (outputs === 1) {
    const message = `${place} has one output, and the loss is one of classes: with one class it is always 0`;
    const fix = "give the last layer an output for each class; for yes or no use the loss binaryCrossentropy";
    return [{ cause: "constantOutput", layer, message, fix }];
  }
  if (predictions !== "logits") {
    if (last.operation?.kind === "row") return [];
    const message = `${place} gives values that each grow alone, and the loss takes probabilities of ${outputs} classes, whose sum is 1`;
    const fix = "make softmax() the last layer, or leave out fromLogits: false";
    return [{ cause: "outputMismatch", layer, message, fix }];
  }
  const { low, high } = boundsOf(last, outputs) ?? { low: Number.NEGATIVE_INFINITY, high: 0 };
  if (!Number.isFinite(high - low)) return [];
  const most = 1 / (1 + (outputs - 1) * Math.exp(low - high));
  const message = `${place} gives values from ${brief(low)} to ${brief(high)}, and the loss takes logits of any size: of ${outputs} classes none gets a probability above ${brief(most)}`;
  const fix = "make softmax() the last layer, or leave its activation out: the loss takes logits";
  return [{ cause: "outputMismatch", layer, message, fix }];
}

/** Bounds are measured, not known exactly. */
const TOLERANCE = 1e-3;

/** What a prediction has to be for this target; undefined where one cannot say. */
function wanted(target: number, { targets, predictions }: Problem): number | undefined {
  if (targets === "labels") return undefined;
  if (predictions !== "logits") return target;
  if (targets === "shares") return undefined;
  // The logit of a probability above a half is above 0.
  return target > 0.5 ? 1 : target < 0.5 ? -1 : 0;
}

/** Targets, [rows][columns], and which rows of the data they are, unless they are all. */
export interface Targets {
  readonly values: Float32Array;
  readonly columns: number;
  readonly rows?: Uint32Array | undefined;
}

/** "from 0 to 1", "of at least 0" */
function inWords({ low, high }: Bounds): string {
  if (!Number.isFinite(low)) return `of at most ${brief(high)}`;
  return Number.isFinite(high) ? `from ${brief(low)} to ${brief(high)}` : `of at least ${brief(low)}`;
}

/** Targets that no weights can reach, since the last layer gives nothing beyond its bounds. */
export function targetRange(model: Architecture, { values, columns, rows }: Targets): Finding[] {
  const { problem } = model;
  const last = lastOf(model);
  const bounds = boundsOf(last, problem.outputs);
  if (bounds === undefined) return [];
  const { low, high } = bounds;
  const isOut = (value: number) => value < low - TOLERANCE || value > high + TOLERANCE;
  let [first, counted, count] = [-1, -1, 0];
  for (let at = 0; at < values.length; at++) {
    if (!isOut(wanted(values[at], problem) ?? low)) continue;
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
  const side = wanted(values[first], problem)! < low ? "below" : "above";
  const needs = isLogit ? `, which needs a logit ${side} 0` : "";
  return [
    {
      cause: "targetOutOfRange",
      layer: last.layer,
      row,
      column,
      share,
      message: `${last.place} gives values ${inWords(bounds)}, and ${percent(share)} of the rows have other targets: row ${row}, column ${column} has ${exact(values[first])}${needs}`,
      fix: isLogit
        ? "leave the activation after the last dense layer out: the loss takes logits"
        : "leave the activation after the last dense layer out, or scale y into its range",
    },
  ];
}

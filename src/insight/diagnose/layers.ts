/** What can be wrong with the layers, whatever their weights: linear stacks, and what the last one can give. */

import { brief } from "../../data/columns.ts";
import type { Dataset } from "../../data/dataset.ts";
import type { Problem } from "../../metrics/metric.ts";
import type { Plan } from "../../network.ts";
import type { LayerShape } from "../../program.ts";
import type { Stage } from "../../stages.ts";
import type { Name } from "../step.ts";
import { type Finding, percent } from "./finding.ts";
import { type Bounds, formOf, rowBounds } from "./functions.ts";

/** A network without its weights. */
export interface Structure {
  readonly plan: Plan;
  readonly names: readonly Name[];
  readonly layers: readonly LayerShape[];
}

/** "layer 1 (relu)", "layer 0 (dense: relu)" */
export function placeOf({ names, layers }: Pick<Structure, "names" | "layers">, stage: number): string {
  const { layer, name } = names[stage];
  const { type } = layers[layer];
  return `layer ${layer} (${type === name ? type : `${type}: ${name}`})`;
}

type Product = Stage & { readonly kind: "product" };

/** Whether values go through a stage by a linear function, or by one that becomes linear in `predict`. */
function isLinear(stage: Stage): boolean {
  if (stage.kind === "elementwise") return formOf(stage.activation).isLinear;
  return stage.kind !== "row" && stage.kind !== "lookup";
}

/**
 * Weighted sums of weighted sums, W₂ (W₁ x + b₁) + b₂ = (W₂ W₁) x + …, are one weighted sum. A sum in the middle
 * that is narrower than what comes before and after is meant, since one sum alone could not be so.
 */
export function linearStacks(structure: Structure): Finding[] {
  const { plan, names } = structure;
  /** The last weighted sum, if all since was linear. */
  let last: number | undefined;
  /** Whether all since each open fork was linear. */
  const forks: boolean[] = [];
  const runs: number[][] = [];
  for (const [at, stage] of plan.stages.entries()) {
    if (!isLinear(stage)) {
      last = undefined;
      forks.fill(false);
    }
    if (stage.kind === "fork") forks.push(true);
    // Two paths meet: only if both are linear it is one linear map still.
    if (stage.kind === "add" && !forks.pop()) last = undefined;
    if (stage.kind !== "product") continue;
    if (last !== undefined && !isBottleneck(plan.stages[last] as Product, stage)) {
      const run = runs.find((list) => list.at(-1) === last);
      if (run === undefined) runs.push([last, at]);
      else run.push(at);
    }
    last = at;
  }
  return runs.map((run): Finding => {
    const places = run.map((at) => placeOf(structure, at));
    const shown = `${places.slice(0, -1).join(", ")} and ${places.at(-1)}`;
    const { outputs } = plan.stages[run.at(-1)!];
    return {
      cause: "linearStack",
      layer: names[run[0]].layer,
      message: `${shown} have no nonlinear activation between them: together they compute one linear map, as dense(${outputs}) alone would`,
      mend: "put an activation between them, relu() for instance, or leave all but the last out",
    };
  });
}

const isBottleneck = (first: Product, second: Product) =>
  first.outputs < first.inputs && first.outputs < second.outputs;

/** The values that the last layer can give; undefined where it can give any, as far as that is known. */
function lastBounds({ stages, absorbed, outputs }: Plan): Bounds | undefined {
  const last = absorbed ?? stages[stages.length - 1];
  const bounds =
    last.kind === "elementwise"
      ? formOf(last.activation)
      : last.kind === "row"
        ? rowBounds(last.rows, outputs)
        : undefined;
  return bounds && (Number.isFinite(bounds.low) || Number.isFinite(bounds.high)) ? bounds : undefined;
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

/** Targets that no weights can reach, since the last layer gives nothing beyond its bounds. */
export function targetRange(structure: Structure, data: Dataset, problem: Problem): Finding[] {
  const { plan, names } = structure;
  const bounds = lastBounds(plan);
  if (bounds === undefined) return [];
  const { low, high } = bounds;
  const { y, outputs } = data;
  const isOut = (value: number) => value < low - TOLERANCE || value > high + TOLERANCE;
  const at = Array.from(y, (target) => wanted(target, problem) ?? low).map(isOut);
  const first = at.indexOf(true);
  if (first < 0) return [];
  const rows = new Set(at.flatMap((out, index) => (out ? [Math.floor(index / outputs)] : []))).size;
  const [row, column] = [Math.floor(first / outputs), first % outputs];
  const place = placeOf(structure, names.length - 1);
  const side = wanted(y[first], problem)! < low ? low : high;
  const range = Number.isFinite(low)
    ? Number.isFinite(high)
      ? `from ${brief(low)} to ${brief(high)}`
      : `of at least ${brief(low)}`
    : `of at most ${brief(high)}`;
  const needs =
    problem.predictions === "logits" ? `, which needs a logit ${side === low ? "below" : "above"} 0` : "";
  return [
    {
      cause: "targetOutOfRange",
      layer: names[names.length - 1].layer,
      row,
      column,
      share: rows / data.rows,
      message: `${place} gives values ${range}, and ${percent(rows / data.rows)} of the rows have other targets: row ${row}, column ${column} has ${brief(y[first])}${needs}`,
      mend:
        problem.predictions === "logits"
          ? "leave the activation after the last dense layer out: the loss takes logits"
          : "leave the activation after the last dense layer out, or scale y into its range",
    },
  ];
}

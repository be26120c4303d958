/** Findings about units from the values of one step: dead, saturated and nearly constant ones. */

import type { Operation } from "../../kernel/typescript/operations.ts";
import type { LayerShape } from "../../nn/program.ts";
import { amount, type Finding, percent } from "./finding.ts";
import { type Form, formOf, slopesOf } from "./functions.ts";
import { placeOf, type Step } from "./step.ts";

/**
 * Up to this share of a layer's units may be dead. A learning rate that is too high can kill "as much as 40%"
 * of them (Karpathy, CS231n, "Neural Networks Part 1"); every trained network has some, and they cost little.
 */
const DEAD_SHARE = 0.4;

/** A unit below this share of the steepest slope on every row is dead: its weights hardly change again. */
const DEAD_SLOPE = 1e-3;

/** A value below this share of the steepest slope is saturated: tanh beyond ±2.2, a sigmoid beyond ±4.4. */
const SATURATED_SLOPE = 0.05;

/** Up to this share of a layer's values may be saturated, as they often are in a small trained network. */
const SATURATED_SHARE = 0.5;

/** An elementwise operation with its values. */
interface Activated {
  readonly at: number;
  readonly form: Form;
  readonly operation: Operation & { readonly kind: "elementwise" };
  readonly output: Float32Array;
  /** The absolute slope at each value, as a share of the steepest. */
  readonly slopes: Float32Array;
}

function activationsOf({ plan, workspace }: Step): Activated[] {
  const { input, outputs } = workspace;
  return plan.operations.flatMap((operation, at): Activated[] => {
    if (operation.kind !== "elementwise") return [];
    const form = formOf(operation.activation);
    const output = outputs[at].values;
    const slopes = slopesOf(operation.activation, (at > 0 ? outputs[at - 1] : input).values, output);
    return [{ at, form, operation, output, slopes: slopes.map((slope) => Math.abs(slope) / form.steepest) }];
  });
}

/**
 * Returns whether a flat slope does harm: before the last operation, or where a value is far from its target.
 */
function isWrong({ plan, workspace }: Step, { at, form, output }: Activated, place: number): boolean {
  if (at < plan.operations.length - 1 || plan.targets !== plan.outputs) return true;
  const span = form.high - form.low;
  const distance = Math.abs(output[place] - workspace.target[place]);
  return distance > (Number.isFinite(span) ? span / 2 : Number.EPSILON);
}

/** Finds layers with dead or saturated units, in the order of the layers. */
export function unitFindings(step: Step, layers: readonly LayerShape[]): Finding[] {
  const names = { names: step.names, layers };
  return activationsOf(step).flatMap((one) => {
    if (one.form.flatEnds === 1) return deadUnits(step, one, placeOf(names, one.at));
    return one.form.flatEnds === 2 ? saturatedUnits(step, one, placeOf(names, one.at)) : [];
  });
}

function deadUnits(step: Step, one: Activated, place: string): Finding[] {
  const { outputs: width } = one.operation;
  const lives = new Uint8Array(width);
  const isMissed = new Uint8Array(width);
  for (const [at, slope] of one.slopes.entries()) {
    if (slope >= DEAD_SLOPE) lives[at % width] = 1;
    if (isWrong(step, one, at)) isMissed[at % width] = 1;
  }
  const dead = lives.reduce((sum, alive, unit) => sum + Number(alive === 0 && isMissed[unit] === 1), 0);
  const share = dead / width;
  if (share <= DEAD_SHARE) return [];
  return [
    {
      cause: "deadUnits",
      layer: step.names[one.at].layer,
      share,
      message: `${place}: ${dead} of ${amount(width, "unit")} (${percent(share)}) are dead: their slope is about 0 on all ${step.rows} checked rows, so no gradient reaches their weights`,
      fix:
        "train a new model with scaled columns and a lower learning rate, or with leakyRelu(), whose slope is " +
        "never 0; dead units do not recover",
    },
  ];
}

function saturatedUnits(step: Step, one: Activated, place: string): Finding[] {
  const count = one.slopes.reduce(
    (sum, slope, at) => sum + Number(slope < SATURATED_SLOPE && isWrong(step, one, at)),
    0,
  );
  const share = count / one.slopes.length;
  if (share <= SATURATED_SHARE) return [];
  return [
    {
      cause: "saturatedUnits",
      layer: step.names[one.at].layer,
      share,
      message: `${place}: ${percent(share)} of its values on ${step.rows} checked rows are saturated: their slope is less than a twentieth of the steepest`,
      fix:
        "scale the columns of x, use smaller initial weights, put batchNorm() before the activation, or use " +
        "relu() instead",
    },
  ];
}

/**
 * The outputs of a layer vary between rows by at least this share of their size. In a stack of sigmoids each
 * layer passes on about a quarter of the variation: the third still trains, the fourth hardly.
 */
const VARIES = 0.01;

/** Finds the first layer, flat at both ends and not the last, whose outputs hardly differ between rows. */
export function similarOutputs(step: Step, layers: readonly LayerShape[]): Finding[] {
  const { names, rows, plan } = step;
  if (rows < 2) return [];
  for (const { at, form, operation, output } of activationsOf(step)) {
    if (form.flatEnds < 2 || at === plan.operations.length - 1) continue;
    const { outputs: width } = operation;
    const means = new Float64Array(width);
    for (const [place, value] of output.entries()) means[place % width] += value / rows;
    let [distances, squares] = [0, 0];
    for (const [place, value] of output.entries()) {
      distances += (value - means[place % width]) ** 2;
      squares += value * value;
    }
    const share = Math.sqrt(distances / squares);
    if (!(share < VARIES)) continue;
    const place = placeOf({ names, layers }, at);
    return [
      {
        cause: "similarOutputs",
        layer: names[at].layer,
        message: `${place}: its outputs on ${rows} checked rows differ by ${percent(share)} of their size, so later layers can hardly tell rows apart`,
        fix: "use tanh() or relu() instead of consecutive sigmoids, put batchNorm() before the activation, or use fewer layers",
      },
    ];
  }
  return [];
}

/** Finds the first operation whose values are not finite. */
export function overflow(step: Step, layers: readonly LayerShape[]): Finding[] {
  const { plan, names, workspace } = step;
  const at = plan.operations.findIndex((_, index) => !workspace.outputs[index].values.every(Number.isFinite));
  if (at < 0 && Number.isFinite(step.loss)) return [];
  const operation = at < 0 ? names.length - 1 : at;
  const what = at < 0 ? "the loss of its outputs is not finite" : "its outputs are not finite";
  return [
    {
      cause: "explodingGradients",
      layer: names[operation].layer,
      message: `${placeOf({ names, layers }, operation)}: ${what}: the weights or the values of x are too large`,
      fix: "train a new model with scaled columns, the default initializers and a lower learning rate",
    },
  ];
}

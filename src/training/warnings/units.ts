/** What the values of one step tell of the units: dead ones, saturated ones, and those that hardly change. */

import type { Operation } from "../../kernel/typescript/operations.ts";
import type { LayerShape } from "../../nn/program.ts";
import { amount, type Finding, percent } from "./finding.ts";
import { type Form, formOf, slopesOf } from "./functions.ts";
import { placeOf, type Step } from "./step.ts";

/**
 * The share of a layer's units that may be dead. A learning rate that is too high can kill "as much as 40%" of
 * them (Karpathy, CS231n, "Neural Networks Part 1"); some are in every trained network, and cost little.
 */
const DEAD_SHARE = 0.4;

/** A unit with a smaller share of the steepest slope on every row is dead: its weights will not move again. */
const DEAD_SLOPE = 1e-3;

/**
 * A value whose slope is below this share of the steepest is saturated: of tanh beyond ±2.2, of a sigmoid beyond
 * ±4.4. Its gradient is a twentieth of what it could be.
 */
const SATURATED_SLOPE = 0.05;

/** The share of a layer's values that may be saturated: trained units of a small network often are, on some rows. */
const SATURATED_SHARE = 0.5;

/** A operation with an activation, and what went through it. */
interface Seen {
  readonly at: number;
  readonly form: Form;
  readonly operation: Operation & { readonly kind: "elementwise" };
  readonly output: Float32Array;
  /** The absolute slope of each value, as a share of the steepest. */
  readonly slopes: Float32Array;
}

function seen({ plan, workspace }: Step): Seen[] {
  const { input, outputs } = workspace;
  return plan.operations.flatMap((operation, at): Seen[] => {
    if (operation.kind !== "elementwise") return [];
    const form = formOf(operation.activation);
    const output = outputs[at].values;
    const slopes = slopesOf(operation.activation, (at > 0 ? outputs[at - 1] : input).values, output);
    return [{ at, form, operation, output, slopes: slopes.map((slope) => Math.abs(slope) / form.steepest) }];
  });
}

/** Whether a value of the last operation is far from its target, so that a flat slope does harm. */
function isWrong({ plan, workspace }: Step, { at, form, output }: Seen, place: number): boolean {
  if (at < plan.operations.length - 1 || plan.targets !== plan.outputs) return true;
  const span = form.high - form.low;
  const distance = Math.abs(output[place] - workspace.target[place]);
  return distance > (Number.isFinite(span) ? span / 2 : Number.EPSILON);
}

/** What is found of units, in the order of the layers. */
export function unitFindings(step: Step, layers: readonly LayerShape[]): Finding[] {
  const names = { names: step.names, layers };
  return seen(step).flatMap((one) => {
    if (one.form.flatEnds === 1) return deadUnits(step, one, placeOf(names, one.at));
    return one.form.flatEnds === 2 ? saturatedUnits(step, one, placeOf(names, one.at)) : [];
  });
}

function deadUnits(step: Step, one: Seen, place: string): Finding[] {
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
      message: `${place}: ${dead} of ${amount(width, "unit")} (${percent(share)}) are dead: flat on all ${step.rows} rows looked at, so that no gradient reaches their weights`,
      fix:
        "begin anew, with a lower learning rate and scaled columns, or with leakyRelu() in its place, which is " +
        "never flat; dead units do not come back",
    },
  ];
}

function saturatedUnits(step: Step, one: Seen, place: string): Finding[] {
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
      message: `${place}: ${percent(share)} of its values over ${step.rows} rows looked at are saturated: at an end where the slope is less than a twentieth of the steepest`,
      fix:
        "scale the columns of x, or use smaller initial weights, batchNorm() before the activation, or relu() " +
        "in its place",
    },
  ];
}

/**
 * How much the outputs of a layer of sigmoids vary from row to row, at least, as a share of their size. In a stack of
 * them each layer passes on about a quarter of what the one before varies: the third still trains, the fourth hardly.
 */
const VARIES = 0.01;

/** Layers that are flat at both ends, but for the last, and give every row about the same. */
export function similarOutputs(step: Step, layers: readonly LayerShape[]): Finding[] {
  const { names, rows, plan } = step;
  if (rows < 2) return [];
  for (const { at, form, operation, output } of seen(step)) {
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
        message: `${place}: its outputs differ by ${percent(share)} of their size over ${rows} rows looked at: the layers behind see hardly any difference between rows`,
        fix: "use tanh() or relu() in place of sigmoids that follow each other, batchNorm() before the activation, or fewer layers",
      },
    ];
  }
  return [];
}

/** Where a step's values are beyond all numbers already, if they are. */
export function overflow(step: Step, layers: readonly LayerShape[]): Finding[] {
  const { plan, names, workspace } = step;
  const at = plan.operations.findIndex((_, index) => !workspace.outputs[index].values.every(Number.isFinite));
  if (at < 0 && Number.isFinite(step.loss)) return [];
  const operation = at < 0 ? names.length - 1 : at;
  const words = at < 0 ? "the loss of what it gives is no finite number" : "its values are no finite numbers";
  return [
    {
      cause: "explodingGradients",
      layer: names[operation].layer,
      message: `${placeOf({ names, layers }, operation)}: ${words}: the weights, or the values of x, are too large`,
      fix: "begin anew with scaled columns, the default initialisers and a lower learning rate",
    },
  ];
}

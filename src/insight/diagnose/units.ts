/** What the values of one step tell of the units: dead ones, saturated ones, and gradients that fade or grow. */
import { brief } from "../../data/columns.ts";
import type { LayerShape } from "../../program.ts";
import type { Stage } from "../../stages.ts";
import type { Step } from "../step.ts";
import { amount, type Finding, percent } from "./finding.ts";
import { type Form, formOf, slopesOf } from "./functions.ts";
import { placeOf } from "./layers.ts";

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

/** How many times as small or as large as at the last weighted sum gradients may be at another one. */
const GRADIENT_RATIO = 1000;

/** A stage with an activation, and what went through it. */
interface Seen {
  readonly at: number;
  readonly form: Form;
  readonly stage: Stage & { readonly kind: "elementwise" };
  readonly output: Float32Array;
  /** The absolute slope of each value, as a share of the steepest. */
  readonly slopes: Float32Array;
}

function seen({ plan, workspace }: Step): Seen[] {
  const { input, outputs } = workspace;
  return plan.stages.flatMap((stage, at): Seen[] => {
    if (stage.kind !== "elementwise") return [];
    const form = formOf(stage.activation);
    const output = outputs[at].values;
    const slopes = slopesOf(stage.activation, (at > 0 ? outputs[at - 1] : input).values, output);
    return [{ at, form, stage, output, slopes: slopes.map((slope) => Math.abs(slope) / form.steepest) }];
  });
}

/** Whether a value of the last stage is far from its target, so that a flat slope does harm. */
function isWrong({ plan, workspace }: Step, { at, form, output }: Seen, place: number): boolean {
  if (at < plan.stages.length - 1 || plan.targets !== plan.outputs) return true;
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
  const { outputs: width } = one.stage;
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
      message: `${place}: ${dead} of ${amount(width, "unit")} (${percent(share)}) are dead: flat on all ${step.rows} rows, so that no gradient reaches their weights`,
      mend:
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
      message: `${place}: ${percent(share)} of its values over ${step.rows} rows are saturated: at an end where the slope is less than a twentieth of the steepest`,
      mend:
        "scale the columns of x, or use smaller initial weights, batchNorm() before the activation, or relu() " +
        "in its place",
    },
  ];
}

/** √(Σv² / n) */
function sizeOf(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return Math.sqrt(sum / values.length);
}

/**
 * How the gradient of the loss by what a weighted sum gives changes from the last of them to the first. `isKnown`
 * says that another finding explains why nothing comes through.
 */
export function gradientFindings(step: Step, layers: readonly LayerShape[], isKnown: boolean): Finding[] {
  const { plan, names, workspace } = step;
  const sums = plan.stages.flatMap(({ kind }, at) => (kind === "product" ? [at] : []));
  const sizes = sums.map((at) => sizeOf(workspace.gradients[at].values));
  const last = sizes[sizes.length - 1];
  if (sums.length < 2 || !(last > 0)) return [];
  const ratios = sizes.map((size) => size / last);
  const told = () => sums.map((at, index) => `layer ${names[at].layer} ${brief(sizes[index])}`).join(", ");
  const least = ratios.indexOf(Math.min(...ratios));
  const most = ratios.indexOf(Math.max(...ratios));
  const finding = (cause: Finding["cause"], index: number, words: string, mend: string): Finding => {
    const place = placeOf({ names, layers }, sums[index]);
    return { cause, layer: names[sums[index]].layer, message: `${place}: ${words}: ${told()}`, mend };
  };
  const size = "∂E/∂y, root of its mean square";
  return [
    ...(ratios[least] * GRADIENT_RATIO < 1 && !isKnown
      ? [
          finding(
            "vanishingGradients",
            least,
            `gradients vanish on the way back, to ${brief(ratios[least])} of those at the last dense layer (${size})`,
            "use relu() or another activation whose slope stays near 1, layerNorm() or batchNorm() between the layers, residual([…]) blocks, or fewer layers",
          ),
        ]
      : []),
    ...(ratios[most] > GRADIENT_RATIO
      ? [
          finding(
            "explodingGradients",
            most,
            `gradients grow on the way back, to ${brief(ratios[most])} times those at the last dense layer (${size})`,
            "use the initialisers heNormal or glorotUniform, layerNorm() between the layers, and clipGradients: { norm: 1 }",
          ),
        ]
      : []),
  ];
}

/** Where a step's values are beyond all numbers already, if they are. */
export function overflow(step: Step, layers: readonly LayerShape[]): Finding[] {
  const { plan, names, workspace } = step;
  const at = plan.stages.findIndex((_, index) => !workspace.outputs[index].values.every(Number.isFinite));
  if (at < 0 && Number.isFinite(step.loss)) return [];
  const stage = at < 0 ? names.length - 1 : at;
  const words = at < 0 ? "the loss of what it gives is no finite number" : "its values are no finite numbers";
  return [
    {
      cause: "explodingGradients",
      layer: names[stage].layer,
      message: `${placeOf({ names, layers }, stage)}: ${words}: the weights, or the values of x, are too large`,
      mend: "begin anew with scaled columns, the default initialisers and a lower learning rate",
    },
  ];
}

/** Compares gradients with finite differences of the loss, computed in 64 bits. */
import type { Examples } from "../data/examples.ts";
import { countValues, toProgram } from "../nn/program.ts";
import { namedParameters } from "../nn/weights.ts";
import { checkNames, completeOptions, number, readSize } from "../options.ts";
import { permutation, purpose } from "../random.ts";
import { withText } from "../textTable.ts";
import type { Session } from "../training/session.ts";
import { along, rulesOf } from "./differences.ts";

/** How to check gradients. */
export interface CheckOptions {
  /** The distance that a parameter is moved to either side; 1e-5 by default. */
  readonly step?: number | undefined;
  /** The largest relative error that passes; 1e-4 by default. */
  readonly tolerance?: number | undefined;
  /** The maximum values to check in each array, 16 by default. The choice is always the same. */
  readonly samples?: number | undefined;
}

/** The check of one parameter. */
export interface CheckedGradient {
  /** The layer and the array, "0.weight"; for a layer inside another, "1.0.weight". */
  readonly parameter: string;
  /** The index in the array, such as [output, input]. */
  readonly index: readonly number[];
  /** The gradient that the model's kernel computes. */
  readonly gradient: number;
  /** The finite difference of the loss. */
  readonly difference: number;
  /** |gradient - difference|, divided by the largest difference of the array, but at least by 0.01. */
  readonly error: number;
}

/** The result of a gradient check. */
export interface GradientCheck {
  readonly passes: boolean;
  /** The value with the largest error; undefined where no parameter is trained. */
  readonly worst: CheckedGradient | undefined;
  /** The number of checked values. */
  readonly checked: number;
  /** The number of checked values at a kink of the loss, where left and right slope differ. */
  readonly kinks: number;
  readonly text: string;
  toString(): string;
}

const range = {
  step: number({ default: 1e-5, minimum: 1e-8, maximum: 0.1 }),
  tolerance: number({ default: 1e-4, above: 0 }),
};
const SAMPLES = 16;

/** The minimum scale of an error: smaller gradients may be the rounding of sums that cancel. */
const FLOOR = 0.01;

/** The left and right slope of a function. */
interface Slopes {
  readonly left: number;
  readonly right: number;
}

const middleOf = ({ left, right }: Slopes) => (left + right) / 2;

/** The maximum change of a smooth slope per step, relative to its scale. A faster change is a kink. */
const CURVATURE = 100;

const hasKink = ({ left, right }: Slopes, step: number, scale: number) =>
  Math.abs(right - left) > CURVATURE * step * scale;

/** Returns the distance of a gradient from the slope. At a kink every value between both slopes is valid. */
function distanceFrom(gradient: number, slopes: Slopes, isKink: boolean): number {
  if (!isKink) return Math.abs(gradient - middleOf(slopes));
  const { left, right } = slopes;
  return Math.max(0, Math.min(left, right) - gradient, gradient - Math.max(left, right));
}

interface Sampled {
  readonly gradient: number;
  readonly index: readonly number[];
  readonly slopesAt: (step: number) => Slopes;
}

/** Computes the error of one value. Smaller steps follow a failure, because several kinks hide the slope. */
function compare(sampled: Sampled, step: number, scale: number, tolerance: number) {
  const slopes = sampled.slopesAt(step);
  const isKink = hasKink(slopes, step, scale);
  let error = distanceFrom(sampled.gradient, slopes, isKink) / scale;
  for (const smaller of [step / 10, step / 100]) {
    if (error <= tolerance) break;
    const nearer = sampled.slopesAt(smaller);
    error = Math.min(error, distanceFrom(sampled.gradient, nearer, hasKink(nearer, smaller, scale)) / scale);
  }
  return { isKink, error, difference: middleOf(slopes) };
}

/** Checks the gradients of the model's kernel: see `checkGradients` in index.ts. */
export function checkGradients(session: Session, examples: Examples, options: CheckOptions): GradientCheck {
  const call = "checkGradients";
  checkNames(options, [...Object.keys(range), "samples"], call);
  const { step, tolerance } = completeOptions(range, options, call);
  const samples = options.samples === undefined ? SAMPLES : readSize(options.samples, `${call}: samples`);
  session.useAlone(call);
  const data = session.examples(call, examples, true);
  const { values } = session.gradients(call, data);
  const program = toProgram(session.configuration);
  const parameters = Float64Array.from(session.useAlone(call).read("parameters"));
  const rules = rulesOf(program, parameters);
  const results: CheckedGradient[] = [];
  let kinks = 0;
  for (const { name, shape, start } of namedParameters(session.layers)) {
    if (!rules[start].trainable) continue;
    const sampled = pick(countValues({ shape }), samples).map((at): Sampled => {
      const index = shape.length === 1 ? [at] : [Math.floor(at / shape[1]), at % shape[1]];
      const f = along(program, parameters, rules[start], data, start + at);
      const slopesAt = (by: number) => slopesOf(f, parameters[start + at], by);
      return { gradient: values[start + at], index, slopesAt };
    });
    const slopes = sampled.map(({ slopesAt }) => Math.abs(middleOf(slopesAt(step))));
    const scale = Math.max(FLOOR, ...slopes);
    for (const one of sampled) {
      const { isKink, ...found } = compare(one, step, scale, tolerance);
      kinks += Number(isKink);
      results.push({ parameter: name, index: one.index, gradient: one.gradient, ...found });
    }
  }
  return toCheck(results, kinks, tolerance);
}

/** Returns up to `samples` of the numbers below `count`, always the same ones. */
function pick(count: number, samples: number): number[] {
  const order = new Uint32Array(count);
  permutation(0, { purpose: purpose.samples, index: 0 }, order);
  return Array.from(order.subarray(0, samples)).toSorted((a, b) => a - b);
}

/** Returns both slopes of a function at `middle`. */
function slopesOf(f: (value: number) => number, middle: number, step: number): Slopes {
  const value = f(middle);
  return { left: (value - f(middle - step)) / step, right: (f(middle + step) - value) / step };
}

function toCheck(results: readonly CheckedGradient[], kinks: number, tolerance: number): GradientCheck {
  const worst = results.toSorted((a, b) => b.error - a.error)[0];
  const passes = results.every(({ error }) => error <= tolerance);
  const place = worst && `${worst.parameter}[${worst.index.join("][")}]`;
  const values = worst && `gradient ${worst.gradient}, difference ${worst.difference}`;
  const found = worst
    ? `largest relative error ${worst.error.toExponential(1)} at ${place}: ${values}`
    : "no parameter is trained";
  const counted = `${results.length} values checked, ${kinks} of them at kinks`;
  const text = `gradients ${passes ? "agree with" : "DIFFER from"} finite differences: ${found}; ${counted}`;
  return withText({ passes, worst, checked: results.length, kinks }, text);
}

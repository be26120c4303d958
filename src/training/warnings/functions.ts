/** The shape of a layer's function, measured from its values and slopes. Nothing here knows a name. */
import type { Activation } from "../../nn/activations.ts";
import type { RowFunction } from "../../nn/layers/layer.ts";

/** The approximate range of a function's values; infinite where it has no bound. */
export interface Bounds {
  readonly low: number;
  readonly high: number;
}

/** The shape of an activation. */
export interface Form extends Bounds {
  /** Its largest absolute slope. */
  readonly steepest: number;
  readonly isLinear: boolean;
  /** How many of its ends are flat: one of ReLU's, both of a sigmoid's. */
  readonly flatEnds: number;
}

/** Inputs far from an activation's middle, and ten times as far. */
const FAR = 1e3;
const FARTHER = 1e4;

/** Points from -16 to 16. They are exact in 32 bits, and so are the values of a line. */
const POINTS = 2049;
const SPACING = 1 / 64;

/** A bounded function changes by less than this between FAR and FARTHER. */
const SETTLED = 1e-2;

/** A slope below this share of the steepest is flat. */
const FLAT = 1e-3;

/** Returns the slope of an activation at each input. */
export function slopesOf(activation: Activation, input: Float32Array, output: Float32Array): Float32Array {
  const result = new Float32Array(input.length);
  activation.gradient(input, output, new Float32Array(input.length).fill(1), result, input.length);
  return result;
}

/** Returns the bounds, given the extremes nearby and farther away. */
function boundsOf(near: Bounds, far: Bounds): Bounds {
  const hasSettled = (one: number, other: number) => Math.abs(one - other) < SETTLED;
  return {
    low: hasSettled(near.low, far.low) ? far.low : Number.NEGATIVE_INFINITY,
    high: hasSettled(near.high, far.high) ? far.high : Number.POSITIVE_INFINITY,
  };
}

/** Measures the shape of an activation. */
export function formOf(activation: Activation): Form {
  const middle = Array.from({ length: POINTS }, (_, at) => (at - (POINTS - 1) / 2) * SPACING);
  const input = Float32Array.from([-FARTHER, -FAR, ...middle, FAR, FARTHER]);
  const output = new Float32Array(input.length);
  activation.value(input, output, input.length);
  const slopes = slopesOf(activation, input, output).map(Math.abs);
  const steepest = Math.max(...slopes);
  const inner = output.subarray(1, -1);
  const extremes = (values: Float32Array) => ({ low: Math.min(...values), high: Math.max(...values) });
  const ends = [slopes[0], slopes[slopes.length - 1]];
  return {
    ...boundsOf(extremes(inner), extremes(output)),
    steepest,
    isLinear: middle.every((value, at) => output[at + 2] === Math.fround(value * slopes[2])),
    flatEnds: ends.filter((slope) => slope < FLAT * steepest).length,
  };
}

/** Returns the bounds of a row function, from rows in which one value is far above or below the others. */
export function rowBounds(rows: RowFunction, width: number): Bounds {
  const at = (size: number): Bounds => {
    const output = new Float32Array(width);
    const all = [-size, size].flatMap((value) => {
      rows.value(
        Float32Array.from(output, (_, index) => (index === 0 ? value : 0)),
        output,
        0,
        width,
      );
      return Array.from(output);
    });
    return { low: Math.min(...all), high: Math.max(...all) };
  };
  return boundsOf(at(FAR), at(FARTHER));
}

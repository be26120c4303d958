/**
 * Encoders of numbers. A missing value is written as the median of the training rows, or has a flag of its
 * own.
 */
import { FormatError } from "../../errors.ts";
import { boolean, entry, number, size } from "../../options.ts";
import { type Check, finite, list, positive, truth } from "../fields.ts";
import {
  distinctValues,
  type Encoder,
  type EncoderState,
  quantile,
  sortedValues,
  type Writer,
} from "./encoder.ts";

/** A state of these fields. */
type State<Fields> = EncoderState & Fields;

const SCALE = { center: finite, scale: positive, fill: finite };

interface Scale {
  readonly center: number;
  readonly scale: number;
  readonly fill: number;
}

/** A function and its inverse. */
interface Bend {
  readonly to: (value: number) => number;
  readonly back: (value: number) => number;
}

const scaled = ({ center, scale, fill }: Scale, { to, back }: Bend): Writer => ({
  width: 1,
  write(value, out, at) {
    out[at] = to(((Number.isNaN(value) ? fill : value) - center) / scale);
  },
  writeRows(values, rows, out, at, stride) {
    for (let row = 0, place = at; row < rows; row++, place += stride) {
      const value = values[row];
      out[place] = to(((Number.isNaN(value) ? fill : value) - center) / scale);
    }
  },
  inverse: (inputs, at) => center + scale * back(inputs[at]),
  names: () => [""],
});

const same: Bend = { to: (value) => value, back: (value) => value };

/** Beyond this, the clip is 3 in 32 bits. */
const FARTHEST = 1e6;

/** x / √(1 + (x / 3)²): nearly x up to 1, and never beyond ±3, so that an outlier of 1e9 does no harm. */
const clip: Bend = {
  to: (value) =>
    Math.abs(value) > FARTHEST ? 3 * Math.sign(value) : value / Math.sqrt(1 + (value * value) / 9),
  back(value) {
    const found = value / Math.sqrt(1 - (value * value) / 9);
    return Math.abs(found) < FARTHEST ? found : FARTHEST * Math.sign(value);
  },
};

/**
 * (x - mean) / standard deviation, both of the training rows; the divisor of the variance is the number of
 * rows, as in scikit-learn's `StandardScaler`. A missing value is the median.
 */
export const standardize = entry(
  "standardize",
  {},
  (): Encoder => ({
    takes: "number",
    fields: SCALE,
    fit(input) {
      const sorted = sortedValues(input);
      if (sorted.length === 0 || sorted[0] === sorted[sorted.length - 1]) return undefined;
      const fill = quantile(sorted, 0.5);
      const { values } = input;
      const rows = values.length;
      let sum = 0;
      for (const value of values) sum += Number.isNaN(value) ? fill : value;
      const center = sum / rows;
      // Relative to the largest deviation, so that no square is beyond the range of doubles.
      const largest = Math.max(sorted[sorted.length - 1] - center, center - sorted[0]);
      let squares = 0;
      for (const value of values) squares += (((Number.isNaN(value) ? fill : value) - center) / largest) ** 2;
      const scale = largest * Math.sqrt(squares / rows);
      return scale > 0 ? { type: "standardize", center, scale, fill } : undefined;
    },
    open: (state) => scaled(state as State<Scale>, same),
  }),
);

/**
 * (x - median) / (third quartile - first quartile), then the smooth clip x / √(1 + (x / 3)²) (RealMLP;
 * Holzmüller, Grinsztajn and Steinwart, 2024). Where the quartiles are equal, half of the range is the
 * divisor. A missing value is the median.
 */
export const robustScale = entry(
  "robustScale",
  {
    /** Whether to bend what is far from the median, so that nothing is beyond ±3. */
    clip: boolean({ default: true }),
  },
  ({ clip: isClipped }): Encoder => ({
    takes: "number",
    fields: { ...SCALE, clip: truth },
    fit(input) {
      const sorted = sortedValues(input);
      if (sorted.length === 0) return undefined;
      const center = quantile(sorted, 0.5);
      let scale = quantile(sorted, 0.75) - quantile(sorted, 0.25);
      if (scale === 0) scale = 0.5 * (sorted[sorted.length - 1] - sorted[0]);
      if (!(scale > 0)) return undefined;
      return { type: "robustScale", clip: isClipped, center, scale, fill: center };
    },
    open: (state) => scaled(state as State<Scale>, (state as State<{ clip: boolean }>).clip ? clip : same),
  }),
);

/** 1 for a missing value, else 0. Nothing where the training rows have no missing value. */
export const missingFlag = entry(
  "missingFlag",
  {},
  (): Encoder => ({
    takes: "number",
    fields: {},
    fit({ values }) {
      const missing = values.reduce((count, value) => count + Number(Number.isNaN(value)), 0);
      return missing > 0 && missing < values.length ? { type: "missingFlag" } : undefined;
    },
    open: () => ({
      width: 1,
      write(value, out, at) {
        out[at] = Number.isNaN(value) ? 1 : 0;
      },
      writeRows(values, rows, out, at, stride) {
        for (let row = 0, place = at; row < rows; row++, place += stride)
          out[place] = Number.isNaN(values[row]) ? 1 : 0;
      },
      names: () => ["missing"],
    }),
  }),
);

/** At least two edges, each above the one before. */
const ascending: Check<number[]> = (value, place) => {
  const edges = list(finite, 2)(value, place);
  const wrong = edges.findIndex((edge, at) => at > 0 && edge <= edges[at - 1]);
  if (wrong < 0) return edges;
  throw new FormatError(
    `${place}: entry ${wrong}: expected a number above ${edges[wrong - 1]}, received ${edges[wrong]}`,
  );
};

interface Bins {
  readonly edges: readonly number[];
  readonly fill: number;
}

/**
 * Piecewise-linear encoding (Gorishniy, Rubachev and Babenko, "On Embeddings for Numerical Features in
 * Tabular Deep Learning", 2022): input t is clamp((x - b[t]) / (b[t + 1] - b[t]), 0, 1). The edges b are
 * quantiles of the training rows and quantiles of their distinct values, so that both dense and rare ranges
 * have bins.
 */
export const piecewiseLinear = entry(
  "piecewiseLinear",
  {
    /** Bins by mass, and as many by distinct values. */
    bins: size({ default: 16, maximum: 1000 }),
  },
  ({ bins }): Encoder => ({
    takes: "number",
    fields: { edges: ascending, fill: finite },
    fit(input) {
      const sorted = sortedValues(input);
      if (sorted.length === 0) return undefined;
      const distinct = distinctValues(sorted);
      const edges = new Set<number>();
      for (let at = 0; at <= bins; at++) edges.add(quantile(sorted, at / bins));
      const steps = Math.min(bins, distinct.length);
      for (let at = 0; at <= steps; at++) edges.add(quantile(distinct, at / steps));
      if (edges.size < 3) return undefined;
      return {
        type: "piecewiseLinear",
        edges: [...edges].sort((a, b) => a - b),
        fill: quantile(sorted, 0.5),
      };
    },
    open(state) {
      const { edges, fill } = state as State<Bins>;
      const width = edges.length - 1;
      const lows = Float64Array.from(edges);
      // The reciprocal of a denormal width is infinite.
      const factors = Float64Array.from({ length: width }, (_, bin) =>
        Math.min(1 / (edges[bin + 1] - edges[bin]), Number.MAX_VALUE),
      );
      return {
        width,
        write(given, out, at) {
          const value = Number.isNaN(given) ? fill : given;
          // A value above an edge fills the bin below it: its share rounds to 1 there.
          let bin = 0;
          for (; bin < width && value >= lows[bin + 1]; bin++) out[at + bin] = 1;
          if (bin < width && value > lows[bin]) out[at + bin] = (value - lows[bin]) * factors[bin];
        },
        writeRows(values, rows, out, at, stride) {
          for (let row = 0, place = at; row < rows; row++, place += stride) {
            const value = Number.isNaN(values[row]) ? fill : values[row];
            let bin = 0;
            for (; bin < width && value >= lows[bin + 1]; bin++) out[place + bin] = 1;
            if (bin < width && value > lows[bin]) out[place + bin] = (value - lows[bin]) * factors[bin];
          }
        },
        inverse(inputs, at) {
          let value = edges[0];
          for (let bin = 0; bin < width; bin++) value += inputs[at + bin] * (edges[bin + 1] - edges[bin]);
          return value;
        },
        names: () =>
          Array.from({ length: width }, (_, bin) => `${format(edges[bin])} to ${format(edges[bin + 1])}`),
      };
    },
  }),
);

const format = (value: number) => String(Number(value.toPrecision(4)));

/** A number as it is; a missing one as `fill`. */
export const identity = entry(
  "identity",
  {
    /** What stands for a missing value. */
    fill: number({ default: 0 }),
  },
  ({ fill }): Encoder => ({
    takes: "number",
    fields: { fill: finite },
    fit: () => ({ type: "identity", fill }),
    open: (state) => scaled({ center: 0, scale: 1, fill: (state as State<{ fill: number }>).fill }, same),
  }),
);

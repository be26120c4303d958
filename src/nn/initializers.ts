/** The table of initialisers: (options) → what fills an array of parameters. Every export is an entry. */
import { entry, number, renamedFrom } from "../options.ts";

/** What an array of parameters belongs to. */
export interface Place {
  /** How many values flow into and out of each unit of the layer. */
  readonly inputs: number;
  readonly outputs: number;
  /** Values in a row of the array; an array of one dimension is one row. */
  readonly columns: number;
}

/** Fills an array with its initial values, from uniform draws of [0, 1). */
export type Initializer = (values: Float32Array, draw: () => number, place: Place) => void;

/** An initialiser whose values are independent. */
const each =
  (sample: (draw: () => number, place: Place) => () => number): Initializer =>
  (values, draw, place) => {
    const next = sample(draw, place);
    for (let at = 0; at < values.length; at++) values[at] = next();
  };

/** Uniform in [-limit, limit). */
const symmetric = (limit: number, draw: () => number) => () => (2 * draw() - 1) * limit;

/** Draws from the standard normal distribution, two of two uniform ones (Box and Muller, 1958). */
function standardNormal(draw: () => number): () => number {
  let spare: number | undefined;
  return () => {
    const value = spare;
    spare = undefined;
    if (value !== undefined) return value;
    const radius = Math.sqrt(-2 * Math.log(1 - draw()));
    const angle = 2 * Math.PI * draw();
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
}

/** Normal with the mean 0 and such a deviation. */
const centred = (stddev: number, draw: () => number) => {
  const next = standardNormal(draw);
  return () => stddev * next();
};

/**
 * Uniform in [minimum, maximum), by default [0, 1), as the article starts its weights and biases.
 *
 * @example
 * ```ts
 * dense(64, { weightInitializer: initializers.uniform({ minimum: -0.1, maximum: 0.1 }) });
 * ```
 */
export const uniform = entry(
  "uniform",
  { minimum: number({ default: 0 }), maximum: number({ default: 1 }) },
  ({ minimum, maximum }) => each((draw) => () => minimum + (maximum - minimum) * draw()),
);

const normalOptions = {
  mean: number({ default: 0 }),
  stddev: renamedFrom("deviation", number({ default: 1, minimum: 0 })),
};

/**
 * Normal, by default with the mean 0 and the deviation 1: the numbers of PyTorch's `normal_`. (Keras' default
 * deviation is 0.05.)
 *
 * @example
 * ```ts
 * dense(64, { weightInitializer: initializers.normal({ stddev: 0.05 }) });
 * ```
 */
export const normal = entry("normal", normalOptions, ({ mean, stddev }) =>
  each((draw) => {
    const next = standardNormal(draw);
    return () => mean + stddev * next();
  }),
);

/**
 * Normal, where what is two deviations or more from the mean is drawn again, as Keras does; by default with
 * the mean 0 and the deviation 1, the numbers of PyTorch's `trunc_normal_`, which there mean the same. The
 * deviation of what is left is 0.88 of `stddev`.
 *
 * @example
 * ```ts
 * dense(64, { weightInitializer: initializers.truncatedNormal({ stddev: 0.05 }) });
 * ```
 */
export const truncatedNormal = entry("truncatedNormal", normalOptions, ({ mean, stddev }) =>
  each((draw) => {
    const next = standardNormal(draw);
    return () => {
      let value = next();
      while (Math.abs(value) >= 2) value = next();
      return mean + stddev * value;
    };
  }),
);

/**
 * Uniform in ±√(6 / (inputs + outputs)): the default for weights. (Glorot and Bengio, 2010.)
 *
 * @example
 * ```ts
 * dense(64, { weightInitializer: initializers.glorotUniform() });
 * ```
 */
export const glorotUniform = entry("glorotUniform", {}, () =>
  each((draw, { inputs, outputs }) => symmetric(Math.sqrt(6 / (inputs + outputs)), draw)),
);

/**
 * Normal with the deviation √(2 / (inputs + outputs)), as PyTorch's `xavier_normal_` draws it; Keras
 * truncates. (Glorot and Bengio, 2010.)
 *
 * @example
 * ```ts
 * dense(64, { weightInitializer: "glorotNormal", activation: "tanh" });
 * ```
 */
export const glorotNormal = entry("glorotNormal", {}, () =>
  each((draw, { inputs, outputs }) => centred(Math.sqrt(2 / (inputs + outputs)), draw)),
);

/**
 * Uniform in ±√(6 / inputs), meant for layers before a ReLU. (He et al., 2015.)
 *
 * @example
 * ```ts
 * dense(64, { weightInitializer: "heUniform", activation: "relu" });
 * ```
 */
export const heUniform = entry("heUniform", {}, () =>
  each((draw, { inputs }) => symmetric(Math.sqrt(6 / inputs), draw)),
);

/**
 * Normal with the deviation √(2 / inputs), meant for layers before a ReLU, as PyTorch's `kaiming_normal_`
 * draws it; Keras truncates. (He et al., 2015.)
 *
 * @example
 * ```ts
 * dense(64, { weightInitializer: "heNormal", activation: "relu" });
 * ```
 */
export const heNormal = entry("heNormal", {}, () =>
  each((draw, { inputs }) => centred(Math.sqrt(2 / inputs), draw)),
);

/**
 * Uniform in ±√(3 / inputs). (LeCun et al., 1998.)
 *
 * @example
 * ```ts
 * dense(64, { weightInitializer: "lecunUniform", activation: "tanh" });
 * ```
 */
export const lecunUniform = entry("lecunUniform", {}, () =>
  each((draw, { inputs }) => symmetric(Math.sqrt(3 / inputs), draw)),
);

/**
 * Normal with the deviation √(1 / inputs), meant for layers before a SELU; not truncated, as Keras does.
 * (LeCun et al., 1998.)
 *
 * @example
 * ```ts
 * dense(64, { weightInitializer: "lecunNormal", activation: "selu" });
 * ```
 */
export const lecunNormal = entry("lecunNormal", {}, () =>
  each((draw, { inputs }) => centred(Math.sqrt(1 / inputs), draw)),
);

/** What is left of a vector when its parts along the others, all of length 1, are taken off. */
function takeOff(vector: Float64Array, others: readonly Float64Array[]): void {
  for (const other of others) {
    let part = 0;
    for (let at = 0; at < vector.length; at++) part += vector[at] * other[at];
    for (let at = 0; at < vector.length; at++) vector[at] -= part * other[at];
  }
}

/** So many vectors of length 1, each at right angles to the others. */
function orthonormal(count: number, length: number, draw: () => number): Float64Array[] {
  const next = standardNormal(draw);
  const vectors: Float64Array[] = [];
  while (vectors.length < count) {
    const vector = Float64Array.from({ length }, next);
    takeOff(vector, vectors);
    const size = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
    // Of what is nearly a sum of the others, rounding would be all that is left.
    if (size > 1e-6) vectors.push(vector.map((value) => value / size));
  }
  return vectors;
}

/**
 * An orthogonal matrix times `gain` (1 by default), every one as likely: its rows are at right angles and of
 * length `gain`, or its columns, where there are more rows than columns. (Saxe et al., 2014.) PyTorch's
 * `orthogonal_`. A bias is one row. Drawn by Gram and Schmidt's method, in time rows · columns · the smaller
 * of both.
 *
 * @example
 * ```ts
 * dense(64, { weightInitializer: initializers.orthogonal({ gain: Math.SQRT2 }) });
 * ```
 */
export const orthogonal = entry(
  "orthogonal",
  { gain: number({ default: 1 }) },
  ({ gain }): Initializer =>
    (values, draw, { columns }) => {
      const rows = values.length / columns;
      const vectors = orthonormal(Math.min(rows, columns), Math.max(rows, columns), draw);
      for (let at = 0; at < values.length; at++) {
        const [row, column] = [Math.floor(at / columns), at % columns];
        values[at] = gain * (rows <= columns ? vectors[row][column] : vectors[column][row]);
      }
    },
);

/**
 * Zeros: the default for biases.
 *
 * @example
 * ```ts
 * const layer = dense(10, { biasInitializer: "zeros" });
 * ```
 */
export const zeros = entry("zeros", {}, () => each(() => () => 0));

/**
 * Ones.
 *
 * @example
 * ```ts
 * const layer = dense(10, { biasInitializer: "ones" });
 * ```
 */
export const ones = entry("ones", {}, () => each(() => () => 1));

/**
 * The same value everywhere.
 *
 * @example
 * ```ts
 * dense(64, { biasInitializer: initializers.constant({ value: 0.1 }) });
 * ```
 */
export const constant = entry("constant", { value: number({ default: 0 }) }, ({ value }) =>
  each(() => () => value),
);

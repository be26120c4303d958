/**
 * The table of initializers: (options) → a function that fills an array of parameters. Every export is an
 * entry.
 */
import { entry, number, renamedFrom } from "../options.ts";
import { standardNormal } from "../random.ts";

/** The layer that an array of parameters belongs to, and the shape of the array. */
export interface Place {
  /** The number of values in a row of the layer's input and of its output: fan-in and fan-out. */
  readonly inputs: number;
  readonly outputs: number;
  /** The number of values in a row of the array; an array of one dimension is one row. */
  readonly columns: number;
}

/** Fills an array with initial values; `draw` returns uniform draws in [0, 1). */
export type Initializer = (values: Float32Array, draw: () => number, place: Place) => void;

/** Returns an initializer whose values are independent. */
const each =
  (sample: (draw: () => number, place: Place) => () => number): Initializer =>
  (values, draw, place) => {
    const next = sample(draw, place);
    for (let at = 0; at < values.length; at++) values[at] = next();
  };

/** Returns a sampler that is uniform in [-limit, limit). */
const symmetric = (limit: number, draw: () => number) => () => (2 * draw() - 1) * limit;

/** Returns a sampler of the normal distribution with mean 0. */
const centered = (stddev: number, draw: () => number) => {
  const next = standardNormal(draw);
  return () => stddev * next();
};

/**
 * Uniform distribution in [minimum, maximum).
 *
 * Options: `minimum` (0), `maximum` (1): the numbers of PyTorch's `uniform_`, and the start of the network in
 * docs/article.md.
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
 * Normal distribution.
 *
 * Options: `mean` (0), `stddev` (1), the standard deviation, at least 0: the numbers of PyTorch's `normal_`.
 * Keras' default for `stddev` is 0.05.
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
 * Normal distribution, but values two or more standard deviations from the mean are drawn again, as in Keras.
 *
 * Options: `mean` (0), `stddev` (1), the standard deviation before truncation, at least 0; that of the values
 * is 0.88 times as large. With the default numbers PyTorch's `trunc_normal_` is the same distribution.
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
 * Normal with the standard deviation √(2 / (inputs + outputs)), as PyTorch's `xavier_normal_`; Keras
 * truncates. (Glorot and Bengio, 2010.)
 *
 * @example
 * ```ts
 * dense(64, { weightInitializer: "glorotNormal", activation: "tanh" });
 * ```
 */
export const glorotNormal = entry("glorotNormal", {}, () =>
  each((draw, { inputs, outputs }) => centered(Math.sqrt(2 / (inputs + outputs)), draw)),
);

/**
 * Uniform in ±√(6 / inputs), for layers before a ReLU. (He et al., 2015.)
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
 * Normal with the standard deviation √(2 / inputs), for layers before a ReLU, as PyTorch's `kaiming_normal_`;
 * Keras truncates. (He et al., 2015.)
 *
 * @example
 * ```ts
 * dense(64, { weightInitializer: "heNormal", activation: "relu" });
 * ```
 */
export const heNormal = entry("heNormal", {}, () =>
  each((draw, { inputs }) => centered(Math.sqrt(2 / inputs), draw)),
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
 * Normal with the standard deviation √(1 / inputs), for layers before a SELU; Keras truncates.
 * (LeCun et al., 1998.)
 *
 * @example
 * ```ts
 * dense(64, { weightInitializer: "lecunNormal", activation: "selu" });
 * ```
 */
export const lecunNormal = entry("lecunNormal", {}, () =>
  each((draw, { inputs }) => centered(Math.sqrt(1 / inputs), draw)),
);

/** Subtracts from a vector its components along the others, which all have length 1. */
function subtractComponents(vector: Float64Array, others: readonly Float64Array[]): void {
  for (const other of others) {
    let part = 0;
    for (let at = 0; at < vector.length; at++) part += vector[at] * other[at];
    for (let at = 0; at < vector.length; at++) vector[at] -= part * other[at];
  }
}

/** Returns `count` vectors of length 1 that are orthogonal to each other. */
function orthonormal(count: number, length: number, draw: () => number): Float64Array[] {
  const next = standardNormal(draw);
  const vectors: Float64Array[] = [];
  while (vectors.length < count) {
    const vector = Float64Array.from({ length }, next);
    subtractComponents(vector, vectors);
    const size = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
    // A vector that is nearly a linear combination of the others would be mostly rounding errors.
    if (size > 1e-6) vectors.push(vector.map((value) => value / size));
  }
  return vectors;
}

/**
 * A random orthogonal matrix times `gain`: its rows, or its columns if there are more rows than columns, are
 * orthogonal and of length `gain`. A bias is one row. As PyTorch's `orthogonal_`. (Saxe et al., 2014.)
 *
 * All such matrices are equally likely. They are drawn by Gram and Schmidt's method, which takes time
 * rows · columns · min(rows, columns).
 *
 * Options: `gain` (1).
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
 * All zeros: the default for biases.
 *
 * @example
 * ```ts
 * const layer = dense(10, { biasInitializer: "zeros" });
 * ```
 */
export const zeros = entry("zeros", {}, () => each(() => () => 0));

/**
 * All ones.
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
 * Options: `value` (0).
 *
 * @example
 * ```ts
 * dense(64, { biasInitializer: initializers.constant({ value: 0.1 }) });
 * ```
 */
export const constant = entry("constant", { value: number({ default: 0 }) }, ({ value }) =>
  each(() => () => value),
);

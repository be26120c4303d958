/** The table of initialisers: (options) → a draw for one parameter. Every export is an entry. */
import { entry, number } from "./options.ts";

/** How many values flow into and out of each unit of a layer. */
export interface Fans {
  readonly inputs: number;
  readonly outputs: number;
}

/** Gives one initial value from uniform draws of [0, 1). */
export type Initializer = (uniform: () => number, fans: Fans) => number;

/** Uniform in [-limit, limit). */
const symmetric = (limit: number, uniform: () => number) => (2 * uniform() - 1) * limit;

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
  ({ minimum, maximum }): Initializer =>
    (draw) =>
      minimum + (maximum - minimum) * draw(),
);

/**
 * Uniform in ±√(6 / (inputs + outputs)): the default for weights. (Glorot and Bengio, 2010.)
 *
 * @example
 * ```ts
 * dense(64, { weightInitializer: initializers.glorotUniform() });
 * ```
 */
export const glorotUniform = entry(
  "glorotUniform",
  {},
  (): Initializer =>
    (draw, { inputs, outputs }) =>
      symmetric(Math.sqrt(6 / (inputs + outputs)), draw),
);

/**
 * Uniform in ±√(6 / inputs), meant for layers before a ReLU. (He et al., 2015.)
 *
 * @example
 * ```ts
 * dense(64, { weightInitializer: "heUniform", activation: "relu" });
 * ```
 */
export const heUniform = entry(
  "heUniform",
  {},
  (): Initializer =>
    (draw, { inputs }) =>
      symmetric(Math.sqrt(6 / inputs), draw),
);

/** Zeros: the default for biases. */
export const zeros = entry("zeros", {}, (): Initializer => () => 0);

/**
 * The same value everywhere.
 *
 * @example
 * ```ts
 * dense(64, { biasInitializer: initializers.constant({ value: 0.1 }) });
 * ```
 */
export const constant = entry(
  "constant",
  { value: number({ default: 0 }) },
  ({ value }): Initializer =>
    () =>
      value,
);

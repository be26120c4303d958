/**
 * The table of activations: (options) → value(input), derivative(input, output), elementwise.
 *
 * Every export is an entry, and a layer of its own: `relu()` in a list of layers, `activation: "relu"` in a
 * dense one.
 */
import { entry, number } from "./options.ts";

/** A function of one value. `derivative` is a function of the input; `output` is there to save work. */
export interface Activation {
  value(input: number): number;
  derivative(input: number, output: number): number;
}

/**
 * Rectified linear unit: relu(x) = x above 0, else 0; its derivative is 1 above 0, else 0.
 *
 * @example
 * ```ts
 * const layers = [dense(64), relu(), dense(1)];
 * ```
 */
export const relu = entry(
  "relu",
  {},
  (): Activation => ({
    value: (input) => Math.max(0, input),
    derivative: (_input, output) => (output > 0 ? 1 : 0),
  }),
);

/**
 * ReLU that lets some of the negative side through: leakyRelu(x) = x above 0, else α x.
 *
 * Options: `alpha` α (0.01), at least 0.
 *
 * @example
 * ```ts
 * const layers = [dense(64), leakyRelu({ alpha: 0.1 }), dense(1)];
 * ```
 */
export const leakyRelu = entry(
  "leakyRelu",
  { alpha: number({ default: 0.01, minimum: 0 }) },
  ({ alpha }): Activation => ({
    value: (input) => (input > 0 ? input : alpha * input),
    derivative: (input) => (input > 0 ? 1 : alpha),
  }),
);

const logistic = (input: number) => 1 / (1 + Math.exp(-input));

/**
 * Sigmoid-weighted linear unit, also called swish: silu(x) = x sigmoid(x);
 * silu'(x) = sigmoid(x) (1 + x (1 - sigmoid(x))).
 *
 * @example
 * ```ts
 * const layers = [dense(64), silu(), dense(1)];
 * ```
 */
export const silu = entry(
  "silu",
  {},
  (): Activation => ({
    value: (input) => input * logistic(input),
    derivative: (input) => logistic(input) * (1 + input * (1 - logistic(input))),
  }),
);

/**
 * Logistic sigmoid: sigmoid(x) = 1 / (1 + exp(-x)), from 0 to 1; sigmoid'(x) = sigmoid(x) (1 - sigmoid(x)).
 *
 * @example
 * ```ts
 * const layers = [dense(16, { activation: "relu" }), dense(1), sigmoid()];
 * ```
 */
export const sigmoid = entry(
  "sigmoid",
  {},
  (): Activation => ({
    value: logistic,
    derivative: (_input, output) => output * (1 - output),
  }),
);

/**
 * Hyperbolic tangent, from -1 to 1; tanh'(x) = 1 - tanh(x)².
 *
 * @example
 * ```ts
 * const layers = [dense(16), tanh(), dense(1)];
 * ```
 */
export const tanh = entry(
  "tanh",
  {},
  (): Activation => ({
    value: (input) => Math.tanh(input),
    derivative: (_input, output) => 1 - output * output,
  }),
);

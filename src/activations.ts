/**
 * The table of activations: (options) → value(input), derivative(input, output), elementwise.
 *
 * Every export is an entry, and a layer of its own: `relu()` in a list of layers, `activation: "relu"` in a
 * dense one.
 */
import { entry } from "./options.ts";

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
    value: (input) => 1 / (1 + Math.exp(-input)),
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

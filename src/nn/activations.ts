/**
 * The table of activations: (options) → value(input) and gradient(input, output, gradient), elementwise.
 *
 * Every export is an entry and also a layer: `relu()` in a list of layers, or `activation: "relu"` in a dense
 * layer.
 *
 * Each entry has its own loops. In a shared loop V8 could no longer inline the function once a process had
 * used two activations, and each call would then allocate its numbers on the heap.
 */
import { entry, number, oneOf } from "../options.ts";

/** A function of one value, over the first `length` values of arrays. */
export interface Activation {
  /** output = f(input); the arrays may be the same one. */
  value(input: Float32Array, output: Float32Array, length: number): void;
  /** result = gradient · f'(input); `output` is f(input), passed so that it need not be computed again. */
  gradient(
    input: Float32Array,
    output: Float32Array,
    gradient: Float32Array,
    result: Float32Array,
    length: number,
  ): void;
}

/**
 * The identity: linear(x) = x; its derivative is 1. A dense layer without an activation computes the same.
 *
 * @example
 * ```ts
 * const layers = [dense(64, { activation: "relu" }), dense(1, { activation: "linear" })];
 * ```
 */
export const linear = entry(
  "linear",
  {},
  (): Activation => ({
    value(input, output, length) {
      for (let at = 0; at < length; at++) output[at] = input[at];
    },
    gradient(_input, _output, gradient, result, length) {
      for (let at = 0; at < length; at++) result[at] = gradient[at];
    },
  }),
);

/**
 * Rectified linear unit: relu(x) = x for x above 0, else 0; its derivative is 1 for x above 0, else 0.
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
    value(input, output, length) {
      for (let at = 0; at < length; at++) output[at] = Math.max(0, input[at]);
    },
    gradient(_input, output, gradient, result, length) {
      // A comparison converted to a number avoids a branch, which random signs would make hard to predict.
      for (let at = 0; at < length; at++) result[at] = gradient[at] * Number(output[at] > 0);
    },
  }),
);

/**
 * ReLU with a small slope for negative values: leakyRelu(x) = x for x above 0, else α x; its derivative is 1
 * for x above 0, else α. (Maas, Hannun and Ng, 2013.)
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
    value(input, output, length) {
      for (let at = 0; at < length; at++) output[at] = input[at] > 0 ? input[at] : alpha * input[at];
    },
    gradient(input, _output, gradient, result, length) {
      for (let at = 0; at < length; at++) result[at] = gradient[at] * (input[at] > 0 ? 1 : alpha);
    },
  }),
);

const logistic = (input: number) => 1 / (1 + Math.exp(-input));

/**
 * Sigmoid-weighted linear unit, also called swish: silu(x) = x sigmoid(x);
 * silu'(x) = sigmoid(x) (1 + x (1 - sigmoid(x))). (Elfwing, Uchibe and Doya, 2018.)
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
    value(input, output, length) {
      for (let at = 0; at < length; at++) output[at] = input[at] * logistic(input[at]);
    },
    gradient(input, _output, gradient, result, length) {
      for (let at = 0; at < length; at++) {
        const share = logistic(input[at]);
        result[at] = gradient[at] * share * (1 + input[at] * (1 - share));
      }
    },
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
    value(input, output, length) {
      for (let at = 0; at < length; at++) output[at] = logistic(input[at]);
    },
    gradient(_input, output, gradient, result, length) {
      for (let at = 0; at < length; at++) result[at] = gradient[at] * output[at] * (1 - output[at]);
    },
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
    value(input, output, length) {
      for (let at = 0; at < length; at++) output[at] = Math.tanh(input[at]);
    },
    gradient(_input, output, gradient, result, length) {
      for (let at = 0; at < length; at++) result[at] = gradient[at] * (1 - output[at] ** 2);
    },
  }),
);

/**
 * ReLU with an upper limit: relu6(x) = x from 0 to 6, 0 below, 6 above; its derivative is 1 between 0 and 6,
 * else 0.
 *
 * @example
 * ```ts
 * const layers = [dense(64), relu6(), dense(1)];
 * ```
 */
export const relu6 = entry(
  "relu6",
  {},
  (): Activation => ({
    value(input, output, length) {
      for (let at = 0; at < length; at++) output[at] = Math.min(6, Math.max(0, input[at]));
    },
    gradient(_input, output, gradient, result, length) {
      for (let at = 0; at < length; at++) {
        result[at] = gradient[at] * Number(output[at] > 0) * Number(output[at] < 6);
      }
    },
  }),
);

/**
 * Exponential linear unit: elu(x) = x for x above 0, else α (exp(x) - 1); its derivative is 1 for x above 0,
 * else elu(x) + α. (Clevert, Unterthiner and Hochreiter, 2016.)
 *
 * Options: `alpha` α (1), at least 0.
 *
 * @example
 * ```ts
 * const layers = [dense(64), elu(), dense(1)];
 * ```
 */
export const elu = entry("elu", { alpha: number({ default: 1, minimum: 0 }) }, ({ alpha }): Activation => {
  // Rounded as outputs are, so that the derivative of a saturated unit is exactly 0.
  const limit = Math.fround(alpha);
  return {
    value(input, output, length) {
      for (let at = 0; at < length; at++) {
        output[at] = input[at] > 0 ? input[at] : alpha * Math.expm1(input[at]);
      }
    },
    gradient(input, output, gradient, result, length) {
      for (let at = 0; at < length; at++) {
        result[at] = gradient[at] * (input[at] > 0 ? 1 : output[at] + limit);
      }
    },
  };
});

/**
 * The constants of selu, with which activations keep a mean of 0 and a variance of 1. (Klambauer et al.,
 * 2017.)
 */
const SELU = { scale: 1.0507009873554805, alpha: 1.6732632423543772 } as const;

/** λ α, rounded as outputs are. */
const SELU_LIMIT = Math.fround(SELU.scale * SELU.alpha);

/**
 * Self-normalizing ELU: selu(x) = λ x for x above 0, else λ α (exp(x) - 1), with λ = 1.0507… and α = 1.6732…;
 * its derivative is λ for x above 0, else selu(x) + λ α. (Klambauer et al., 2017.)
 *
 * @example
 * ```ts
 * const layers = [dense(64), selu(), dense(1)];
 * ```
 */
export const selu = entry(
  "selu",
  {},
  (): Activation => ({
    value(input, output, length) {
      const { scale, alpha } = SELU;
      for (let at = 0; at < length; at++) {
        output[at] = scale * (input[at] > 0 ? input[at] : alpha * Math.expm1(input[at]));
      }
    },
    gradient(input, output, gradient, result, length) {
      for (let at = 0; at < length; at++) {
        result[at] = gradient[at] * (input[at] > 0 ? SELU.scale : output[at] + SELU_LIMIT);
      }
    },
  }),
);

/**
 * A piecewise linear sigmoid: hardSigmoid(x) = x / 6 + 1 / 2, clipped to 0 and 1; its derivative is 1 / 6
 * where it is not clipped, else 0. The definition is PyTorch's.
 *
 * @example
 * ```ts
 * const layers = [dense(64), hardSigmoid(), dense(1)];
 * ```
 */
export const hardSigmoid = entry(
  "hardSigmoid",
  {},
  (): Activation => ({
    value(input, output, length) {
      for (let at = 0; at < length; at++) output[at] = Math.min(1, Math.max(0, input[at] / 6 + 0.5));
    },
    gradient(_input, output, gradient, result, length) {
      for (let at = 0; at < length; at++) {
        result[at] = (gradient[at] * Number(output[at] > 0) * Number(output[at] < 1)) / 6;
      }
    },
  }),
);

const softplusOf = (input: number) => Math.max(0, input) + Math.log1p(Math.exp(-Math.abs(input)));

/**
 * A smooth ReLU: softplus(x) = log(1 + exp(x)), above 0; its derivative is sigmoid(x).
 *
 * @example
 * ```ts
 * const layers = [dense(64), tanh(), dense(1), softplus()];
 * ```
 */
export const softplus = entry(
  "softplus",
  {},
  (): Activation => ({
    value(input, output, length) {
      for (let at = 0; at < length; at++) output[at] = softplusOf(input[at]);
    },
    gradient(input, _output, gradient, result, length) {
      for (let at = 0; at < length; at++) result[at] = gradient[at] * logistic(input[at]);
    },
  }),
);

/**
 * A smooth function close to ReLU: mish(x) = x tanh(softplus(x)). With t = tanh(softplus(x)),
 * mish'(x) = t + x sigmoid(x) (1 - t²). (Misra, 2019.)
 *
 * @example
 * ```ts
 * const layers = [dense(64), mish(), dense(1)];
 * ```
 */
export const mish = entry(
  "mish",
  {},
  (): Activation => ({
    value(input, output, length) {
      for (let at = 0; at < length; at++) output[at] = input[at] * Math.tanh(softplusOf(input[at]));
    },
    gradient(input, _output, gradient, result, length) {
      for (let at = 0; at < length; at++) {
        const share = Math.tanh(softplusOf(input[at]));
        const slope = share + input[at] * logistic(input[at]) * (1 - share ** 2);
        result[at] = gradient[at] * slope;
      }
    },
  }),
);

/**
 * softsign(x) = x / (1 + |x|), from -1 to 1, which it approaches more slowly than tanh;
 * softsign'(x) = (1 - |softsign(x)|)².
 *
 * @example
 * ```ts
 * const layers = [dense(64), softsign(), dense(1)];
 * ```
 */
export const softsign = entry(
  "softsign",
  {},
  (): Activation => ({
    value(input, output, length) {
      for (let at = 0; at < length; at++) output[at] = input[at] / (1 + Math.abs(input[at]));
    },
    gradient(_input, output, gradient, result, length) {
      for (let at = 0; at < length; at++) result[at] = gradient[at] * (1 - Math.abs(output[at])) ** 2;
    },
  }),
);

/** The density of the normal distribution, φ(x) = exp(-x² / 2) / sqrt(2 π). */
const density = (input: number) => Math.exp(-0.5 * input * input) / Math.sqrt(2 * Math.PI);

/**
 * Returns the share of the normal distribution below x: Φ(x) = (1 + erf(x / sqrt(2))) / 2, which is
 * 1 / 2 + φ(x) (x + x³ / 3 + x⁵ / (3 5) + x⁷ / (3 5 7) + …) to the last bit of a sum of about 1.
 * (Marsaglia, "Evaluating the Normal Distribution", 2004.)
 */
function shareBelow(input: number): number {
  // Beyond 8.3 the share differs from 0 or 1 by less than the spacing of doubles near 1.
  if (!(Math.abs(input) < 8.3)) return input < 0 ? 0 : input > 0 ? 1 : input;
  let term = input;
  let sum = 0;
  for (let odd = 3; sum + term !== sum; odd += 2) {
    sum += term;
    term *= (input * input) / odd;
  }
  return 0.5 + density(input) * sum;
}

/** gelu with the exact distribution function. */
const exactGelu: Activation = {
  value(input, output, length) {
    for (let at = 0; at < length; at++) output[at] = input[at] * shareBelow(input[at]);
  },
  gradient(input, _output, gradient, result, length) {
    for (let at = 0; at < length; at++) {
      result[at] = gradient[at] * (shareBelow(input[at]) + input[at] * density(input[at]));
    }
  },
};

/** The factors of gelu's approximation: u = rate (x + cubic x³). */
const GELU = { rate: Math.sqrt(2 / Math.PI), cubic: 0.044715 } as const;

/** gelu with a hyperbolic tangent that approximates the distribution function. */
const approximateGelu: Activation = {
  value(input, output, length) {
    const { rate, cubic } = GELU;
    for (let at = 0; at < length; at++) {
      const x = input[at];
      output[at] = 0.5 * x * (1 + Math.tanh(rate * x * (1 + cubic * x * x)));
    }
  },
  gradient(input, _output, gradient, result, length) {
    const { rate, cubic } = GELU;
    for (let at = 0; at < length; at++) {
      const x = input[at];
      const share = Math.tanh(rate * x * (1 + cubic * x * x));
      const slope = 0.5 * x * (1 - share ** 2) * rate * (1 + 3 * cubic * x * x);
      result[at] = gradient[at] * (0.5 * (1 + share) + slope);
    }
  },
};

/**
 * Gaussian error linear unit: gelu(x) = x Φ(x), where Φ(x) = (1 + erf(x / sqrt(2))) / 2 is the share of the
 * normal distribution below x; gelu'(x) = Φ(x) + x φ(x), with the density φ(x) = exp(-x² / 2) / sqrt(2 π).
 * (Hendrycks and Gimpel, 2016.)
 *
 * Options: `approximate` (`"none"`); `"tanh"` is x (1 + tanh(u)) / 2 with u = sqrt(2 / π) (x + 0.044715 x³),
 * which differs by at most 0.0005. Both definitions are PyTorch's.
 *
 * @example
 * ```ts
 * const layers = [dense(64), gelu({ approximate: "tanh" }), dense(1)];
 * ```
 */
export const gelu = entry(
  "gelu",
  { approximate: oneOf(["none", "tanh"], { default: "none" }) },
  ({ approximate }): Activation => (approximate === "tanh" ? approximateGelu : exactGelu),
);

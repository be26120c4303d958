/** Losses that are the mean over the outputs of a function of a prediction p and its target t. */
import { DataError } from "../../errors.ts";
import { entry, number } from "../../options.ts";
import { elementwise, type Loss } from "./loss.ts";

/**
 * Mean absolute error: the mean over the outputs of |p - t|. Single large errors affect it less than the
 * squared error. Its derivative is sign(p - t).
 *
 * @example
 * ```ts
 * new Model({ inputs: 2, layers: [dense(1)], loss: "meanAbsoluteError", optimizer: sgd() });
 * ```
 */
export const meanAbsoluteError = entry("meanAbsoluteError", {}, () =>
  elementwise(
    (prediction, target) => Math.abs(prediction - target),
    (prediction, target) => Math.sign(prediction - target),
  ),
);

/**
 * Huber loss: with d = p - t, the mean over the outputs of d² / 2 if |d| ≤ δ, else δ (|d| - δ / 2). It is
 * squared for small errors and absolute for large ones. Its derivative is d, clipped to [-δ, δ]. (Huber,
 * 1964.)
 *
 * Options: `delta` δ (1), above 0.
 *
 * @example
 * ```ts
 * new Model({ inputs: 2, layers: [dense(1)], loss: losses.huber({ delta: 0.5 }), optimizer: sgd() });
 * ```
 */
export const huber = entry("huber", { delta: number({ default: 1, above: 0 }) }, ({ delta }) =>
  elementwise(
    (prediction, target) => {
      const distance = Math.abs(prediction - target);
      return distance <= delta ? distance ** 2 / 2 : delta * (distance - delta / 2);
    },
    (prediction, target) => Math.min(delta, Math.max(-delta, prediction - target)),
  ),
);

/**
 * Log-cosh loss: the mean over the outputs of log(cosh(p - t)). It is smooth, about d² / 2 for a small error
 * d and about |d| - log 2 for a large one. Its derivative is tanh(p - t).
 *
 * @example
 * ```ts
 * new Model({ inputs: 2, layers: [dense(1)], loss: "logCosh", optimizer: sgd() });
 * ```
 */
export const logCosh = entry("logCosh", {}, () =>
  elementwise(
    (prediction, target) => {
      // cosh itself overflows from 711 on.
      const distance = Math.abs(prediction - target);
      return distance + Math.log1p(Math.exp(-2 * distance)) - Math.LN2;
    },
    (prediction, target) => Math.tanh(prediction - target),
  ),
);

/**
 * Quantile or pinball loss: the mean over the outputs of q (t - p) if p is below t, else (1 - q) (p - t). Its
 * minimum is at the q-th quantile of the targets, for 0.5 at the median. Its derivative is -q if p is below
 * t, 1 - q if it is above, and 0 at the target. (Koenker and Bassett, 1978.)
 *
 * Options: `quantile` q (0.5), above 0 and below 1.
 *
 * @example
 * ```ts
 * new Model({ inputs: 2, layers: [dense(1)], loss: losses.quantile({ quantile: 0.9 }), optimizer: sgd() });
 * ```
 */
export const quantile = entry(
  "quantile",
  { quantile: number({ default: 0.5, above: 0, below: 1 }) },
  ({ quantile: share }) =>
    elementwise(
      (prediction, target) =>
        prediction < target ? share * (target - prediction) : (1 - share) * (prediction - target),
      (prediction, target) => (prediction < target ? -share : prediction > target ? 1 - share : 0),
    ),
);

/**
 * The smallest prediction whose logarithm poisson takes. PyTorch adds 1e-8 to every prediction and Keras
 * 1e-7. This is the power of two nearest to 1e-7, which both kernels represent exactly.
 */
const SMALLEST_RATE = 2 ** -23;

/**
 * Poisson loss, for targets that are counts, or rates of at least 0: the mean over the outputs of
 * p - t log(p), the negative log-likelihood of t for the expected value p, without the terms that do not
 * depend on p. Its derivative is 1 - t / p. The definition is PyTorch's with `log_input` false.
 *
 * Predictions have to be above 0: use `softplus` as the last layer, for instance. Below 2^-23 the logarithm
 * is replaced by its tangent at 2^-23. The derivative there is 1 - t / 2^-23, so that steps lead back.
 *
 * @example
 * ```ts
 * const layers = [dense(16), relu(), dense(1), softplus()];
 * new Model({ inputs: 2, layers, loss: "poisson", optimizer: adam() });
 * ```
 */
export const poisson = entry(
  "poisson",
  {},
  (): Loss => ({
    ...elementwise(
      (prediction, target) => {
        const rate = Math.max(prediction, SMALLEST_RATE);
        return prediction - target * (Math.log(rate) + (prediction - rate) / rate);
      },
      (prediction, target) => 1 - target / Math.max(prediction, SMALLEST_RATE),
    ),
    meaning: { targets: "values", predictions: "rates" },
    check: checkEach((target) => target >= 0, "of at least 0"),
  }),
);

/**
 * Hinge loss, for targets t of -1 or 1: the mean over the outputs of max(0, 1 - t p), which is 0 for a
 * prediction p with the sign of t and a size of at least 1. Its derivative is -t if t p is below 1, else 0.
 *
 * @example
 * ```ts
 * new Model({ inputs: 2, layers: [dense(1)], loss: "hinge", optimizer: sgd() });
 * ```
 */
export const hinge = entry(
  "hinge",
  {},
  (): Loss => ({
    ...elementwise(
      (prediction, target) => Math.max(0, 1 - target * prediction),
      (prediction, target) => (target * prediction < 1 ? -target : 0),
    ),
    meaning: { targets: "signs", predictions: "scores" },
    check: checkEach((target) => Math.abs(target) === 1, "of -1 or 1"),
  }),
);

/** Returns a check that refuses a row with a wrong target; `expected` describes a right one. */
function checkEach(isRight: (target: number) => boolean, expected: string): NonNullable<Loss["check"]> {
  return (targets, row, outputs) => {
    for (let at = 0; at < outputs; at++) {
      const target = targets[row * outputs + at];
      if (isRight(target)) continue;
      throw new DataError(`y: row ${row}, column ${at}: expected a target ${expected}, received ${target}`);
    }
  };
}

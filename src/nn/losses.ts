/** The table of losses: (options) → value and gradient of a row. Every export is an entry. */

import { entry } from "../options.ts";
import { elementwise } from "./losses/loss.ts";

export { binaryCrossentropy } from "./losses/binary.ts";
export { categoricalCrossentropy, sparseCategoricalCrossentropy } from "./losses/categorical.ts";
export {
  hinge,
  huber,
  logCosh,
  meanAbsoluteError,
  poisson,
  quantile,
} from "./losses/elementwise.ts";
export type { Loss, Meaning, RowLoss } from "./losses/loss.ts";

/**
 * Mean squared error: the mean over the outputs of (p - t)², with predictions p and targets t. Its derivative
 * is 2 (p - t).
 *
 * @example
 * ```ts
 * new Model({ inputs: 2, layers: [dense(1)], loss: "meanSquaredError", optimizer: sgd() });
 * ```
 */
export const meanSquaredError = entry("meanSquaredError", {}, () =>
  elementwise(
    (prediction, target) => (prediction - target) ** 2,
    (prediction, target) => 2 * (prediction - target),
  ),
);

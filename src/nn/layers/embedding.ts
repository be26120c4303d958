/** embedding: a category number is replaced by trained values */
import { ShapeError } from "../../errors.ts";
import { choice, entry, index, size } from "../../options.ts";
import * as initializers from "../initializers.ts";
import { type Layer, learningRateFactor } from "./layer.ts";

/** Up to this number the 32-bit floats of x represent every whole number. */
const LARGEST_COUNT = 2 ** 24;

/**
 * Embedding: replaces the value in `column`, a category number from 0 to `categories` - 1, by `units` trained
 * values of that category. The columns after it move right by `units` - 1, so there are inputs - 1 + `units`
 * outputs.
 *
 * Embeddings come before all other layers. `column` counts the columns of the layer's input. So with several
 * embeddings, start with the last column: the numbers of the other columns are then those of x.
 *
 * A value of x that is not a category number is a `DataError` that names row and column, in every call that
 * takes data.
 *
 * Options: `column` (required, from 0), `categories` (required, at most 2^24, up to which 32-bit floats
 * represent every whole number), `units` (required), `weightInitializer` (`"normal"`, as in PyTorch),
 * `learningRateFactor` (1, at least 0; multiplies the optimizer's learning rate for the values).
 * Parameters: `weight`, [categories][units].
 *
 * @example
 * ```ts
 * // x: age, one of 7 days, one of 50 states
 * const layers = [
 *   embedding({ column: 2, categories: 50, units: 4 }),
 *   embedding({ column: 1, categories: 7, units: 2 }),
 *   dense(16),
 *   relu(),
 *   dense(1),
 * ];
 * ```
 */
export const embedding = entry(
  "embedding",
  {
    column: index(),
    categories: size({ maximum: LARGEST_COUNT }),
    units: size(),
    weightInitializer: choice("initializer", initializers, { default: "normal" }),
    learningRateFactor: learningRateFactor(),
  },
  ({ column, categories, units, weightInitializer, learningRateFactor }): Layer => ({
    outputs: (inputs) => inputs - 1 + units,
    check(inputs, place) {
      if (column < inputs) return;
      throw new ShapeError(`${place}: column: expected a column from 0 to ${inputs - 1}, received ${column}`);
    },
    parameters: () => [{ name: "weight", shape: [categories, units], initializer: weightInitializer }],
    program: () => [{ type: "embedding", column, categories, units, learningRateFactor }],
    operations: () => [{ kind: "lookup", column, categories, units, learningRateFactor }],
  }),
);

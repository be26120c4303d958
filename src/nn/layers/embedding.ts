/** embedding: the number of a category becomes trained values */
import { ShapeError } from "../../errors.ts";
import { choice, entry, index, size } from "../../options.ts";
import * as initializers from "../initializers.ts";
import type { Layer } from "./layer.ts";

/** Up to here 32-bit floats, which x consists of, hold every whole number. */
const LARGEST_COUNT = 2 ** 24;

/**
 * Embedding: in place of `column`, which holds the number of a category from 0 to `categories` - 1, stand
 * `units` values of that category, which are trained. The columns behind move on by `units` - 1.
 *
 * Embeddings come before all other layers. Where there are several, each counts the columns that the one
 * before leaves: give the last column first, and the numbers of the others stay what they are in x.
 *
 * A value of x that is the number of no category is a `DataError` that names row and column, in every call
 * that takes data.
 *
 * Options: `column`, from 0; `categories`, at most 2^24, the numbers that 32-bit floats tell apart; `units`; `weightInitializer` (`"normal"`, as PyTorch has it).
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
  },
  ({ column, categories, units, weightInitializer }): Layer => ({
    outputs: (inputs) => inputs - 1 + units,
    check(inputs, place) {
      if (column < inputs) return;
      throw new ShapeError(`${place}: column ${column}: expected one of ${inputs} columns, from 0`);
    },
    parameters: () => [{ name: "weight", shape: [categories, units], initializer: weightInitializer }],
    program: () => [{ type: "embedding", column, categories, units }],
    operations: () => [{ kind: "lookup", column, categories, units }],
  }),
);

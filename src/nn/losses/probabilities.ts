/** What cross-entropies share: targets that are probabilities, and predictions that are clipped. */
import { DataError } from "../../errors.ts";
import { number } from "../../options.ts";

/**
 * The smallest probability whose logarithm a cross-entropy takes. Keras clips at 1e-7. This is the power of
 * two nearest to it: 32-bit floats represent both p and 1 - p exactly.
 */
export const SMALLEST = 2 ** -23;

/** Returns the value, clipped to [low, high]. */
export const clip = (value: number, low: number, high: number) => Math.min(high, Math.max(low, value));

/** Returns the target t with `labelSmoothing` ε: (1 - ε) t + ε / classes. */
export const smooth = (target: number, labelSmoothing: number, classes: number) =>
  (1 - labelSmoothing) * target + labelSmoothing / classes;

/** Refuses a target that is not from 0 to 1. */
export function checkProbability(target: number, row: number, column: number): void {
  if (target >= 0 && target <= 1) return;
  throw new DataError(`y: row ${row}, column ${column}: expected a target from 0 to 1, received ${target}`);
}

/** The options of every cross-entropy, except `fromLogits`, whose default depends on the last layer. */
export const sharedOptions = { labelSmoothing: number({ default: 0, minimum: 0, maximum: 1 }) };

/** What cross-entropies have in common: targets that are probabilities, and predictions that are clipped. */
import { DataError } from "../../errors.ts";
import { number } from "../../options.ts";

/**
 * The smallest probability that a cross-entropy takes the logarithm of. Keras clips at 1e-7; this is the
 * power of two next to it, so that 32-bit floats hold it and 1 less it exactly.
 */
export const SMALLEST = 2 ** -23;

/** The nearest value from `low` to `high`. */
export const clip = (value: number, low: number, high: number) => Math.min(high, Math.max(low, value));

/** What `labelSmoothing` ε makes of a target t: (1 - ε) t + ε / classes. */
export const smooth = (target: number, labelSmoothing: number, classes: number) =>
  (1 - labelSmoothing) * target + labelSmoothing / classes;

/** Refuses a target that is not from 0 to 1. */
export function checkProbability(target: number, row: number, column: number): void {
  if (target >= 0 && target <= 1) return;
  throw new DataError(`y: row ${row}, column ${column}: expected a target from 0 to 1, received ${target}`);
}

/** The options of every cross-entropy but `fromLogits`, whose default depends on what it absorbs. */
export const sharedOptions = { labelSmoothing: number({ default: 0, minimum: 0, maximum: 1 }) };

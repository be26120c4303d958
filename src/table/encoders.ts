/**
 * The table of encoders: (options) → what learns to write a column's values as inputs. Every export is an
 * entry.
 */
export { lookup, oneHot, sign } from "./encoders/categories.ts";
export { identity, missingFlag, piecewiseLinear, robustScale, standardize } from "./encoders/numbers.ts";
export { hashedWords } from "./encoders/texts.ts";

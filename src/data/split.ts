/** Takes rows of a dataset apart. */
import { OptionError } from "../errors.ts";
import type { Dataset } from "./dataset.ts";

/** Rows from `start` to before `end`, as views. */
function part({ x, y, inputs, outputs }: Dataset, start: number, end: number): Dataset {
  return {
    x: x.subarray(start * inputs, end * inputs),
    y: y.subarray(start * outputs, end * outputs),
    inputs,
    outputs,
    rows: end - start,
  };
}

/**
 * The first rows and the last: `share` of them, or the next larger whole number, are the last. Neither part
 * may be empty.
 */
export function splitLast(data: Dataset, share: number): { readonly first: Dataset; readonly last: Dataset } {
  // Rounded to 12 digits first: 10 · (1 - 0.9) is a little less than the 1 row that is meant.
  const cut = Math.floor(Number((data.rows * (1 - share)).toPrecision(12)));
  if (cut === 0 || cut === data.rows) {
    const nothing = cut === 0 ? "nothing to train on" : "nothing to validate with";
    throw new OptionError(`validationSplit: ${share} of ${data.rows} rows leaves ${nothing}`);
  }
  return { first: part(data, 0, cut), last: part(data, cut, data.rows) };
}

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

/** How many rows are left to train on where this share, or the next larger whole number, is held out. */
export function firstRows(rows: number, share: number): number {
  // Rounded to 12 digits first: 10 · (1 - 0.9) is a little less than the 1 row that is meant.
  const cut = Math.floor(Number((rows * (1 - share)).toPrecision(12)));
  if (cut > 0 && cut < rows) return cut;
  const nothing = cut === 0 ? "nothing to train on" : "nothing to validate with";
  throw new OptionError(`validationSplit: ${share} of ${rows} rows leaves ${nothing}`);
}

/**
 * The first rows and the last: `share` of them, or the next larger whole number, are the last. Neither part
 * may be empty.
 */
export function splitLast(data: Dataset, share: number): { readonly first: Dataset; readonly last: Dataset } {
  const cut = firstRows(data.rows, share);
  return { first: part(data, 0, cut), last: part(data, cut, data.rows) };
}

/** Some rows, in this order, as a dataset of their own. */
export function takeRows({ x, y, inputs, outputs }: Dataset, rows: Uint32Array): Dataset {
  const take = (values: Float32Array, width: number) => {
    const taken = new Float32Array(rows.length * width);
    for (let at = 0; at < rows.length; at++) {
      taken.set(values.subarray(rows[at] * width, (rows[at] + 1) * width), at * width);
    }
    return taken;
  };
  return { x: take(x, inputs), y: take(y, outputs), inputs, outputs, rows: rows.length };
}

import { checkNames, readSize } from "../options.ts";
import { purpose, uniform } from "../random.ts";
import { readSeed } from "../seed.ts";
import type { Dataset } from "./examples.ts";

/**
 * Generates the exclusive or, the data of docs/article.md: x is two uniform values in [0, 1), y is 1 if
 * exactly one of them is at least 0.5, else 0.
 *
 * Options: `examples` (1000), the number of rows, at least 1; `seed` (0), from 0 to 2^53 - 1. The same seed
 * gives the same dataset.
 *
 * @example
 * ```ts
 * const data = xor({ examples: 1000, seed: 1 });
 * data.x.length; // 2000
 * ```
 *
 * @throws OptionError for an unknown option or a value out of range.
 */
export function xor(
  options: { readonly examples?: number; readonly seed?: number } = {},
): Dataset<ArrayBuffer> {
  checkNames(options, ["examples", "seed"], "xor");
  const rows = readSize(options.examples ?? 1000, "xor: examples");
  const next = uniform(readSeed(options.seed ?? 0, "xor: seed"), { purpose: purpose.data, index: 0 });
  const x = new Float32Array(rows * 2);
  const y = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    const [first, second] = [next(), next()];
    x.set([first, second], row * 2);
    y[row] = first >= 0.5 !== second >= 0.5 ? 1 : 0;
  }
  return { x, y, inputs: 2, outputs: 1, rows };
}

import type { Dataset } from "./examples.ts";
import { type GeneratorOptions, generate, readGenerator } from "./generator.ts";

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
export function xor(options: GeneratorOptions = {}): Dataset<ArrayBuffer> {
  const { rows, draw } = readGenerator({ name: "xor", index: 0 }, {}, options);
  return generate(rows, 2, (x, at) => {
    x[at] = draw();
    x[at + 1] = draw();
    return x[at] >= 0.5 !== x[at + 1] >= 0.5 ? 1 : 0;
  });
}

import { number } from "../options.ts";
import { standardNormal } from "../random.ts";
import type { Dataset } from "./examples.ts";
import { type GeneratorOptions, generate, readGenerator } from "./generator.ts";

/**
 * Generates two circles around the origin, as scikit-learn's `make_circles`: class 0 has radius 1, class 1 has
 * radius `factor`. y is the class. The classes alternate from row to row, and the angles are drawn, where
 * scikit-learn spaces them evenly.
 *
 * Options: `examples` (1000) and `seed` (0) as for `xor`; `noise` (0), the standard deviation of what is added
 * to both values, at least 0; `factor` (0.8), at least 0 and below 1.
 *
 * @example
 * ```ts
 * const data = circles({ examples: 500, noise: 0.05, factor: 0.5, seed: 1 });
 * ```
 *
 * @throws OptionError for an unknown option or a value out of range; KernelError if it does not fit in memory.
 */
export function circles(
  options: GeneratorOptions & { readonly noise?: number; readonly factor?: number } = {},
): Dataset<ArrayBuffer> {
  const own = {
    noise: number({ default: 0, minimum: 0 }),
    factor: number({ default: 0.8, minimum: 0, below: 1 }),
  };
  const { rows, draw, noise, factor } = readGenerator({ name: "circles", index: 2 }, own, options);
  const normal = standardNormal(draw);
  return generate(rows, 2, (x, at, row) => {
    const angle = 2 * Math.PI * draw();
    const radius = row % 2 === 0 ? 1 : factor;
    x[at] = radius * Math.cos(angle) + noise * normal();
    x[at + 1] = radius * Math.sin(angle) + noise * normal();
    return row % 2;
  });
}

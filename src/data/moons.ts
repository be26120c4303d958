import { number } from "../options.ts";
import { standardNormal } from "../random.ts";
import type { Dataset } from "./examples.ts";
import { type GeneratorOptions, generate, readGenerator } from "./generator.ts";

/**
 * Generates two half circles that interlock, as scikit-learn's `make_moons`: for an angle t in [0, π), class 0
 * is at (cos t, sin t), class 1 at (1 - cos t, 0.5 - sin t). y is the class. The classes alternate from row to
 * row, and the angles are drawn, where scikit-learn spaces them evenly.
 *
 * Options: `examples` (1000) and `seed` (0) as for `xor`; `noise` (0), the standard deviation of what is added
 * to both values, at least 0.
 *
 * @example
 * ```ts
 * const data = moons({ examples: 500, noise: 0.1, seed: 1 });
 * ```
 *
 * @throws OptionError for an unknown option or a value out of range; KernelError if it does not fit in memory.
 */
export function moons(options: GeneratorOptions & { readonly noise?: number } = {}): Dataset<ArrayBuffer> {
  const own = { noise: number({ default: 0, minimum: 0 }) };
  const { rows, draw, noise } = readGenerator({ name: "moons", index: 1 }, own, options);
  const normal = standardNormal(draw);
  return generate(rows, 2, (x, at, row) => {
    const angle = Math.PI * draw();
    const isSecond = row % 2 === 1;
    x[at] = (isSecond ? 1 - Math.cos(angle) : Math.cos(angle)) + noise * normal();
    x[at + 1] = (isSecond ? 0.5 - Math.sin(angle) : Math.sin(angle)) + noise * normal();
    return isSecond ? 1 : 0;
  });
}

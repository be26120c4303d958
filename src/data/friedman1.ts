import { number, size } from "../options.ts";
import { standardNormal } from "../random.ts";
import type { Dataset } from "./examples.ts";
import { type GeneratorOptions, generate, readGenerator } from "./generator.ts";

/** The inputs that the target depends on. */
const RELEVANT = 5;

/**
 * Generates a regression problem (Friedman, "Multivariate adaptive regression splines", 1991; Breiman, 1996),
 * as scikit-learn's `make_friedman1`: the inputs are uniform in [0, 1), and
 * y = 10 sin(π x1 x2) + 20 (x3 - 0.5)² + 10 x4 + 5 x5 + noise · N(0, 1). Further inputs have no effect.
 *
 * Options: `examples` (1000) and `seed` (0) as for `xor`; `inputs` (10), at least 5; `noise` (0), the standard
 * deviation of what is added to y, at least 0.
 *
 * @example
 * ```ts
 * const data = friedman1({ examples: 500, noise: 1, seed: 1 });
 * ```
 *
 * @throws OptionError for an unknown option or a value out of range; KernelError if it does not fit in memory.
 */
export function friedman1(
  options: GeneratorOptions & { readonly inputs?: number; readonly noise?: number } = {},
): Dataset<ArrayBuffer> {
  const own = {
    inputs: size({ default: 10, minimum: RELEVANT }),
    noise: number({ default: 0, minimum: 0 }),
  };
  const { rows, draw, inputs, noise } = readGenerator({ name: "friedman1", index: 5 }, own, options);
  const normal = standardNormal(draw);
  return generate(rows, inputs, (x, at) => {
    for (let input = 0; input < inputs; input++) x[at + input] = draw();
    const [first, second, third, fourth, fifth] = x.subarray(at, at + RELEVANT);
    const curve = 10 * Math.sin(Math.PI * first * second) + 20 * (third - 0.5) ** 2;
    return curve + 10 * fourth + 5 * fifth + noise * normal();
  });
}

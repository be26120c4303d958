import { number, size } from "../options.ts";
import { standardNormal } from "../random.ts";
import type { Dataset } from "./examples.ts";
import { type GeneratorOptions, generate, readGenerator } from "./generator.ts";

/** The centers are in [-10, 10) in each dimension. */
const BOX = 10;

/**
 * Generates normally distributed clusters, as scikit-learn's `make_blobs`: each center is uniform in [-10, 10)
 * in each dimension. y is the cluster. The clusters alternate from row to row.
 *
 * Options: `examples` (1000) and `seed` (0) as for `xor`; `centers` (3), the number of clusters; `inputs` (2),
 * the number of dimensions; `stddev` (1), the standard deviation of a cluster in each dimension, at least 0.
 *
 * @example
 * ```ts
 * const data = blobs({ examples: 300, centers: 4, inputs: 2, seed: 1 });
 * ```
 *
 * @throws OptionError for an unknown option or a value out of range; KernelError if it does not fit in memory.
 */
export function blobs(
  options: GeneratorOptions & {
    readonly centers?: number;
    readonly inputs?: number;
    readonly stddev?: number;
  } = {},
): Dataset<ArrayBuffer> {
  const own = {
    centers: size({ default: 3 }),
    inputs: size({ default: 2 }),
    stddev: number({ default: 1, minimum: 0 }),
  };
  const source = { name: "blobs", index: 4 };
  const { rows, draw, centers, inputs, stddev } = readGenerator(source, own, options);
  const middles = Float64Array.from({ length: centers * inputs }, () => BOX * (2 * draw() - 1));
  const normal = standardNormal(draw);
  return generate(rows, inputs, (x, at, row) => {
    const center = row % centers;
    for (let input = 0; input < inputs; input++)
      x[at + input] = middles[center * inputs + input] + stddev * normal();
    return center;
  });
}

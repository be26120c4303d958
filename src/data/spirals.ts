import { number, size } from "../options.ts";
import { standardNormal } from "../random.ts";
import type { Dataset } from "./examples.ts";
import { type GeneratorOptions, generate, readGenerator } from "./generator.ts";

/**
 * Generates spirals that wind around each other: for a radius r in [0, 1), arm k of n is at the angle
 * 2π (turns · r + k / n). y is the arm. The arms alternate from row to row.
 *
 * Options: `examples` (1000) and `seed` (0) as for `xor`; `noise` (0), the standard deviation of what is added
 * to both values, at least 0; `arms` (2), at least 2; `turns` (1.75), above 0.
 *
 * @example
 * ```ts
 * const data = spirals({ examples: 600, arms: 3, turns: 1, noise: 0.02, seed: 1 });
 * ```
 *
 * @throws OptionError for an unknown option or a value out of range; KernelError if it does not fit in memory.
 */
export function spirals(
  options: GeneratorOptions & {
    readonly noise?: number;
    readonly arms?: number;
    readonly turns?: number;
  } = {},
): Dataset<ArrayBuffer> {
  const own = {
    noise: number({ default: 0, minimum: 0 }),
    arms: size({ default: 2, minimum: 2 }),
    turns: number({ default: 1.75, above: 0 }),
  };
  const { rows, draw, noise, arms, turns } = readGenerator({ name: "spirals", index: 3 }, own, options);
  const normal = standardNormal(draw);
  return generate(rows, 2, (x, at, row) => {
    const radius = draw();
    const arm = row % arms;
    const angle = 2 * Math.PI * (turns * radius + arm / arms);
    x[at] = radius * Math.cos(angle) + noise * normal();
    x[at + 1] = radius * Math.sin(angle) + noise * normal();
    return arm;
  });
}

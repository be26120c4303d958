/** What all generators of data share: their options, and the arrays that they fill. */
import { allocate } from "../memory.ts";
import { checkNames, completeOptions, type Options, type OptionValues, readSize } from "../options.ts";
import { purpose, uniform } from "../random.ts";
import { readSeed } from "../seed.ts";
import type { Dataset } from "./examples.ts";

/** Options that every generator has. */
export interface GeneratorOptions {
  /** The number of rows, at least 1; 1000 by default. */
  readonly examples?: number;
  /** A whole number from 0 to 2^53 - 1; 0 by default. */
  readonly seed?: number;
}

/** Where a generator's draws come from: its `index` among the generators makes them its own. */
interface Source {
  readonly name: string;
  readonly index: number;
}

/** Reads the options of a generator. `draw` returns uniform draws in [0, 1). */
export function readGenerator<O extends Options>({ name, index }: Source, options: O, given: object) {
  checkNames(given, ["examples", "seed", ...Object.keys(options)], name);
  const { examples = 1000, seed = 0, ...own } = given as GeneratorOptions;
  const rows = readSize(examples, `${name}: examples`);
  const draw = uniform(readSeed(seed, `${name}: seed`), { purpose: purpose.data, index });
  return { ...(completeOptions(options, own, name) as OptionValues<O>), rows, draw };
}

/** Fills a dataset with one output: `fill` writes a row of x, beginning at `at`, and returns its y. */
export function generate(
  rows: number,
  inputs: number,
  fill: (x: Float32Array, at: number, row: number) => number,
): Dataset<ArrayBuffer> {
  const x = allocate(rows * inputs, () => `${rows} rows of ${inputs} values`);
  const y = allocate(rows, () => `${rows} labels`);
  for (let row = 0; row < rows; row++) y[row] = fill(x, row * inputs, row);
  return { x, y, inputs, outputs: 1, rows };
}

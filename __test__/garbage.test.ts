/** A step of the typescript kernel allocates only its loss. */
import { describe, expect, test } from "vitest";
import * as activations from "../src/nn/activations.ts";
import * as optimizers from "../src/nn/optimizers.ts";
import type { AnyEntry, Complete, Option, Table } from "../src/options.ts";
import { runNode, script } from "./child.ts";
import { nameOf } from "./programs.ts";

/**
 * V8 collects garbage after a megabyte or more of new values. 100,000 steps that each leave one number of 16
 * bytes cause two collections; 1 to 5 were observed. An array per step causes 11, and a number for each value
 * in a step over a hundred.
 */
const MOST = 8;

/** Returns an entry with its defaults, and with everything that is off by default. */
function bothWays({ type, options }: AnyEntry<unknown>): Complete[] {
  const off = Object.entries(options as Record<string, Option<unknown>>).filter(
    ([, option]) => !option.default,
  );
  const on = off.map(([name, option]) => [name, option.default === false ? true : 0.1]);
  return [{ type }, { type, ...Object.fromEntries(on) }];
}

const cases = Object.values(optimizers as Table<unknown>).flatMap(bothWays);

describe("100,000 steps cause hardly any garbage collection, after any other training, with", async () => {
  const names = [Object.keys(activations), cases].map((list) => JSON.stringify(list));
  const { output, errors } = await runNode([script("collect-garbage.mjs"), ...names]);

  test.each(cases.map((entry, index) => [nameOf(entry), index] as const))("%s", (_, index) => {
    expect(errors).toBe("");
    expect(output).toMatch(/^(\d+\n)+$/);
    expect(Number(output.split("\n")[index])).toBeLessThanOrEqual(MOST);
  });
});

/** What a step of the typescript kernel leaves for the garbage collector: nothing but its loss. */
import { expect, test } from "vitest";
import * as activations from "../src/activations.ts";
import * as optimizers from "../src/optimizers.ts";
import { runNode, script } from "./child.ts";

/**
 * V8 collects once in a megabyte or more of new values. 100,000 steps that each leave one number, which takes
 * 16 bytes, make two; 2 to 10 were seen, by what V8 had compiled when. A number for each value that goes through
 * an activation would make over a hundred.
 */
const MOST = 24;

test("100,000 steps make next to no garbage, whatever was trained before them", async () => {
  const names = [activations, optimizers].map((table) => Object.keys(table).join(","));
  const { output, errors } = await runNode([script("collect-garbage.mjs"), ...names]);
  expect(errors).toBe("");
  expect(output).toMatch(/^\d+\n$/);
  expect(Number(output)).toBeLessThanOrEqual(MOST);
});

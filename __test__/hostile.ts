/** Shared by the tests of malformed model files: a model with nested layers, valid errors, random cases. */
import fc from "fast-check";
import { test } from "vitest";
import {
  dense,
  dropout,
  embedding,
  FormatError,
  type KernelChoice,
  KernelError,
  layerNorm,
  type Model,
  residual,
} from "../src/index.ts";
import { makeModel } from "./samples.ts";

/** Returns a model whose saved form has fields that few models have, such as layers within layers. */
export function nestedModel(kernel: KernelChoice): Model {
  return makeModel({
    layers: [
      embedding({ column: 1, categories: 2, units: 2 }),
      residual([layerNorm(), dense(3), dropout({ rate: 0.1 })]),
      dense(1, { l1: 0.1, trainable: false }),
    ],
    clipGradients: { norm: 1 },
    optimizer: "rmsprop",
    kernel,
  });
}

/** Returns whether malformed input may throw this error. A valid model may be too large for the memory. */
export function isValidRefusal(error: unknown): boolean {
  return (
    error instanceof FormatError || (error instanceof KernelError && error.message.includes("fit in memory"))
  );
}

/** The duration of a run of `npm run fuzz`, which sets the variable; otherwise 0. */
export const fuzzSeconds = Number(process.env.MYELIN_FUZZ_SECONDS ?? 0);

/** Adds a test that draws new cases for some seconds, `numRuns` at a time. scripts/fuzz.js uses its name. */
export function testRandomCases<Case>(
  seconds: number,
  numRuns: number,
  property: fc.IProperty<Case>,
  summary: string,
): void {
  test.runIf(seconds > 0)(
    "random cases of npm run fuzz (skipped without it)",
    () => {
      const end = Date.now() + seconds * 1000;
      let cases = 0;
      for (; Date.now() < end; cases += numRuns) fc.assert(property, { numRuns });
      console.log(`${cases} ${summary}`);
    },
    seconds * 1000 + 600_000,
  );
}

/**
 * What does not fit is refused before it is allocated: the operating system would end the process instead.
 */
import { totalmem } from "node:os";
import { describe, expect, test } from "vitest";
import { dense, KernelError, Model, sgd } from "../src/index.ts";
import { checkMemory } from "../src/memory.ts";
import { kernelNames } from "./kernels.ts";

test("more bytes than the host has are refused, with both figures", () => {
  expect(() => checkMemory(1e18, "these")).toThrow(
    /^these do not fit in memory: they need about 1.0e\+9 GB, .* GB are/,
  );
});

test("what fits is let through", () => {
  expect(() => checkMemory(1000, "these")).not.toThrow();
  expect(() => checkMemory(2 ** 28, "these")).not.toThrow();
});

// 2^30 units of three parameters each take 68 GB with their copies.
const small = totalmem() < 60e9;

describe.each(kernelNames)("the %s kernel", (kernel) => {
  const options = { inputs: 2, loss: "meanSquaredError", optimizer: sgd(), kernel } as const;

  test.runIf(small)("refuses parameters that do not fit (skipped where 60 GB do)", () => {
    expect(() => new Model({ ...options, layers: [dense(2 ** 30)] })).toThrow(KernelError);
  });

  test.runIf(small)(
    "refuses a batch whose values do not fit, and can still train (skipped where 60 GB do)",
    () => {
      const model = new Model({ ...options, inputs: 1, layers: [dense(2 ** 24), dense(1)], seed: 1 });
      const x = new Float32Array(4096);
      const y = new Float32Array(4096);
      expect(() => model.fitSync(x, y, { batchSize: 4096 })).toThrow(
        /values of \d+ rows do not fit in memory/,
      );
      expect(model.fitSync([[1]], [1]).loss).toHaveLength(1);
    },
  );
});

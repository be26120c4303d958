/**
 * Memory that does not fit is refused before it is allocated, because the operating system would end the
 * process. The memory of a call is freed when it ends.
 */
import { spawnSync } from "node:child_process";
import { totalmem } from "node:os";
import { describe, expect, test } from "vitest";
import { configure } from "../src/formats/configuration.ts";
import { adam, dense, embedding, KernelError, Model, sgd } from "../src/index.ts";
import { chooseKernel } from "../src/kernel/choose.ts";
import { allocate, checkLists, checkMemory } from "../src/memory.ts";
import { toProgram } from "../src/nn/program.ts";
import { runNode, script } from "./child.ts";
import { kernelNames } from "./kernels.ts";

test("more bytes than the host has are refused, and the error has both numbers", () => {
  expect(() => checkMemory(1e18, "these")).toThrow(
    /^these do not fit in memory: they need about 1.0e\+9 GB, .* GB are/,
  );
});

test("bytes that fit are accepted", () => {
  expect(() => checkMemory(1000, "these")).not.toThrow();
  expect(() => checkMemory(2 ** 28, "these")).not.toThrow();
});

test("arrays and lists are refused by the bytes that they need", () => {
  expect(() => allocate(1e17, () => "rows")).toThrow(
    /^rows do not fit in memory: they need about 4.0e\+8 GB/,
  );
  expect(() => checkLists(1e9, 1, "numbers")).toThrow(/^numbers do not fit in memory: they need about 16 GB/);
  expect(() => checkLists(1e9 / 64, 1e9, "lists")).toThrow(/^lists do not fit in memory/);
  expect(allocate(3, "three")).toEqual(new Float32Array(3));
});

/** The data of these processes causes warnings, which are not tested here. */
const environment = { NODE_NO_WARNINGS: "1" };

/** Whether a process can limit its own memory. */
const limits = process.platform === "linux" && spawnSync("prlimit", ["--version"]).status === 0;

// 2^30 units of three parameters each take 68 GB with their copies.
const small = totalmem() < 60e9;

describe.each(kernelNames)("the %s kernel", (kernel) => {
  const options = { inputs: 2, loss: "meanSquaredError", optimizer: sgd(), kernel } as const;

  test.runIf(small)("refuses parameters that do not fit (skipped if 60 GB fit)", () => {
    expect(() => new Model({ ...options, layers: [dense(2 ** 30)] })).toThrow(KernelError);
  });

  test.runIf(small)(
    "refuses a batch whose values do not fit, and can still train (skipped if 60 GB fit)",
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

  test("frees the memory of a call when it ends, and that of a model when it is disposed", async () => {
    const given = ["--expose-gc", script("repeated-calls.mjs"), kernel];
    const { status, output, errors } = await runNode(given, { environment });
    expect(errors).toBe("");
    expect(status).toBe(0);
    const growth: Record<string, number> = JSON.parse(output);
    expect(Object.entries(growth).filter(([, megabytes]) => megabytes > 50)).toEqual([]);
  });

  test.runIf(limits)(
    "refuses calls that need more memory than available, and the process continues",
    async () => {
      const given = ["--expose-gc", script("short-of-memory.mjs"), kernel];
      const { status, output, errors } = await runNode(given, { environment });
      expect(errors).toBe("");
      expect(status).toBe(0);
      const { calls, addon, epochs } = JSON.parse(output);
      // With metrics, `evaluate` needs the predictions of all rows.
      expect(Object.entries(calls).filter(([, end]) => end !== "MYELIN_KERNEL")).toEqual([]);
      expect(
        Object.entries(addon).filter(([, end]) => !/out of memory|not fit in memory/.test(String(end))),
      ).toEqual([]);
      expect(epochs).toBe(1);
    },
  );

  test.runIf(kernel === "wasm").each(["fit", "fitSync"])(
    "keeps its size while 10,000 models are made, trained with %s and dropped",
    async (call) => {
      const { status, output, errors } = await runNode([script("dropped-models.mjs"), kernel, call], {
        timeout: 300_000,
        environment,
      });
      expect(errors).toBe("");
      expect(status).toBe(0);
      // Without moving networks out, fitSync leaves 460 MB.
      expect(JSON.parse(output)).toBeLessThan(70);
    },
    300_000,
  );

  const footprint = (layers: object[], inputs = 1, optimizer: object = sgd()) => {
    const given = { inputs, layers, loss: "meanSquaredError", optimizer } as never;
    return chooseKernel(kernel).kernel.footprint(toProgram(configure(given)));
  };

  test("needs no more for a table of narrow entries than for its numbers", () => {
    const [categories, values] = [1_000_000, 4_000_000];
    for (const [optimizer, slots] of [
      [sgd(), 0],
      [adam(), 2],
    ] as const) {
      // Each with the copy of the last complete epoch, and the gradient.
      const bytes = values * (2 * (1 + slots) + 1);
      for (const units of [1, 3]) {
        const { network } = footprint([embedding({ column: 0, categories, units })], 1, optimizer);
        expect(network).toBeGreaterThanOrEqual(units * bytes);
        expect(network).toBeLessThan(units * bytes + 1000);
      }
    }
  });

  test("counts the memory of narrow layers", () => {
    const lanes = kernel === "typescript" ? 1 : 16;
    const padded = (width: number) => Math.ceil(width / lanes) * lanes;
    const floats = (count: number) => 4 * 3 * count;
    expect(footprint([dense(17)], 1000).network).toBe(floats(1000 * padded(17) + padded(17)));
    expect(footprint([dense(1)], 1000).network).toBe(floats(padded(1000) + padded(1)));
    // Values and gradient of the output, the input, the target.
    expect(footprint([dense(3)], 5).row).toBe(4 * (2 * padded(3) + padded(5) + padded(3)));
  });
});

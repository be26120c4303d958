/**
 * Trainings in worker threads, and processes that end while one runs: the addon outlives nobody and crashes
 * nobody.
 */
import { describe, expect, test } from "vitest";
import { runNode, script } from "./child.ts";
import { kernelNames } from "./kernels.ts";

/** How many workers are terminated: more if one says so. */
const workers = Number(process.env.MYELIN_WORKERS ?? 20);

describe.each(kernelNames)("on the %s kernel", (kernel) => {
  test("workers train at once with the main thread, to the same bits, and exit by themselves", async () => {
    const { status, output, errors } = await runNode([script("train-in-workers.mjs"), kernel]);
    expect(errors).toBe("");
    expect(status).toBe(0);
    expect(JSON.parse(output)).toEqual([
      { code: 0, same: true },
      { code: 0, same: true },
    ]);
  });

  test("workers that are terminated in the middle of fit leave the process alive", async () => {
    const { status, output, errors } = await runNode(
      [script("terminate-workers.mjs"), kernel, String(workers)],
      { timeout: 600_000 },
    );
    expect(errors).toBe("");
    expect(status).toBe(0);
    expect(JSON.parse(output)).toEqual({ rounds: workers, epochs: 2 });
  }, 600_000);

  test("a process exits by itself after fit", async () => {
    expect(await runNode([script("exit.mjs"), kernel, "after"])).toEqual({
      status: 0,
      output: "trained\n",
      errors: "",
    });
  });

  test("a process that exits in the middle of fit exits with its own code", async () => {
    expect(await runNode([script("exit.mjs"), kernel, "exit"])).toMatchObject({ status: 3, errors: "" });
  });

  test("a process that fails in the middle of fit says why", async () => {
    const { status, errors } = await runNode([script("exit.mjs"), kernel, "throw"]);
    expect(status).toBe(1);
    expect(errors).toContain("Error: of the script");
  });
});

/**
 * Trainings in worker threads, and processes that end during one: the addon keeps no process alive and
 * crashes none.
 */
import { describe, expect, test } from "vitest";
import { runNode, script } from "./child.ts";
import { kernelNames } from "./kernels.ts";

/** The number of workers that are terminated. An environment variable can raise it. */
const workers = Number(process.env.MYELIN_WORKERS ?? 20);

describe.each(kernelNames)("on the %s kernel", (kernel) => {
  test("workers train at the same time as the main thread, with the same bits, and exit by themselves", async () => {
    const { status, output, errors } = await runNode([script("train-in-workers.mjs"), kernel]);
    expect(errors).toBe("");
    expect(status).toBe(0);
    expect(JSON.parse(output)).toEqual([
      { code: 0, same: true },
      { code: 0, same: true },
    ]);
  });

  test("workers that are terminated during fit do not end the process", async () => {
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

  test("a process that exits during fit exits with its own code", async () => {
    expect(await runNode([script("exit.mjs"), kernel, "exit"])).toMatchObject({ status: 3, errors: "" });
  });

  test("a process that fails during fit prints the error", async () => {
    const { status, errors } = await runNode([script("exit.mjs"), kernel, "throw"]);
    expect(status).toBe(1);
    expect(errors).toContain("Error: of the script");
  });
});

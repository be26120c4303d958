/** If the system cannot start a thread, a training off the event loop is refused and the process can end. */
import { describe, expect, test } from "vitest";
import { runNode, script } from "./child.ts";
import { kernelNames } from "./kernels.ts";

/** Stacks of this size exceed any address space, so no thread of the native kernel starts. */
const environment = { RUST_MIN_STACK: String(2 ** 60), NODE_NO_WARNINGS: "1" };
const trains = "done";

const expected = {
  native: expect.stringMatching(/cannot create a thread for the training.*fitSync/),
  wasm: trains,
  typescript: trains,
};

describe.each(kernelNames)("on the %s kernel, without threads", (kernel) => {
  test("each call ends, and so does the process", async () => {
    const { status, output, errors } = await runNode([script("no-threads.mjs"), kernel], { environment });
    expect(errors).toBe("");
    expect(status).toBe(0);
    const later = expected[kernel];
    expect(JSON.parse(output)).toEqual({
      fit: later,
      epochs: later,
      trainMany: later,
      crossValidate: later,
      search: later,
      findLearningRate: later,
      fitSync: trains,
      trainOnBatch: trains,
      predict: trains,
    });
  });
});

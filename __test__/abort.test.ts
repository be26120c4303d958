/** One signal shared by many calls. */
import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { onAbort } from "../src/abort.ts";
import { type Model, trainMany } from "../src/index.ts";
import { kernelNames } from "./kernels.ts";
import { data, makeModel } from "./samples.ts";

test("a signal calls every subscriber once, and has one listener while there are subscribers", () => {
  const abort = new AbortController();
  const { signal } = abort;
  const called: number[] = [];
  const ends = [0, 1, 2].map((index) => onAbort(signal, () => void called.push(index)));
  expect(getEventListeners(signal, "abort")).toHaveLength(1);
  ends[1]!();
  abort.abort();
  expect(called).toEqual([0, 2]);
  for (const end of ends) end();
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
});

test("signals are independent, and a new subscription is called again", () => {
  const [first, second] = [new AbortController(), new AbortController()];
  const called: string[] = [];
  onAbort(first.signal, () => void called.push("first"))();
  onAbort(first.signal, () => void called.push("first again"));
  onAbort(second.signal, () => void called.push("second"));
  first.abort();
  expect(called).toEqual(["first again"]);
});

test.each(kernelNames)(
  "a dozen trainings share a signal on the %s kernel without a warning, and it stops all",
  async (kernel) => {
    const warnings: Error[] = [];
    const listen = (warning: Error) => void warnings.push(warning);
    process.on("warning", listen);
    const abort = new AbortController();
    const { signal } = abort;
    const options = { epochs: 1e6, signal };
    const models = Array.from({ length: 40 }, () => makeModel({ kernel }));
    const calls = models.map((model) => model.fit(data, options));
    calls.push(trainMany([makeModel({ kernel })] satisfies Model[], data, options) as Promise<never>);
    const ended = Promise.allSettled(calls);
    await new Promise((resolve) => setImmediate(resolve));
    expect(getEventListeners(signal, "abort")).toHaveLength(1);
    abort.abort("enough");
    for (const { status } of await ended) expect(status).toBe("rejected");
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
    await new Promise((resolve) => setImmediate(resolve));
    process.off("warning", listen);
    expect(warnings).toEqual([]);
  },
);

// What decides the bits of a table model: the seed, and neither threads nor the process; kernels differ by rounding.
import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { fitTable, type TableModel } from "../../src/table/index.ts";
import { runNode } from "../child.ts";
import { houses } from "./houses.ts";

const rows = houses(80).map(({ sold, ...row }) => ({ ...row, sold: sold.toISOString() }));
const options = { quality: "fast", networks: 2, seed: 5, columns: { kind: "ignore" } } as const;
const hashOf = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

test("1, 2 and 3 threads give the same bits", async () => {
  const hashes = [];
  for (const threads of [1, 2, 3]) {
    const model = await fitTable(rows, { ...options, target: "price", quantiles: [0.1, 0.9], threads });
    hashes.push(hashOf(model.toBytes()));
    model.dispose();
  }
  expect(new Set(hashes).size).toBe(1);
});

test("two processes give the same bits", async () => {
  const source = `
    import { createHash } from "node:crypto";
    const { fitTable } = await import(${JSON.stringify(new URL("../../dist/table/index.js", import.meta.url).href)});
    const model = await fitTable(${JSON.stringify(rows)}, { ...${JSON.stringify(options)}, target: "price" });
    console.log(createHash("sha256").update(model.toBytes()).digest("hex"));`;
  const run = async () => {
    const { output, errors } = await runNode(["--input-type=module", "--eval", source]);
    expect(errors).toBe("");
    return output.trim();
  };
  const [first, second] = await Promise.all([run(), run()]);
  expect(first).toMatch(/^[0-9a-f]{64}$/);
  expect(second).toBe(first);
});

/**
 * The kernels sum in another order, so that their weights differ in the last bits; an epoch more or less before the
 * training ends makes another network.
 */
const TOLERANCE = 0.05;

describe.each(["wasm", "typescript"] as const)("the %s kernel trains as the native one", (other) => {
  test("to the same answers within 5 % of the range", async () => {
    const train = async (kernel: "native" | typeof other) =>
      await fitTable(rows, { ...options, networks: 1, target: "price", kernel });
    const models: TableModel[] = [await train("native"), await train(other)];
    const prices = rows.map(({ price }) => price);
    const range = Math.max(...prices) - Math.min(...prices);
    const [native, others] = models.map((model) => model.predict(rows).map(({ value }) => value as number));
    for (const [at, value] of native.entries())
      expect(Math.abs(value - others[at])).toBeLessThan(TOLERANCE * range);
    // The same file, on either kernel.
    const [, own] = models;
    expect(own.scores.r2).toBeGreaterThan(0.8);
    for (const model of models) model.dispose();
  });

  test("to the same probabilities within 0.05", async () => {
    const given = { ...options, columns: { price: "ignore" }, networks: 1, target: "kind" } as const;
    const answers = [];
    for (const kernel of ["native", other] as const) {
      const model = await fitTable(rows, { ...given, kernel });
      answers.push(model.predict(rows).map(({ probabilities }) => (probabilities as { dear: number }).dear));
      model.dispose();
    }
    for (const [at, share] of answers[0].entries())
      expect(Math.abs(share - answers[1][at])).toBeLessThan(TOLERANCE);
  });
});

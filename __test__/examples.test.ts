import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";

// The examples print their results.
const lines: string[] = [];
beforeAll(() => {
  vi.spyOn(console, "log").mockImplementation((line) => lines.push(line));
});
afterAll(() => vi.restoreAllMocks());

describe("the examples prove their claims", () => {
  test("xor.js: the article's network learns the exclusive or", async () => {
    const { history, predictions } = await import("../examples/xor.js");
    expect(history.loss).toHaveLength(300);
    expect(history.loss[299]).toBeLessThan(0.06);
    expect(predictions).toHaveLength(1000);
    const accuracy = lines.find((line) => line.startsWith("accuracy at 0.5: "));
    expect(Number.parseFloat(accuracy?.split(": ")[1] ?? "")).toBeGreaterThan(95);
  });

  test("cross-entropy.js: cross-entropy separates the classes better than the mean squared error, by the median", async () => {
    const { squares, entropy } = await import("../examples/cross-entropy.js");
    expect(squares[2]).toBeGreaterThan(96);
    expect(entropy[2]).toBeGreaterThan(squares[2]);
    expect(lines).toContainEqual(expect.stringMatching(/^cross-entropy: .*; median 9\d\.\d$/));
  });

  test("diabetes.js: a small network explains at least 0.40 of the variance on held-out rows", async () => {
    const { r2 } = await import("../examples/diabetes.js");
    expect(r2).toBeGreaterThanOrEqual(0.4);
    expect(lines).toContain(`R² on 89 held-out rows: ${r2.toFixed(3)}`);
  });

  test("search.js: an ensemble of the best candidates classifies at least 90 % of the held-out flowers correctly", async () => {
    const { accuracy, result } = await import("../examples/search.js");
    expect(result.rows).toHaveLength(16);
    expect(accuracy).toBeGreaterThanOrEqual(0.9);
  });

  test("understand.js: the step has its formulas, the gradients are correct, the noise column is unimportant", async () => {
    const { check, explanation, found, shares } = await import("../examples/understand.js");
    expect(lines).toContain(`${explanation}\n`);
    expect(explanation.text).toContain("∂E/∂x₁ = g₁ tanh′(");
    expect(check.passes).toBe(true);
    const [first, second, noise] = found.columns.map(({ mean }) => mean);
    expect(Math.min(first, second)).toBeGreaterThan(0.2);
    expect(Math.abs(noise)).toBeLessThan(0.05);
    expect(shares).toHaveLength(3);
  });

  test("understand.js: it runs on this Node with the built package", () => {
    const file = fileURLToPath(new URL("../examples/understand.js", import.meta.url));
    const { status, stdout } = spawnSync(process.execPath, [file], { encoding: "utf8" });
    expect({ status, output: stdout.trim() }).toEqual({
      status: 0,
      output: expect.stringContaining("x1, x2 and noise add to the prediction: "),
    });
  });

  test.each(["native", "wasm", "typescript"])("worker/node.js: a worker thread trains on %s", (kernel) => {
    const file = fileURLToPath(new URL("../examples/worker/node.js", import.meta.url));
    const env = { ...process.env, MYELIN_KERNEL: kernel };
    const { status, stdout, stderr } = spawnSync(process.execPath, [file], { encoding: "utf8", env });
    expect({ status, stderr, output: stdout.trim() }).toEqual({
      ...{ status: 0, stderr: "" },
      output: expect.stringMatching(new RegExp(`^${kernel}: loss 0\\.06\\d+, prediction 1\\.1\\d+$`)),
    });
  });
});

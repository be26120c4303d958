/** Real tables are learned as well as docs/accuracy.md says, and MNIST's files are found and read. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { runNode } from "./child.ts";

interface Line {
  readonly name: string;
  readonly atLeast: number;
  readonly reached: Readonly<Record<string, readonly number[]>>;
}

const folder = mkdtempSync(join(tmpdir(), "myelin-accuracy-test-"));
afterAll(() => rmSync(folder, { recursive: true }));

async function run(script: string, ...options: string[]) {
  const json = join(folder, `${options.join("")}.json`);
  const { status, errors } = await runNode([script, ...options, "--json", json]);
  expect(status, errors).toBe(0);
  return JSON.parse(readFileSync(json, "utf8"));
}

const small = "iris,wine,breast_cancer,diabetes";

// The TypeScript kernel takes ten times as long for the digits as for all other tables, so it uses one seed.
test.each([
  { kernel: "native", only: `${small},digits`, seeds: 5 },
  { kernel: "typescript", only: small, seeds: 5 },
  { kernel: "typescript", only: "digits", seeds: 1 },
])("the $kernel kernel learns $only: the median of $seeds", async ({ kernel, only, seeds }) => {
  const given = ["--kernel", kernel, "--only", only, "--seeds", String(seeds)];
  const { lines } = await run("bench/accuracy.js", ...given);
  expect(lines.map(({ name }: Line) => name).sort()).toEqual(only.split(",").sort());
  for (const { name, atLeast, reached } of lines as Line[]) {
    expect(reached[kernel], name).toHaveLength(seeds);
    const median = [...reached[kernel]].sort((a, b) => a - b)[Math.floor(seeds / 2)];
    expect(median, name).toBeGreaterThanOrEqual(atLeast);
  }
});

test("one epoch of MNIST reaches 95 % on the test's digits", async () => {
  const given = ["--only", "Myelin", "--seeds", "1", "--epochs", "1", "--cores", "all"];
  const [{ accuracy }] = await run("bench/mnist.js", ...given);
  expect(accuracy).toBeGreaterThan(0.95);
});

/**
 * The benchmark runs: every workload on both kernels, so small that it takes seconds. Its numbers mean
 * nothing here.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { runNode } from "./child.ts";

interface Participant {
  readonly name: string;
  readonly cores: "one" | "all";
  readonly trouble?: string;
  readonly check?: number;
  readonly microseconds: { readonly median: number };
}

const folder = mkdtempSync(join(tmpdir(), "myelin-bench-test-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("the quick benchmark measures both kernels, which learn the same", async () => {
  const json = join(folder, "results.json");
  const given = ["bench/main.js", "--quick", "--only", "native,typescript", "--json", json];
  const { status, output, errors } = await runNode(given);
  expect(status, errors).toBe(0);

  const { works } = JSON.parse(readFileSync(json, "utf8"));
  expect(works.length).toBeGreaterThan(15);
  for (const { name, peak, participants } of works) {
    expect(peak.one, name).toBeGreaterThan(1e9);
    expect(participants.length, name).toBeGreaterThan(0);
    for (const of of participants as Participant[]) {
      expect(of.trouble, `${name}: ${of.name}`).toBeUndefined();
      expect(of.microseconds.median, `${name}: ${of.name}`).toBeGreaterThan(0);
      if (of.check !== undefined) expect(of.check / participants[0].check, name).toBeCloseTo(1, 3);
    }
  }
  expect(output).toContain("the article's run");
});

test("an unknown name is refused with the list of names", async () => {
  const { status, errors } = await runNode(["bench/main.js", "--work", "nonsense"]);
  expect(status).not.toBe(0);
  expect(errors).toMatch(/--work: expected any of article, .*received nonsense/);
});

test("the benchmark of entries measures the entries of a kind beside their sibling", async () => {
  const given = ["bench/entries.js", "--only", "optimizers", "--rounds", "1", "--seconds", "0.001"];
  const { status, output, errors } = await runNode(given);
  expect(status, errors).toBe(0);
  expect(output).toMatch(/^\| optimizers: adam +\| +[\d.]+ \| +[\d.]+ × adam \|/m);
});

/** `myelin generate`, with its output in a pipe and in files. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { blobs, friedman1, moons } from "../../src/index.ts";
import { readTable } from "../../src/table/index.ts";
import { root, runNode } from "../child.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "myelin-generate-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const generate = (...given: string[]) =>
  runNode([join(root, "dist", "cli", "main.js"), "generate", ...given], { folder });

/** The cells of a table, as 32-bit floats. */
async function numbersOf(text: string, format: "csv" | "tsv" | "jsonl") {
  const frame = await readTable(text, { format });
  return {
    names: frame.names,
    columns: frame.names.map((name) => Float32Array.from(frame.cells.get(name) as number[])),
  };
}

test.each(["blobs", "circles", "friedman1", "moons", "spirals", "xor"])("%s", async (name) => {
  const { status, output, errors } = await generate(name, "--examples", "5");
  expect([status, errors]).toEqual([0, ""]);
  expect(output.split("\n")).toHaveLength(7);
  expect(output).toMatch(/^x1,x2(,x\d+)*,y\n/);
});

describe("writes the numbers of the generator, without loss", () => {
  const { x, y } = moons({ examples: 300, seed: 7, noise: 0.25 });
  const column = (at: number) => Float32Array.from({ length: 300 }, (_, row) => x[2 * row + at]);

  test.each(["csv", "tsv", "jsonl"] as const)("as %s", async (format) => {
    const given = ["moons", "--examples", "300", "--seed", "7", "--noise", "0.25"];
    const file = `moons.${format}`;
    const { output } = await generate(...given, "-o", file);
    expect(output).toBe(`wrote 300 rows to ${file}\n`);
    const text = readFileSync(join(folder, file), "utf8");
    expect((await generate(...given, "--to", format)).output).toBe(text);
    const { names, columns } = await numbersOf(text, format);
    expect(names).toEqual(["x1", "x2", "y"]);
    expect(columns).toEqual([column(0), column(1), y]);
  });

  test("as one JSON document", async () => {
    const { output } = await generate("friedman1", "--examples", "3", "--inputs", "6", "--json");
    const data = friedman1({ examples: 3, inputs: 6 });
    const found = JSON.parse(output) as Record<string, number>[];
    expect(Float32Array.from(found, ({ y }) => y)).toEqual(data.y);
    expect(Object.keys(found[0])).toEqual(["x1", "x2", "x3", "x4", "x5", "x6", "y"]);
  });

  test("of more rows than are written at a time", async () => {
    const { output } = await generate("blobs", "--examples", "9001", "--centers", "2", "--stddev", "0.5");
    const { columns } = await numbersOf(output, "csv");
    expect(columns[2]).toEqual(blobs({ examples: 9001, centers: 2, stddev: 0.5 }).y);
  });
});

test("--json with a file tells what was written", async () => {
  const { output } = await generate("xor", "-o", "xor.csv", "--json");
  expect(JSON.parse(output)).toEqual({ file: "xor.csv", rows: 1000, columns: ["x1", "x2", "y"] });
});

test.each<[given: string[], status: number, message: RegExp]>([
  [["mons"], 2, /'mons' is invalid for argument 'name'\. Did you mean moons\? Allowed choices are blobs/],
  [["moons", "--factor", "1"], 2, /moons: unknown option "factor"\. Expected one of: examples, seed, noise/],
  [["moons", "--noise", "-1"], 2, /moons: noise: expected a finite number of at least 0/],
  [["moons", "-o", "moons.xls"], 2, /the format of "moons\.xls" is unknown\. Fix: end its name with \.csv/],
  [["moons", "-o", "no/moons.csv"], 1, /"no\/moons\.csv" cannot be written: there is no such file or folder/],
  [["moons", "-o", ".", "--to", "csv"], 1, /"\." cannot be written: it is a folder/],
])("%j is one line with exit code %i", async (given, expected, message) => {
  const before = readdirSync(folder);
  const { status, output, errors } = await generate(...given);
  expect(errors).toMatch(message);
  expect(errors.trimEnd().split("\n")).toHaveLength(1);
  expect([status, output]).toEqual([expected, ""]);
  expect(readdirSync(folder)).toEqual(before);
});

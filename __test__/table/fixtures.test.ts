// Files of table models of earlier versions are read, and answer the same.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { loadTable, TableModel } from "../../src/table/index.ts";
import { headerOf } from "../headers.ts";
import { kernelNames } from "../kernels.ts";

const folder = fileURLToPath(new URL("../fixtures/table-models/", import.meta.url));
const names = readdirSync(folder, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".expected.json"))
  .map((file) => file.slice(0, -".expected.json".length));

/** Expects the same values; numbers to six digits, because the kernels round differently. */
function expectSame(found: unknown, expected: unknown, place: string): void {
  if (typeof expected === "number") {
    const tolerance = 1e-5 * Math.max(1, Math.abs(expected));
    expect(Math.abs((found as number) - expected), place).toBeLessThanOrEqual(tolerance);
  } else if (typeof expected === "object" && expected !== null) {
    expect(Object.keys(found as object), place).toEqual(Object.keys(expected));
    for (const [name, value] of Object.entries(expected))
      expectSame((found as Record<string, unknown>)[name], value, `${place}.${name}`);
  } else expect(found, place).toEqual(expected);
}

test("every version of the format has files", () => {
  expect(new Set(names.map((name) => name.split(/[\\/]/)[0]))).toEqual(new Set(["version-1"]));
  expect(names).toHaveLength(4);
});

describe.each(names)("%s", (name) => {
  const path = join(folder, `${name}.safetensors`);
  const expected = JSON.parse(readFileSync(join(folder, `${name}.expected.json`), "utf8"));

  test.each(kernelNames)("answers and evaluates as recorded, on the %s kernel", async (kernel) => {
    const model = await loadTable(path, { kernel });
    expectSame(model.predict(expected.rows), expected.answers, "answers");
    for (const [at, row] of expected.rows.entries())
      expectSame(model.predict(row), expected.answers[at], `answer ${at}`);
    expectSame(model.evaluate(expected.evaluated), expected.scores, "scores");
    model.dispose();
  });

  test("says of itself what was recorded", () => {
    const model = TableModel.fromBytes(readFileSync(path));
    const { scores, leaderboard, notes, targets, columns } = model;
    const { reported, ...others } = expected;
    expect(JSON.parse(JSON.stringify({ scores, leaderboard, notes, targets, columns }))).toEqual({
      scores: reported,
      leaderboard: others.leaderboard,
      notes: others.notes,
      targets: others.targets,
      columns: others.columns,
    });
    expect(model.summary()).toContain("rows");
    // Written again it is the same model.
    const again = TableModel.fromBytes(model.toBytes());
    expect(again.predict(expected.rows)).toEqual(model.predict(expected.rows));
    for (const one of [model, again]) one.dispose();
  });
});

test("the files have every type of column, and what fitTable writes alone", () => {
  const read = (name: string) =>
    JSON.parse(
      JSON.parse(headerOf(readFileSync(join(folder, "version-1", `${name}.safetensors`)))).__metadata__[
        "myelin-table"
      ],
    );
  const types = new Set(read("classes").columns.map(({ type }: { type: string }) => type));
  expect(types).toEqual(new Set(["number", "category", "boolean", "date", "text"]));
  expect(read("fitted").targets[0].description).toMatchObject({
    positive: false,
    threshold: expect.any(Number),
  });
  expect(read("quantiles").targets[0].quantiles.networks).toHaveLength(3);
  expect(read("targets").targets).toHaveLength(2);
});

// Splits of tables and cross-validation: shares, classes, groups and times stay as they should.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { dealRows } from "../../src/table/folds.ts";
import { Frame } from "../../src/table/frame.ts";
import { crossValidateTable, fitTable, splitTable } from "../../src/table/index.ts";
import { readTarget } from "../../src/table/target.ts";
import { houses } from "./houses.ts";

const cases = JSON.parse(readFileSync(new URL("../fixtures/table/cases.json", import.meta.url), "utf8"));
const classes: number[] = cases.stratified.classes;
const labeled = classes.map((name, row) => ({ row, kind: `class ${name}` }));
const count = (rows: readonly { kind: string }[]) =>
  [0, 1, 2, 3].map((name) => rows.filter(({ kind }) => kind === `class ${name}`).length);

describe("splitTable", () => {
  test("gives the test a fifth of the rows, every row once, in the order of the table", () => {
    const rows = Array.from({ length: 101 }, (_, row) => ({ row }));
    const { training, test: held, testRows } = splitTable(rows, { seed: 1 });
    expect([training.length, held.length]).toEqual([80, 21]);
    expect(Array.from(testRows, (row) => rows[row])).toEqual(held);
    expect([...training, ...held].sort((a, b) => a.row - b.row)).toEqual(rows);
    for (const part of [training, held]) expect(part).toEqual(part.toSorted((a, b) => a.row - b.row));
    expect(training[0]).toBe(rows.find((row) => training.includes(row)));
    expect(splitTable(rows, { seed: 1 })).toEqual({ training, test: held, testRows });
    expect(splitTable(rows, { seed: 2 }).test).not.toEqual(held);
  });

  test("gives the test its share of each class, as scikit-learn", () => {
    const { training, test: held } = splitTable(labeled, { target: "kind", seed: 1 });
    expect(count(held)).toEqual(cases.stratified.test);
    expect(training).toHaveLength(80);
    const drawn = splitTable(labeled, { seed: 1 });
    expect(count(drawn.test)).not.toEqual(cases.stratified.test);
  });

  test("gives the test its share of the small, the middling and the large numbers", () => {
    const rows = Array.from({ length: 200 }, (_, at) => ({ price: ((at * 37) % 200) ** 2 + 0.5 }));
    const sorted = rows.map(({ price }) => price).sort((a, b) => a - b);
    const { test: held } = splitTable(rows, { target: "price", share: 0.3, seed: 3 });
    const tenths = Array.from({ length: 10 }, (_, tenth) => {
      const [low, high] = [sorted[20 * tenth], sorted[20 * tenth + 19]];
      return held.filter(({ price }) => price >= low && price <= high).length;
    });
    expect(tenths).toEqual(new Array(10).fill(6));
  });

  test("keeps groups together, in a test of about the share", () => {
    const groups: number[] = cases.groups.groups;
    for (let seed = 0; seed < 20; seed++) {
      const rows = groups.map((group, row) => ({ group, row }));
      const { training, test: held } = splitTable(rows, { groups: "group", share: 0.3, seed });
      const own = new Set(held.map(({ group }) => group));
      expect(training.filter(({ group }) => own.has(group))).toEqual([]);
      expect(Math.abs(held.length - 15)).toBeLessThanOrEqual(4);
    }
    const one = splitTable(labeled, { groups: classes.map((name) => name % 2), seed: 1 });
    expect(new Set(one.test.map(({ row }) => classes[row] % 2)).size).toBe(1);
  });

  test("gives the test the latest rows, and no row of a time in both parts", () => {
    const rows = Array.from({ length: 50 }, (_, at) => ({ day: `2024-01-${10 + ((at * 7) % 10)}`, at }));
    const { training, test: held } = splitTable(rows, { time: "day", share: 0.15 });
    const last = training
      .map(({ day }) => day)
      .sort()
      .at(-1) as string;
    expect(held.every(({ day }) => day > last)).toBe(true);
    expect(held).toHaveLength(10);
  });

  test("answers in the form of the table", () => {
    const columns = { a: [1, 2, 3, 4], b: Float32Array.of(1, 2, 3, 4), c: Buffer.from([1, 2, 3, 4]) };
    const { training, test: held } = splitTable(columns, { share: 0.5, seed: 1 });
    expect(held.b).toBeInstanceOf(Float32Array);
    expect(held.c).toBeInstanceOf(Uint8Array);
    expect([...held.c, ...training.c].sort()).toEqual([1, 2, 3, 4]);
    expect([Array.from(held.b), Array.from(held.c)]).toEqual([held.a, held.a]);
    expect(Array.from(columns.c)).toEqual([1, 2, 3, 4]);
    const frame = new Frame(new Map([["a", [1, 2, 3, 4]]]), 4);
    const parts = splitTable(frame, { share: 0.5, seed: 1 });
    expect(parts.test).toBeInstanceOf(Frame);
    expect(parts.test.cells.get("a")).toEqual(held.a);
    function* generate() {
      yield* labeled;
    }
    expect(splitTable(generate(), { seed: 1 })).toEqual(splitTable(labeled, { seed: 1 }));
  });

  test("refuses what leaves nothing, and what it does not know", () => {
    expect(() => splitTable(labeled.slice(0, 1))).toThrow("expected at least 2 rows, received 1");
    expect(() => splitTable(labeled.slice(0, 2), { share: 0.9 })).toThrow(/training part would have no rows/);
    expect(() => splitTable(labeled, { share: 1 })).toThrow("above 0 and below 1");
    expect(() => splitTable(labeled, { target: "kin" })).toThrow(/Did you mean "kind"/);
    expect(() => splitTable(labeled, { tget: "kind" } as object)).toThrow(/unknown option "tget"/);
    expect(() => splitTable(labeled, { target: "kind", groups: "row" })).toThrow("target and groups");
    expect(() => splitTable(labeled, { time: "row", seed: 1 })).toThrow(/draws nothing/);
    expect(() => splitTable(labeled, { groups: new Array(100).fill("a") })).toThrow("at least 2 groups");
    const times = labeled.map(() => ({ day: "2024-01-01" }));
    expect(() => splitTable(times, { time: "day" })).toThrow(/training part would have no rows/);
  });
});

test("folds have scikit-learn's share of each class", () => {
  const cells = labeled.map(({ kind }) => kind);
  const target = readTarget({ name: "kind", cells, isText: false }, undefined, "test");
  const folds = dealRows(target, { folds: 5, seed: 1 }, "test").map(({ heldOut }) =>
    count(Array.from(heldOut, (row) => labeled[row])),
  );
  const theirs: number[][] = cases.stratified.folds;
  for (const name of [0, 1, 2, 3]) {
    const sort = (lists: number[][]) => lists.map((list) => list[name]).sort((a, b) => a - b);
    expect(sort(folds)).toEqual(sort(theirs));
  }
});

describe("crossValidateTable", () => {
  const rows = houses(120);
  const options = { quality: "fast", networks: 2, seed: 1, columns: { price: "ignore" } } as const;

  test("scores each row once, by a model that did not learn from it", async () => {
    const progress: number[] = [];
    const found = await crossValidateTable(rows, {
      ...{ ...options, target: "kind", folds: 3 },
      onProgress: ({ finished, total }) => void progress.push(finished / total),
    });
    expect(found.folds).toHaveLength(3);
    const all = found.folds.flatMap(({ rows: own }) => Array.from(own));
    expect(all.sort((a, b) => a - b)).toEqual(Array.from(rows.keys()));
    for (const { rows: own, answers, scores } of found.folds) {
      const right = answers.filter(({ value }, at) => value === rows[own[at]].kind).length;
      expect(scores.accuracy).toBeCloseTo(right / own.length, 6);
    }
    const accuracies = found.folds.map(({ scores }) => scores.accuracy!);
    const mean = accuracies.reduce((a, b) => a + b) / 3;
    expect(found.mean.accuracy).toBeCloseTo(mean, 12);
    const variance = accuracies.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 3;
    expect(found.stddev.accuracy).toBeCloseTo(Math.sqrt(variance), 12);
    expect(found.text).toMatch(/^3 folds, mean and standard deviation\naccuracy +0\.\d+ {2}± {2}0\.\d+/);
    expect(Math.max(...progress)).toBeLessThanOrEqual(1);
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
    const again = await crossValidateTable(rows, { ...options, target: "kind", folds: 3 });
    expect(again.mean).toEqual(found.mean);
  });

  test("scores a fold as a model does that was fitted to the other rows alone", async () => {
    const { folds } = await crossValidateTable(rows, { ...options, target: "kind", folds: 3 });
    const own = new Set(folds[1].rows);
    const others = rows.filter((_, row) => !own.has(row));
    const model = await fitTable(others, { ...options, target: "kind" });
    const held = rows.filter((_, row) => own.has(row));
    expect(folds[1].scores).toEqual(model.evaluate(held));
    expect(folds[1].answers).toEqual(model.predict(held));
    model.dispose();
  });

  test("keeps groups out of the training, and tests on later rows only", async () => {
    const groups = rows.map((_, row) => row % 7);
    const grouped = await crossValidateTable(rows, { ...options, target: "kind", folds: 3, groups });
    const seen = grouped.folds.map(({ rows: own }) => new Set(Array.from(own, (row) => groups[row])));
    expect(seen.reduce((sum, { size }) => sum + size, 0)).toBe(7);
    const timed = await crossValidateTable(rows, { ...options, target: "kind", folds: 2, time: "sold" });
    const times = timed.folds.map(({ rows: own }) => Array.from(own, (row) => rows[row].sold.getTime()));
    expect(Math.max(...times[0])).toBeLessThan(Math.min(...times[1]));
    await expect(crossValidateTable(rows, { ...options, target: "kind", folds: 8, groups })).rejects.toThrow(
      "folds: expected at most 7 for these groups, received 8",
    );
  });

  test("has a text without scores where no fold learned the classes of its rows", async () => {
    const table = rows.slice(0, 11).map((row, at) => ({ area: row.area, kind: at / 7 }));
    const { text, notes } = await crossValidateTable(table, {
      ...{ quality: "fast", networks: 1, seed: 1, target: "kind", task: "classification", folds: 2 },
    } as const);
    expect(text).toBe(
      ["2 folds, mean and standard deviation", ...notes.map((note) => `note: ${note}`)].join("\n"),
    );
  });

  test("scores several targets by name, and tells of classes that a fold did not learn", async () => {
    const rare = rows.map((row, at) => ({ ...row, kind: at === 5 ? "castle" : row.kind }));
    const { mean, folds, notes } = await crossValidateTable(rare, {
      ...{ quality: "fast", networks: 1, seed: 1, target: ["price", "kind"], folds: 2 },
    } as const);
    expect(mean.price.rootMeanSquaredError).toBeGreaterThan(0);
    expect(mean.kind.accuracy).toBeGreaterThan(0.5);
    expect(folds[0].answers[0].price.value).toBeTypeOf("number");
    expect(notes).toEqual([
      expect.stringMatching(/^fold \d: 1 rows have a class that the training rows lack/),
    ]);
  });

  test("refuses what it does not know before it trains", async () => {
    const cross = (more: object) => crossValidateTable(rows, { target: "kind", ...more });
    await expect(cross({ fold: 3 })).rejects.toThrow(/Did you mean "folds"/);
    await expect(cross({ folds: 1 })).rejects.toThrow("expected at least 2, received 1");
    await expect(cross({ target: "kinds" })).rejects.toThrow(
      /crossValidateTable: target: .*Did you mean "kind"/,
    );
    await expect(cross({ folds: 121 })).rejects.toThrow("expected at most 120 for these rows");
    const controller = new AbortController();
    controller.abort(new Error("enough"));
    await expect(cross({ signal: controller.signal })).rejects.toThrow("enough");
  });
});

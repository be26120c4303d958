/** What a newcomer reads: how a model is shown, and errors that say what to do. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dropout, schedules, sgd } from "../../src/index.ts";
import {
  checkRows,
  explain,
  fitTable,
  importance,
  loadTable,
  partialDependence,
  type TableModel,
} from "../../src/table/index.ts";

const rows = Array.from({ length: 90 }, (_, at) => ({
  a: at % 17,
  b: at % 2 === 0,
  d: new Date(at * 864e5),
  s: `w${at % 3}`,
  y: 0.3 * (at % 17) + (at % 2),
  kind: ["p", "q", "r"][at % 3],
}));
const fast = { quality: "fast", networks: 1, seed: 1 } as const;
let model: TableModel<{ readonly value: number }>;
beforeAll(async () => {
  model = (await fitTable(rows, { ...fast, target: "y" })) as typeof model;
});
afterAll(() => model.dispose());

describe("a table model", () => {
  test("is shown as target, columns, networks and score", () => {
    const text = String(model);
    expect(text).toMatch(
      /^TableModel: 5 columns, 90 rows\n {2}y: a number, 1 network, rootMeanSquaredError [\d.]+ on rows not learned from \([\d.]+ by the mean\)$/,
    );
    expect(inspect(model)).toBe(text);
    expect(inspect({ model })).toContain("TableModel: 5 columns");
  });

  test("of one class, and of several targets, too", async () => {
    const single = await fitTable(
      rows.map((row) => ({ ...row, kind: "p" })),
      { ...fast, target: ["kind", "y"] },
    );
    expect(String(single).split("\n")[1]).toMatch(
      '  kind: always "p", 0 networks, logLoss 0 on the training rows',
    );
    expect(single.summary()).toMatch('kind: always "p" (it has names)');
    expect(single.summary()).not.toMatch(/1 classes|one class\b.*\n.*networks +number +share +log loss\n\n/);
    single.dispose();
    expect(String(single)).toMatch(/^TableModel/);
  });

  test("gives answers that are text", () => {
    const answers = [
      importance(model, rows, { repeats: 1 }),
      explain(model, rows[0]),
      partialDependence(model, rows, "a"),
      checkRows(model, rows),
    ];
    for (const answer of answers) {
      expect(String(answer)).toBe(answer.text);
      expect(answer.text).not.toMatch(/\[object|undefined|NaN/);
    }
  });
});

describe("in a column of numbers, predict reads", () => {
  const answerFor = (a: unknown) => model.predict({ ...rows[0], a }).value;
  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, "inf", 1e301, "n/a", undefined])(
    "%s as a missing value",
    (cell) => {
      expect(answerFor(cell)).toBe(answerFor(null));
      expect(model.predict([{ ...rows[0], a: cell }])[0].value).toBe(answerFor(null));
    },
  );

  test.each([
    [true, 1],
    [false, 0],
    [10n, 10],
    ["1e1", 10],
    [10n ** 400n, null],
  ])("%s as %s", (cell, number) => {
    expect(answerFor(cell)).toBe(answerFor(number));
  });
});

describe("an error says what to do", () => {
  test.each([
    [
      { d: "tomorrow" },
      /column "d": expected a date, received "tomorrow"\. Fix: give a Date, text as "2024-12-31"/,
    ],
    [{ a: "tomorrow" }, /column "a": expected a number, received "tomorrow"\. Fix: give a number/],
    [{ b: {} }, /column "b": expected a boolean, received .*\. Fix: give true or false/],
    [
      { a: 1, s: [] },
      /column "s": expected a category, received .*\. Fix: give text, a number or a boolean; null if/,
    ],
  ])("for the cell %j", (record, message) => {
    expect(() => model.predict(record)).toThrow(message);
    expect(() => model.predict([record])).toThrow(message);
  });

  test.each([
    [
      { target: "kind", metric: "f1" },
      /expected 2 classes.* Fix: give { type: "f1", average: "macro" } as the metric/,
    ],
    [{ target: "y", budget: 3 }, /budget: expected an object, received 3\. Fix: budget: { seconds: 3 }/],
    [
      { target: "kind", threshold: 0.3 },
      /expected a target with two classes, received "kind", which has 3 classes\. Fix:/,
    ],
    [
      { target: "y", positive: "p" },
      /expected a target with two classes, received "y", which has numbers\. Fix:/,
    ],
    [{ target: "y", time: "s" }, /time: expected dates or numbers in column "s", received category\. Fix:/],
    [{ target: ["y", "y"] }, /target: expected different columns, received one twice/],
  ])("for the options %j", async (options, message) => {
    await expect(fitTable(rows, { ...fast, ...options } as never)).rejects.toThrow(message);
  });

  test("for rows without the target, and for no rows", () => {
    const blind = rows.map(({ y: _, ...row }) => row);
    expect(() => model.evaluate(blind)).toThrow(
      /expected the target "y" .*\. Fix: give rows with their targets/,
    );
    expect(() => model.evaluate([])).toThrow("evaluate: expected rows, received none");
    expect(() => importance(model, blind)).toThrow(/Fix: give rows with their targets/);
    expect(() => explain(model, rows[0], { class: "p" })).toThrow(
      /the target is a number\. Fix: leave the option/,
    );
  });

  test("for files that are no table models", async () => {
    const folder = mkdtempSync(join(tmpdir(), "myelin-"));
    const fix =
      /it is not a model file.*Fix: give what save or toBytes wrote; readTable of myelin\/table reads the rows/;
    for (const [name, text] of [
      ["a.json", '{"a":1}'],
      ["rows.json", '[{"a":1},{"a":2},{"a":3}]'],
      ["rows.csv", "a,b\n1,2\n3,4\n"],
      ["empty", ""],
    ]) {
      writeFileSync(join(folder, name), text);
      await expect(loadTable(join(folder, name))).rejects.toThrow(fix);
    }
    rmSync(folder, { recursive: true });
  });

  test("for builders that get a number, or another entry, in place of options", async () => {
    expect(() => dropout(0.1 as never)).toThrow(
      "dropout: expected an object of options, received 0.1. Fix: dropout({ rate: 0.1 })",
    );
    expect(() => sgd(0.01 as never)).toThrow("Fix: sgd({ learningRate: 0.01 })");
    expect(() => schedules.perStep(schedules.cosine({ epochs: 3 }) as never)).toThrow(
      'received the configuration of "cosine". Fix: perStep({ schedule: cosine(…) })',
    );
  });
});

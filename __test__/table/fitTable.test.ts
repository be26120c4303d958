import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { load, Model, save } from "../../src/index.ts";
import {
  checkRows,
  fitTable,
  loadTable,
  type TableModel,
  TableModel as TableModelClass,
} from "../../src/table/index.ts";

/** A small table with everything: numbers with gaps, categories, booleans, dates, a constant, row numbers. */
function houses(rows: number, seed = 1) {
  let state = seed;
  const draw = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  return Array.from({ length: rows }, (_, id) => {
    const area = 30 + 170 * draw();
    const town = ["Oslo", "Bergen", "Bodø"][Math.floor(3 * draw())];
    const garden = draw() < 0.5;
    const sold = new Date(Date.UTC(2020, Math.floor(36 * draw()), 1));
    const price = 3 * area + (town === "Oslo" ? 200 : 0) + (garden ? 50 : 0) + 5 * draw();
    return {
      id,
      area: draw() < 0.1 ? null : area,
      town,
      garden,
      sold,
      country: "Norway",
      price,
      dear: price > 500,
    };
  });
}

const options = { quality: "fast", seed: 1 } as const;

describe("fitTable", () => {
  test("answers in the table's own units", async () => {
    const rows = houses(400);
    const model = await fitTable(rows, { target: "price", columns: { dear: "ignore" }, ...options });
    expect(model.targets[0].task).toBe("regression");
    const { value } = model.predict({ area: 100, town: "Oslo", garden: true });
    expect(value).toBeGreaterThan(500);
    expect(value).toBeLessThan(600);
    const scores = model.scores;
    expect(scores.rootMeanSquaredError).toBeLessThan(80);
    const kinds = Object.fromEntries(model.columns.map(({ name, type }) => [name, type]));
    expect(kinds).toEqual({
      ...{ id: "ignore", area: "number", town: "category", garden: "boolean", sold: "date" },
      ...{ country: "ignore", dear: "ignore" },
    });
    expect(model.summary()).toMatch(/country +ignore .*it has one value/);
    model.dispose();
  });

  test("answers with classes as the table spells them, and their probabilities", async () => {
    const rows = houses(300).map(({ price, dear, ...rest }) => ({
      ...rest,
      kind: price > 500 ? "dear" : "cheap",
    }));
    const model = await fitTable(rows, { target: "kind", ...options });
    const answer = model.predict({ area: 190, town: "Oslo", garden: true });
    expect(answer.value).toBe("dear");
    expect(answer.probabilities.dear + answer.probabilities.cheap).toBeCloseTo(1, 10);
    const { accuracy } = model.evaluate(rows);
    expect(accuracy).toBeGreaterThan(0.9);
    model.dispose();
  });

  test("answers in the form of the question, with the same bits", async () => {
    const rows = houses(200);
    const model = await fitTable(rows, { target: "town", ...options });
    const some = rows.slice(0, 5);
    const answers = model.predict(some);
    const columns = { area: some.map(({ area }) => area), price: some.map(({ price }) => price) };
    const byColumns = model.predict(columns);
    expect(some.map((row) => model.predict(row))).toEqual(answers);
    const partial = some.map(({ area, price }) => ({ area, price }));
    const byRecords = model.predict(partial);
    expect(byColumns.value).toEqual(byRecords.map(({ value }) => value));
    expect(Array.from(byColumns.probabilities.Oslo)).toEqual(
      byRecords.map(({ probabilities }) => probabilities.Oslo),
    );
    async function* stream() {
      for (const row of rows) yield row;
    }
    expect(model.predict(rows.values())).toEqual(model.predict(rows));
    expect(() => model.predict(Promise.resolve(rows))).toThrow(
      /received an object \(Promise\)\. Fix: await it/,
    );
    const streamed: unknown[] = [];
    for await (const answer of model.predict(stream())) streamed.push(answer);
    expect(streamed).toEqual(model.predict(rows));
    model.dispose();
  });

  test("has the same bits for the same seed, on any number of threads", async () => {
    const rows = houses(150);
    const models = await Promise.all(
      [1, 2].map((threads) => fitTable(rows, { target: "price", threads, ...options })),
    );
    expect(models[0].toBytes()).toEqual(models[1].toBytes());
    for (const model of models) model.dispose();
  });

  test("tells what it did not expect in a column", async () => {
    const rows = houses(120).map((row, at) => ({
      ...row,
      zip: `0${150 + (at % 7)}`,
      area: at === 5 ? "broken" : row.area,
    }));
    const model = await fitTable(rows, { target: "price", columns: { dear: "ignore" }, ...options });
    expect(model.notes).toContain(
      '1 cell of column "area" cannot be read as a number, such as "broken", and counts as missing',
    );
    expect(model.columns.find(({ name }) => name === "zip")?.type).toBe("category");
    expect(checkRows(model, [{ area: "large", town: "Oslo" }]).findings).toContainEqual(
      expect.objectContaining({ column: "area", kind: "unreadable" }),
    );
    expect(() => model.predict({ sold: 2020 })).toThrow(/column "sold": expected a date, received 2020/);
    await expect(
      fitTable(rows, { target: "price", columns: { price: "category" }, ...options }),
    ).rejects.toThrow(/"price" is the target, which has no type\. Fix: give task/);
    model.dispose();
  });

  test("several targets are answered by name", async () => {
    const model = await fitTable(houses(200), { target: ["price", "town"], ...options });
    const answer = model.predict({ area: 100, garden: true });
    expect(Object.keys(answer)).toEqual(["price", "town"]);
    expect(typeof answer.price.value).toBe("number");
    expect(Object.keys(model.scores)).toEqual(["price", "town"]);
    model.dispose();
  });

  test("an abort ends it", async () => {
    const controller = new AbortController();
    const training = fitTable(houses(2000), { target: "price", signal: controller.signal, seed: 1 });
    setTimeout(() => controller.abort(new Error("enough")), 50);
    await expect(training).rejects.toThrow("enough");
  });
});

describe("a table model's file", () => {
  let model: TableModel;
  const rows = houses(120);

  test("gives the same answers", async () => {
    model = await fitTable(rows, { target: "town", ...options });
    const path = join(mkdtempSync(join(tmpdir(), "myelin-")), "town.myelin");
    await save(model, path);
    expect(existsSync(path)).toBe(true);
    const copy = await loadTable(path);
    expect(copy.predict(rows)).toEqual(model.predict(rows));
    expect(copy.summary()).toBe(model.summary());
    expect(copy.toBytes()).toEqual(model.toBytes());
    await expect(load(path)).rejects.toThrow(/table.*loadTable/);
    expect(() => Model.fromBytes(readFileSync(path))).toThrow(/loadTable/);
    copy.dispose();
  });

  test("is told from a model of numbers", () => {
    const plain = new Model({
      inputs: 1,
      layers: [{ type: "dense", units: 1 }],
      loss: "meanSquaredError",
      optimizer: "adam",
    });
    expect(() => TableModelClass.fromBytes(plain.toBytes())).toThrow(/Model\.fromBytes/);
    model.dispose();
    expect(() => model.predict(rows)).toThrow(/disposed/);
  });
});

// Looking into table models: importance, explanations, partial dependence, and rows unlike the training data.
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { report } from "../../src/report/index.ts";
import {
  checkRows,
  compact,
  evaluationReport,
  explain,
  fitMore,
  fitTable,
  importance,
  partialDependence,
  prepare,
  TableModel,
} from "../../src/table/index.ts";
import { partsOf } from "../../src/table/tableModel.ts";
import { columnNames, handmade, records } from "./handmade.ts";
import { houses } from "./houses.ts";

const cases = JSON.parse(readFileSync(new URL("../fixtures/table/cases.json", import.meta.url), "utf8"));
const rows = houses(200);
const byName = (columns: readonly { name: string; contribution: number }[]) =>
  Object.fromEntries(columns.map(({ name, contribution }) => [name, contribution]));

type Fitted = Awaited<ReturnType<typeof fitPrices>>;
type Kinds = Awaited<ReturnType<typeof fitKinds>>;
const fitPrices = () =>
  fitTable(rows, { target: "price", columns: { kind: "ignore" }, quality: "fast", networks: 5, seed: 1 });
const fitKinds = () =>
  fitTable(rows, { target: "kind", columns: { price: "ignore" }, quality: "fast", networks: 5, seed: 1 });
let prices: Fitted;
let kinds: Kinds;
beforeAll(async () => {
  prices = await fitPrices();
  kinds = await fitKinds();
});
afterAll(() => {
  prices.dispose();
  kinds.dispose();
});

describe("explain", () => {
  test("gives shap's values for a number", () => {
    const model = handmade(cases.number.layers, undefined, cases.background);
    for (const [at, record] of records(cases.rows).entries()) {
      const { columns, baseline, isExact } = explain(model, record);
      const found = byName(columns);
      expect(isExact).toBe(true);
      expect(baseline).toBeCloseTo(cases.number.baseline[0], 5);
      for (const [column, name] of columnNames(5).entries())
        expect(found[name]).toBeCloseTo(cases.number.values[at][column], 4);
    }
  });

  test("gives shap's values for the probability of each class", () => {
    const names = ["a", "b", "c"];
    const model = handmade(cases.classes.layers, names, cases.background);
    const [record] = records(cases.rows);
    for (const [output, name] of names.entries()) {
      const { columns, baseline, class: of } = explain(model, record, { class: name });
      expect(of).toBe(name);
      expect(baseline).toBeCloseTo(cases.classes.baseline[output], 5);
      const found = byName(columns);
      for (const [column, key] of columnNames(5).entries())
        expect(found[key]).toBeCloseTo(cases.classes.values[0][column][output], 5);
    }
  });

  test("gives w (x - mean of the background) for a linear function, from any number of orders", () => {
    const weight = [2, -3, 0.5, 0, 1, 4, -1, 2, 0, 1, 5, -2];
    const background = [weight.map((_, at) => at), weight.map((_, at) => -at / 2)];
    const model = handmade([{ weight: [weight], bias: [7] }], undefined, background);
    const row = weight.map((_, at) => 1 + at / 10);
    for (const evaluations of [1, 500, 20_000]) {
      const { columns, isExact, prediction, baseline } = explain(model, records([row])[0], { evaluations });
      expect(isExact).toBe(evaluations === 20_000);
      const found = byName(columns);
      for (const [at, name] of columnNames(12).entries())
        expect(found[name]).toBeCloseTo(weight[at] * (row[at] - at / 4), 4);
      const sum = columns.reduce((total, { contribution }) => total + contribution, 0);
      expect(baseline + sum).toBeCloseTo(prediction, 5);
    }
  });

  test("estimates near the exact values where there are too many sets of columns", () => {
    const model = handmade(cases.number.layers, undefined, cases.background);
    const [record] = records(cases.rows);
    const exact = byName(explain(model, record).columns);
    const estimated = explain(model, record, { evaluations: 300 });
    expect(estimated.isExact).toBe(false);
    const found = byName(estimated.columns);
    for (const name of columnNames(5)) expect(Math.abs(found[name] - exact[name])).toBeLessThan(0.15);
    expect(explain(model, record, { evaluations: 300 })).toEqual({
      ...estimated,
      toString: expect.anything(),
    });
    expect(explain(model, record, { evaluations: 300, seed: 2 }).columns).not.toEqual(estimated.columns);
  });

  test("adds up for a table with gaps, categories, booleans and dates", () => {
    for (const explanation of explain(prices, rows.slice(0, 5))) {
      const { columns, prediction, baseline } = explanation;
      const sum = columns.reduce((total, { contribution }) => total + contribution, 0);
      expect(baseline + sum).toBeCloseTo(prediction, 6);
    }
    const { columns, target } = explain(prices, {
      area: 190,
      town: "Oslo",
      garden: true,
      sold: rows[0].sold,
    });
    expect(target).toBe("price");
    expect(columns.slice(0, 2).map(({ name }) => name)).toEqual(["area", "town"]);
    expect(columns[0].value).toBe(190);
    expect(columns[1].contribution).toBeGreaterThan(50);
  });

  test("explains the class that is answered, with a text to read", () => {
    const record = { area: 190, town: "Oslo", garden: true };
    const explanation = explain(kinds, record);
    expect(explanation.class).toBe("dear");
    expect(explanation.prediction).toBe(kinds.predict(record).probabilities.dear);
    expect(explanation.text).toMatch(
      /^the probability of kind = dear is 0\.9\d+: 0\.\d+ above the baseline, 0\.\d+\n/,
    );
    expect(explanation.text).toMatch(/\n {2}area = 190 +\+0\.\d+ {2}█+\n/);
    expect(explanation.text).toMatch(/\n {2}sold = missing /);
    const other = explain(kinds, record, { class: "cheap" });
    for (const { name, contribution } of other.columns)
      expect(contribution).toBeCloseTo(-byName(explanation.columns)[name], 10);
  });

  test("compares with rows that are given", () => {
    const [one, other] = [rows[0], { ...rows[0], town: rows[0].town === "Oslo" ? "Bergen" : "Oslo" }];
    const { columns, baseline, prediction } = explain(prices, one, { background: [other] });
    expect(baseline).toBe(prices.predict(other).value);
    const found = byName(columns);
    expect(found.town).toBeCloseTo(prediction - baseline, 10);
    expect([found.area, found.garden, found.sold]).toEqual([0, 0, 0]);
  });

  test("keeps as many training rows as it is told, in the file too", async () => {
    const copy = TableModel.fromBytes(prices.toBytes());
    expect(explain(copy, rows[0]).columns).toEqual(explain(prices, rows[0]).columns);
    copy.dispose();
    const options = { target: "price", quality: "fast", networks: 1, seed: 1 } as const;
    const without = await fitTable(rows, { ...options, background: 0 });
    expect(() => explain(without, rows[0])).toThrow(/background: 0.*Fix: pass some training rows/);
    expect(explain(without, rows[0], { background: rows.slice(0, 3) }).isExact).toBe(true);
    const hasRows = (model: { toBytes(): Uint8Array }) =>
      new TextDecoder().decode(model.toBytes()).includes("background");
    expect([hasRows(prices), hasRows(without)]).toEqual([true, false]);
    without.dispose();
    await expect(fitTable(rows, { ...options, background: 65 })).rejects.toThrow(
      "background: expected a whole",
    );
  });

  test("refuses what it does not know", () => {
    expect(() => explain(kinds, rows[0], { class: "deer" as string })).toThrow(/Did you mean "dear"/);
    expect(() => explain(prices, rows[0], { class: "dear" })).toThrow("the target is a number");
    expect(() => explain(prices, rows[0], { evaluation: 3 } as object)).toThrow(/Did you mean "evaluations"/);
    expect(() => explain(prices, rows[0], { background: [] })).toThrow("expected 1 to 1000 rows, received 0");
    expect(() => explain(prices, { ...rows[0], area: "wide" } as object)).toThrow(/column "area"/);
    expect(() => explain({} as never, rows[0])).toThrow(/expected a TableModel/);
  });
});

/** The bytes of a table model's file with another value at a path of its description; undefined removes it. */
function rewrite(bytes: Uint8Array, path: readonly (string | number)[], value: unknown): Uint8Array {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  const table = JSON.parse(header.__metadata__["myelin-table"]);
  const holder = path.slice(0, -1).reduce((at, name) => at[name], table);
  holder[path.at(-1)!] = value;
  header.__metadata__["myelin-table"] = JSON.stringify(table);
  const text = JSON.stringify(header);
  const padded = new TextEncoder().encode(text + " ".repeat(-new TextEncoder().encode(text).length & 7));
  const changed = new Uint8Array(8 + padded.length + bytes.length - 8 - length);
  new DataView(changed.buffer).setBigUint64(0, BigInt(padded.length), true);
  changed.set(padded, 8);
  changed.set(bytes.subarray(8 + length), 8 + padded.length);
  return changed;
}

describe("a file's background and ranges", () => {
  const read = (path: readonly (string | number)[], value?: unknown) => () =>
    TableModel.fromBytes(rewrite(prices.toBytes(), path, value)).dispose();
  // The columns are area, town, garden, sold.
  const [area, town] = [
    ["background", "columns", 0],
    ["background", "columns", 1],
  ];

  test("are read as they are, and without a background", () => {
    expect(read(["version"], "0.0.0")).not.toThrow();
    expect(read(["background"])).not.toThrow();
  });

  test.each([
    ["a category that is not there", [...town, "values", 3], 3, /"town": entry 3: .*from 0 to 2/],
    ["a text as a number", [...area, "values", 0], "big", /"area": entry 0: expected a finite number/],
    ["too few values", [...area, "values"], [1], /expected 64 values, received 1/],
    ["too many rows", ["background", "rows"], 65, /from 1 to 64/],
    ["no list", [...area, "values"], 3, /expected a list/],
    ["an ignored column", [...area, "name"], "country", /expected a column that the model uses/],
    ["a column twice", [...area, "name"], "town", /received one twice/],
    ["an unknown field", ["background", "price"], [], /unknown field "price"/],
    ["a range that is turned", ["columns", 0, "range"], [2, 1], /range: expected \[low, high\]/],
    ["a range of three", ["columns", 0, "range"], [1, 2, 3], /range: expected \[low, high\]/],
  ])("with %s are refused", (_, path, value, message) => {
    expect(read(path, value)).toThrow(message);
  });
});

describe("importance", () => {
  const labeled = records(cases.x).map((record, row) => ({ ...record, answer: cases.y[row] }));

  test("is scikit-learn's, up to the draws", () => {
    const model = handmade(cases.number.layers);
    const repeats = 200;
    const { columns } = importance(model, labeled, { repeats });
    for (const [at, name] of columnNames(5).entries()) {
      const { mean, stddev, values } = columns.find((column) => column.name === name)!;
      const spread = cases.importance.stddev[at];
      expect(values).toHaveLength(repeats);
      expect(Math.abs(mean - cases.importance.mean[at])).toBeLessThan((5 * spread) / Math.sqrt(repeats / 2));
      expect(stddev / spread).toBeGreaterThan(0.75);
      expect(stddev / spread).toBeLessThan(1.33);
    }
  });

  test("puts the column that matters most first, and leaves out rows without a target", () => {
    const found = importance(prices, [...rows, { ...rows[0], price: null as unknown as number }]);
    expect(found.metric).toBe("rootMeanSquaredError");
    expect(found.score).toBe(prices.evaluate(rows).rootMeanSquaredError);
    expect(found.columns.map(({ name }) => name).slice(0, 2)).toEqual(["area", "town"]);
    expect(found.text).toMatch(
      /^worse than rootMeanSquaredError .* by, when the column is shuffled:\narea .*█{20}/,
    );
    expect(importance(prices, rows, { seed: 2 }).columns).not.toEqual(importance(prices, rows).columns);
    expect(importance(prices, rows, { seed: 2 }).columns).toEqual(
      importance(prices, rows, { seed: 2 }).columns,
    );
  });

  test("is measured by a metric, in its own direction", () => {
    const { columns, score } = importance(kinds, rows, { metric: "accuracy", repeats: 2 });
    expect(score).toBeGreaterThan(0.9);
    expect(columns[0].mean).toBeGreaterThan(0.1);
    expect(() => importance(kinds, rows, { metric: "acuracy" as "accuracy" })).toThrow(
      /Did you mean "accuracy"/,
    );
    expect(() => importance(kinds, rows, { metric: "r2" })).toThrow(/expected one for classes/);
    const unlabeled = rows.map(({ kind: _, ...row }) => row);
    expect(() => importance(kinds, unlabeled)).toThrow(/expected the target "kind"/);
  });
});

test("a question about one target runs no network of another one, nor of quantiles", async () => {
  const both = await fitTable(rows, {
    target: ["price", "kind"],
    quantiles: [0.1, 0.9],
    quality: "fast",
    networks: 1,
    seed: 1,
  });
  const [numbers, classes] = partsOf(both, "test").targets;
  for (const { model } of numbers.learned.quantiles?.networks ?? []) model.dispose();
  for (const { model } of classes.learned.networks) model.dispose();
  const options = { target: "price" };
  expect(() => both.predict(rows[0])).toThrow(/disposed/);
  expect(importance(both, rows, { ...options, repeats: 1 }).columns.length).toBeGreaterThan(0);
  expect(explain(both, rows[0], { ...options, evaluations: 64 }).prediction).toBeGreaterThan(0);
  expect(partialDependence(both, rows, "area", { ...options, points: 2 }).means).toHaveLength(2);
  expect(() => importance(both, rows, { ...options, metric: "pinballLoss" })).toThrow(/disposed/);
});

test("importance is measured by the pinball loss of a model with quantiles, and by metrics with options", async () => {
  const quantiles = await fitTable(rows, {
    ...{ target: "price", quantiles: [0.1, 0.9], quality: "fast", networks: 1, seed: 1 },
  });
  const found = importance(quantiles, rows, { metric: "pinballLoss", repeats: 1 });
  expect(found.score).toBe(quantiles.evaluate(rows).pinballLoss);
  expect(found.columns[0].mean).toBeGreaterThan(0);
  quantiles.dispose();
  expect(() => importance(prices, rows, { metric: "pinballLoss" })).toThrow(
    /"pinballLoss" needs quantiles.* Fix: give fitTable quantiles/,
  );
  const f1 = importance(kinds, rows, { metric: { type: "f1", average: "macro" }, repeats: 1 });
  expect(f1).toMatchObject({ metric: "f1" });
  expect(f1.columns[0].mean).toBeGreaterThan(0);
  const error = importance(prices, rows, { metric: "meanSquaredError", repeats: 1 });
  expect(error.score).toBeCloseTo((prices.evaluate(rows).rootMeanSquaredError as number) ** 2, 6);
  expect(() => importance(kinds, rows.slice(0, 1), { metric: "rocAuc" })).toThrow(/Fix: give more rows/);
});

describe("partialDependence", () => {
  test("is scikit-learn's", () => {
    const model = handmade(cases.number.layers);
    const { grid, means } = partialDependence(model, records(cases.x), "column 1");
    expect(grid).toHaveLength(20);
    for (const [at, value] of grid.entries()) {
      expect(value).toBeCloseTo(cases.dependence.grid[at], 5);
      expect(means[at][0]).toBeCloseTo(cases.dependence.means[at], 5);
    }
  });

  test("has the values of categories, booleans and dates", () => {
    const towns = partialDependence(prices, rows, "town");
    expect(new Set(towns.grid)).toEqual(new Set(["Oslo", "Bergen", "Bodø"]));
    const at = (name: string) => towns.means[towns.grid.indexOf(name)][0];
    expect(at("Oslo") - at("Bergen")).toBeGreaterThan(120);
    expect(towns.text).toMatch(/"Oslo" .*█{20}/);
    expect(partialDependence(prices, rows, "garden").grid).toEqual([false, true]);
    const dates = partialDependence(prices, rows, "sold", { points: 4 });
    expect(dates.grid.map((date) => date instanceof Date)).toEqual([true, true, true, true]);
    const areas = partialDependence(kinds, rows, "area", { points: 5 });
    expect(areas.classes).toEqual(["cheap", "dear"]);
    for (const [cheap, dear] of areas.means) expect(cheap + dear).toBeCloseTo(1, 10);
    expect(areas.means[4][1]).toBeGreaterThan(areas.means[0][1]);
  });

  test("refuses a column that the model does not use", () => {
    expect(() => partialDependence(prices, rows, "twon")).toThrow(/Did you mean "town"/);
    expect(() => partialDependence(prices, rows, "country")).toThrow(/unknown column/);
    expect(() => partialDependence(prices, rows, "area", { points: 1 })).toThrow("at least 2");
  });
});

describe("checkRows", () => {
  test("says nothing of the training rows", () => {
    expect(checkRows(prices, rows)).toMatchObject({ passes: true, findings: [], rows: [], checked: 200 });
  });

  test("finds what the training did not have", () => {
    const date = new Date(Date.UTC(2030, 0, 1));
    const odd = [
      rows[0],
      { ...rows[1], area: 1000, town: "Atlantis" },
      { ...rows[2], area: 1, sold: date, garden: null },
      { ...rows[3], area: "wide" },
    ];
    const { findings, rows: found, passes, text } = checkRows(prices, odd);
    expect(passes).toBe(false);
    expect(found).toEqual([1, 2, 3]);
    const areas = rows.flatMap(({ area }) => area ?? []);
    expect(findings[0]).toEqual({
      ...{ column: "area", kind: "outOfRange", rows: [1, 2], example: 1000 },
      expected: `${Math.min(...areas)} to ${Math.max(...areas)}`,
    });
    expect(findings.slice(1).map(({ column, kind, rows: own }) => [column, kind, own])).toEqual(
      expect.arrayContaining([
        ["area", "unreadable", [3]],
        ["town", "unknownCategory", [1]],
        ["garden", "missing", [2]],
        ["sold", "outOfRange", [2]],
      ]),
    );
    expect(text).toMatch(
      /^3 of 4 rows are unlike the training rows\n {2}area +out of range +2 rows, first 1 +1000/,
    );
    expect(text).toMatch(/sold .*2030-01-01 +the training had 2020-01-01 to 2022-/);
  });

  test("counts infinite numbers as missing, as the training does", async () => {
    const infinite = rows.map(({ garden, price }, at) => ({
      ...{ garden, price },
      ratio: at % 10 === 0 ? Number.POSITIVE_INFINITY : at,
    }));
    const model = await fitTable(infinite, { target: "price", quality: "fast", networks: 1, seed: 1 });
    expect(model.columns.find(({ name }) => name === "ratio")).toMatchObject({
      missing: 20,
      range: [1, 199],
    });
    expect(checkRows(model, infinite).passes).toBe(true);
    model.dispose();
  });

  test("takes a record, and one that lacks fields", () => {
    expect(checkRows(prices, rows[0]).passes).toBe(true);
    const { findings } = checkRows(prices, {});
    expect(findings.map(({ column, kind }) => `${column} ${kind}`).sort()).toEqual([
      ...["garden missing", "sold missing", "town missing"],
    ]);
  });

  test("knows the ranges from the file", () => {
    const copy = TableModel.fromBytes(prices.toBytes());
    expect(checkRows(copy, { ...rows[0], area: 1000 }).findings).toEqual(
      checkRows(prices, { ...rows[0], area: 1000 }).findings,
    );
    copy.dispose();
  });
});

test("a model of several targets is asked by the name of one", async () => {
  const model = await fitTable(rows, {
    ...{ target: ["price", "kind"], quality: "fast", networks: 2, seed: 1 },
  } as const);
  expect(() => explain(model, rows[0])).toThrow('target: expected one of "price", "kind", received none');
  expect(() => explain(model, rows[0], { target: "prise" })).toThrow(/Did you mean "price"/);
  const { target, prediction } = explain(model, rows[0], { target: "price" });
  expect([target, prediction]).toEqual(["price", model.predict(rows[0]).price.value]);
  expect(importance(model, rows, { target: "kind", repeats: 1 }).metric).toBe("logLoss");
  expect(partialDependence(model, rows, "area", { target: "kind", points: 3 }).classes).toHaveLength(2);
  model.dispose();
});

test("a model without columns is explained by its constant answer", async () => {
  const model = await fitTable(
    rows.map(({ price }) => ({ price, country: "Norway" })),
    { target: "price", seed: 1 },
  );
  const { columns, prediction, baseline, text } = explain(model, { country: "Norway" });
  expect([columns, prediction - baseline]).toEqual([[], 0]);
  expect(text).toMatch(/the model uses no column/);
  expect(importance(model, rows).columns).toEqual([]);
  model.dispose();
});

describe("a field that is nearly a column which the rows lack", () => {
  const misspelt = rows.slice(0, 40).map(({ area, ...others }) => ({ Aera: area, ...others }));
  const inColumns = Object.fromEntries(
    Object.keys(misspelt[0]).map((name) => [name, misspelt.map((row) => row[name as "Aera"])]),
  );
  async function* stream() {
    yield* misspelt;
  }

  test.each<[call: string, ask: () => unknown]>([
    ["predict: row 0", () => prices.predict(misspelt)],
    ["predict: row 0", () => prices.predict(misspelt[0])],
    ["predict", () => prices.predict(inColumns)],
    ["predict", () => prices.predict(stream()).next()],
    ["evaluate", () => prices.evaluate(misspelt)],
    ["evaluate", () => prices.evaluate(stream())],
    ["evaluationReport", () => evaluationReport(prices, misspelt)],
    ["evaluationReport", () => evaluationReport(prices, stream())],
    ["explain", () => explain(prices, misspelt[0])],
    ["explain: background", () => explain(prices, rows[0], { background: misspelt })],
    ["importance", () => importance(prices, misspelt)],
    ["partialDependence", () => partialDependence(prices, misspelt, "town")],
    ["checkRows", () => checkRows(prices, misspelt)],
    ["fitMore", () => fitMore(prices, misspelt)],
    ["compact", () => compact(prices, misspelt)],
    ["report: test", () => report(prices, { test: misspelt })],
  ])("is refused by %s", async (call, ask) => {
    await expect(async () => ask()).rejects.toThrow(
      `${call}: unknown column "Aera". Did you mean "area"? Fix: rename the field, or also give "area", null if it is missing`,
    );
  });

  test("is refused by encode", async () => {
    const { preparation } = await prepare(rows, { target: "price" });
    expect(() => preparation.encode(misspelt)).toThrow('encode: unknown column "Aera"');
  });

  test("may be beside that column, or be a column that is ignored", () => {
    const answer = prices.predict({ ...rows[0], Aera: 1 });
    expect(answer).toEqual(prices.predict(rows[0]));
    expect(prices.predict({ Aera: 1, area: null }).value).toBe(prices.predict({}).value);
    expect(kinds.predict({ Price: 1 }).value).toBe(kinds.predict({}).value);
  });
});

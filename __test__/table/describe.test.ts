/** describe: columns, quantiles and warnings of a table. */
import { describe, expect, test } from "vitest";
import {
  columnValues,
  describe as describeTable,
  readTable,
  type TableWarningKind,
} from "../../src/table/index.ts";

/** Rows without anything that deserves a look. */
const sound = (count = 60) =>
  Array.from({ length: count }, (_, at) => ({
    area: 30 + ((at * 37) % 101) + at / 1000,
    town: ["Oslo", "Bergen", "Bodø"][(at * 7) % 3],
    built: new Date(Date.UTC(1950 + ((at * 7) % 70), 0, 1)),
    price: 100 + ((at * 53) % 97),
  }));

const kinds = async (rows: object[], target?: string): Promise<TableWarningKind[]> =>
  (await describeTable(rows, { target })).warnings.map(({ kind }) => kind);

describe("columnValues", () => {
  test("reads dates and numbers from text, and leaves names as they are", async () => {
    const text = 'sold;price;town\n"31 Jan 2024";"1,5 €";Oslo\n;;\n"29 Feb 2024";"2,5 €";Bergen\n';
    const table = await readTable(text);
    expect(columnValues(table, "sold")).toEqual([new Date("2024-01-31"), null, new Date("2024-02-29")]);
    expect(columnValues([{ price: "1,5" }, { price: "2,25" }], "price")).toEqual([1.5, 2.25]);
    expect(columnValues(table, "town")).toEqual(["Oslo", null, "Bergen"]);
    expect(columnValues([{ x: 1 }, { x: [2] }, { x: Number.NaN }], "x")).toEqual([1, null, null]);
    expect(() => columnValues(table, "twon")).toThrow(/unknown column "twon"\. Did you mean "town"\?/);
  });
});

describe("columns", () => {
  test("have numpy's linear quantiles, the mean and the standard deviation", async () => {
    const { columns } = await describeTable(Array.from({ length: 11 }, (_, at) => ({ x: at * at })));
    expect(columns[0]).toMatchObject({ name: "x", type: "number", missing: 0, distinct: 11 });
    expect(columns[0].quantiles).toEqual({
      ...{ "0": 0, "0.05": 0.5, "0.25": 6.5, "0.5": 25, "0.75": 56.5, "0.95": 90.5, "1": 100 },
    });
    expect(columns[0].mean).toBeCloseTo(35, 12);
    expect(columns[0].stddev).toBeCloseTo(Math.sqrt(1078), 6);
  });

  test("have their most frequent values, and dates have quantiles", async () => {
    const { columns, rows } = await describeTable(sound());
    expect(rows).toBe(60);
    const [, town, built] = columns;
    expect(town.top).toEqual([
      { value: "Bergen", rows: 20 },
      { value: "Bodø", rows: 20 },
      { value: "Oslo", rows: 20 },
    ]);
    expect(built.type).toBe("date");
    expect(built.quantiles?.["0"]).toBe(Date.UTC(1950, 0, 1));
  });

  test("are read by the given types", async () => {
    const rows = sound().map((row, at) => ({ ...row, zip: 4000 + (at % 3) }));
    const { columns } = await describeTable(rows, { columns: { zip: "category", town: "ignore" } });
    expect(columns.find(({ name }) => name === "zip")).toMatchObject({ type: "category", distinct: 3 });
    expect(columns.find(({ name }) => name === "town")).toMatchObject({
      type: "ignore",
      reason: "you said so",
    });
  });

  test("of a file are those that fitTable sees", async () => {
    const { columns, text } = await describeTable(await readTable("a;b\n1,5;x\n2,5;\n3,5;y\n"));
    expect(columns.map(({ name, type, missing }) => [name, type, missing])).toEqual([
      ["a", "number", 0],
      ["b", "category", 1],
    ]);
    expect(text).toMatch(/^3 rows, 2 columns\n\ncolumn +type +distinct +missing +values\n/);
    expect(text).toContain("1.5 to 3.5, median 2.5");
  });
});

describe("warnings", () => {
  test("there are none for a sound table", async () => {
    expect(await kinds(sound(), "price")).toEqual([]);
  });

  test.each<[TableWarningKind, (row: ReturnType<typeof sound>[number], at: number) => object]>([
    ["oneValue", (row) => ({ ...row, country: "Norway" })],
    ["duplicateColumns", (row) => ({ ...row, surface: row.area })],
    ["missing", (row, at) => ({ ...row, rent: at % 3 === 0 ? at % 7 : null })],
    ["placeholder", (row, at) => ({ ...row, age: at % 10 === 0 ? -999 : (at * 3) % 40 })],
    ["spelling", (row, at) => ({ ...row, town: at % 9 === 0 ? "oslo " : row.town })],
    ["leak", (row) => ({ ...row, kroner: 11.3 * row.price })],
    ["missingTarget", (row, at) => ({ ...row, price: at === 7 ? null : row.price })],
    ["unreadable", (row, at) => ({ ...row, size: at === 7 ? "big" : `${(at * 17) % 53}` })],
  ])("%s", async (kind, change) => {
    const { warnings } = await describeTable(sound().map(change), { target: "price" });
    expect(warnings.map((warning) => warning.kind)).toEqual([kind]);
    expect(warnings[0].columns.length).toBeGreaterThan(0);
  });

  test("duplicateRows counts the rows that equal an earlier one", async () => {
    const rows = [...sound(), ...sound(3)];
    const { warnings } = await describeTable(rows);
    expect(warnings).toMatchObject([
      { kind: "duplicateRows", message: expect.stringMatching(/^3 rows equal/) },
    ]);
  });

  test("fewRows and rareClass", async () => {
    expect(await kinds(sound(5))).toEqual(["fewRows"]);
    const rows = sound().map((row, at) => ({ ...row, kind: at < 2 ? "odd" : at % 2 ? "dear" : "cheap" }));
    expect(await kinds(rows, "kind")).toEqual(["rareClass"]);
  });

  test("a class that a column tells is a leak", async () => {
    const rows = sound().map((row) => ({ ...row, code: { Oslo: 3, Bergen: 46, Bodø: 18 }[row.town] }));
    const { warnings } = await describeTable(rows, { target: "town" });
    expect(warnings).toMatchObject([{ kind: "leak", columns: ["code", "town"] }]);
  });
});

test("an unknown target, column or option is refused with the nearest name", async () => {
  await expect(describeTable(sound(), { target: "prise" })).rejects.toThrow(/Did you mean "price"\?/);
  await expect(describeTable(sound(), { columns: { twon: "ignore" } })).rejects.toThrow(/"town"/);
  // @ts-expect-error an unknown option
  await expect(describeTable(sound(), { targets: "price" })).rejects.toThrow(/"target"/);
});

test("describes a table whose cells are lists too deep for a text, or objects without one", async () => {
  let deep: unknown = [];
  for (let level = 0; level < 50_000; level++) deep = [deep];
  const rows = [deep, { toString: 3 }, Object.create(null), [1], [2], [1]].map((cell) => ({ cell, x: 1 }));
  const { columns, text } = await describeTable(rows);
  expect(columns[0].type).toBe("ignore");
  expect(text).toMatch(/^6 rows, 2 columns/);
});

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readTable, streamTable } from "../../../src/table/index.ts";

const folder = mkdtempSync(join(tmpdir(), "myelin-sql-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("DuckDB", () => {
  const path = join(folder, "shop.duckdb");
  const rows = 5000;
  beforeAll(async () => {
    const instance = await DuckDBInstance.create(path);
    const connection = await instance.connect();
    await connection.run(`CREATE TABLE sales AS SELECT range AS id, range * 0.25 AS price, 'town ' || (range % 3) AS town,
      range % 2 = 0 AS paid, CASE WHEN range % 5 = 0 THEN NULL ELSE range END AS gap,
      1152921504606846976 + range AS huge, DATE '2024-01-01' + CAST(range % 300 AS INTEGER) AS day FROM range(${rows})`);
    connection.closeSync();
    instance.closeSync();
  });

  test("is read by path: all of the only table", async () => {
    const { cells, rows: length, isText } = await readTable(path);
    expect(length).toBe(rows);
    expect(isText).toBe(false);
    expect(cells.get("id")).toEqual(Float64Array.from({ length: rows }, (_, row) => row));
    expect(cells.get("price")![3]).toBe(0.75);
    expect(cells.get("town")![4]).toBe("town 1");
    expect(cells.get("paid")![1]).toBe(false);
    expect(Array.from({ length: 3 }, (_, row) => cells.get("gap")![row])).toEqual([Number.NaN, 1, 2]);
    expect(cells.get("huge")![1]).toBe(2n ** 60n + 1n);
    expect(cells.get("day")![1]).toEqual(new Date("2024-01-02"));
  });

  test("is queried, with parameters, whole and in blocks", async () => {
    const options = {
      query: "SELECT town, id FROM sales WHERE id >= ? ORDER BY id DESC",
      parameters: [4990],
    };
    const expected = Array.from({ length: 10 }, (_, at) => ({
      town: `town ${(4999 - at) % 3}`,
      id: 4999 - at,
    }));
    expect([...(await readTable(path, options))]).toEqual(expected);
    const blocks = [];
    for await (const block of streamTable(path, { ...options, rows: 4 })) blocks.push([...block]);
    expect(blocks.map(({ length }) => length)).toEqual([4, 4, 2]);
    expect(blocks.flat()).toEqual(expected);
  });

  test("is queried through an open connection, which stays open", async () => {
    const instance = await DuckDBInstance.create(":memory:");
    const connection = await instance.connect();
    await connection.run("CREATE TABLE a AS SELECT 1 AS x; CREATE TABLE b AS SELECT 2 AS x");
    expect([...(await readTable(connection, { query: "SELECT x FROM b" }))]).toEqual([{ x: 2 }]);
    await expect(readTable(connection)).rejects.toThrow(/one table, received 2: a, b.*Fix: give query/);
    await expect(readTable(connection, { query: "SELECT y FROM b" })).rejects.toThrow(
      /refused "SELECT y FROM b"/,
    );
    await expect(readTable(connection, { query: "SELECT x FROM b WHERE x > 5" })).rejects.toThrow(
      /expected rows/,
    );
    connection.closeSync();
    instance.closeSync();
  });

  test("is read from its file alone", async () => {
    const bytes = new Uint8Array(16);
    bytes.set([0x44, 0x55, 0x43, 0x4b], 8);
    await expect(readTable(bytes)).rejects.toThrow(/path of a database, received bytes/);
  });
});

/** Node has SQLite from 22.13 on; `package/runtimes.test.ts` reads SQLite on each of them. */
const sqlite = process.getBuiltinModule?.("node:sqlite" as "node:fs") as unknown;
const bytes = new TextEncoder().encode("SQLite format 3\0");

test.runIf(sqlite === undefined)("SQLite names the package that is not installed", async () => {
  const { writeFileSync } = await import("node:fs");
  const path = join(folder, "a.db");
  writeFileSync(path, bytes);
  await expect(readTable(path)).rejects.toThrow(/SQLite needs Node 22\.13.*npm i better-sqlite3/);
});

/** Files that pyarrow wrote (`fixtures/tables/make.py`) have the values that pyarrow reads. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { parquetWriteBuffer } from "hyparquet-writer";
import { describe, expect, test } from "vitest";
import { type Frame, readTable, streamTable, type TableInput } from "../../../src/table/index.ts";

const folder = new URL("../../fixtures/tables/", import.meta.url);
const expected: Record<string, unknown>[] = JSON.parse(readFileSync(new URL("table.json", folder), "utf8"));

/** A cell as table.json has it. */
function plain(name: string, cell: unknown): unknown {
  if (cell === undefined || (typeof cell === "number" && Number.isNaN(cell))) return null;
  if (typeof cell === "bigint") return String(cell);
  if (!(cell instanceof Date)) return cell;
  const text = cell.toISOString().replace(".000Z", "Z");
  return name === "day" ? text.slice(0, 10) : text;
}

const plainRecords = (frame: Frame) =>
  [...frame].map((record) =>
    Object.fromEntries(Object.entries(record).map(([name, cell]) => [name, plain(name, cell)])),
  );

const parquet = ["none", "snappy", "gzip", "brotli", "lz4", "zstd"].map((codec) => `${codec}.parquet`);
const arrow = ["uncompressed.arrow", "lz4.arrow", "zstd.arrow", "stream.arrows"];

describe.each([...parquet, ...arrow])("%s", (file) => {
  const path = new URL(file, folder);

  test("has the values that pyarrow reads", async () => {
    const table = await readTable(path);
    expect(plainRecords(table)).toEqual(expected);
    expect(table.isText).toBe(false);
    for (const name of ["int", "long", "double", "float", "money"])
      expect(table.cells.get(name), name).toBeInstanceOf(Float64Array);
  });

  test("as bytes, a blob and a stream too", async () => {
    const bytes = readFileSync(path);
    const pieces = async function* () {
      for (let at = 0; at < bytes.length; at += 100) yield bytes.subarray(at, at + 100);
    };
    for (const input of [bytes, new Uint8Array(bytes).buffer, new Blob([bytes]), pieces()])
      expect(plainRecords(await readTable(input))).toEqual(expected);
  });

  test("streams in blocks", async () => {
    const blocks: Frame[] = [];
    for await (const block of streamTable(path, { rows: 10 })) blocks.push(block);
    expect(blocks.flatMap(plainRecords)).toEqual(expected);
    expect(blocks.map(({ rows }) => rows)).toEqual([10, 6, 10, 6, 8]);
  });

  test("gives some columns, in their order", async () => {
    const columns = ["flag", "int"];
    const table = await readTable(path, { columns });
    expect(table.names).toEqual(columns);
    expect(plainRecords(table)).toEqual(expected.map(({ flag, int }) => ({ flag, int })));
    await expect(readTable(path, { columns: ["flags"] })).rejects.toThrow(/flags.*flag/);
  });

  test("is an error where it is cut or damaged", async () => {
    const bytes = new Uint8Array(readFileSync(path));
    await expect(readTable(bytes.slice(0, bytes.length / 2))).rejects.toMatchObject({
      code: expect.stringMatching(/^MYELIN_/),
    });
    const place = fc.integer({ min: 0, max: bytes.length - 1 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(place, fc.nat(255)), { minLength: 1, maxLength: 5 }),
        async (changes) => {
          const damaged = bytes.slice();
          for (const [at, byte] of changes) damaged[at] = byte;
          const read = await readTable(damaged as TableInput).catch((error) => error);
          if (read instanceof Error) expect(read).toMatchObject({ code: expect.stringMatching(/^MYELIN_/) });
        },
      ),
      { numRuns: 20 },
    );
  });
});

test("Parquet that hyparquet-writer wrote is read again", async () => {
  const column = <T>(values: fc.Arbitrary<T>) => fc.array(values, { minLength: 5, maxLength: 5 });
  const property = fc.asyncProperty(
    column(fc.double({ noNaN: true })),
    column(fc.string({ unit: "grapheme" })),
    column(fc.option(fc.integer())),
    async (doubles, texts, integers) => {
      const file = parquetWriteBuffer({
        columnData: [
          { name: "x", data: doubles, type: "DOUBLE" },
          { name: "text", data: texts, type: "STRING" },
          { name: "n", data: integers, type: "INT32", nullable: true },
        ],
      });
      const { cells } = await readTable(file);
      expect(Array.from(cells.get("x")!)).toEqual(doubles);
      expect(Array.from(cells.get("text")!)).toEqual(texts);
      expect(Array.from(cells.get("n")!, (cell) => (Number.isNaN(cell) ? null : cell) ?? null)).toEqual(
        integers,
      );
    },
  );
  await fc.assert(property, { numRuns: 50 });
});

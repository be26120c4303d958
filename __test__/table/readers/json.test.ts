import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readTable, streamTable } from "../../../src/table/index.ts";

const records = [
  { name: 'Ada, "A" [x]', x: 1.5, tags: "}]," },
  { name: "Bo\n{", x: null, extra: true },
  { name: '\\"', x: -2e-7 },
];
const columns = {
  name: records.map(({ name }) => name),
  x: Float64Array.of(1.5, Number.NaN, -2e-7),
  tags: ["}],", undefined, undefined],
  extra: [undefined, true, undefined],
};
const bytesOf = (text: string) => new TextEncoder().encode(text);

/** Bytes in pieces of some size. */
async function* cut(bytes: Uint8Array, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const forms: [string, string][] = [
  ["an array", JSON.stringify(records)],
  ["an array over lines, with a mark", `\ufeff ${JSON.stringify(records, null, 2)}\n`],
  ["lines", records.map((record) => JSON.stringify(record)).join("\n")],
  [
    "lines with blank ones and CR LF",
    `${records.map((record) => JSON.stringify(record)).join("\r\n\r\n")}\r\n`,
  ],
];

describe.each(forms)("JSON as %s", (_, text) => {
  test("is read", async () => {
    const table = await readTable(bytesOf(text));
    expect(Object.fromEntries(table.cells)).toEqual(columns);
    expect(table.isText).toBe(false);
  });

  test.each([1, 5, 1000])("streams from pieces of %i bytes", async (size) => {
    const blocks = [];
    for await (const block of streamTable(cut(bytesOf(text), size), { rows: 2 })) blocks.push(block);
    expect(blocks.map(({ rows }) => rows)).toEqual([2, 1]);
    expect(blocks.flatMap((block) => Array.from(block, ({ name }) => name))).toEqual(columns.name);
  });
});

test("JSON as columns is read", async () => {
  const table = await readTable(bytesOf('{ "a": [1, 2], "b": ["x", null] }\n'));
  expect([...table]).toEqual([
    { a: 1, b: "x" },
    { a: 2, b: null },
  ]);
});

test("lines in a file that is called .json are read", async () => {
  const file = new File(['{"a": 1}\n{"a": 2}\n'], "records.json");
  expect([...(await readTable(file))]).toEqual([{ a: 1 }, { a: 2 }]);
  const long = new File([`{"a": "${"x".repeat(9000)}"}\n{"a": 2}\n`], "records.json");
  await expect(readTable(long)).rejects.toThrow(/format: "jsonl"/);
});

test("an object of values is one record, with or without a line break; an object of lists has columns", async () => {
  for (const text of ['{"a": 1, "b": "x"}', '{"a": 1, "b": "x"}\n', '{"a": [1], "b": ["x"]}'])
    expect([...(await readTable(text)).cells].map(([name, cells]) => [name, Array.from(cells)])).toEqual([
      ["a", [1]],
      ["b", ["x"]],
    ]);
  const rows: number[] = [];
  for await (const frame of streamTable('{"a": 1}')) rows.push(frame.rows);
  expect(rows).toEqual([1]);
});

test("text of JSON is told from a path by its line break", async () => {
  expect([...(await readTable('[{"a": 1},\n{"a": 2}]'))]).toEqual([{ a: 1 }, { a: 2 }]);
});

test("what JSON.stringify writes is read, whole and in blocks", async () => {
  const table = fc.array(
    fc.record({ a: fc.jsonValue({ maxDepth: 2 }), b: fc.string({ unit: "grapheme" }) }),
    { minLength: 1, maxLength: 20 },
  );
  await fc.assert(
    fc.asyncProperty(table, fc.boolean(), fc.integer({ min: 1, max: 50 }), async (rows, areLines, size) => {
      const text = areLines ? rows.map((row) => JSON.stringify(row)).join("\n") : JSON.stringify(rows);
      const expected: { b: unknown }[] = JSON.parse(JSON.stringify(rows));
      const options = { format: areLines ? "jsonl" : "json", columns: ["b"] } as const;
      const bs = expected.map(({ b }) => b);
      expect(Array.from(await readTable(bytesOf(text), options), ({ b }) => b)).toEqual(bs);
      const streamed = [];
      for await (const block of streamTable(cut(bytesOf(text), size), { ...options, rows: 3 }))
        streamed.push(...Array.from(block, ({ b }) => b));
      expect(streamed).toEqual(bs);
    }),
    { numRuns: 100 },
  );
});

describe("an error says what to do", () => {
  test.each<[string, string, "json" | "jsonl", RegExp]>([
    ["NaN", '[{"a": NaN}]', "json", /not valid JSON: .*write null for NaN/],
    ["no JSON", "[{]", "json", /not valid JSON: .*give an array of records/],
    ["no records", "[]", "json", /expected records, received none/],
    ["numbers", "[1, 2]", "json", /row 0: expected a record, received 1/],
    ["one number", "1", "json", /expected records, columns by name/],
    ["columns of other lengths", '{"a": [1], "b": [1, 2]}', "json", /column "b": expected 1 values/],
    ["a wrong line", '{"a": 1}\n{"a": 2}\n{"a": \n', "jsonl", /line 3: it is not valid JSON/],
    ["two records in a line", '{"a": 1}\n{"a": 2},{"a": 3}\n', "jsonl", /line 2: it is not valid JSON/],
    ["lines without any", "\n\n", "jsonl", /expected records, received none/],
  ])("%s", async (_, text, format, message) => {
    await expect(readTable(bytesOf(text), { format })).rejects.toThrow(message);
  });

  test("an array that is cut", async () => {
    const read = async () => {
      for await (const block of streamTable(bytesOf('[{"a": 1}, {"a": 2'), { rows: 1 }))
        expect(block.rows).toBe(1);
    };
    await expect(read()).rejects.toThrow(/array of records does not end/);
  });
});

import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readTable, streamTable } from "../../../src/table/index.ts";
import type { ReadTableOptions } from "../../../src/table/readers/readTable.ts";

const csv = (text: string, options: ReadTableOptions = {}) =>
  readTable(new Blob([text]), { format: "csv", ...options });
const records = async (text: string, options: ReadTableOptions = {}) => [...(await csv(text, options))];

/** Bytes in pieces of some size, so that every cell is cut somewhere. */
async function* cut(bytes: Uint8Array, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

test("a cell that is cut between two chunks leaves no trace of its first part", async () => {
  // More than the beginning from which the dialect is found, which is read as one piece.
  const lines = Array.from({ length: 40_000 }, (_, at) => `${at},Bodø,${at % 7 === 0 ? "1e3" : at}`);
  const bytes = Buffer.from(`id,town,size\n${lines.join("\n")}\n`);
  for (const size of [1000, 1001, 1003, 1007]) {
    const table = await readTable(cut(bytes, size));
    expect(table.cells.get("size")).toBeInstanceOf(Float64Array);
    expect(new Set(table.cells.get("town") as string[])).toEqual(new Set(["Bodø"]));
    let rows = 0;
    for await (const block of streamTable(cut(bytes, size), { rows: 777 })) {
      rows += block.rows;
      expect(block.cells.get("size")).toBeInstanceOf(Float64Array);
      expect(new Set(block.cells.get("town") as string[])).toEqual(new Set(["Bodø"]));
    }
    expect(rows).toBe(40_000);
  }
});

describe("csv-spectrum", () => {
  const folder = dirname(createRequire(import.meta.url).resolve("csv-spectrum/package.json"));
  const names = readdirSync(join(folder, "csvs")).map((file) => file.replace(/\.csv$/, ""));

  test.each(names)("%s", async (name) => {
    const json = JSON.parse(readFileSync(join(folder, "json", `${name}.json`), "utf8"));
    const expected: Record<string, string>[] = [json].flat();
    // Here the package's JSON has another number than its CSV.
    if (name === "location_coordinates") expected[0]["Contact Phone Number"] = "2095257564";
    const bytes = readFileSync(join(folder, "csvs", `${name}.csv`));
    const text = Object.keys(expected[0]);
    expect([...(await readTable(bytes, { format: "csv", text }))]).toEqual(expected);
    for (const size of [1, 2, 7]) {
      const blocks = [];
      for await (const block of streamTable(cut(bytes, size), { format: "csv", text, rows: 2 }))
        blocks.push(...block);
      expect(blocks).toEqual(expected);
    }
  });
});

describe("what is written is read", () => {
  const quoted = (cell: string) => `"${cell.replaceAll('"', '""')}"`;
  // Cells that need quotes get them; some others too.
  const write = (cell: string, separator: string, always: boolean) =>
    always || cell === "" || cell !== cell.trim() || /["\r\n]/.test(cell) || cell.includes(separator)
      ? quoted(cell)
      : cell;

  test("whatever the cells, the separator, the line breaks and the pieces", async () => {
    const cell = fc.oneof(
      fc.string({ unit: "grapheme" }),
      fc.string({ unit: fc.constantFrom('"', ",", ";", "\t", "\n", "\r", " ", "a", "1", "é", "😀") }),
      fc.double({ noNaN: true }).map(String),
    );
    const table = fc
      .integer({ min: 1, max: 5 })
      .chain((width) =>
        fc.array(fc.array(cell, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 20 }),
      );
    const property = fc.asyncProperty(
      table,
      fc.constantFrom(",", ";", "\t", "|"),
      fc.constantFrom("\n", "\r\n", "\r"),
      fc.boolean(),
      fc.boolean(),
      fc.integer({ min: 1, max: 40 }),
      async (rows, separator, end, always, isEnded, size) => {
        const names = rows[0].map((_, at) => `n${at}`);
        const text = [names, ...rows]
          .map((row) => row.map((one) => write(one, separator, always)).join(separator))
          .join(end);
        const bytes = new TextEncoder().encode(isEnded ? text + end : text);
        const options = { format: "csv", separator, header: true, text: names } as const;
        const expected = rows.map((row) => Object.fromEntries(row.map((one, at) => [names[at], one])));
        expect([...(await readTable(bytes, options))]).toEqual(expected);
        const streamed = [];
        for await (const block of streamTable(cut(bytes, size), { ...options, rows: 3 }))
          streamed.push(...block);
        expect(streamed).toEqual(expected);
      },
    );
    await fc.assert(property, { numRuns: 300 });
  });

  test("numbers have the bits that JavaScript reads", async () => {
    const number = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
      fc
        .tuple(fc.double({ min: -1e6, max: 1e6, noNaN: true }), fc.integer({ min: 0, max: 20 }))
        .map(([x, d]) => x.toFixed(d)),
      fc.tuple(fc.integer(), fc.integer({ min: -330, max: 310 })).map(([x, e]) => `${x}e${e}`),
      fc.stringMatching(/^-?(0|[1-9]\d{0,15})\.\d{1,25}$/),
    );
    // Whole numbers that doubles cannot hold stay text.
    const isExact = (text: string) => !/^-?\d+$/.test(text) || Number.isSafeInteger(Number(text));
    await fc.assert(
      fc.asyncProperty(fc.array(number.filter(isExact), { minLength: 1, maxLength: 50 }), async (texts) => {
        const { cells } = await csv(["x", ...texts].join("\n"), { header: true });
        const expected = Float64Array.from(texts, Number);
        expect(cells.get("x")).toEqual(expected);
      }),
      { numRuns: 300 },
    );
  });
});

describe("columns", () => {
  test("of numbers are doubles, of texts are strings that equal cells share", async () => {
    const table = await csv("price,town\n1.5,Oslo\n-2e3,Bergen\n,Oslo\n");
    expect(table.cells.get("price")).toEqual(Float64Array.of(1.5, -2000, Number.NaN));
    expect(table.cells.get("town")).toEqual(["Oslo", "Bergen", "Oslo"]);
    expect(table.isText).toBe(true);
  });

  test("may have thousands separators, currencies, percents, and texts for no value", async () => {
    const table = await csv('a,b,c\n"1,234.5",$5,12 %\nn/a,NA,.\n7,-$3,5%\n');
    expect(Object.fromEntries(table.cells)).toEqual({
      a: Float64Array.of(1234.5, Number.NaN, 7),
      b: Float64Array.of(5, Number.NaN, -3),
      c: Float64Array.of(12, Number.NaN, 5),
    });
  });

  test("with leading zeros, or whole numbers that doubles cannot hold, keep their spelling", async () => {
    const table = await csv("zip,id\n0150,12345678901234567890\n5003,12345678901234567891\n");
    expect([...table]).toEqual([
      { zip: "0150", id: "12345678901234567890" },
      { zip: "5003", id: "12345678901234567891" },
    ]);
  });

  test("keep the few cells that are not numbers, so that fitTable counts them", async () => {
    const lines = Array.from({ length: 99 }, (_, row) => String(row));
    const table = await csv(["x", ...lines, "broken"].join("\n"));
    expect(Array.from(table.cells.get("x")!)).toEqual([...lines.map(Number), "broken"]);
  });

  test("that turn out to be text far into the file are read as text from the start", async () => {
    const lines = Array.from({ length: 60_000 }, (_, row) => `${row},1.50`);
    lines[59_000] = "007,1.50";
    for (let row = 50_000; row < 59_000; row++) lines[row] = `${row},unknown`;
    const table = await csv(["id,price", ...lines].join("\n"));
    expect(table.cells.get("id")![59_000]).toBe("007");
    expect(table.cells.get("id")![1]).toBe("1");
    expect(table.cells.get("price")![0]).toBe("1.50");
    expect(table.cells.get("price")![50_000]).toBe("unknown");
  });

  test("that begin without a value are numbers if their values are", async () => {
    const lines = Array.from({ length: 60_000 }, (_, row) => `${row},`);
    lines.push("1,2.5");
    const table = await csv(["a,b", ...lines].join("\n"));
    expect(table.cells.get("b")).toBeInstanceOf(Float64Array);
    expect(table.cells.get("b")![60_000]).toBe(2.5);
  });

  test("are chosen and ordered by name, and kept as text by name", async () => {
    const table = await csv("a,b,c\n1,2,3\n", { columns: ["c", "a"], text: ["a"] });
    expect([...table]).toEqual([{ c: 3, a: "1" }]);
    await expect(csv("price,b\n1,2\n", { columns: ["prise"] })).rejects.toThrow(/prise.*price/);
    await expect(csv("price,b\n1,2\n", { text: ["prise"] })).rejects.toThrow(/prise.*price/);
  });

  test("of one name get different ones, and columns without a name their number", async () => {
    expect((await csv("a,a,,a_2\n1,2,3,4\n")).names).toEqual(["a", "a_3", "column3", "a_2"]);
  });

  test("may have any name", async () => {
    const [record] = await records('__proto__,"a ""b""",😀\n1,2,3\n');
    expect(Object.entries(record)).toEqual([
      ["__proto__", 1],
      ['a "b"', 2],
      ["😀", 3],
    ]);
  });
});

describe("a dialect is found", () => {
  test.each([",", ";", "\t", "|"])("with the separator %j", async (separator) => {
    const text = ["name,with comma", "x", "y"].map((cell) => `"${cell}"`).join(separator);
    expect(await records(`${text}\na${separator}1${separator}2\n`)).toEqual([
      { "name,with comma": "a", x: 1, y: 2 },
    ]);
  });

  test("with decimal commas", async () => {
    expect(await records("a;b\n1,5;x\n1.234,25;y\n")).toEqual([
      { a: 1.5, b: "x" },
      { a: 1234.25, b: "y" },
    ]);
    expect(await records("1,5;2,5\n3,5;4,25\n")).toEqual([
      { column1: 1.5, column2: 2.5 },
      { column1: 3.5, column2: 4.25 },
    ]);
  });

  test("with the line that Excel writes", async () => {
    expect(await records("sep=;\r\na;b\r\n1;2\r\n")).toEqual([{ a: 1, b: 2 }]);
  });

  test("with blank lines, spaces around cells, and no line break at the end", async () => {
    expect(await records("\n a , b\r\n\r\n39, Private \r\n  \r\n40,\tSelf\n5,x")).toEqual([
      { a: 39, b: "Private" },
      { a: 40, b: "Self" },
      { a: 5, b: "x" },
    ]);
  });

  test.each([
    ["numbers", "1,2\n3,4\n", false],
    ["names over numbers", "a,b\n1,2\n", true],
    ["years over numbers", "country,2019,2020\nNorway,1,2\nSweden,3,4\n", true],
    ["names over texts", "name,town\nAda,Oslo\nBob,Bergen\n", true],
    ["texts that occur again", "Ada,Oslo\nBob,Oslo\nEve,Oslo\n", false],
    ["a row of a table like iris", "5.1,3.5,1.4,0.2,setosa\n4.9,3,1.4,0.2,setosa\n", false],
    ["a date in front", "2024-01-02,a\n2024-01-03,b\n", false],
    ["one column of texts", "town\nOslo\nBergen\n", true],
  ])("by its first line: %s", async (_, text, hasHeader) => {
    const table = await csv(text);
    expect(table.rows).toBe(text.trim().split("\n").length - (hasHeader ? 1 : 0));
    expect((await csv(text, { header: !hasHeader })).rows).toBe(table.rows + (hasHeader ? 1 : -1));
  });

  test("with a column of row names that has none itself, as R writes", async () => {
    expect(await records("mpg,cyl\nMazda,21,6\nDatsun,22.8,4\n")).toEqual([
      { column1: "Mazda", mpg: 21, cyl: 6 },
      { column1: "Datsun", mpg: 22.8, cyl: 4 },
    ]);
  });

  test("with the encoding", async () => {
    const text = "name,x\nBodø,1\nTromsø,2\n";
    const expected = [
      { name: "Bodø", x: 1 },
      { name: "Tromsø", x: 2 },
    ];
    const utf16 = (isBig: boolean, mark: string) => {
      const bytes = Buffer.from(mark + text, "utf16le");
      return isBig ? bytes.swap16() : bytes;
    };
    const files = [
      Buffer.from(text),
      Buffer.from(`\ufeff${text}`),
      Buffer.from(text, "latin1"),
      ...[utf16(false, "\ufeff"), utf16(true, "\ufeff"), utf16(false, "")],
      gzipSync(text),
    ];
    for (const bytes of files) {
      expect([...(await readTable(bytes))]).toEqual(expected);
      const streamed = [];
      for await (const block of streamTable(cut(bytes, 3))) streamed.push(...block);
      expect(streamed).toEqual(expected);
    }
    const cyrillic = Uint8Array.of(0x61, 0x2c, 0x62, 0x0a, 0xcf, 0x2c, 0x31, 0x0a);
    expect([...(await readTable(cyrillic, { encoding: "windows-1251" }))]).toEqual([{ a: "П", b: 1 }]);
  });

  test("with Windows-1252 that begins late in the file", async () => {
    const text = `name\n${"Oslo\n".repeat(100_000)}Bod\xf8\n`;
    const bytes = Buffer.from(text, "latin1");
    expect((await readTable(bytes)).cells.get("name")![100_000]).toBe("Bodø");
    const stream = async () => {
      for await (const block of streamTable(bytes)) expect(block.rows).toBeGreaterThan(0);
    };
    await expect(stream()).rejects.toThrow(/not valid UTF-8.*encoding: "windows-1252"/);
  });

  test("or given", async () => {
    expect(await records("a:b\n'x:y':1\n", { separator: ":", quote: "'" })).toEqual([{ a: "x:y", b: 1 }]);
    expect(await records('a,b\n5" pipe,1\n"6,2\n', { quote: "" })).toEqual([
      { a: '5" pipe', b: 1 },
      { a: '"6', b: 2 },
    ]);
    expect(await records("a;b\n1,5;2\n", { decimal: "." })).toEqual([{ a: "1,5", b: 2 }]);
    expect(await records("a,b\n1\n2,3\n", { ragged: "pad" })).toEqual([
      { a: 1, b: Number.NaN },
      { a: 2, b: 3 },
    ]);
  });
});

describe("a stream", () => {
  test("has blocks of the rows that were asked for, each with the same columns", async () => {
    const text = Array.from({ length: 1000 }, (_, row) => `${row},${row % 3 === 0 ? "a" : "b"},`).join("\n");
    const whole = await csv(`x,y,z\n${text}`);
    const blocks = [];
    for await (const block of streamTable(`x,y,z\n${text}`, { rows: 64 })) blocks.push(block);
    expect(blocks.map(({ rows }) => rows)).toEqual([...Array(15).fill(64), 40]);
    expect(blocks.flatMap((block) => [...block])).toEqual([...whole]);
    expect(blocks.every((block) => block.cells.get("x") instanceof Float64Array)).toBe(true);
  });
});

describe("an error says what to do", () => {
  test.each<[string, string, ReadTableOptions, RegExp]>([
    ["a header without rows", "a,b\n", {}, /expected rows, received a header without any/],
    ["an empty file", "", {}, /received an empty file/],
    ["blank lines", "\n\n \n", {}, /received an empty file/],
    [
      "a line with more cells",
      'a,b\n1,2\n"x\ny",2,3\n',
      {},
      /line 3: expected 2 cells, as the header has, received 3: .*Fix: quote/,
    ],
    ["a line with fewer cells", "a,b\n1,2\n\n3\n", {}, /line 4: expected 2 cells.*received 1.*ragged: "pad"/],
    ["a quote that is not closed", 'a,b\n1,2\n3,"x\n', {}, /line 3: a quoted cell has no closing quote/],
    ["text after a quote", 'a,b\n1,"x" y\n', {}, /line 2: expected a separator after the closing quote.*"y"/],
    ["bytes that are not text", "a,b\n\0\0\0\u0001,2\n", {}, /not text in any known encoding/],
    ["an encoding that does not fit", "a\né\n", { encoding: "utf-16le" }, /not valid utf-16le.*encoding/],
  ])("%s", async (_, text, options, message) => {
    await expect(csv(text, options)).rejects.toThrow(message);
  });

  test.each<[ReadTableOptions, RegExp]>([
    [{ seperator: ";" } as ReadTableOptions, /seperator.*separator/],
    [{ separator: ";;" }, /separator: expected one ASCII character/],
    [{ separator: "a" }, /separator: expected one ASCII character/],
    [{ separator: '"' }, /quote: expected another character/],
    [{ decimal: ";" as "." }, /decimal/],
    [{ header: "yes" as unknown as boolean }, /header/],
    [{ encoding: "utf-9" }, /encoding: expected an encoding/],
    [{ columns: [] }, /columns: expected names/],
    [{ columns: ["a", "a"] }, /different columns/],
    [{ ragged: "cut" as "pad" }, /ragged/],
    [{ query: "SELECT 1" }, /query: it is for SQLite and DuckDB, and this table is csv/],
  ])("options %j", async (options, message) => {
    await expect(csv("a,b\n1,2\n", options)).rejects.toThrow(message);
  });

  test("whatever the bytes, there is a table or an error of ours", async () => {
    const piece = fc.oneof(
      fc.constantFrom(
        '"',
        ",",
        ";",
        "\n",
        "\r\n",
        "\t",
        "|",
        "1",
        "2.5",
        "a",
        " ",
        '""',
        "\0",
        "sep=;",
        "NA",
        "\ufeff",
      ),
      fc.string({ unit: "binary" }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 40 }), async (pieces) => {
        const bytes = Buffer.from(pieces.join(""), "latin1");
        const read = await readTable(bytes, { format: "csv" }).catch((error) => error);
        if (read instanceof Error) expect(read).toMatchObject({ code: expect.stringMatching(/^MYELIN_/) });
        else for (const cells of read.cells.values()) expect(cells.length).toBe(read.rows);
      }),
      { numRuns: 200 },
    );
  });
});

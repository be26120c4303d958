import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import * as noFiles from "../../../src/files/noFiles.ts";
import { dense, Model, save } from "../../../src/index.ts";
import { fitTable, readTable, streamTable, type TableInput } from "../../../src/table/index.ts";

const folder = mkdtempSync(join(tmpdir(), "myelin-readers-"));
afterAll(() => rmSync(folder, { recursive: true }));

const text = "name,x\nAda,1\nBob,2\n";
const expected = [
  { name: "Ada", x: 1 },
  { name: "Bob", x: 2 },
];
const write = (name: string, content: string | Uint8Array = text) => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};

describe("a table is read from", () => {
  const bytes = new TextEncoder().encode(text);
  const inputs: [string, () => TableInput][] = [
    ["a path", () => write("a.csv")],
    ["a file's URL", () => pathToFileURL(write("b ø.csv"))],
    ["a compressed file", () => write("c.csv.gz", gzipSync(text))],
    ["a file without an ending", () => write("d")],
    ["text", () => text],
    ["bytes", () => bytes],
    ["an ArrayBuffer", () => bytes.slice().buffer],
    ["a Blob", () => new Blob([bytes])],
    ["a stream of the web", () => new Blob([bytes]).stream()],
    [
      "an iterable of texts",
      () =>
        (async function* () {
          yield text.slice(0, 7);
          yield text.slice(7);
        })(),
    ],
  ];

  test.each(inputs)("%s, whole and in blocks", async (_, input) => {
    expect([...(await readTable(input()))]).toEqual(expected);
    const blocks = [];
    for await (const block of streamTable(input(), { rows: 1 })) blocks.push([...block]);
    expect(blocks).toEqual(expected.map((record) => [record]));
  });

  test("a web address", async () => {
    const server = createServer((request, response) => {
      if (request.url === "/cars.csv") response.end(text);
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, resolve));
    const address = `http://localhost:${(server.address() as AddressInfo).port}`;
    expect([...(await readTable(new URL(`${address}/cars.csv`)))]).toEqual(expected);
    expect([...(await readTable(`${address}/cars.csv`))]).toEqual(expected);
    await expect(readTable(`${address}/none.csv`)).rejects.toThrow(/none\.csv.*the server answered 404/);
    server.close();
    await expect(readTable(`${address}/cars.csv`)).rejects.toThrow(/cannot be fetched/);
  });
});

test("fitTable, predict and evaluate take what it gives", async () => {
  const lines = Array.from({ length: 80 }, (_, row) => {
    const [area, town] = [(row * 37) % 101, row % 3 === 0 ? "Oslo" : "Bergen"];
    return `${area},${town},${3 * area + (town === "Oslo" ? 50 : 0)}`;
  });
  const path = write("houses.csv", ["area,town,price", ...lines].join("\n"));
  const table = await readTable(path);
  const options = { target: "price", quality: "fast", seed: 1 } as const;
  // Blocks are joined: a stream gives the same model as the table.
  const model = await fitTable(streamTable(path, { rows: 32 }), options);
  expect(model.columns.map(({ type }) => type)).toEqual(
    ["number", "category", "number"].slice(0, model.columns.length),
  );
  expect(model.evaluate(table).r2).toBeGreaterThan(0.5);
  const { value } = model.predict(table);
  expect(value).toHaveLength(80);
  expect(model.predict({ area: 37, town: "Bergen" }).value).toBe(value[1]);
  const answers = [];
  for await (const answer of model.predict(streamTable(path, { rows: 32 }))) answers.push(answer.value);
  expect(answers).toEqual(value);
  model.dispose();
});

describe("an error says what to do", () => {
  const modelFile = async () => {
    const path = join(folder, "model.safetensors");
    const model = new Model({ inputs: 2, layers: [dense(1)], loss: "meanSquaredError", optimizer: "sgd" });
    await save(model, path);
    return path;
  };
  mkdirSync(join(folder, "sub.csv"));

  test.each<[string, () => unknown, RegExp]>([
    ["no such file", () => join(folder, "none.csv"), /none\.csv.*there is no such file/],
    ["a folder", () => join(folder, "sub.csv"), /sub\.csv.*it is a folder/],
    ["an empty file", () => write("empty.csv", ""), /empty\.csv.*received an empty file/],
    ["an empty text", () => "", /received an empty text/],
    ["a model's file", modelFile, /this is the file of a model, not of a table.*loadTable or load/],
    ["a workbook", () => write("a.xlsx", "PK\x03\x04"), /workbook of Excel.*save the sheet as CSV/],
    ["a wrong name", () => write("a.parquet", "x,y\n"), /format parquet, by its name.*give format/],
    ["damaged gzip", () => write("a.csv.gz", gzipSync(text).subarray(0, 20)), /gzip data is damaged/],
    ["a number", () => 5, /expected a path, a URL, a Blob, bytes.*received 5/],
    ["records", () => expected, /give records and columns in memory to fitTable as they are/],
    [
      "a stream of records",
      () =>
        (async function* () {
          yield* expected;
        })(),
      /stream of bytes or texts/,
    ],
  ])("%s", async (_, input, message) => {
    const given = (await input()) as TableInput;
    const error = await readTable(given).catch((reason) => reason);
    expect(error).toMatchObject({ code: expect.stringMatching(/^MYELIN_/) });
    expect(error.message).toMatch(message);
  });

  test("an option that is unknown", async () => {
    await expect(readTable(text, { colums: ["a"] } as object)).rejects.toThrow(/colums.*columns/);
    await expect(readTable(text, { format: "cvs" as "csv" })).rejects.toThrow(/cvs.*csv/);
    await expect(readTable(text, { format: "json", header: true })).rejects.toThrow(/header: it is for CSV/);
    await expect(streamTable(text, { rows: 0 }).next()).rejects.toThrow(/rows: expected a whole number/);
  });

  test("rows that were not read", async () => {
    const learn = (rows: unknown) => fitTable(rows as never, { target: "x" });
    await expect(learn("cars.csv")).rejects.toThrow(/Fix: give what readTable reads from it/);
    await expect(learn(readTable(text))).rejects.toThrow(/Fix: await it/);
  });

  test("a host without files", async () => {
    await expect(noFiles.openFile("a.csv", "readTable")).rejects.toThrow(
      /no files.*pass a Blob, bytes or a URL/,
    );
  });
});

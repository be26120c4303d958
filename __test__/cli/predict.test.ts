/** myelin predict: what it writes, in which formats, and what it refuses. */

import { spawn } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { openSink } from "../../src/cli/outputFile.ts";
import { loadTable, readTable, type TableModel } from "../../src/table/index.ts";
import { commandIn, houses, main, makeFolder, penguins, shell, toCsv } from "./command.ts";

const folder = makeFolder();
const myelin = commandIn(folder);
const path = (name: string) => join(folder, name);
const read = (name: string) => readFileSync(path(name), "utf8");

let model: TableModel;
beforeAll(async () => {
  const fast = ["--quality", "fast", "--networks", "2", "--seed", "1", "--quiet"];
  await myelin("train", "penguins.csv", "--target", "Species", ...fast);
  await myelin(
    "train",
    "houses.csv",
    "--target",
    "price",
    "--quantiles",
    "0.1,0.9",
    "-o",
    "houses.myelin",
    ...fast,
  );
  model = await loadTable(path("model.myelin"));
});

describe("writes", () => {
  test("a line for each row, to standard output", async () => {
    const { status, output, errors } = await myelin("predict", "model.myelin", "penguins.csv");
    const answers = model.predict(await readTable(path("penguins.csv"))).value;
    expect(output).toBe(`${["Species", ...answers].join("\n")}\n`);
    expect(errors).toBe("");
    expect(status).toBe(0);
  });

  test("probabilities that are those of predict", async () => {
    await myelin("predict", "model.myelin", "penguins.csv", "--probabilities", "-o", "answers.csv");
    const written = await readTable(path("answers.csv"));
    const { probabilities } = model.predict(await readTable(path("penguins.csv")));
    for (const name of ["Adelie", "Chinstrap", "Gentoo"])
      expect(written.cells.get(`Species_probability_${name}`)).toEqual(probabilities?.[name]);
  });

  test("quantiles, without being asked", async () => {
    const { output } = await myelin("predict", "houses.myelin", "houses.csv", "--to", "jsonl");
    const [first] = output.split("\n").map((line) => JSON.parse(line || "{}"));
    expect(Object.keys(first)).toEqual(["price", "price_quantile_0.1", "price_quantile_0.9"]);
    expect(first["price_quantile_0.1"]).toBeLessThanOrEqual(first["price_quantile_0.9"]);
  });

  test.each(["csv", "tsv", "jsonl", "json", "parquet"])(
    "the table's columns beside the answers as %s",
    async (format) => {
      const name = `kept.${format}`;
      const { status, errors, output } = await myelin(
        "predict",
        "model.myelin",
        "penguins.csv",
        "--keep",
        "-o",
        name,
      );
      expect(errors).toBe(`wrote ${name}: 344 rows\n`);
      expect(output).toBe("");
      expect(status).toBe(0);
      const written = await readTable(path(name));
      expect(written.names).toEqual([...Object.keys(penguins[0]), "Species_predicted"]);
      expect(written.rows).toBe(344);
      const lengths = Array.from(written.cells.get("Beak Length (mm)") ?? [], (cell) =>
        Number.isNaN(cell) ? null : cell,
      );
      expect(lengths).toEqual(penguins.map((row) => row["Beak Length (mm)"]));
    },
  );

  test("cells that need quotes as RFC 4180 says", async () => {
    const rows = houses(12).map((row) => ({ ...row, id: 'a "b", c\nd', town: row.town }));
    writeFileSync(path("quotes.json"), JSON.stringify(rows));
    await myelin("predict", "houses.myelin", "quotes.json", "--keep", "-o", "quotes.csv");
    expect(read("quotes.csv")).toContain('"a ""b"", c\nd",');
    expect((await readTable(path("quotes.csv"))).cells.get("id")?.[3]).toBe('a "b", c\nd');
  });

  test("one JSON document with --json", async () => {
    const { output } = await myelin("predict", "model.myelin", "penguins.csv", "--json");
    expect(JSON.parse(output)).toHaveLength(344);
    const written = await myelin("predict", "model.myelin", "penguins.csv", "--json", "-o", "o.csv");
    expect(JSON.parse(written.output)).toEqual({ output: "o.csv", format: "csv", rows: 344 });
  });
});

describe("reads", () => {
  test("standard input of several blocks as it reads a file", async () => {
    const many = toCsv(houses(20_000));
    writeFileSync(path("many.csv"), many);
    const fromFile = await myelin("predict", "houses.myelin", "many.csv", "-o", "file.csv");
    const piped = await shell(folder, "cat many.csv | myelin predict houses.myelin - > piped.csv");
    expect([fromFile.status, piped.status]).toEqual([0, 0]);
    expect(read("piped.csv")).toBe(read("file.csv"));
    expect(read("file.csv").split("\n")).toHaveLength(20_002);
  });

  test.skipIf(process.platform === "win32")("a pipe in place of a file", async () => {
    const plain = await myelin("predict", "houses.myelin", "houses.csv");
    const piped = await shell(folder, "myelin predict houses.myelin <(gzip -c houses.csv)");
    expect(piped).toEqual(plain);
    const train = "myelin train --target price --quality fast --networks 1 --quiet -o pipe.myelin";
    for (const [line, message] of [
      [`${train} <(printf 'a,price\\n1\\n')`, /^myelin: "\/[^"]+": line 2: expected 2 cells/],
      [`${train} --stream <(cat houses.csv)`, /^myelin: "\/[^"]+" can be read only once, and --stream/],
      [
        "myelin predict <(cat houses.myelin) houses.csv",
        /^myelin: a model is read from a file, and "\/[^"]+" is/,
      ],
      ["myelin inspect <(cat houses.myelin)", /this is the file of a model, .*\. Fix: give its path/],
    ] as const)
      expect((await shell(folder, line)).errors).toMatch(message);
  });

  test("a table with another separator, decimal sign and encoding", async () => {
    const rows = houses(50).map(({ area, town }) => `${String(area).replace(".", ",")},5;${town}`);
    writeFileSync(path("latin.csv"), Buffer.from(`area;town\n${rows.join("\n")}\n`, "latin1"));
    const given = ["--separator", ";", "--decimal", ",", "--encoding", "windows-1252"];
    const { status, output } = await myelin("predict", "houses.myelin", "latin.csv", ...given);
    expect(status).toBe(0);
    expect(output.split("\n")).toHaveLength(52);
  });

  test("a table that lacks a column, with a note", async () => {
    const rows = houses(20).map(({ area, ...others }) => ({ sqm: area, ...others }));
    writeFileSync(path("lacks.csv"), toCsv(rows));
    const { status, errors } = await myelin("predict", "houses.myelin", "lacks.csv");
    expect(errors).toMatch(/^note: "lacks.csv" has no column "area"; its values count as missing.\n$/);
    expect(status).toBe(0);
  });
});

describe("is one line, and leaves no file, for", () => {
  beforeAll(() => {
    const rows = houses(20).map(({ area, ...others }) => ({ aera: area, ...others }));
    writeFileSync(path("misspelt.csv"), toCsv(rows));
  });

  test.each<[what: string, given: string[], message: RegExp, status: number]>([
    [
      "a table in place of the model",
      ["houses.csv", "houses.csv"],
      /"houses.csv" does not hold a model, and predict expects one/,
      2,
    ],
    [
      "a model in place of the table",
      ["model.myelin", "model.myelin"],
      /"model.myelin" holds a model, and predict expects a table/,
      2,
    ],
    [
      "a table of other columns",
      ["model.myelin", "houses.csv"],
      /has none of the columns that the model learned from: Island/,
      1,
    ],
    [
      "a table with a misspelt column",
      ["houses.myelin", "misspelt.csv"],
      /^myelin: "misspelt\.csv": unknown column "aera"\. Did you mean "area"\? Fix: rename the field/,
      1,
    ],
    [
      "an output of unknown format",
      ["model.myelin", "penguins.csv", "-o", "x.xlsx"],
      /expected a name that ends with \.csv/,
      2,
    ],
    [
      "an output in no folder",
      ["model.myelin", "penguins.csv", "-o", "no/x.csv"],
      /"no\/x.csv" cannot be written: .*no such file/,
      1,
    ],
    [
      "an output that is a folder",
      ["model.myelin", "penguins.csv", "--to", "csv", "-o", "."],
      /"\." cannot be written: /,
      1,
    ],
    [
      "probabilities of numbers",
      ["houses.myelin", "houses.csv", "--probabilities"],
      /--probabilities is for classes/,
      2,
    ],
  ])("%s", async (_, given, message, code) => {
    const before = readdirSync(folder);
    const { status, errors, output } = await myelin("predict", ...given);
    expect(errors).toMatch(message);
    expect(errors.trimEnd().split("\n")).toHaveLength(1);
    expect(output).toBe("");
    expect(status).toBe(code);
    expect(readdirSync(folder)).toEqual(before);
  });

  test("a cell in a later block, by its row in the table", async () => {
    const text = toCsv(houses(10_000)).trimEnd().split("\n");
    text[9001] = "H1,abc,Oslo,1";
    writeFileSync(path("broken.csv"), `${text.join("\n")}\n`);
    const { status, errors } = await myelin("predict", "houses.myelin", "broken.csv", "-o", "none.csv");
    expect(errors).toMatch(
      /^myelin: "broken.csv": row 9000: column "area": expected a number, received "abc"/,
    );
    expect(status).toBe(1);
    expect(readdirSync(folder).filter((name) => /none|\.tmp$/.test(name))).toEqual([]);
  });

  test("a ragged line in a later block", async () => {
    const text = toCsv(houses(10_000)).trimEnd().split("\n");
    text[9001] = "H1,3";
    writeFileSync(path("ragged.csv"), `${text.join("\n")}\n`);
    const { status, errors } = await myelin("predict", "houses.myelin", "ragged.csv", "-o", "none.csv");
    expect(errors).toMatch(
      /^myelin: .*line 9002: expected 4 cells, as the header has, received 2.*Fix: .*--ragged/,
    );
    expect(status).toBe(1);
    expect(readdirSync(folder).filter((name) => /none|\.tmp$/.test(name))).toEqual([]);
  });
});

test("the command handles Ctrl-C before its incomplete file exists", async () => {
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  const before = new Set(signals.flatMap((signal) => process.listeners(signal)));
  const opening = openSink(path("opened.csv"));
  expect(readdirSync(folder).some((name) => name.includes("opened.csv"))).toBe(true);
  for (const signal of signals) {
    const added = process.listeners(signal).filter((listener) => !before.has(listener));
    expect(added).toHaveLength(1);
    process.off(signal, added[0]);
  }
  await (await opening).discard();
  expect(readdirSync(folder).some((name) => name.includes("opened.csv"))).toBe(false);
});

test("Ctrl-C while the answers are written leaves no file", async () => {
  const child = spawn(process.execPath, [main, "predict", "houses.myelin", "-", "-o", "half.csv"], {
    cwd: folder,
  });
  const ended = new Promise((resolve) => child.on("exit", (code, signal) => resolve(code ?? signal)));
  const lines = toCsv(houses(20_000));
  const isWriting = () => readdirSync(folder).some((name) => name.includes("half.csv"));
  child.stdin.on("error", () => undefined);
  child.stdin.write(lines);
  while (!isWriting()) await new Promise((resolve) => setTimeout(resolve, 10));
  child.kill("SIGINT");
  expect(await ended).toBe(130);
  expect(isWriting()).toBe(false);
});

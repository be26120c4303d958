/** myelin evaluate, inspect, explain and plot. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { dense, Model, relu, save, xor } from "../../src/index.ts";
import { explain, loadTable, readTable, type TableModel } from "../../src/table/index.ts";
import { commandIn, houses, makeFolder, shell, toCsv } from "./command.ts";

const folder = makeFolder();
const myelin = commandIn(folder);
const path = (name: string) => join(folder, name);

let model: TableModel;
beforeAll(async () => {
  const fast = ["--quality", "fast", "--networks", "2", "--seed", "1", "--quiet"];
  await myelin("train", "penguins.csv", "--target", "Species", ...fast);
  await myelin("train", "houses.csv", "--target", "price", "-o", "houses.myelin", ...fast);
  model = await loadTable(path("model.myelin"));
  const network = new Model({
    ...{
      inputs: 2,
      layers: [dense(4), relu(), dense(1)],
      loss: "meanSquaredError",
      optimizer: "adam",
      seed: 1,
    },
  });
  await network.fit(xor({ examples: 50, seed: 1 }), { epochs: 3, warnings: false });
  await save(network, path("network.myelin"));
});

describe("evaluate", () => {
  test("has the scores of the model, the confusion matrix and calibration", async () => {
    const { output, status } = await myelin("evaluate", "model.myelin", "penguins.csv", "--json");
    const report = JSON.parse(output);
    expect(report.scores).toEqual(model.evaluate(await readTable(path("penguins.csv"))));
    expect(report.confusion).toHaveLength(3);
    expect(report.calibration.length).toBeGreaterThan(0);
    expect(status).toBe(0);
    const text = await myelin("evaluate", "model.myelin", "penguins.csv");
    expect(text.output).toMatch(/^accuracy +\S+ +0\.44/m);
    expect(text.output).toMatch(/^Chinstrap +\S+ +\S+ +\S+ +68$/m);
  });

  test("has the errors of numbers, from a pipe", async () => {
    const { output } = await shell(folder, "cat houses.csv | myelin evaluate houses.myelin -");
    expect(output).toMatch(/^rootMeanSquaredError +\S+ +\S+$/m);
    expect(output).toMatch(/^prediction - target/m);
  });

  test("refuses rows without answers in one line", async () => {
    writeFileSync(path("unknown.csv"), toCsv(houses(20).map(({ price: _, ...row }) => row)));
    const { errors, status } = await myelin("evaluate", "houses.myelin", "unknown.csv");
    expect(errors).toMatch(
      /^myelin: "unknown.csv": expected the target "price" among the columns.*Fix: .*\n$/,
    );
    expect(status).toBe(1);
  });
});

describe("inspect", () => {
  test("describes a table, with warnings", async () => {
    const rows = houses(60).map((row) => ({ ...row, kroner: 11.3 * row.price }));
    writeFileSync(path("leak.csv"), toCsv(rows));
    const { output } = await myelin("inspect", "leak.csv", "--target", "price");
    expect(output).toMatch(/^"leak.csv": 60 rows, 5 columns\n/);
    expect(output).toMatch(/^warning: column "kroner" tells the target "price" exactly/m);
    const { output: json } = await myelin("inspect", "leak.csv", "--json");
    expect(JSON.parse(json)).toMatchObject({ kind: "table", rows: 60, columns: expect.any(Array) });
  });

  test("shows the model of a table", async () => {
    const { output } = await myelin("inspect", "model.myelin");
    expect(output).toContain(model.summary());
    const { output: json } = await myelin("inspect", "model.myelin", "--json");
    expect(JSON.parse(json)).toMatchObject({ kind: "table model", scores: model.scores, seed: 1 });
  });

  test("shows a network", async () => {
    const { output } = await myelin("inspect", "network.myelin");
    expect(output).toMatch(/17 parameters, loss meanSquaredError, optimizer adam, seed 1/);
    expect(output).toMatch(/last training: 3 epochs, loss /);
    const { output: json } = await myelin("inspect", "network.myelin", "--json");
    expect(JSON.parse(json)).toMatchObject({
      kind: "network",
      inputs: 2,
      history: { loss: expect.any(Array) },
    });
    expect(json).not.toContain('"weights"');
  });
});

describe("explain", () => {
  test("has the contributions of explain, for JSON and for a row of a table", async () => {
    const row = { Island: "Biscoe", "Beak Length (mm)": 46.1 };
    const { output } = await myelin("explain", "model.myelin", "--row", JSON.stringify(row));
    expect(output).toBe(`${explain(model, row).text}\n`);
    const rows = await readTable(path("penguins.csv"));
    const { output: json } = await myelin(
      "explain",
      "model.myelin",
      "penguins.csv",
      "--index",
      "200",
      "--json",
    );
    const { prediction, columns } = explain(model, [...rows.take([200])][0]);
    expect(JSON.parse(json)).toMatchObject({ prediction, columns: columns.map(({ name }) => ({ name })) });
  });

  test.each<[what: string, given: string[], message: RegExp]>([
    ["no row", [], /explain: expected a row/],
    ["no JSON", ["--row", "{age: 3}"], /--row: expected JSON/],
    [
      "an unknown column",
      ["--row", '{"Iland": "Biscoe"}'],
      /unknown column "Iland"\. Did you mean "Island"\?/,
    ],
    [
      "an unknown class",
      ["--row", "{}", "--class", "Adelle"],
      /--class: unknown class "Adelle"\. Did you mean "Adelie"\?/,
    ],
    [
      "a row beyond the table",
      ["penguins.csv", "--index", "344"],
      /has 344 rows\. Fix: give a number from 0 to 343/,
    ],
  ])("refuses %s", async (_, given, message) => {
    const { errors, status } = await myelin("explain", "model.myelin", ...given);
    expect(errors).toMatch(message);
    expect(errors.trimEnd().split("\n")).toHaveLength(1);
    expect(status).not.toBe(0);
  });
});

describe("plot", () => {
  test.each<[kind: string, given: string[]]>([
    ["distribution", ["penguins.csv", "distribution", "--columns", "Body Mass (g)"]],
    ["scatter", ["houses.csv", "scatter", "--columns", "area,price", "--color", "town"]],
    ["confusion", ["model.myelin", "confusion", "--data", "penguins.csv"]],
    ["roc", ["model.myelin", "roc", "--data", "penguins.csv", "--class", "Gentoo"]],
    ["precision-recall", ["model.myelin", "precision-recall", "--data", "penguins.csv", "--class", "Adelie"]],
    ["calibration", ["model.myelin", "calibration", "--data", "penguins.csv", "--class", "Adelie"]],
    ["predicted-vs-actual", ["houses.myelin", "predicted-vs-actual", "--data", "houses.csv"]],
    ["importance", ["houses.myelin", "importance", "--data", "houses.csv"]],
    ["dependence", ["houses.myelin", "dependence", "--data", "houses.csv", "--columns", "area"]],
    [
      "boundary",
      ["model.myelin", "boundary", "--data", "penguins.csv", "--columns", "Body Mass (g),Beak Length (mm)"],
    ],
    ["curves", ["network.myelin", "curves"]],
    ["weights", ["network.myelin", "weights"]],
    ["network", ["network.myelin", "network"]],
  ])("%s in the terminal, and as a file", async (kind, given) => {
    const [shown, written] = await Promise.all([
      myelin("plot", ...given),
      myelin("plot", ...given, "-o", `${kind}.svg`),
    ]);
    expect([shown.errors, shown.status]).toEqual(["", 0]);
    expect(shown.output.split("\n").length).toBeGreaterThan(3);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: a pipe gets no colors
    expect(shown.output).not.toMatch(/\u001b/);
    expect(written.errors).toMatch(new RegExp(`^wrote ${kind}.svg: `));
    expect(readFileSync(path(`${kind}.svg`), "utf8")).toMatch(/^<svg[\s\S]*<\/svg>\s*$/);
  });

  test("a page, and its words as JSON", async () => {
    const given = ["plot", "houses.csv", "distribution", "--columns", "price", "--title", "Prices"];
    const { output } = await myelin(...given, "-o", "prices.html", "--json");
    expect(JSON.parse(output)).toMatchObject({ title: "Prices", output: "prices.html" });
    expect(readFileSync(path("prices.html"), "utf8")).toMatch(/<html/);
  });

  test("draws dates of a CSV file along an axis, and counts them in bins", async () => {
    const rows = houses(60).map((row, at) => ({ ...row, sold: `2024-0${1 + (at % 9)}-15` }));
    writeFileSync(path("sold.csv"), toCsv(rows));
    const bins = await myelin("plot", "sold.csv", "distribution", "--columns", "sold");
    expect(bins.output).toMatch(/^minimum 2024-01-15, median 2024-05-15, maximum 2024-09-15$/m);
    const points = await myelin("plot", "sold.csv", "scatter", "--columns", "sold,price");
    expect(points.output).toMatch(/^ +2024-02 +2024-03/m);
    await myelin("train", "sold.csv", "--target", "price", "--quality", "fast", "-o", "sold.myelin");
    const given = ["--data", "sold.csv", "--columns", "sold,area"];
    const boundary = await myelin("plot", "sold.myelin", "boundary", ...given);
    expect(boundary.output).toMatch(/^ +2024-0\d/m);
  });

  test("says at which values a decision boundary fixes the other columns", async () => {
    const given = ["--data", "penguins.csv", "--columns", "Body Mass (g),Beak Length (mm)"];
    const { output } = await myelin("plot", "model.myelin", "boundary", ...given);
    expect(output.replace(/\s+/g, " ")).toContain(
      "The other columns are fixed: Island Biscoe, Beak Depth (mm) 17.3, Flipper Length (mm) 197, Sex MALE.",
    );
  });

  test("draws the dependence of one class, names the positive class and the metric", async () => {
    const data = ["--data", "penguins.csv"];
    const kind = ["dependence", ...data, "--columns", "Island", "--class", "Gentoo"];
    const dependence = await myelin("plot", "model.myelin", ...kind);
    expect(dependence.output).toContain("mean probability of Species = Gentoo");
    expect(dependence.output).not.toContain("Adelie");
    const roc = await myelin("plot", "model.myelin", "roc", ...data, "--class", "Gentoo");
    expect(roc.output).toContain("124 positive (Gentoo) and 220 other rows");
    const calibration = await myelin("plot", "model.myelin", "calibration", ...data, "--class", "Gentoo");
    expect(calibration.output).toContain("share of Gentoo");
    const importance = await myelin("plot", "model.myelin", "importance", ...data);
    expect(importance.output).toContain("worse by (log loss)");
  });

  test.each<[what: string, given: string[], message: RegExp]>([
    ["an unknown picture", ["houses.csv", "scater"], /unknown picture "scater"\. Did you mean "scatter"\?/],
    ["a missing column", ["houses.csv", "scatter", "--columns", "area"], /expected 2 columns, received 1/],
    [
      "an unknown column",
      ["houses.csv", "distribution", "--columns", "prise"],
      /unknown column "prise"\. Did you mean "price"\?/,
    ],
    [
      "a picture of a model",
      ["houses.csv", "roc", "--data", "houses.csv"],
      /holds a table, and roc is a picture of a model/,
    ],
    ["missing answers", ["model.myelin", "confusion"], /expected a table with answers\. Fix: --data FILE/],
    [
      "an unknown ending",
      ["houses.csv", "distribution", "--columns", "price", "-o", "p.gif"],
      /ends with \.svg, \.html, \.png/,
    ],
  ])("refuses %s", async (_, given, message) => {
    const { errors, status } = await myelin("plot", ...given);
    expect(errors).toMatch(message);
    expect(errors.trimEnd().split("\n")).toHaveLength(1);
    expect(status).toBe(2);
    expect(existsSync(path("p.gif"))).toBe(false);
  });
});

/** myelin train, with what it prints, saves and refuses. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { fitTable, loadTable, readTable } from "../../src/table/index.ts";
import { root } from "../child.ts";
import { commandIn, houses, makeFolder, shell, toCsv } from "./command.ts";

const folder = makeFolder();
const myelin = commandIn(folder);
const fast = ["--quality", "fast", "--networks", "5", "--seed", "1"];

describe("a table with nothing but --target", () => {
  let ended: Awaited<ReturnType<typeof myelin>>;
  beforeAll(async () => {
    ended = await myelin("train", "penguins.csv", "--target", "Species", ...fast);
  });

  test("is described and followed on standard error", () => {
    expect(ended.status).toBe(0);
    expect(ended.errors).toMatch(/^"penguins.csv": 344 rows, 7 columns\n/);
    expect(ended.errors).toMatch(/^Beak Length \(mm\) +number +\d+ +2 \(< 1 %\)/m);
    expect(ended.errors).toMatch(/network 5\/5/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: a pipe gets no colors and no cursor movements
    expect(ended.errors).not.toMatch(/\u001b|\r/);
  });

  test("has its scores and the next commands on standard output", () => {
    expect(ended.output).toMatch(/^344 rows, seed 1\n/);
    expect(ended.output).toMatch(/^accuracy +\S+ +\S+$/m);
    expect(ended.output).toContain("\n  myelin predict model.myelin penguins.csv\n");
  });

  test("has the scores and the bits of fitTable", async () => {
    const saved = await loadTable(join(folder, "model.myelin"));
    const rows = await readTable(join(folder, "penguins.csv"));
    const model = await fitTable(rows, { target: "Species", quality: "fast", networks: 5, seed: 1 });
    expect(saved.scores).toEqual(model.scores);
    expect(saved.scores.accuracy).toBeGreaterThan(0.95);
    expect(saved.predict(rows)).toEqual(model.predict(rows));
  });
});

test("penguins that were kept out are recognized", async () => {
  const { output } = await myelin(
    "train",
    "penguins.csv",
    "--target",
    "Species",
    "--holdout",
    "0.3",
    "--json",
    ...fast,
  );
  const { tests } = JSON.parse(output);
  expect(tests).toHaveLength(1);
  expect(tests[0].reports[0].rows).toBeGreaterThan(90);
  expect(tests[0].reports[0].scores.accuracy).toBeGreaterThanOrEqual(0.95);
});

test("options reach the training", async () => {
  writeFileSync(join(folder, "test.csv"), toCsv(houses(60, 900)));
  const { status, output, errors } = await myelin(
    ...["train", "houses.csv", "--target", "price", "--drop", "id", "--type", "area=number"],
    ...[
      "--quantiles",
      "0.1,0.9",
      "--metric",
      "meanAbsoluteError",
      "--test",
      "test.csv",
      "-o",
      "houses.myelin",
    ],
    ...["--json", "--quiet", ...fast],
  );
  expect(errors).toBe("");
  expect(status).toBe(0);
  const { model, targets, columns, tests, isStopped } = JSON.parse(output);
  expect(model).toBe("houses.myelin");
  expect(isStopped).toBe(false);
  expect(targets[0]).toMatchObject({ quantiles: [0.1, 0.9], metric: { type: "meanAbsoluteError" } });
  expect(columns.find(({ name }: { name: string }) => name === "id").reason).toBe("you said so");
  expect(tests[0]).toMatchObject({ on: '"test.csv"' });
  expect(tests[0].reports[0].rows).toBe(60);
});

test("a metric may have an average over classes", async () => {
  const given = ["train", "penguins.csv", "--target", "Species", "--metric", "f1_macro", "--json", "--quiet"];
  const { status, output } = await myelin(...given, ...fast);
  expect(status).toBe(0);
  expect(JSON.parse(output).targets[0].metric).toMatchObject({ type: "f1", average: "macro" });
});

test("a table from standard input, and one that is streamed", async () => {
  const piped = await shell(
    folder,
    `cat houses.csv | myelin train - --target price -o piped.myelin ${fast.join(" ")}`,
  );
  expect(piped.status).toBe(0);
  expect(piped.errors).toMatch(/^standard input: 200 rows/);
  const streamed = await myelin(
    "train",
    "houses.csv",
    "--target",
    "price",
    "--stream",
    "-o",
    "s.myelin",
    ...fast,
  );
  expect(streamed.output).toMatch(/note: all 200 rows fit in the memory/);
  expect(streamed.status).toBe(0);
});

describe("a configuration", () => {
  test("has the options by their names, and the command line comes first", async () => {
    writeFileSync(
      join(folder, "train.json"),
      JSON.stringify({ target: ["price"], drop: ["id"], seed: 7, networks: 3 }),
    );
    const { output } = await myelin("train", "--config", "train.json", "--seed", "8", "--print-config");
    expect(JSON.parse(output)).toMatchObject({
      target: ["price"],
      drop: ["id"],
      seed: 8,
      networks: 3,
      quality: "balanced",
    });
    writeFileSync(join(folder, "again.json"), output);
    const again = await myelin("train", "--config", "again.json", "--print-config");
    expect(again.output).toBe(output);
  });

  test.each<[what: string, text: string, message: RegExp]>([
    ["an unknown setting", '{ "targte": ["x"] }', /unknown setting "targte"\. Did you mean "target"\?/],
    ["a wrong value", '{ "seed": "one" }', /seed: expected a whole number of at least 0, received "one"/],
    ["a list", "[]", /expected a JSON object of settings/],
    ["no JSON", "{", /expected JSON/],
  ])("with %s is refused", async (_, text, message) => {
    writeFileSync(join(folder, "wrong.json"), text);
    const { status, errors } = await myelin("train", "houses.csv", "--config", "wrong.json");
    expect(errors).toMatch(message);
    expect(errors).toMatch(/^myelin: --config "wrong.json".*\n$/);
    expect(status).not.toBe(0);
  });

  test("has a JSON schema in the package, with the options of the help", async () => {
    const schema = JSON.parse(readFileSync(join(root, "dist", "cli", "train.schema.json"), "utf8"));
    const { output } = await myelin("train", "--help");
    const flags = Array.from(output.matchAll(/^ +(?:-\w, )?--([a-z-]+)/gm), ([, flag]) => flag);
    const others = ["config", "print-config", "quiet", "json", "help"];
    const names = Object.keys(schema.properties).filter((name) => name !== "$schema");
    expect(names.sort()).toEqual(flags.filter((flag) => !others.includes(flag)).sort());
    expect(schema.additionalProperties).toBe(false);
  });
});

describe("is one line with the fix, and saves nothing, for", () => {
  test.each<[what: string, given: string[], message: RegExp, status: number]>([
    [
      "no target",
      ["houses.csv"],
      /--target: expected the column to predict\. The columns .* are id, area, town, price/,
      2,
    ],
    [
      "an unknown target",
      ["houses.csv", "--target", "prise"],
      /--target: unknown column "prise"\. Did you mean "price"\?/,
      2,
    ],
    [
      "an unknown column",
      ["houses.csv", "--target", "price", "--drop", "ids"],
      /--drop: unknown column "ids"\. Did you mean "id"\?/,
      2,
    ],
    [
      "a target that is left out",
      ["houses.csv", "--target", "price", "--drop", "price"],
      /--drop: "price" is the target\. Fix: /,
      2,
    ],
    [
      "a type of the target",
      ["houses.csv", "--target", "price", "--type", "price=category"],
      /--type: "price" is the target, .*Fix: give --task classification or --task regression/,
      2,
    ],
    [
      "rows to test with that lack the target",
      ["houses.csv", "--target", "price", "--test", "penguins.csv"],
      /"penguins.csv": expected the target "price" among the columns, which are Species, .*Fix: /,
      1,
    ],
    [
      "an unknown type",
      ["houses.csv", "--target", "price", "--type", "area=nummer"],
      /Expected one of number, category/,
      2,
    ],
    [
      "f1 of several classes without an average",
      ["penguins.csv", "--target", "Species", "--metric", "f1"],
      /Fix: --metric f1_macro, f1_micro or f1_weighted$/m,
      2,
    ],
    [
      "an unknown metric",
      ["houses.csv", "--target", "price", "--metric", "mae"],
      /--metric: .*meanAbsoluteError/,
      2,
    ],
    [
      "an unwritable output",
      ["houses.csv", "--target", "price", "-o", "none/m.myelin"],
      /"none\/m.myelin" cannot be written/,
      1,
    ],
    [
      "an unknown option",
      ["houses.csv", "--traget", "price"],
      /unknown option '--traget'\. Did you mean --target\?/,
      2,
    ],
    [
      "memory without a stream",
      ["houses.csv", "--target", "price", "--memory", "5"],
      /--memory is for --stream/,
      2,
    ],
  ])("%s", async (_, given, message, code) => {
    const before = readdirSync(folder);
    const { status, errors, output } = await myelin("train", "-o", "refused.myelin", ...given);
    expect(errors.trimEnd().split("\n").at(-1)).toMatch(message);
    expect(errors.trimEnd().split("\n").at(-1)).toMatch(/^myelin: /);
    expect(errors).not.toMatch(/^ +at /m);
    expect(output).toBe("");
    expect(status).toBe(code);
    expect(readdirSync(folder)).toEqual(before);
  });

  test("a signal that ends the process, which leaves no file behind", async () => {
    const line = `timeout -s TERM 1 '${process.execPath}' '${join(root, "dist/cli/main.js")}' train penguins.csv --target Species --quality best -o ended.myelin`;
    const { status } = await shell(folder, line);
    expect(status).not.toBe(0);
    expect(existsSync(join(folder, "ended.myelin"))).toBe(false);
    expect(readdirSync(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });
});

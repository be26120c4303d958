/** --report of train and evaluate. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadTable } from "../../src/table/index.ts";
import { commandIn, houses, makeFolder, shell, toCsv } from "./command.ts";

const folder = makeFolder();
const myelin = commandIn(folder);
writeFileSync(join(folder, "test.csv"), toCsv(houses(60, 900)));
const fast = ["--quality", "fast", "--networks", "5"];
const houseRows = ["train", "houses.csv", "--target", "price", "--drop", "id", ...fast];
const pageOf = (name: string) => readFileSync(join(folder, name), "utf8");

test("train writes a page on the rows that were kept out, with the command that repeats it", async () => {
  const given = ["train", "penguins.csv", "--target", "Species", "--holdout", "0.2", ...fast];
  const { status, output, errors } = await myelin(
    ...given,
    "-o",
    "first.myelin",
    "--report",
    "page one.html",
  );
  expect(errors).toMatch(/\nwrote page one\.html\n$/);
  expect(output).toMatch(/saved first\.myelin/);
  expect(status).toBe(0);
  const page = pageOf("page one.html");
  expect(page).toMatch(/^<!doctype html>/);
  expect(page).toContain("test rows");
  expect(page).toContain("Where it errs most");
  const [, code] = /<code>npx myelin ([^<]+)<\/code>/.exec(page) as RegExpExecArray;
  expect(code).toMatch(/^train penguins\.csv \\\n {2}--target Species \\\n/);
  expect(code).toContain("--report 'page one.html'");
  const again = await shell(folder, `myelin ${code.replace("first.myelin", "again.myelin")}`);
  expect(again.status).toBe(0);
  const [first, second] = await Promise.all(
    ["first.myelin", "again.myelin"].map((name) => loadTable(join(folder, name))),
  );
  expect(second.seed).toBe(first.seed);
  expect(second.scores).toEqual(first.scores);
});

test("rows that were kept out have the numbers of the file, as explain --index takes them", async () => {
  const rows = houses(200).map((row, at) => ({
    ...row,
    place: `P${at}`,
    price: row.price + (at % 13 ? 0 : 90),
  }));
  writeFileSync(join(folder, "places.csv"), toCsv(rows));
  const given = ["--target", "price", "--drop", "id", "--type", "place=category", "--holdout", "0.2"];
  await myelin("train", "places.csv", ...given, ...fast, "--seed", "1", "--report", "places.html");
  const worst = /<th scope="row"[^>]*>(\d+)<\/th>.*?>(\d+)<\/td>/s.exec(
    pageOf("places.html").split("Where it errs most").at(-1) as string,
  ) as RegExpExecArray;
  expect(rows[Number(worst[1])].price).toBe(Number(worst[2]));
});

test("a seed that was given is named once", async () => {
  const { status, output } = await myelin(...houseRows, "--seed=5", "--json", "--report", "seed.html");
  expect(status).toBe(0);
  expect(JSON.parse(output).report).toBe("seed.html");
  expect(pageOf("seed.html").match(/--seed/g)).toHaveLength(1);
});

test("a page on the rows of --test, and one on those that were kept out where both are there", async () => {
  await myelin(...houseRows, "--test", "test.csv", "--report", "test.html");
  expect(pageOf("test.html")).toContain("60 test rows");
  const both = await myelin(
    ...[...houseRows, "--test", "test.csv", "--holdout", "0.2", "--report", "both.html"],
  );
  expect(both.errors).toMatch(/the report is of \d+ rows that were kept out/);
  expect(pageOf("both.html")).not.toContain("60 test rows");
});

test("a streamed training says what its page lacks, and leaves no file open", async () => {
  const { status, errors } = await myelin(...houseRows, "--stream", "--report", "streamed.html");
  expect(status).toBe(0);
  expect(errors).toMatch(/--stream keeps no rows, so the report shows no cells of rows and no importance/);
  expect(errors).not.toMatch(/Warning/);
  expect(pageOf("streamed.html")).not.toContain("Importance of the columns");
  const tested = await myelin(...houseRows, "--stream", "--test", "test.csv", "--report", "streamed.html");
  expect(tested.errors).not.toMatch(/keeps no rows/);
  expect(pageOf("streamed.html")).toContain("Importance of the columns");
});

test("evaluate writes a page on its rows", async () => {
  await myelin(...houseRows, "-o", "evaluated.myelin");
  const { status, output, errors } = await myelin(
    ...["evaluate", "evaluated.myelin", "test.csv", "--report", "evaluated.html", "--json"],
  );
  expect(status).toBe(0);
  expect(JSON.parse(output).rows).toBe(60);
  expect(errors).toBe("wrote evaluated.html\n");
  expect(pageOf("evaluated.html")).toContain("60 test rows");
});

describe("is one line with the fix, before any work, for", () => {
  test.each<[what: string, given: string[], message: RegExp, status: number]>([
    ["a page in no folder", [...houseRows, "--report", "none/p.html"], /"none\/p.html" cannot be written/, 1],
    ["a page on standard output", [...houseRows, "--report", "-"], /--report is written to a file/, 2],
    ["a model on standard output", [...houseRows, "-o", "-"], /--output is written to a file/, 2],
  ])("%s", async (_, given, message, code) => {
    const before = readdirSync(folder);
    const { status, errors, output } = await myelin(...given);
    expect(errors).toMatch(message);
    expect(errors).toMatch(/^myelin: .*\n$/);
    expect(output).toBe("");
    expect(status).toBe(code);
    expect(readdirSync(folder)).toEqual(before);
  });
});

test("a page is written although the reader of the results has stopped", async () => {
  const line = `set -o pipefail; myelin ${houseRows.join(" ")} --quiet --report piped.html | true`;
  const { status } = await shell(folder, line);
  expect(status).toBe(0);
  expect(existsSync(join(folder, "piped.html"))).toBe(true);
});

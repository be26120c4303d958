/** myelin search, with what it prints, saves and refuses. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadTable, readTable, searchTable } from "../../src/table/index.ts";
import { root } from "../child.ts";
import { commandIn, makeFolder, shell } from "./command.ts";

const folder = makeFolder();
const myelin = commandIn(folder);

test("a search in a pipe prints its trials as JSON, and saves the model of searchTable", async () => {
  const given = "--target price --drop id --trials 2 --seed 1 -o found.myelin --json --quiet";
  const { status, output, errors } = await shell(folder, `cat houses.csv | myelin search - ${given} | cat`);
  expect(errors).toBe("");
  expect(status).toBe(0);
  const { model, trials, leaderboard, isStopped } = JSON.parse(output);
  expect(model).toBe("found.myelin");
  expect(isStopped).toBe(false);
  const rows = await readTable(join(folder, "houses.csv"));
  const found = await searchTable(rows, { target: "price", columns: { id: "ignore" }, trials: 2, seed: 1 });
  expect(trials).toEqual(found.trials);
  expect(leaderboard).toEqual(found.model.leaderboard);
  const saved = await loadTable(join(folder, "found.myelin"));
  expect(saved.predict(rows)).toEqual(found.model.predict(rows));
});

test("a search prints a row for each kind, and what follows", async () => {
  const given = ["--target", "price", "--trials", "1", "--seconds", "20", "--quiet"];
  const { status, output } = await myelin("search", "houses.csv", ...given);
  expect(status).toBe(0);
  expect(output).toMatch(/^rank +loss +folds +weight +name +units/);
  expect(output).toContain("\n  myelin predict model.myelin houses.csv\n");
});

test("--print-config prints the settings of a search", async () => {
  const { output } = await myelin("search", "--target", "price", "--print-config", "--seed", "4");
  expect(JSON.parse(output)).toEqual({
    $schema: "./node_modules/myelin/dist/cli/search.schema.json",
    ...{ target: ["price"], output: "model.myelin", seed: 4, holdout: 0, trials: 24 },
  });
  const schema = JSON.parse(readFileSync(join(root, "dist", "cli", "search.schema.json"), "utf8"));
  expect(Object.keys(schema.properties)).toContain("trials");
  expect(Object.keys(schema.properties)).not.toContain("quality");
});

test.each<[what: string, given: string[], message: RegExp]>([
  ["several targets", ["--target", "price,town"], /^myelin: --target: expected the name of one column/],
  ["no table", [], /search: expected a table\. Fix: myelin search FILE --target COLUMN/],
  ["an option of train", ["--target", "price", "--quality", "fast"], /unknown option '--quality'/],
  ["no trials", ["--target", "price", "--trials", "0"], /--trials/],
])("%s is refused in one line", async (what, given, message) => {
  const file = what === "no table" ? [] : ["houses.csv"];
  const { status, errors } = await myelin("search", ...file, ...given, "--quiet", "-o", "none.myelin");
  expect(errors).toMatch(message);
  expect(status).toBe(2);
  expect(existsSync(join(folder, "none.myelin"))).toBe(false);
});

// Sixteen real tables, learned by fitTable and by its peers on the same rows:
// node bench/tables/main.js [--tables adult,ames] [--only "Myelin fast,CatBoost"] [--seeds 0,1,2] [--results path]
// Appends a line of JSON to bench/tables/results.jsonl for each learner, table and seed that the file does not
// have yet, prints the tables, and writes docs/accuracy.md if it ran without options. To measure anew, remove
// the file, or name another.
import { execFileSync } from "node:child_process";
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { choose } from "../choice.js";
import { machine } from "../machine.js";
import { writeDocument } from "./document.js";
import { learners, python, run } from "./learners.js";
import { folder, readTable, testTargets } from "./read.js";
import { listed, readLines, sections } from "./report.js";
import { honestError, measureOf, scoresOf } from "./scores.js";

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const { values: given } = parseArgs({
  options: {
    tables: { type: "string" },
    only: { type: "string" },
    seeds: { type: "string" },
    results: { type: "string", default: path("results.jsonl") },
  },
});
const isWhole = process.argv.length === 2;
const say = (text) => process.stderr.write(`${text}\n`);
const nameOf = ({ name }) => [name];

const tables = choose("tables", given.tables, listed, nameOf);
const chosen = choose("only", given.only, learners, nameOf);
const seeds = choose("seeds", given.seeds, ["0", "1", "2"], (seed) => [seed]).map(Number);
for (const { name, missing } of chosen.filter((of) => !of.isThere())) say(`${name}: ${missing}`);
const there = chosen.filter((of) => of.isThere());

if (!existsSync(folder)) execFileSync(python, [path("prepare.py"), folder], { stdio: "inherit" });

const written = () => readLines(existsSync(given.results) ? readFileSync(given.results, "utf8") : "");
const append = (entry) => appendFileSync(given.results, `${JSON.stringify(entry)}\n`);

const done = written().lines;
const isDone = (table, seed, learner) =>
  done.some((line) => line.table === table && line.seed === seed && line.learner === learner);
const left = tables.flatMap(({ name, without = [] }) =>
  seeds.flatMap((seed) =>
    there
      .filter((learner) => !without.includes(learner.name) && !isDone(name, seed, learner.name))
      .map((learner) => ({ name, seed, learner })),
  ),
);
if (left.length > 0) append({ date: new Date().toISOString(), machine: machine() });

for (const { name, seed, learner } of left) {
  const file = join(folder, `${name}.json`);
  const table = readTable(file);
  try {
    const { predictions, honest, seconds, wallSeconds, version } = await run(learner, file, seed);
    const scores = scoresOf(table, predictions, testTargets(table, seed));
    const own = honest && { honest: honestError(table, honest) };
    const rows = table.parts[seed].length;
    const about = { table: name, rows, measure: measureOf(table), seed, learner: learner.name, version };
    append({ ...about, ...scores, ...own, seconds, wallSeconds });
    const told = `${about.measure} ${scores.error.toPrecision(5)}, ${seconds.toFixed(1)} s of CPU time`;
    say(`${name}, seed ${seed}: ${learner.name}: ${told}`);
  } catch (error) {
    say(`${name}, seed ${seed}: ${error.message}`);
    process.exitCode = 1;
  }
}

const results = written();
console.log(sections(results.lines, listed));
if (isWhole) writeDocument(results);

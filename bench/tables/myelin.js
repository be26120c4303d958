// fitTable learns a table of prepare.py: node bench/tables/myelin.js FILE SEED QUALITY
// Prints a line of JSON as peers.py does, with `honest`: the scores that the model reports of itself.
// The one option but the target is the quality, and the seed, so that a run can be repeated. Threads are those
// of MYELIN_THREADS.
import { argv, cpuUsage } from "node:process";
import { version } from "../../dist/index.js";
import { fitTable } from "../../dist/table/index.js";
import { readTable, recordsOf } from "./read.js";

const [file, seed, quality] = argv.slice(2);
const table = readTable(file);
const { target } = table;
const training = recordsOf(table, (row) => table.parts[seed][row] >= 0);
const test = recordsOf(table, (row) => table.parts[seed][row] < 0);
for (const record of test) delete record[target];

const [start, startOfWall] = [cpuUsage(), performance.now()];
const model = await fitTable(training, { target, quality, seed: Number(seed) });
const answers = model.predict(test);
const { user, system } = cpuUsage(start);
const wallSeconds = (performance.now() - startOfWall) / 1000;

const predictions =
  table.task === "regression"
    ? answers.map(({ value }) => value)
    : answers.map(({ probabilities }) => table.classes.map((name) => probabilities[name] ?? 0));
const seconds = (user + system) / 1e6;
console.log(JSON.stringify({ predictions, honest: model.scores, seconds, wallSeconds, version }));

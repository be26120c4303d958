// Measures accuracy and the time of an epoch on MNIST, beside PyTorch: 784-512-256-10, ReLU, Adam, batches of 128.
// node bench/mnist.js [--seeds 3] [--epochs 20] [--cores one] [--only Myelin] [--json path]
// All participants train one epoch each in turn. A run without options writes its table into docs/accuracy.md.
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { choose } from "./choice.js";
import { converse } from "./conversation.js";
import { putIntoPage } from "./document.js";
import { inWords, machine } from "./machine.js";
import { mnistFolder } from "./mnist-data.js";
import { mnistParticipants } from "./participants.js";
import { median } from "./statistics.js";
import { figure, table } from "./table.js";

const { values: given } = parseArgs({
  options: {
    seeds: { type: "string", default: "3" },
    epochs: { type: "string", default: "20" },
    cores: { type: "string" },
    only: { type: "string" },
    json: { type: "string" },
  },
});
const epochs = Number(given.epochs);
const say = (text) => process.stderr.write(`${text}\n`);

function start({ name, command, environment }, seed, cores) {
  const threads = cores === "one" ? 1 : 0;
  const line = command(mnistFolder(), seed, epochs, threads);
  const child = converse(line, { pinned: cores === "one", environment: environment?.(threads) });
  return { name, child, times: [] };
}

/**
 * Trains all participants with a seed, one epoch each in turn. Returns their seconds per epoch and final
 * accuracy.
 */
async function train(taking, seed, cores) {
  const entries = taking.map((participant) => start(participant, seed, cores));
  const results = [];
  for (let count = 0; count < epochs; count++) {
    for (const { child, times } of entries) times.push((await child.ask("epoch")).seconds);
    const told = entries.map(({ name, times }) => `${name} ${figure(times.at(-1))} s`);
    say(`seed ${seed}, ${cores} core${cores === "one" ? "" : "s"}, epoch ${count + 1}: ${told.join(", ")}`);
  }
  for (const { name, child, times } of entries) {
    const { version } = await child.ask("version");
    const { accuracy } = await child.ask("accuracy");
    child.end();
    results.push({ name, version, cores, seed, times, accuracy });
  }
  return results;
}

const percent = (value) => `${(value * 100).toFixed(2)} %`;

function resultTable(results) {
  const names = [...new Set(results.map(({ name }) => name))];
  const modes = [...new Set(results.map(({ cores }) => cores))];
  const lines = names.map((name) => {
    const own = results.filter((of) => of.name === name);
    const accuracies = own.map(({ accuracy }) => accuracy);
    const range = `${percent(Math.min(...accuracies))} to ${percent(Math.max(...accuracies))}`;
    const times = modes.map((mode) => own.filter(({ cores }) => cores === mode).flatMap((of) => of.times));
    const shown = times.map((all) => `${figure(median(all))} (${figure(Math.min(...all))})`);
    return [`${name} ${own[0].version}`, `${percent(median(accuracies))} (${range})`, ...shown];
  });
  const timed = modes.map((mode) => `s an epoch, ${mode === "one" ? "one core" : "all cores"}`);
  return table([["trained by", "test accuracy", ...timed], ...lines]);
}

const taking = choose("only", given.only, mnistParticipants, ({ name }) => [name]);
for (const { name, missing } of taking.filter((of) => !of.isThere())) say(`${name}: ${missing}`);
const there = taking.filter((of) => of.isThere());
const modes = choose("cores", given.cores, ["one", "all"], (name) => [name]);
const results = [];
for (let seed = 1; seed <= Number(given.seeds); seed++) {
  for (const cores of modes) results.push(...(await train(there, seed, cores)));
}
const date = new Date().toISOString().slice(0, 10);
const head = `${date}: ${inWords(machine())}; seeds 1 to ${given.seeds}, ${epochs} epochs.`;
const text = `${head}\n\n${resultTable(results)}`;
console.log(text);
if (process.argv.length === 2) putIntoPage("accuracy.md", "mnist", text);
if (given.json) writeFileSync(given.json, JSON.stringify(results));

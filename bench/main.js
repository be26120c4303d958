// The article's training run on both of Myelin's kernels beside peers. README.md tells the method.
import { writeFileSync } from "node:fs";
import { arch, cpus, platform } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { converse } from "./conversation.js";
import { participants } from "./participants.js";
import { results, speedTable, targets, targetTable } from "./report.js";
import { importTime } from "./startup.js";
import { figure } from "./table.js";

const METHOD =
  "XOR, 1000 examples; a 2-64-1 net, ReLU between; mean squared error; SGD at 0.01; batches of 5 in order. " +
  "One process a participant, all in turn each round, after one round that is not counted. A turn is whole " +
  "trainings of fresh nets until a second has been measured. Ratios are of medians.";

const say = (text) => process.stderr.write(`${text}\n`);

function readOptions() {
  const { values } = parseArgs({
    options: { rounds: { type: "string", default: "5" }, only: { type: "string" }, json: { type: "string" } },
  });
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw new Error(`--rounds: expected a whole number from 1, received ${values.rounds}`);
  }
  const stored = fileURLToPath(new URL("results.json", import.meta.url)); // a run of some does not replace it
  return { rounds, only: values.only?.split(","), json: values.json ?? (values.only ? undefined : stored) };
}

/** The participants named in `only`, where a kernel's name stands for its `fitSync` and its `fit`. */
function chosen(only) {
  const answersTo = ({ name, kernel }) => [name, kernel].filter(Boolean);
  const known = new Set(participants.flatMap(answersTo));
  const unknown = only?.find((name) => !known.has(name));
  if (unknown !== undefined) {
    throw new Error(`--only: expected any of ${[...known].join(", ")}; received ${unknown}`);
  }
  return participants.filter((of) => !only || answersTo(of).some((name) => only.includes(name)));
}

function enter(participant) {
  const version = participant.version();
  const entry = { ...participant, version, microseconds: [], holds: [], idleHolds: [] };
  if (!version) return { ...entry, trouble: participant.missing };
  return { ...entry, child: converse(participant.command) };
}

/** Asks each in turn. One that breaks takes no further part and fails the bench; the others go on. */
async function round(entries, action, take) {
  for (const entry of entries) {
    if (entry.trouble) continue;
    try {
      take(entry, await entry.child.ask(action));
    } catch (error) {
      entry.trouble = error.message;
      process.exitCode = 1;
    }
  }
}

async function measure(entries, rounds) {
  const fits = entries.filter(({ method }) => method === "fit");
  say("warming up");
  await round(entries, "run", () => {});
  for (let count = 1; count <= rounds; count++) {
    const told = [];
    await round(entries, "run", (entry, { steps, seconds, loss }) => {
      entry.microseconds.push((seconds / steps) * 1e6);
      entry.loss = loss;
      told.push(`${entry.name} ${figure(entry.microseconds.at(-1))}`);
    });
    await round(fits, "hold", (entry, { training, idle }) => {
      entry.holds.push(training);
      entry.idleHolds.push(idle);
    });
    say(`round ${count} of ${rounds}, µs a step: ${told.join(", ")}`);
  }
}

function write(json, record) {
  const machine = {
    processor: cpus()[0].model.trim(),
    cores: cpus().length,
    system: `${platform()} ${arch()}`,
    node: process.version,
  };
  const whole = { date: new Date().toISOString(), machine, method: METHOD, ...record };
  writeFileSync(json, `${JSON.stringify(whole, null, 2)}\n`);
}

async function main() {
  const { rounds, only, json } = readOptions();
  const entries = chosen(only).map(enter);
  await measure(entries, rounds);
  for (const { child } of entries) child?.end();

  const all = results(entries);
  const reached = targets(all, () => importTime().difference);
  console.log(`\n${speedTable(all)}`);
  if (reached.length > 0) console.log(`\n${targetTable(reached)}`);
  for (const { name, trouble } of all) if (trouble) console.log(`\n${name}: ${trouble}`);
  if (json) write(json, { rounds, participants: all, targets: reached });
}

await main().catch((error) => {
  say(error.message);
  process.exit(1);
});

// Runs every work of works.js on both of Myelin's kernels and on every installed peer. See README.md.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import * as myelin from "../dist/index.js";
import { choose } from "./choice.js";
import { pinning } from "./conversation.js";
import { tables, writeDocument } from "./document.js";
import { machine } from "./machine.js";
import { measure, startPeak } from "./measure.js";
import { answersTo, participants } from "./participants.js";
import { withTargets, workResult } from "./report.js";
import { quick, works } from "./works.js";

const METHOD =
  "All participants of a work take one turn each in every round, after a round that is not counted: whole " +
  "epochs until the seconds of a turn have been measured, inside the participant. Before each turn the FMA " +
  "peak is sampled on one core and on all at once. One core: pinned, with one thread. Shares of the peak " +
  "and targets are of best figures, ratios to peers are of medians.";

const say = (text) => process.stderr.write(`${text}\n`);

const OPTIONS = {
  rounds: { type: "string" },
  seconds: { type: "string" },
  only: { type: "string" },
  work: { type: "string" },
  cores: { type: "string" },
  json: { type: "string" },
  quick: { type: "boolean", default: false },
};

/** Reads a positive number. If `whole`, it must be a whole number from 1. */
function readNumber(name, text, whole) {
  const value = Number(text);
  const fits = whole ? Number.isInteger(value) && value >= 1 : value > 0 && value < Infinity;
  if (fits) return value;
  throw new Error(
    `--${name}: expected a ${whole ? "whole number from 1" : "number above 0"}, received ${text}`,
  );
}

function readOptions() {
  const { values } = parseArgs({ options: OPTIONS });
  const isWhole = !(values.only || values.work || values.cores || values.quick);
  const stored = fileURLToPath(new URL("results.json", import.meta.url));
  const chosen = choose("work", values.work, works, ({ name }) => [name]);
  return {
    rounds: readNumber("rounds", values.rounds ?? (values.quick ? 1 : 5), true),
    seconds: readNumber("seconds", values.seconds ?? (values.quick ? 0.001 : 0.5), false),
    works: values.quick ? chosen.map(quick) : chosen,
    participants: choose("only", values.only, participants, answersTo),
    modes: choose("cores", values.cores, ["one", "all"], (name) => [name]),
    warmUp: !values.quick,
    entries: values.work ? undefined : values.quick ? ["--rounds", "1", "--seconds", "0"] : [],
    json: values.json ?? (isWhole ? stored : undefined), // a partial run does not replace the stored results
    isWhole,
  };
}

/** Splits participants into installed and absent ones, and reports the absent ones. */
function present(all) {
  const isThere = new Map(all.map((of) => [of, of.isThere()]));
  const absent = all.filter((of) => !isThere.get(of)).map(({ name, missing }) => ({ name, missing }));
  for (const { name, missing } of absent) say(`${name}: ${missing}`);
  return { there: all.filter((of) => isThere.get(of)), absent };
}

/** Leaves out the works that the package cannot do yet, and reports them. */
function possible(all) {
  const can = ({ kind }) => kind !== "trainMany" || myelin.trainMany !== undefined;
  for (const { name } of all.filter((work) => !can(work))) say(`${name}: the package has no trainMany`);
  return all.filter(can);
}

/** Measures what each entry of the tables costs, in a process of its own on one core. */
function measureEntries(options) {
  say("entries beside their siblings");
  const script = fileURLToPath(new URL("entries.js", import.meta.url));
  const [program, ...rest] = [...(pinning ?? []), process.execPath, script, "--json", ...options];
  return JSON.parse(execFileSync(program, rest, { encoding: "utf8" }));
}

async function main() {
  const { rounds, seconds, warmUp, entries, json, isWhole, ...chosen } = readOptions();
  const { there, absent } = present(chosen.participants);
  const native = there.some(({ kernel }) => kernel === "native");
  const host = machine();
  const modes = chosen.modes.filter((cores) => cores === "one" || host.cores > 1);
  if (!pinning) say("taskset is not installed: one core means one thread, on any core");
  const peak = startPeak();
  const results = [];
  for (const work of possible(chosen.works)) {
    const measured = await measure(work, { participants: there, modes, rounds, seconds, warmUp, peak, say });
    results.push(workResult(work, measured));
  }
  peak.one.end();
  peak.all.end();

  const record = {
    date: new Date().toISOString(),
    machine: { ...host, instructions: results[0]?.peak.instructions, pinned: pinning !== undefined },
    method: METHOD,
    rounds,
    seconds,
    absent,
    works: withTargets(results, works, host.cores),
    ...(entries && native && { entries: measureEntries(entries) }),
  };
  console.log(tables(record));
  for (const { title, participants: all } of record.works) {
    for (const { name, trouble } of all) if (trouble) console.log(`\n${title}: ${name}: ${trouble}`);
  }
  if (json) writeFileSync(json, `${JSON.stringify(record, null, 2)}\n`);
  if (isWhole) writeDocument(record);
}

await main().catch((error) => {
  say(error.message);
  process.exit(1);
});

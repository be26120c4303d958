// Every work of works.js on both of Myelin's kernels and on every peer that is there. README.md tells how.
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import * as myelin from "../dist/index.js";
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

/** A positive number, from 1 and whole if it is `whole`. */
function readNumber(name, text, whole) {
  const value = Number(text);
  const fits = whole ? Number.isInteger(value) && value >= 1 : value > 0 && value < Infinity;
  if (fits) return value;
  throw new Error(
    `--${name}: expected a ${whole ? "whole number from 1" : "number above 0"}, received ${text}`,
  );
}

/** Those of `all` that are named in a list; `namesOf` gives the names that one answers to. */
function choose(option, list, all, namesOf) {
  if (list === undefined) return all;
  const wanted = list.split(",");
  const known = [...new Set(all.flatMap(namesOf))];
  const unknown = wanted.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new Error(`--${option}: expected any of ${known.join(", ")}; received ${unknown}`);
  }
  return all.filter((of) => namesOf(of).some((name) => wanted.includes(name)));
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
    json: values.json ?? (isWhole ? stored : undefined), // a run of some does not replace the stored one
    isWhole,
  };
}

/** Who is there; the others are told of. */
function present(all) {
  const isThere = new Map(all.map((of) => [of, of.isThere()]));
  const absent = all.filter((of) => !isThere.get(of)).map(({ name, missing }) => ({ name, missing }));
  for (const { name, missing } of absent) say(`${name}: ${missing}`);
  return { there: all.filter((of) => isThere.get(of)), absent };
}

/** What the package cannot do yet is left out, and told of. */
function possible(all) {
  const can = ({ kind }) => kind !== "trainMany" || myelin.trainMany !== undefined;
  for (const { name } of all.filter((work) => !can(work))) say(`${name}: the package has no trainMany`);
  return all.filter(can);
}

async function main() {
  const { rounds, seconds, warmUp, json, isWhole, ...chosen } = readOptions();
  const { there, absent } = present(chosen.participants);
  const host = machine();
  const modes = chosen.modes.filter((cores) => cores === "one" || host.cores > 1);
  if (!pinning) say("taskset is not there: one core means one thread, on whichever core");
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

// Measures a work: its participants take turns, round after round, with a sample of the peak before each
// turn.
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { converse } from "./conversation.js";
import { writeWork } from "./data.js";
import { figure } from "./table.js";

const PEAK_MILLISECONDS = 5; // before each turn
/** A participant that needs this many times the seconds of a turn takes part in one counted round only. */
const SLOW = 10;

const peakScript = fileURLToPath(new URL("participants/peak.js", import.meta.url));

/**
 * Starts the processes that sample the peak on one core and on all cores. They run during the whole
 * benchmark.
 */
export function startPeak() {
  const begin = (threads, pinned) => converse([process.execPath, peakScript, String(threads)], { pinned });
  return { one: begin(1, true), all: begin(availableParallelism(), false) };
}

/** Starts a participant for a work. An error becomes its `trouble` and excludes it from the rest. */
function start(participant, cores, folder) {
  const threads = cores === "one" ? 1 : 0;
  const environment = participant.environment?.(threads);
  const child = converse(participant.command(folder, threads), { pinned: cores === "one", environment });
  return { participant, cores, child, microseconds: [], parts: [] };
}

async function attempt(entry, work) {
  if (entry.trouble) return;
  try {
    await work(entry);
  } catch (error) {
    entry.trouble = error.message;
    process.exitCode = 1;
  }
}

async function samplePeak(peak, best) {
  for (const cores of ["one", "all"]) {
    const { operations, instructions } = await peak[cores].ask(`run ${PEAK_MILLISECONDS}`);
    best[cores] = Math.max(best[cores] ?? 0, operations);
    best.instructions = instructions;
  }
}

async function takeTurn(entry, work, seconds) {
  if (work.kind === "decay") {
    const parts = await entry.child.ask("decay");
    entry.parts.push(parts);
    entry.microseconds.push(parts.parts.at(-1));
    return;
  }
  const turn = await entry.child.ask(`run ${seconds}`);
  entry.microseconds.push((turn.seconds / turn.steps) * 1e6);
  entry.isSlow = turn.seconds > SLOW * seconds;
}

/** Gives each participant one turn. `counted` is the number of the round, or 0 for the warm-up. */
async function round(entries, work, { counted, seconds, peak, best }) {
  for (const entry of entries) {
    if (entry.isSlow && counted > 1) continue;
    await samplePeak(peak, best);
    await attempt(entry, () => takeTurn(entry, work, seconds));
  }
}

function startAll(work, folder, { participants, modes }) {
  const taking = participants.filter((of) => of.takes(work));
  const entries = [];
  for (const participant of taking) {
    try {
      participant.prepare?.(folder);
      for (const cores of participant.cores.filter((of) => modes.includes(of))) {
        entries.push(start(participant, cores, folder));
      }
    } catch (error) {
      process.exitCode = 1;
      entries.push({ participant, cores: "one", trouble: error.message, microseconds: [], parts: [] });
    }
  }
  return entries;
}

/** Discards the warm-up round, which includes compilation. */
function forget(entries) {
  for (const entry of entries) {
    entry.microseconds = [];
    entry.parts = [];
    entry.isSlow = false;
  }
}

/**
 * Measures a work.
 * @param {object} settings `participants`, `modes` ("one", "all"), `rounds`, `seconds` per turn, `warmUp` for an
 *   extra round before the others, `peak` from `startPeak`, `say` for progress
 * @returns {Promise<{ entries: object[], peak: { one: number, all: number, instructions: string } }>}
 */
export async function measure(work, settings) {
  const { rounds, seconds, warmUp, peak, say } = settings;
  const folder = mkdtempSync(join(tmpdir(), "myelin-bench-"));
  const best = {};
  try {
    writeWork(folder, work);
    const entries = startAll(work, folder, settings);
    await Promise.all(entries.map((entry) => attempt(entry, askVersion)));
    for (const entry of entries) await attempt(entry, askCheck(work));
    if (warmUp) {
      await round(entries, work, { counted: 0, seconds: seconds / 4, peak, best });
      forget(entries);
    }
    for (let counted = 1; counted <= rounds; counted++) {
      await round(entries, work, { counted, seconds, peak, best });
      say(`${work.name}, round ${counted} of ${rounds}, µs: ${entries.map(lastResult).join(", ")}`);
    }
    for (const { child } of entries) child?.end();
    return { entries, peak: best };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const askVersion = async (entry) => {
  entry.version = (await entry.child.ask("version")).version;
};

/** Asks for the check value: trainings from the same start on the same data, in order, give the same loss. */
const askCheck = (work) => async (entry) => {
  if (work.checked > 0 || work.kind === "predict") entry.check = (await entry.child.ask("check")).value;
};

function lastResult({ participant, cores, microseconds, trouble }) {
  const value = trouble ? "failed" : figure(microseconds.at(-1));
  return `${participant.name} ${cores === "all" ? "(all) " : ""}${value}`;
}

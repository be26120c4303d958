// Writes tables into Markdown pages, between two marks. `node bench/document.js` rewrites those of
// docs/performance.md and bench/RESULTS.md from results.json.
import { readFileSync, writeFileSync } from "node:fs";
import { argv } from "node:process";
import { fileURLToPath } from "node:url";
import { inWords } from "./machine.js";
import { checkTable, decayTable, entryTable, peerTable, targetTable } from "./report.js";

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const gigaflops = (value) => `${(value / 1e9).toFixed(0)} GFLOP/s`;

function where({ date, machine, rounds, seconds, works }) {
  const peaks = (of) => works.map(({ peak }) => peak[of]);
  const ratio = works.map(({ peak }) => peak.all / peak.one).sort((a, b) => a - b);
  return [
    `Measured on ${date.slice(0, 10)}: ${inWords(machine)}; ${rounds} rounds of ${seconds} s.`,
    `FMA peak: ${gigaflops(Math.max(...peaks("one")))} on one core; on all cores at once ` +
      `${ratio[0].toFixed(2)} to ${ratio.at(-1).toFixed(2)} times as much, depending on the work.`,
  ].join("\n");
}

function versions({ works, absent }) {
  const all = new Map();
  for (const { name, version, kernel } of works.flatMap((work) => work.participants)) {
    if (version && !kernel) all.set(name, version);
  }
  const there = [...all].map(([name, version]) => `${name} ${version}`).join(", ");
  const missing = absent.map(({ name }) => name).join(", ");
  return [there && `Peers: ${there}.`, missing && `Not installed: ${missing}.`].filter(Boolean).join("\n");
}

/** Joins the parts of a page as Markdown paragraphs. */
const page = (...parts) => parts.filter(Boolean).join("\n\n").replaceAll("\n\n\n", "\n\n");

/** Returns the figures of Myelin and its peers, as Markdown. */
function peerTables(record) {
  const { works } = record;
  if (works.length === 0) return "Nothing was measured.";
  const compared = works.filter(({ kind }) => kind !== "decay");
  const isOnAllCores = compared.some(({ participants }) => participants.some(({ cores }) => cores === "all"));
  return page(
    where(record),
    versions(record),
    "### One core: median µs per step, and the ratio to Myelin\n",
    peerTable(compared, "one"),
    isOnAllCores && `### All cores\n\n${peerTable(compared, "all")}`,
    "### What each library learned\n",
    checkTable(compared),
  );
}

/** Returns Myelin's targets, and what its own figures are beside them, as Markdown. */
function targetTables({ works, entries }) {
  if (works.length === 0) return "Nothing was measured.";
  return page(
    "### Targets\n",
    targetTable(works),
    works.some(({ kind }) => kind === "decay") && `### Dead units\n\n${decayTable(works)}`,
    entries && `### Entries compared with their siblings\n\n${entryTable(entries)}`,
  );
}

/** Returns everything that a run has measured, as Markdown. */
export const tables = (record) => page(peerTables(record), targetTables(record));

/**
 * Writes text into a page, between the two marks of that name.
 * @param {string} page relative to `docs`, such as `performance.md`
 * @param {string} name as `measured`, for the marks `<!-- measured: begin -->` and `<!-- measured: end -->`
 */
export function putIntoPage(page, name, text) {
  const file = path(`../docs/${page}`);
  const [begin, end] = [`<!-- ${name}: begin -->`, `<!-- ${name}: end -->`];
  const whole = readFileSync(file, "utf8");
  const [before, after] = [whole.indexOf(begin), whole.indexOf(end)];
  if (before < 0 || after < before) throw new Error(`${file}: expected ${begin} and ${end}`);
  writeFileSync(file, `${whole.slice(0, before + begin.length)}\n\n${text}\n\n${whole.slice(after)}`);
}

/** Writes a run's tables into docs/performance.md, and its targets into bench/RESULTS.md. */
export function writeDocument(record) {
  putIntoPage("performance.md", "measured", peerTables(record));
  putIntoPage("../bench/RESULTS.md", "targets", targetTables(record));
}

if (fileURLToPath(import.meta.url) === argv[1]) {
  writeDocument(JSON.parse(readFileSync(path("results.json"), "utf8")));
}

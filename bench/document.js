// What the bench writes into pages of docs, between two marks. `node bench/document.js` writes the tables of
// docs/performance.md anew from results.json.
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
    `FMA peak of one core: ${gigaflops(Math.max(...peaks("one")))}; of all at once ` +
      `${ratio[0].toFixed(2)} to ${ratio.at(-1).toFixed(2)} times that, by work.`,
  ].join("\n");
}

function versions({ works, absent }) {
  const all = new Map();
  for (const { name, version, kernel } of works.flatMap((work) => work.participants)) {
    if (version && !kernel) all.set(name, version);
  }
  const there = [...all].map(([name, version]) => `${name} ${version}`).join(", ");
  const missing = absent.map(({ name }) => name).join(", ");
  return [there && `Peers: ${there}.`, missing && `Not there: ${missing}.`].filter(Boolean).join("\n");
}

/** Everything that a run has to say, as Markdown. */
export function tables(record) {
  const { works } = record;
  if (works.length === 0) return "Nothing was measured.";
  const sections = [
    where(record),
    versions(record),
    "### Targets\n",
    targetTable(works),
    "### Peers, one core: median µs, and how many times Myelin's\n",
    peerTable(works, "one"),
  ];
  const others = works.some(({ participants }) => participants.some(({ cores }) => cores === "all"));
  if (others) sections.push("### Peers, all cores\n", peerTable(works, "all"));
  if (works.some(({ kind }) => kind === "decay")) sections.push("### Dead units\n", decayTable(works));
  if (record.entries) sections.push("### Entries beside their siblings\n", entryTable(record.entries));
  sections.push("### What all learned\n", checkTable(works));
  return sections.filter(Boolean).join("\n\n").replaceAll("\n\n\n", "\n\n");
}

/**
 * Puts text into a page of `docs`, between the two marks of that name.
 * @param {string} page as `performance.md`
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

/** Puts a run's tables into docs/performance.md. */
export const writeDocument = (record) => putIntoPage("performance.md", "measured", tables(record));

if (fileURLToPath(import.meta.url) === argv[1]) {
  writeDocument(JSON.parse(readFileSync(path("results.json"), "utf8")));
}

// Puts results.jsonl into docs/accuracy.md: node bench/tables/document.js
import { readFileSync } from "node:fs";
import { argv } from "node:process";
import { fileURLToPath } from "node:url";
import { putIntoPage } from "../document.js";
import { inWords } from "../machine.js";
import { figure } from "../table.js";
import { listed, readLines, sections } from "./report.js";

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

/** The libraries of learners that have another name. */
const LIBRARIES = {
  HistGradientBoosting: "scikit-learn",
  linear: "scikit-learn",
  "LightGBM bagged": "LightGBM",
};
const libraryOf = (learner) => LIBRARIES[learner] ?? learner.replace(/^Myelin .*/, "Myelin");

function head({ lines, run }) {
  const versions = new Map(lines.map(({ learner, version }) => [libraryOf(learner), version]));
  const seeds = [...new Set(lines.map(({ seed }) => seed))].sort().join(", ");
  const told = [...versions].map((pair) => pair.join(" ")).join(", ");
  return `${run.date.slice(0, 10)}: ${inWords(run.machine)}; splits ${seeds}; ${told}.`;
}

const flightsText = ({ rows, threads, learners: [peer, own] }) =>
  [
    "### Flights",
    `${rows.toLocaleString("en")} flights, ${threads} threads: ${own.name} has an RMSE of ${own.error.toFixed(2)} ` +
      `minutes after ${figure(own.wallSeconds)} s, ${peer.name} of ${peer.error.toFixed(2)} after ` +
      `${figure(peer.wallSeconds)} s: ${(own.error / peer.error).toFixed(3)} times the error in ` +
      `${figure(own.wallSeconds / peer.wallSeconds)} times the time.`,
  ].join("\n\n");

/** Puts results, as `readLines` gives them, into docs/accuracy.md. */
export function writeDocument(results) {
  const text = [
    head(results),
    sections(results.lines, listed),
    results.flights && flightsText(results.flights),
  ];
  putIntoPage("accuracy.md", "table models", text.filter(Boolean).join("\n\n"));
}

if (fileURLToPath(import.meta.url) === argv[1]) {
  writeDocument(readLines(readFileSync(path("results.jsonl"), "utf8")));
}

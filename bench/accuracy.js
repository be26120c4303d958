// Measures how well both kernels and scikit-learn learn the tables of datasets.js, on the same rows:
// node bench/accuracy.js [--kernel native] [--only iris,wine] [--seeds 5] [--json path] [--choose]
// A run without options writes docs/accuracy.md, if scikit-learn is installed. `--choose` compares other
// settings, on training rows only.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { version } from "../dist/index.js";
import { choose } from "./choice.js";
import { datasets, examplesOf, heldOutRows, readTable, withoutRows } from "./datasets.js";
import { putIntoPage } from "./document.js";
import { scores } from "./learn.js";
import { inWords, machine } from "./machine.js";
import { modulesAreThere, python } from "./participants.js";
import { median } from "./statistics.js";
import { table as markdown } from "./table.js";

const { values: given } = parseArgs({
  options: {
    kernel: { type: "string" },
    only: { type: "string" },
    seeds: { type: "string", default: "5" },
    json: { type: "string" },
    choose: { type: "boolean", default: false },
  },
});
const seeds = Array.from({ length: Number(given.seeds) }, (_, at) => at + 1);
const kernels = given.kernel ? [given.kernel] : ["native", "typescript"];
const chosen = choose("only", given.only, datasets, ({ name }) => [name]);
const isWhole = process.argv.length === 2;
const peerIsThere = modulesAreThere("sklearn")();

/** Reads a dataset's table and returns, for each seed, the held-out rows and the resulting examples. */
function prepare(dataset) {
  const table = readTable(dataset);
  const splits = seeds.map((seed) => ({ seed, heldOut: heldOutRows(table, seed) }));
  const parts = splits.map(({ seed, heldOut }) => ({ seed, ...examplesOf(table, heldOut) }));
  return { ...dataset, table, splits, parts };
}

/** Returns scikit-learn's scores by table, and the versions. */
function scikitLearn(prepared) {
  const folder = mkdtempSync(join(tmpdir(), "myelin-accuracy-"));
  try {
    const file = join(folder, "tables.json");
    writeFileSync(file, JSON.stringify(prepared.map(({ table, parts, ...rest }) => rest)));
    const script = fileURLToPath(new URL("against/accuracy.py", import.meta.url));
    return JSON.parse(execFileSync(python, [script, file], { encoding: "utf8" }));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function results() {
  const prepared = chosen.map(prepare);
  const peer = isWhole && peerIsThere ? scikitLearn(prepared) : undefined;
  const lines = [];
  for (const { name, kind, table, parts, ...settings } of prepared) {
    const reached = {};
    for (const kernel of kernels) reached[kernel] = await scores(settings, table, parts, kernel);
    if (peer) reached["scikit-learn"] = peer.scores[name];
    const rows = { training: parts[0].training.y.length, test: parts[0].test.y.length };
    const widths = [table.x[0].length, ...settings.hidden, outputsOf(table)];
    lines.push({ name, kind, rows, widths, epochs: settings.epochs, atLeast: settings.atLeast, reached });
  }
  return { versions: { Myelin: version, ...peer?.versions }, lines };
}

const outputsOf = ({ classes }) => (classes === undefined || classes.length === 2 ? 1 : classes.length);

const show = { classes: (value) => `${(value * 100).toFixed(1)} %`, values: (value) => value.toFixed(3) };
const measureOf = { classes: "accuracy", values: "R²" };

function resultTable(lines) {
  const names = Object.keys(lines[0].reached);
  const cell = (show, all) => `${show(median(all))} (${show(Math.min(...all))} to ${show(Math.max(...all))})`;
  const rows = lines.map(({ name, kind, rows, widths, epochs, atLeast, reached }) => [
    name.replace("_", " "),
    `${rows.training} + ${rows.test}`,
    widths.join("-"),
    String(epochs),
    measureOf[kind],
    ...names.map((of) => cell(show[kind], reached[of])),
    show[kind](atLeast),
  ]);
  const head = ["table", "rows", "network", "epochs", "measure", ...names, "at least"];
  return markdown([head, ...rows]);
}

function page({ versions, lines }) {
  const told = Object.entries(versions).map(([name, value]) => `${name} ${value}`);
  const date = new Date().toISOString().slice(0, 10);
  return `${date}: ${inWords(machine())}; ${told.join(", ")}.\n\n${resultTable(lines)}`;
}

/** The settings that `--choose` compares with those of datasets.js. */
const GRID = { learningRate: [0.001, 0.003, 0.01], weightDecay: [0, 0.001, 0.003, 0.01, 0.03] };
const DRAWS = 5;
const EPOCHS = { classes: [50, 100, 200], values: [10, 20, 50, 100] };

/**
 * Returns the mean over five draws per seed. Each draw trains on four fifths of the training rows and tests
 * on one.
 */
async function innerScore(settings, { table, splits }) {
  const parts = splits.flatMap(({ seed, heldOut }) => {
    const rest = withoutRows(table, heldOut);
    const draws = Array.from({ length: DRAWS }, (_, draw) => heldOutRows(rest, DRAWS * seed + draw));
    return draws.map((inner) => ({ seed, ...examplesOf(rest, inner) }));
  });
  const all = await scores(settings, table, parts, "native");
  return all.reduce((sum, value) => sum + value, 0) / all.length;
}

/** Returns a line per setting: its score on each table, and the mean score. */
async function settingsTable(kind) {
  const prepared = chosen.filter((dataset) => dataset.kind === kind).map(prepare);
  const lines = [];
  for (const learningRate of GRID.learningRate) {
    for (const weightDecay of GRID.weightDecay) {
      for (const epochs of EPOCHS[kind]) {
        const own = { learningRate, weightDecay, epochs };
        const all = [];
        for (const of of prepared) all.push(await innerScore({ ...of, ...own }, of));
        const mean = all.reduce((sum, value) => sum + value, 0) / all.length;
        lines.push({ mean, cells: [...Object.values(own).map(String), ...[...all, mean].map(show[kind])] });
      }
    }
  }
  const head = ["learning rate", "weight decay", "epochs", ...prepared.map(({ name }) => name), "mean"];
  return markdown([head, ...lines.sort((a, b) => b.mean - a.mean).map(({ cells }) => cells)]);
}

if (given.choose) {
  for (const kind of ["classes", "values"]) console.log(`${await settingsTable(kind)}\n`);
} else {
  const record = await results();
  console.log(resultTable(record.lines));
  if (given.json) writeFileSync(given.json, JSON.stringify(record));
  if (isWhole && peerIsThere) putIntoPage("accuracy.md", "tables", page(record));
  else if (isWhole)
    console.log("scikit-learn is not installed (bench/against/requirements.txt): no page written");
}

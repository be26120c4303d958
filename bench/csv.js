// CSV from a file to typed columns: readTable beside uDSV, which is said to be the fastest in JavaScript.
//   node bench/csv.js [file.csv ...]
// Without files, it makes four: mixed columns, full-precision floats, quoted texts, whole numbers. Both sides read the
// file from the disk's cache; they take turns in one process, and the medians of the rounds are printed. It needs
// `npm run build`, and uDSV: npm ci --prefix bench/against
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { readTable } from "myelin/table";
import { median } from "./statistics.js";

const ROUNDS = 7;
const TARGET = 0.8;

const against = createRequire(fileURLToPath(new URL("against/package.json", import.meta.url)));
const { inferSchema, initParser } = await import(pathToFileURL(against.resolve("udsv")).href);

let state = 1;
function draw() {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return state / 2 ** 32;
}
const among = (list) => list[Math.floor(draw() * list.length)];
const towns = ["Oslo", "Bergen", "Trondheim", "Stavanger", "Bodø"];
const day = () =>
  `20${10 + Math.floor(10 * draw())}-0${1 + Math.floor(9 * draw())}-1${Math.floor(10 * draw())}`;
const gap = (text) => (draw() < 0.1 ? "" : text);

/** Tables by name: the number of rows, and what makes a row's cells. */
const tables = {
  mixed: [
    200_000,
    (row) => [
      row,
      (200 * draw()).toFixed(1),
      (1e6 * draw()).toFixed(2),
      among(towns),
      day(),
      gap(draw().toFixed(4)),
    ],
  ],
  floats: [50_000, () => Array.from({ length: 20 }, () => draw() - 0.5 + draw() * 2 ** -32)],
  quoted: [
    100_000,
    (row) => [`"${among(towns)}, ""${row % 1000}"""`, `"${row}"`, `"${among(towns)}"`, gap(day())],
  ],
  integers: [100_000, () => Array.from({ length: 20 }, () => Math.floor(256 * draw()))],
};

function make(folder) {
  return Object.entries(tables).map(([name, [rows, cellsOf]]) => {
    const lines = Array.from({ length: rows }, (_, row) => cellsOf(row).join(","));
    const header = cellsOf(0).map((_, at) => `column${at + 1}`);
    const path = join(folder, `${name}.csv`);
    writeFileSync(path, `${[header.join(","), ...lines].join("\n")}\n`);
    return path;
  });
}

const sides = {
  async readTable(path) {
    return (await readTable(path)).rows;
  },
  uDSV(path) {
    const text = readFileSync(path, "utf8");
    return initParser(inferSchema(text)).typedCols(text)[0].length;
  },
};

async function compare(path) {
  const seconds = { readTable: [], uDSV: [] };
  const rows = {};
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, read] of Object.entries(sides)) {
      const start = performance.now();
      rows[name] = await read(path);
      seconds[name].push((performance.now() - start) / 1000);
    }
  }
  if (rows.readTable !== rows.uDSV) throw new Error(`${path}: ${rows.readTable} rows against ${rows.uDSV}`);
  const [own, other] = [median(seconds.readTable), median(seconds.uDSV)];
  const megabytes = statSync(path).size / 1e6;
  const speed = (time) => `${(megabytes / time).toFixed(0)} MB/s`.padStart(9);
  const ratio = other / own;
  console.log(
    `${basename(path).padEnd(16)} ${megabytes.toFixed(1).padStart(6)} MB   readTable ${speed(own)}   uDSV ${speed(other)}   ratio ${ratio.toFixed(2)}, wanted at least ${TARGET}${ratio < TARGET ? ": missed" : ""}`,
  );
}

const given = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "myelin-csv-"));
try {
  for (const path of given.length > 0 ? given : make(folder)) await compare(path);
} finally {
  rmSync(folder, { recursive: true });
}

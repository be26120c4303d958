// Measures how long `fit` blocks before it returns its promise, by the form of x: node bench/copying.js
// [rows, 1000000] [rounds, 5] [path of another build's index.js, which takes turns with this one]
// There are ten columns, and y is flat. A process measures one form once, cold, like a script that trains once.
// The smallest value of all rounds counts. CPU is the time of all threads meanwhile, including garbage
// collection.
import { execFileSync } from "node:child_process";
import { argv, execPath } from "node:process";
import { fileURLToPath } from "node:url";
import { figure, table } from "./table.js";

const COLUMNS = 10;

const values = (row, List) => {
  const list = new List(COLUMNS);
  for (let column = 0; column < COLUMNS; column++) list[column] = Math.sin(row + column);
  return list;
};
const listOf = (rows, List) => Array.from({ length: rows }, (_, row) => values(row, List));

/** The forms of x. */
const forms = {
  "Float32Array, flat": (rows) => new Float32Array(rows * COLUMNS).fill(0.5),
  "list of Float32Array": (rows) => listOf(rows, Float32Array),
  "list of Float64Array": (rows) => listOf(rows, Float64Array),
  "list of arrays": (rows) => listOf(rows, Array),
  "list of arrays of whole numbers": (rows) =>
    Array.from({ length: rows }, (_, row) =>
      Array.from({ length: COLUMNS }, (_, column) => row % (column + 2)),
    ),
};

/** Measures one form in this process. */
async function measure(build, form, rows) {
  const { Model, dense } = await import(build);
  const x = forms[form](rows);
  const model = new Model({
    inputs: COLUMNS,
    layers: [dense(1)],
    loss: "meanSquaredError",
    optimizer: "sgd",
  });
  const abort = new AbortController();
  const y = new Float32Array(rows);
  const [cpu, start] = [process.cpuUsage(), performance.now()];
  const training = model.fit(x, y, { batchSize: 1024, signal: abort.signal, warnings: false });
  const milliseconds = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  abort.abort();
  await training.catch(() => {});
  console.log(JSON.stringify({ milliseconds, cpu: (user + system) / 1000 }));
}

function inProcess(build, form, rows) {
  const self = fileURLToPath(import.meta.url);
  const options = { encoding: "utf8", env: { ...process.env, NODE_OPTIONS: "--max-old-space-size=8192" } };
  return JSON.parse(execFileSync(execPath, [self, "--form", form, String(rows), build], options));
}

if (argv[2] === "--form") await measure(argv[5], argv[3], Number(argv[4]));
else {
  const rows = Number(argv[2] ?? 1_000_000);
  const rounds = Number(argv[3] ?? 5);
  const builds = [fileURLToPath(import.meta.resolve("../dist/index.js")), ...argv.slice(4)];
  const lines = Object.keys(forms).map((form) => {
    const least = builds.map(() => ({ milliseconds: Infinity, cpu: Infinity }));
    for (let round = 0; round < rounds; round++) {
      for (const [at, build] of builds.entries()) {
        const { milliseconds, cpu } = inProcess(build, form, rows);
        least[at].milliseconds = Math.min(least[at].milliseconds, milliseconds);
        least[at].cpu = Math.min(least[at].cpu, cpu);
      }
    }
    return [form, ...least.flatMap(({ milliseconds, cpu }) => [figure(milliseconds), figure(cpu)])];
  });
  const head = builds.flatMap((_, at) => (at === 0 ? ["ms", "CPU ms"] : ["ms, other build", "CPU ms"]));
  console.log(table([[`x, ${rows} rows of ${COLUMNS}`, ...head], ...lines]));
}

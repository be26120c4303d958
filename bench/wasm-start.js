// Measures the start of the WebAssembly kernel in new processes: node bench/wasm-start.js [processes, 15]
// Prints medians in milliseconds, on this Node and on Node 22, if it is installed in __test__/runtimes: the import of
// the package, the first model, for which the module is compiled, instantiated and checked, and the time from the
// import to the end of a first `fit` of one epoch of the article's network.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { argv, env, execPath } from "node:process";
import { fileURLToPath } from "node:url";
import { median } from "./statistics.js";
import { figure, table } from "./table.js";

const processes = Number(argv[2] ?? 15);
const root = fileURLToPath(new URL("..", import.meta.url)); // here Node resolves the package by its own name
const later = fileURLToPath(new URL("../__test__/runtimes/node_modules/node-22/bin/node", import.meta.url));

const script = `
const start = performance.now();
const { dense, Model, relu, sgd, xor } = await import("myelin");
const imported = performance.now();
const layers = [dense(64), relu(), dense(1)];
const options = { inputs: 2, layers, loss: "meanSquaredError", optimizer: sgd({ learningRate: 0.01 }), seed: 1 };
const model = new Model(options);
const made = performance.now();
await model.fit(xor({ examples: 1000, seed: 1 }), { epochs: 1, batchSize: 5 });
console.log(JSON.stringify([imported - start, made - imported, performance.now() - imported]));`;

function start(node) {
  const given = ["--input-type=module", "--eval", script];
  const environment = { ...env, MYELIN_KERNEL: "wasm" };
  const { status, stdout, stderr } = spawnSync(node, given, {
    cwd: root,
    encoding: "utf8",
    env: environment,
  });
  if (status !== 0) throw new Error(`${node}: ${stderr.trim()}`);
  return JSON.parse(stdout);
}

const lines = [execPath, later].filter(existsSync).map((node) => {
  const version = spawnSync(node, ["--version"], { encoding: "utf8" }).stdout.trim();
  const runs = Array.from({ length: processes }, () => start(node));
  return [version, ...[0, 1, 2].map((at) => figure(median(runs.map((run) => run[at]))))];
});
console.log(
  table([["Node", "import, ms", "first model, ms", "from the import to the end of fit, ms"], ...lines]),
);

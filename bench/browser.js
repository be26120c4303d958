// Measures training in headless Chromium: the WebAssembly kernel beside the TypeScript kernel, and the native kernel
// on Node between them: node bench/browser.js [rounds, 5] [seconds of a turn, 0.5]
// CHROMIUM is the path of the browser, by default /usr/bin/chromium. Prints µs per step, the medians of the rounds,
// and the medians of the ratios in each round.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { argv, env } from "node:process";
import { fileURLToPath } from "node:url";
import * as myelin from "../dist/index.js";
import { median } from "./statistics.js";
import { figure, table } from "./table.js";

const [rounds, seconds] = [argv[2] ?? 5, argv[3] ?? 0.5].map(Number);
const root = fileURLToPath(new URL("..", import.meta.url));

const works = [
  { name: "2-64-1, SGD, batch 5", widths: [2, 64, 1], optimizer: "sgd", batchSize: 5, rows: 1000 },
  {
    name: "16-64-64-4, Adam, batch 32",
    widths: [16, 64, 64, 4],
    optimizer: "adam",
    batchSize: 32,
    rows: 1024,
  },
  {
    name: "784-128-10, Adam, batch 32",
    widths: [784, 128, 10],
    optimizer: "adam",
    batchSize: 32,
    rows: 1024,
  },
  {
    name: "784-512-256-10, SGD, batch 128",
    widths: [784, 512, 256, 10],
    optimizer: "sgd",
    batchSize: 128,
    rows: 1024,
  },
];

/** The µs of a step, in a turn of some seconds. It also runs in the page, so it uses only its arguments. */
function measure({ Model, dense, relu }, { widths, optimizer, batchSize, rows }, kernel, seconds) {
  const [inputs, outputs] = [widths[0], widths.at(-1)];
  const hidden = widths.slice(1, -1).flatMap((units) => [dense(units), relu()]);
  const model = new Model({
    ...{ inputs, layers: [...hidden, dense(outputs)], loss: "meanSquaredError", optimizer, seed: 1, kernel },
  });
  const numbers = (count) => Float32Array.from({ length: count }, (_, at) => ((at * 7919) % 997) / 997);
  const [x, y] = [numbers(rows * inputs), numbers(rows * outputs)];
  const options = { batchSize, warnings: false, threads: 1 };
  const steps = Math.ceil(rows / batchSize);
  const turn = (epochs) => {
    const start = performance.now();
    model.fitSync(x, y, { ...options, epochs });
    return performance.now() - start;
  };
  turn(1);
  let epochs = 1;
  let milliseconds = turn(epochs);
  while (milliseconds < 1000 * seconds) {
    epochs = Math.ceil(epochs * Math.min(10, Math.max(1.5, (1100 * seconds) / milliseconds)));
    milliseconds = turn(epochs);
  }
  model.dispose();
  return (1000 * milliseconds) / (epochs * steps);
}

/** The page: it asks for its next work, measures it and sends the result. */
function page() {
  const { imports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const inBrowsers = Object.entries(imports).map(([name, of]) => [name, of.default.replace("./", "/")]);
  const map = JSON.stringify({ imports: Object.fromEntries(inBrowsers) });
  return `<!doctype html><script type="importmap">${map}</script><script type="module">
import * as myelin from "/dist/index.js";
${measure}
const kernel = await myelin.ready();
let result = { kernel };
for (;;) {
  const response = await fetch("/next", { method: "POST", body: JSON.stringify(result) });
  const { work, kernel, seconds } = await response.json();
  result = measure(myelin, work, kernel, seconds);
}
</script>`;
}

/** A server, where the page waits at `/next` for what to do. */
async function startServer() {
  const types = { ".js": "text/javascript", ".wasm": "application/wasm" };
  let tell;
  let waiting;
  const server = createServer(async (request, response) => {
    if (request.method === "POST") {
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      waiting = response;
      tell(JSON.parse(Buffer.concat(chunks)));
    } else if (request.url === "/") response.writeHead(200, { "content-type": "text/html" }).end(page());
    else if (/^\/dist\/[\w/.-]+$/.test(request.url) && !request.url.includes("..")) {
      const type = types[extname(request.url)] ?? "text/plain";
      response.writeHead(200, { "content-type": type }).end(readFileSync(join(root, request.url)));
    } else response.writeHead(404).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const told = () =>
    new Promise((resolve) => {
      tell = resolve;
    });
  const started = told();
  const ask = (question) => {
    const answer = told();
    waiting.end(JSON.stringify(question));
    return answer;
  };
  return { server, started, ask };
}

const { server, started, ask } = await startServer();
const profile = mkdtempSync(join(tmpdir(), "myelin-browser-"));
const flags = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--no-first-run",
  "--disable-background-networking",
];
const browser = spawn(
  env.CHROMIUM ?? "/usr/bin/chromium",
  [...flags, `--user-data-dir=${profile}`, `http://127.0.0.1:${server.address().port}/`],
  { stdio: "ignore" },
);
const ended = new Promise((_, reject) => {
  const fail = (reason) =>
    reject(new Error(`Chromium did not run (${reason}). Fix: set CHROMIUM to the path of the browser`));
  browser.once("error", ({ message }) => fail(message));
  browser.once("exit", (status) => fail(`it ended with ${status}`));
});
ended.catch(() => {}); // It also ends when the bench does.
try {
  const { kernel } = await Promise.race([started, ended]);
  console.log(`Chromium: ${kernel.name}, ${kernel.reason}\n`);
  const lines = [];
  for (const work of works) {
    const turns = { native: [], wasm: [], typescript: [] };
    for (let round = 0; round < rounds; round++) {
      for (const name of ["wasm", "typescript"])
        turns[name].push(await Promise.race([ask({ work, kernel: name, seconds }), ended]));
      turns.native.push(measure(myelin, work, "native", seconds));
    }
    const ratio = (one, other) => median(turns[one].map((value, round) => value / turns[other][round]));
    const medians = ["native", "wasm", "typescript"].map((name) => figure(median(turns[name])));
    const ratios = [ratio("wasm", "native"), ratio("typescript", "wasm")];
    lines.push([work.name, ...medians, ...ratios.map((value) => `${value.toFixed(1)}×`)]);
  }
  const head = ["work", "native, Node", "wasm", "typescript", "wasm / native", "typescript / wasm"];
  console.log(table([head, ...lines]));
} finally {
  browser.kill("SIGKILL");
  server.closeAllConnections();
  server.close();
  setTimeout(() => rmSync(profile, { recursive: true, force: true, maxRetries: 5 }), 500);
}

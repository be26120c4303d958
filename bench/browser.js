// Measures training in headless Chromium: the WebAssembly kernel beside the TypeScript kernel and TensorFlow.js,
// if it is installed in against/, and the native kernel on Node between them:
//   node bench/browser.js [rounds, 5] [seconds of a turn, 0.5]
// CHROMIUM is the path of the browser, by default /usr/bin/chromium. Prints µs per step, the medians of the rounds,
// and the medians of the ratios in each round. Without a graphics processor, Chromium runs WebGPU on the CPU.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { argv, env } from "node:process";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import * as myelin from "../dist/index.js";
import { median } from "./statistics.js";
import { figure, table } from "./table.js";

const [rounds, seconds] = [argv[2] ?? 5, argv[3] ?? 0.5].map(Number);
const root = fileURLToPath(new URL("..", import.meta.url));
const against = join(root, "bench", "against");
const backends = join(against, "node_modules", "@tensorflow", "tfjs-backend-wasm", "dist");
const hasPeer = existsSync(join(against, "node_modules", "@tensorflow", "tfjs-backend-webgpu"));

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

/** Numbers of data. It also runs in the page. */
function numbers(count) {
  return Float32Array.from({ length: count }, (_, at) => ((at * 7919) % 997) / 997);
}

/** The µs of a step, in a turn of some seconds. It also runs in the page, so it uses nothing but `numbers`. */
function measure({ Model, dense, relu }, { widths, optimizer, batchSize, rows }, kernel, seconds) {
  const [inputs, outputs] = [widths[0], widths.at(-1)];
  const hidden = widths.slice(1, -1).flatMap((units) => [dense(units), relu()]);
  const model = new Model({
    ...{ inputs, layers: [...hidden, dense(outputs)], loss: "meanSquaredError", optimizer, seed: 1, kernel },
  });
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
${numbers}
${measure}
const started = performance.now();
const kernel = await myelin.ready();
const milliseconds = performance.now() - started;
const tfjs = ${hasPeer} ? await import("/tfjs.js") : undefined;
const descriptions = {};
for (const backend of tfjs ? ["wasm", "webgpu"] : [])
  descriptions[backend] = await tfjs.choose(backend).catch(({ message }) => message);
let result = { kernel, milliseconds, descriptions };
for (;;) {
  const response = await fetch("/next", { method: "POST", body: JSON.stringify(result) });
  const { work, kernel, backend, seconds } = await response.json();
  if (kernel) result = measure(myelin, work, kernel, seconds);
  else {
    await tfjs.choose(backend);
    result = await tfjs.measure(work, numbers, seconds);
  }
}
</script>`;
}

/** TensorFlow.js as one module, for the page. */
async function bundlePeer() {
  const options = { input: join(against, "tfjs-page.js"), platform: "browser", logLevel: "silent" };
  const { output } = await (await rolldown(options)).generate({ format: "esm", codeSplitting: false });
  return output[0].code;
}

/** A server, where the page waits at `/next` for what to do. */
async function startServer() {
  const peer = hasPeer ? await bundlePeer() : "";
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
    else if (request.url === "/tfjs.js") response.writeHead(200, { "content-type": types[".js"] }).end(peer);
    else if (/^\/tfjs\/[\w-]+\.wasm$/.test(request.url)) {
      const file = join(backends, request.url.slice("/tfjs/".length));
      response.writeHead(200, { "content-type": types[".wasm"] }).end(readFileSync(file));
    } else if (/^\/dist\/[\w/.-]+$/.test(request.url) && !request.url.includes("..")) {
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
  // WebGPU on the CPU, where there is no graphics processor.
  "--enable-unsafe-webgpu",
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
  const { kernel, milliseconds, descriptions } = await Promise.race([started, ended]);
  console.log(`Chromium: ${kernel.name}, ${kernel.reason}; ready() took ${figure(milliseconds)} ms`);
  for (const description of Object.values(descriptions)) console.log(description);
  const peers = Object.keys(descriptions).filter((name) => descriptions[name].startsWith("TensorFlow.js"));
  const lines = [];
  for (const work of works) {
    const names = ["native", "wasm", "typescript", ...peers.map((backend) => `tfjs ${backend}`)];
    const turns = Object.fromEntries(names.map((name) => [name, []]));
    for (let round = 0; round < rounds; round++) {
      for (const name of ["wasm", "typescript"])
        turns[name].push(await Promise.race([ask({ work, kernel: name, seconds }), ended]));
      for (const backend of peers)
        turns[`tfjs ${backend}`].push(await Promise.race([ask({ work, backend, seconds }), ended]));
      turns.native.push(measure(myelin, work, "native", seconds));
    }
    const ratio = (one, other) => median(turns[one].map((value, round) => value / turns[other][round]));
    const ratios = [ratio("wasm", "native"), ...names.slice(2).map((name) => ratio(name, "wasm"))];
    const medians = names.map((name) => figure(median(turns[name])));
    lines.push([work.name, ...medians, ...ratios.map((value) => `${value.toFixed(1)}×`)]);
  }
  const others = ["typescript", ...peers.map((backend) => `tfjs ${backend}`)];
  const ratios = ["wasm / native", ...others.map((name) => `${name} / wasm`)];
  console.log(`\n${table([["work", "native, Node", "wasm", ...others, ...ratios], ...lines])}`);
} finally {
  browser.kill("SIGKILL");
  server.closeAllConnections();
  server.close();
  setTimeout(() => rmSync(profile, { recursive: true, force: true, maxRetries: 5 }), 500);
}

// Measures the server of myelin/serve beside a bare handler of node:http that parses the same JSON and answers with
// the same bytes: node bench/serving.js [rounds, 7] [seconds of a turn, 3] [connections, 64]
// One network, five columns. Each server is a process of its own, and the load comes from this one. The turns
// alternate, first without and then with a training of the native kernel in the process that is measured. Prints
// the medians of the rounds, and those of the ratios in each round.

import { fork } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { argv } from "node:process";
import { fileURLToPath } from "node:url";
import autocannon from "autocannon";
import { dense, Model, relu } from "../dist/index.js";
import { serve } from "../dist/serve/index.js";
import { fitTable } from "../dist/table/index.js";
import { median } from "./statistics.js";
import { figure, table } from "./table.js";

const rows = Array.from({ length: 500 }, (_, row) => ({
  area: 40 + ((row * 37) % 120),
  town: ["Oslo", "Bergen", "Bodø"][row % 3],
  garden: row % 2 === 0,
  rooms: row % 7,
  age: (row * 13) % 90,
  price: 3 * (40 + ((row * 37) % 120)) + (row % 3 === 0 ? 200 : 0),
}));
const { price: _, ...question } = rows[3];
const body = JSON.stringify(question);

/** The bare handler: it reads the body, parses it and answers. */
async function bareServer(answer) {
  const server = createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      JSON.parse(Buffer.concat(chunks).toString());
      const text = JSON.stringify(answer);
      response.writeHead(200, {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(text),
      });
      response.end(text);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server.address().port;
}

/** Trains until the signal aborts. */
async function train(signal) {
  const layers = [dense(128), relu(), dense(128), relu(), dense(8)];
  const model = new Model({ inputs: 64, layers, loss: "meanSquaredError", optimizer: "adam", seed: 1 });
  const data = { x: new Float32Array(64 * 10_000).fill(0.5), y: new Float32Array(8 * 10_000) };
  await model.fit(data, { epochs: 1e6, batchSize: 32, warnings: false, signal }).catch(() => undefined);
}

/** A server in a process of its own: it tells its port, and trains between the messages "train" and "stop". */
async function runServer(kind) {
  // Lets --cpu-prof write its profile.
  process.on("SIGINT", () => process.exit());
  const model = await fitTable(rows, { target: "price", networks: 1, seed: 1 });
  const port =
    kind === "bare" ? await bareServer(model.predict(question)) : (await serve(model, { port: 0 })).port;
  let training;
  process.on("message", (message) => {
    training?.abort();
    if (message !== "train") return;
    training = new AbortController();
    train(training.signal);
  });
  process.send({ port });
}

async function startServer(kind) {
  const child = fork(fileURLToPath(import.meta.url), ["--server", kind], { execArgv: process.execArgv });
  const [{ port }] = await once(child, "message");
  return { child, port };
}

/** Returns the requests a second and the times of a turn, in milliseconds. */
async function turn(port, seconds, connections) {
  const result = await autocannon({
    url: `http://127.0.0.1:${port}/predict`,
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
    connections,
    duration: seconds,
  });
  if (result.non2xx + result.errors + result.timeouts > 0) throw new Error(JSON.stringify(result));
  return { rate: result.requests.total / result.duration, p50: result.latency.p50, p99: result.latency.p99 };
}

async function measure(servers, isTraining, rounds, seconds, connections) {
  const turns = { bare: [], myelin: [] };
  for (let round = -1; round < rounds; round++) {
    // The order alternates, so that neither always follows the other.
    const order = round % 2 === 0 ? ["bare", "myelin"] : ["myelin", "bare"];
    for (const kind of order) {
      const { child, port } = servers[kind];
      if (isTraining) child.send("train");
      const measured = await turn(port, round < 0 ? 1 : seconds, connections);
      child.send("stop");
      if (round >= 0) turns[kind].push(measured);
    }
  }
  return turns;
}

function lines(what, turns) {
  const of = (kind, name) => median(turns[kind].map((one) => one[name]));
  const ratio = (name) => median(turns.myelin.map((one, round) => one[name] / turns.bare[round][name]));
  return ["bare", "myelin"].map((kind) => [
    `${what}: ${kind}`,
    Math.round(of(kind, "rate")).toLocaleString("en-US"),
    figure(of(kind, "p50")),
    figure(of(kind, "p99")),
    kind === "bare" ? "" : `${ratio("rate").toFixed(2)}`,
    kind === "bare" ? "" : `${ratio("p99").toFixed(2)}`,
  ]);
}

async function main() {
  const [rounds, seconds, connections] = [argv[2] ?? 7, argv[3] ?? 3, argv[4] ?? 64].map(Number);
  const servers = { bare: await startServer("bare"), myelin: await startServer("myelin") };
  try {
    const idle = await measure(servers, false, rounds, seconds, connections);
    const training = await measure(servers, true, rounds, seconds, connections);
    const head = ["server", "requests a second", "median ms", "p99 ms", "rate / bare", "p99 / bare"];
    console.log(table([head, ...lines("idle", idle), ...lines("while training", training)]));
  } finally {
    for (const { child } of Object.values(servers)) child.kill("SIGKILL");
  }
}

if (argv[2] === "--server") await runServer(argv[3]);
else await main();

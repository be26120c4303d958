// Measures how long trainings on the TypeScript kernel block the event loop, one and forty at a time:
// node bench/event-loop.js [seconds, 3] [path of another build's index.js, which takes turns with this one]
// The delays are those of monitorEventLoopDelay, which samples every 10 ms, so an idle loop shows 10 ms. The CPU
// time of a turn is what the delay would be on an otherwise idle machine. Trains 2-16-1 on XOR in batches of 5,
// without and with a hook after each epoch.

import { createHistogram, monitorEventLoopDelay } from "node:perf_hooks";
import { argv } from "node:process";
import { setTimeout } from "node:timers/promises";

import { figure, table } from "./table.js";

const seconds = Number(argv[2] ?? 3);
const builds = ["../dist/index.js", ...argv.slice(3)];

/** Records the CPU time of each turn of the event loop, until the returned function is called. */
function watchTurns() {
  const turns = createHistogram();
  let before = process.cpuUsage();
  let timer = setImmediate(function look() {
    const { user, system } = process.cpuUsage(before);
    turns.record(Math.max(1, user + system));
    before = process.cpuUsage();
    timer = setImmediate(look);
  });
  return () => {
    clearImmediate(timer);
    return turns;
  };
}

/**
 * Trains this many models for the given time. Returns the delays of the event loop and the epochs of the
 * trainings.
 */
async function measure({ Model, dense, tanh, xor }, trainings, options) {
  const data = xor({ examples: 1000, seed: 1 });
  const models = Array.from({ length: trainings }, (_, seed) => {
    const layers = [dense(16), tanh(), dense(1)];
    const optimizer = { type: "sgd", learningRate: 0.01 };
    return new Model({ inputs: 2, layers, loss: "meanSquaredError", optimizer, kernel: "typescript", seed });
  });
  const abort = new AbortController();
  const running = models.map((model) =>
    model
      .fit(data, { epochs: 1e6, batchSize: 5, signal: abort.signal, warnings: false, ...options })
      .catch(() => {}),
  );
  await setTimeout(200);
  const delay = monitorEventLoopDelay();
  delay.enable();
  const endTurns = watchTurns();
  await setTimeout(seconds * 1000);
  const turns = endTurns();
  delay.disable();
  abort.abort();
  await Promise.all(running);
  const epochs = models.map((model) => model.history.loss.length);
  const milliseconds = (nanoseconds) => figure(nanoseconds / 1e6);
  return [
    ...[delay.percentile(50), delay.percentile(99), delay.max].map(milliseconds),
    figure(turns.percentile(99) / 1000),
    trainings === 0 ? "" : `${Math.min(...epochs)} to ${Math.max(...epochs)}`,
  ];
}

const lines = [];
for (const build of builds) {
  const loaded = await import(build);
  for (const trainings of [0, 1, 40]) {
    lines.push([`${build}, ${trainings} trainings`, ...(await measure(loaded, trainings, {}))]);
    if (trainings === 0) continue;
    const options = { callbacks: { onEpochEnd() {} } };
    lines.push([`${build}, ${trainings} with a hook`, ...(await measure(loaded, trainings, options))]);
  }
}
console.log(table([["", "median ms", "p99 ms", "most ms", "CPU ms of a turn, p99", "epochs"], ...lines]));

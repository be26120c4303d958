// Measures the FMA peak in operations per second: node peak.js <threads>
// The line `run <milliseconds>` returns the sum over threads that all run at the same time.
import { createRequire } from "node:module";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { hostTarget } from "../../scripts/toolchain.js";
import { serve } from "../serve.js";
import { median } from "../statistics.js";

const SAMPLE = 1; // ms; a few hundred thousand multiply-adds

const addon = createRequire(import.meta.url)(`myelin-${hostTarget()}`);
const instructions = process.env.MYELIN_INSTRUCTIONS || addon.instructions().at(-1);
const sample = () => addon.fmaPeak(instructions, SAMPLE);

/** The counters that the threads share: how many wait to begin, and how many have enough samples. */
const [WAITING, DONE] = [0, 1];

/**
 * Samples one thread while all others run too. No thread begins before all are ready, and all continue until
 * the last one is done. Returns the median, because a best sample may be one during which another thread was
 * delayed.
 */
function samplesAmong(threads, counters, milliseconds) {
  Atomics.add(counters, WAITING, 1);
  while (Atomics.load(counters, WAITING) < threads) sample();
  const samples = [];
  for (const start = performance.now(); performance.now() - start < milliseconds; ) samples.push(sample());
  Atomics.add(counters, DONE, 1);
  while (Atomics.load(counters, DONE) < threads) sample();
  return median(samples);
}

function main() {
  const threads = Number(process.argv[2]);
  const worker = () => new Worker(new URL(import.meta.url), { workerData: threads });
  const workers = Array.from({ length: threads - 1 }, worker);
  const answerOf = (worker) => new Promise((resolve) => worker.once("message", resolve));

  async function run(milliseconds) {
    const counters = new Int32Array(new SharedArrayBuffer(8));
    const others = workers.map(answerOf);
    for (const worker of workers) worker.postMessage({ counters, milliseconds: Number(milliseconds) });
    const own = samplesAmong(threads, counters, Number(milliseconds));
    const all = [own, ...(await Promise.all(others))];
    return { operations: all.reduce((sum, value) => sum + value, 0), instructions };
  }

  return serve({ run }).then(() => Promise.all(workers.map((worker) => worker.terminate())));
}

if (isMainThread) await main();
else {
  parentPort.on("message", ({ counters, milliseconds }) => {
    parentPort.postMessage(samplesAmong(workerData, counters, milliseconds));
  });
}

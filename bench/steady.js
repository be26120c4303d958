// Measures whether training keeps its speed: node bench/steady.js [seconds, 120] [seconds of a window, 5]
// Trains 784-128-10 with Adam on all cores, fit after fit. Prints the median rate of the fits in each window.
import { argv } from "node:process";
import { modelOf, randomRows } from "./model.js";
import { median } from "./statistics.js";

const [seconds, window] = [Number(argv[2] ?? 120), Number(argv[3] ?? 5)];
const net = { widths: [784, 128, 10], optimizer: { type: "adam", learningRate: 0.0001 } };
const [rows, batchSize, epochs] = [1024, 32, 10];
const model = modelOf(net, { kernel: "native" });
const data = randomRows(net.widths, rows);

async function stepsASecond() {
  const rates = [];
  for (const start = performance.now(); performance.now() - start < window * 1000; ) {
    const before = performance.now();
    await model.fit(data, { epochs, batchSize, shuffle: false });
    rates.push(((epochs * rows) / batchSize / (performance.now() - before)) * 1000);
  }
  return median(rates);
}

const medians = [];
while (medians.length < Math.max(2, Math.round(seconds / window))) {
  medians.push(await stepsASecond());
  console.log(`${medians.length * window} s: ${medians.at(-1).toFixed(0)} steps a second`);
}
console.log(`lowest over highest median: ${(Math.min(...medians) / Math.max(...medians)).toFixed(3)}`);

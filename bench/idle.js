// Measures the CPU time that the idle process uses after a `fit`: node bench/idle.js [seconds, 5]
import { argv } from "node:process";
import { setTimeout } from "node:timers/promises";
import { modelOf, randomRows } from "./model.js";

const seconds = Number(argv[2] ?? 5);
const net = { widths: [784, 512, 256, 10], optimizer: { type: "adam", learningRate: 0.0001 } };
const model = modelOf(net, { kernel: "native" });
await model.fit(randomRows(net.widths, 1024), { epochs: 10, batchSize: 128 });

const before = process.cpuUsage();
await setTimeout(seconds * 1000);
const { user, system } = process.cpuUsage(before);
console.log(
  `${(((user + system) / (seconds * 1e6)) * 100).toFixed(2)} % of a core over ${seconds} s after fit`,
);

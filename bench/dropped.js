// Measures the memory that models leave behind: node --expose-gc bench/dropped.js [models, 10000] [kernel, native]
// Creates, trains and drops models, and prints the resident size in between. After the first tenth of the
// models, it must stay the same.
import { argv } from "node:process";
import { setImmediate as turn } from "node:timers/promises";
import { xor } from "../dist/index.js";
import { modelOf } from "./model.js";
import { table } from "./table.js";

if (globalThis.gc === undefined) throw new Error("expected node --expose-gc");
const [models, kernel] = [Number(argv[2] ?? 10_000), argv[3] ?? "native"];
const net = { widths: [2, 64, 64, 1], optimizer: { type: "adam", learningRate: 0.001 } };
const data = xor({ examples: 256, seed: 1 });

async function residentMegabytes() {
  for (let time = 0; time < 3; time++) {
    globalThis.gc();
    await turn();
  }
  return process.memoryUsage().rss / 2 ** 20;
}

const lines = [];
for (let tenth = 0; tenth <= 10; tenth++) {
  lines.push([String((tenth * models) / 10), (await residentMegabytes()).toFixed(1)]);
  for (let count = 0; tenth < 10 && count < models / 10; count++) {
    const model = modelOf(net, { kernel });
    await model.fit(data, { epochs: 1, batchSize: 32 });
    model.predict([0.2, 0.9]);
  }
}
console.log(table([["models so far", "resident MB"], ...lines]));

// Measures the time per row, from a thousand rows to ten million: node bench/rows.js [most rows]
// Trains the article's net for one epoch of XOR in batches of 5, in order and shuffled. The time includes the
// check and the copy of the data in `fit`. The fastest of several fits counts.
import { argv } from "node:process";
import { modelOf, randomRows } from "./model.js";
import { figure, table } from "./table.js";

const MOST = Number(argv[2] ?? 10_000_000);
const SECONDS = 1; // of fits per size, and at least two fits
const net = { widths: [2, 64, 1], optimizer: { type: "sgd", learningRate: 0.0001 } };

function xorRows(rows) {
  const { x, y } = randomRows(net.widths, rows);
  for (let row = 0; row < rows; row++) y[row] = x[2 * row] >= 0.5 !== x[2 * row + 1] >= 0.5 ? 1 : 0;
  return { x, y };
}

async function microsecondsARow(data, shuffle) {
  const model = modelOf(net, { kernel: "native" });
  let [least, measured] = [Infinity, 0];
  for (let count = 0; count < 2 || measured < SECONDS; count++) {
    const start = performance.now();
    await model.fit(data, { epochs: 1, batchSize: 5, shuffle });
    const seconds = (performance.now() - start) / 1000;
    least = Math.min(least, seconds);
    measured += seconds;
  }
  return (least / data.y.length) * 1e6;
}

const lines = [];
for (let rows = 1000; rows <= MOST; rows *= 10) {
  const data = xorRows(rows);
  const figures = [await microsecondsARow(data, false), await microsecondsARow(data, true)];
  lines.push([rows.toLocaleString("en"), ...figures.map(figure)]);
}
console.log(table([["rows", "µs a row, in order", "shuffled"], ...lines]));

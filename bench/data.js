// The data and start values of a work, in files of 32-bit floats that every participant reads.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { uniform } from "./random.js";
import { LOSS_OF_CLASSES } from "./works.js";

const floats = (count, draw) => Float32Array.from({ length: count }, draw);

/** Returns two values in [0, 1) per row. The target is 1 if exactly one of them is at least 0.5. */
function xor({ rows }) {
  const x = floats(rows * 2, uniform(1));
  const y = floats(rows, (_, row) => (x[2 * row] >= 0.5 !== x[2 * row + 1] >= 0.5 ? 1 : 0));
  return { x, y };
}

/**
 * Returns sums of each row's values times fixed random factors, one sum per output. The net must learn them.
 */
function scores({ widths, rows }, x) {
  const inputs = widths[0];
  const outputs = widths.at(-1);
  const draw = uniform(3);
  const factors = floats(outputs * inputs, () => 2 * draw() - 1);
  return floats(rows * outputs, (_, at) => {
    const row = Math.floor(at / outputs) * inputs;
    const output = (at % outputs) * inputs;
    let sum = 0;
    for (let input = 0; input < inputs; input++) sum += factors[output + input] * x[row + input];
    return sum / Math.sqrt(inputs);
  });
}

function centered({ widths, rows }) {
  const draw = uniform(1);
  return floats(rows * widths[0], () => 2 * draw() - 1);
}

function regression(work) {
  const x = centered(work);
  return { x, y: scores(work, x).map(Math.sin) };
}

/** Returns data whose class is the output with the highest score. */
function classes(work) {
  const x = centered(work);
  const outputs = work.widths.at(-1);
  const all = scores(work, x);
  const best = floats(work.rows, (_, row) => {
    const own = all.subarray(row * outputs, (row + 1) * outputs);
    return own.indexOf(Math.max(...own));
  });
  if (LOSS_OF_CLASSES !== "meanSquaredError") return { x, y: best };
  return {
    x,
    y: floats(work.rows * outputs, (_, at) => (best[Math.floor(at / outputs)] === at % outputs ? 1 : 0)),
  };
}

const generators = { xor, regression, classes };

/**
 * Returns start values by layer: weights as [outputs][inputs], then biases. Those of the article are uniform
 * in [0, 1), those of the other nets within ±1 / √inputs.
 */
function parameters({ widths, data }) {
  const draw = uniform(2);
  const limits = widths.slice(0, -1).map((inputs) => 1 / Math.sqrt(inputs));
  const value = (limit) => (data === "xor" ? draw() : (2 * draw() - 1) * limit);
  const counts = limits.map((_, layer) => widths[layer + 1] * (widths[layer] + 1));
  const values = new Float32Array(counts.reduce((sum, count) => sum + count));
  let at = 0;
  for (const [layer, count] of counts.entries()) {
    for (const end = at + count; at < end; at++) values[at] = value(limits[layer]);
  }
  return values;
}

/**
 * Writes `work.json`, `x.f32`, `y.f32` and `parameters.f32` to a folder. Numbers are in this machine's byte
 * order.
 */
export function writeWork(folder, work) {
  mkdirSync(folder, { recursive: true });
  const { x, y } = generators[work.data](work);
  const loss = work.data === "classes" ? LOSS_OF_CLASSES : "meanSquaredError";
  writeFileSync(join(folder, "work.json"), JSON.stringify({ ...work, loss }));
  writeFileSync(join(folder, "x.f32"), x);
  writeFileSync(join(folder, "y.f32"), y);
  writeFileSync(join(folder, "parameters.f32"), parameters(work));
}

function readFloats(file) {
  const bytes = readFileSync(file);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

/** Reads the files of `writeWork`, with the parameters by layer as `{ weight, bias, inputs, outputs }`. */
export function readWork(folder) {
  const work = JSON.parse(readFileSync(join(folder, "work.json"), "utf8"));
  const values = readFloats(join(folder, "parameters.f32"));
  let start = 0;
  const take = (count) => {
    start += count;
    return values.subarray(start - count, start);
  };
  const layers = work.widths.slice(1).map((outputs, layer) => {
    const inputs = work.widths[layer];
    return { inputs, outputs, weight: take(outputs * inputs), bias: take(outputs) };
  });
  return { ...work, x: readFloats(join(folder, "x.f32")), y: readFloats(join(folder, "y.f32")), layers };
}

/** Returns a flat array as rows. */
export const inRows = (values, columns) =>
  Array.from({ length: values.length / columns }, (_, row) =>
    Array.from(values.subarray(row * columns, (row + 1) * columns)),
  );

/**
 * Returns x with the second half of its columns zeroed. Units that depend on these columns get no gradient.
 */
export function halfSilent({ x, widths: [inputs] }) {
  return x.map((value, at) => (at % inputs < inputs / 2 ? value : 0));
}

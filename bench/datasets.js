// Real tables and their training settings, which accuracy.js and against/accuracy.py share.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { uniform } from "./random.js";

/**
 * @typedef {object} Dataset
 * @property {string} name
 * @property {string} file
 * @property {"classes" | "values"} kind the content of the last column: class names or numbers
 * @property {number[]} hidden the units of each hidden layer; all are ReLU
 * @property {number} learningRate Adam's learning rate
 * @property {number} weightDecay the factor of a weight that is added to its gradient
 * @property {number} epochs
 * @property {number} batchSize
 * @property {number} atLeast the minimum of the median over the seeds: accuracy or R²
 */

/** `accuracy.js --choose` compares these settings with others, on training rows only. */
const settings = { hidden: [64], learningRate: 0.003, weightDecay: 0.003, batchSize: 32 };

const file = (name) => fileURLToPath(new URL(`../examples/data/${name}.csv`, import.meta.url));
const classes = (name, atLeast) => {
  return { name, file: file(name), kind: "classes", ...settings, epochs: 200, atLeast };
};
const values = (name, atLeast) => {
  return { name, file: file(name), kind: "values", ...settings, epochs: 10, atLeast };
};

/** @type {Dataset[]} */
export const datasets = [
  classes("iris", 0.95),
  classes("wine", 0.97),
  classes("breast_cancer", 0.97),
  classes("digits", 0.975),
  values("diabetes", 0.42),
];

/**
 * Reads the rows of a table. Classes become their indices, in the order of their names.
 * @returns {{ x: number[][], y: number[], classes?: string[] }}
 */
export function readTable({ file, kind }) {
  const lines = readFileSync(file, "utf8").trim().split(/\r?\n/).slice(1);
  const cells = lines.map((line) => line.split(","));
  const x = cells.map((row) => row.slice(0, -1).map(Number));
  const last = cells.map((row) => row.at(-1));
  if (kind === "values") return { x, y: last.map(Number) };
  const classes = [...new Set(last)].sort();
  return { x, y: last.map((name) => classes.indexOf(name)), classes };
}

/** Returns a list in random order, by the Fisher–Yates shuffle. */
function shuffled(list, draw) {
  const result = [...list];
  for (let last = result.length - 1; last > 0; last--) {
    const other = Math.floor(draw() * (last + 1));
    [result[last], result[other]] = [result[other], result[last]];
  }
  return result;
}

/**
 * Returns the indices of the rows that a seed holds out: a fifth of each class, or of all rows without
 * classes.
 */
export function heldOutRows({ y, classes }, seed) {
  const draw = uniform(seed);
  const rows = y.map((_, row) => row);
  const groups = classes ? classes.map((_, index) => rows.filter((row) => y[row] === index)) : [rows];
  return groups.flatMap((group) => shuffled(group, draw).slice(0, Math.round(group.length / 5)));
}

/** Returns a table without these rows. */
export function withoutRows({ x, y, classes }, rows) {
  const isOut = new Set(rows);
  const kept = (_, row) => !isOut.has(row);
  return { x: x.filter(kept), y: y.filter(kept), classes };
}

/** Returns the mean and standard deviation. The deviation of constant values is 1. */
function moments(values) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, stddev: Math.sqrt(variance) || 1 };
}

/**
 * Returns a table as training and test examples. Each column, and a numeric y, has mean 0 and standard
 * deviation 1 over the training rows.
 */
export function examplesOf(table, heldOut) {
  const training = withoutRows(table, heldOut);
  const test = { x: heldOut.map((row) => table.x[row]), y: heldOut.map((row) => table.y[row]) };
  const columns = table.x[0].map((_, column) => moments(training.x.map((row) => row[column])));
  const target = table.classes ? { mean: 0, stddev: 1 } : moments(training.y);
  const standard = (value, { mean, stddev }) => (value - mean) / stddev;
  const scaled = ({ x, y }) => ({
    x: x.map((row) => row.map((value, column) => standard(value, columns[column]))),
    y: y.map((value) => standard(value, target)),
  });
  return { training: scaled(training), test: scaled(test) };
}

/**
 * Searches for a small network on a real table: iris, four measurements of flowers of three species.
 *
 * Successive halving starts with sixteen random configurations and keeps the better ones. An ensemble of the
 * best configuration's models then predicts the fifth of the rows that was held out.
 *
 * Run it in a checkout: `npm run build`, then `node examples/search.js`.
 */
import { readFileSync } from "node:fs";
import {
  adam,
  crossValidate,
  dense,
  ensemble,
  metrics,
  range,
  relu,
  search,
  softmax,
  strategies,
} from "myelin";

const text = readFileSync(new URL("data/iris.csv", import.meta.url), "utf8");
const cells = text
  .trim()
  .split(/\r?\n/)
  .slice(1)
  .map((line) => line.split(","));
const species = [...new Set(cells.map((row) => row[4]))];

// The table has centimeters, from about 0 to 8. Decimeters are small numbers, which networks learn faster.
const table = cells.map((row) => ({
  x: row.slice(0, 4).map((cell) => Number(cell) / 10),
  y: species.indexOf(row[4]),
}));
const examplesOf = (rows) => ({ x: rows.map(({ x }) => x), y: rows.map(({ y }) => y) });
const test = examplesOf(table.filter((_, row) => row % 5 === 0));
const train = examplesOf(table.filter((_, row) => row % 5 !== 0));

const space = {
  learningRate: range(1e-3, 1e-1, { log: true }),
  units: range(4, 32, { integer: true }),
  batchSize: [8, 16, 32],
};

const build = ({ learningRate, units, batchSize }) => ({
  model: {
    inputs: 4,
    layers: [dense(units), relu(), dense(3), softmax()],
    loss: "sparseCategoricalCrossentropy",
    optimizer: adam({ learningRate }),
  },
  fit: { batchSize },
});

export const result = await search(space, train, {
  build,
  strategy: strategies.halving({ configurations: 16, epochs: 80, factor: 2 }),
  metric: "accuracy",
  folds: 4,
  stratify: true,
  seed: 1,
});
console.log(result.text);

// Trains a model on each fold, with the best configuration. Each model learns from three quarters of the rows.
const best = build(result.best.point);
const candidate = { ...best, fit: { ...best.fit, epochs: 80 } };
const { folds, mean, stddev } = await crossValidate(candidate, train, {
  folds: 4,
  stratify: true,
  seed: 1,
});
console.log(`loss ${mean.loss.toFixed(3)} ± ${stddev.loss.toFixed(3)} over ${folds.length} folds`);

const together = ensemble(folds.map(({ model }) => model)).predict(test.x);

/** The share of held-out flowers that the ensemble classifies correctly. */
export const accuracy = metrics.measure("accuracy", test.y, together.mean);
console.log(`accuracy on ${test.x.length} held-out flowers: ${(accuracy * 100).toFixed(1)} %`);

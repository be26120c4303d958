/**
 * Trains a regression on a real table: the progression of diabetes after a year, from ten measurements of 442
 * people.
 *
 * Inputs and target are standardized with the means and standard deviations of the training rows. A fifth of
 * the rows is held out.
 *
 * Run it in a checkout: `npm run build`, then `node examples/diabetes.js`.
 */
import { readFileSync } from "node:fs";
import { dense, Model, sgd, tanh } from "myelin";

const text = readFileSync(new URL("data/diabetes.csv", import.meta.url), "utf8");
const table = text
  .trim()
  .split("\n")
  .slice(1)
  .map((line) => line.split(",").map(Number));

// The rows are not in any particular order, so taking every fifth one is as good as a random choice.
const heldOut = table.filter((_, row) => row % 5 === 0);
const training = table.filter((_, row) => row % 5 !== 0);

const columns = training[0].map((_, column) => training.map((row) => row[column]));
const means = columns.map((values) => values.reduce((sum, value) => sum + value, 0) / values.length);
const stddevs = columns.map((values, column) =>
  Math.sqrt(values.reduce((sum, value) => sum + (value - means[column]) ** 2, 0) / values.length),
);
const standardize = (row) => row.map((value, column) => (value - means[column]) / stddevs[column]);

/** Returns standardized inputs and targets. The last column is the target. */
const split = (rows) => {
  const standard = rows.map(standardize);
  return { x: standard.map((row) => row.slice(0, -1)), y: standard.map((row) => row.slice(-1)) };
};
const train = split(training);
const test = split(heldOut);

const model = new Model({
  inputs: 10,
  layers: [dense(16), tanh(), dense(1)],
  loss: "meanSquaredError",
  optimizer: sgd({ learningRate: 0.01, momentum: 0.9, weightDecay: 0.01 }),
  seed: 1,
});
await model.fit(train, { epochs: 60, batchSize: 32 });

const targets = test.y.map(([value]) => value);
const mean = targets.reduce((sum, value) => sum + value, 0) / targets.length;
const predictions = model.predict(test.x).map(([value]) => value);
const residual = predictions.reduce((sum, value, row) => sum + (value - targets[row]) ** 2, 0);
const total = targets.reduce((sum, value) => sum + (value - mean) ** 2, 0);

/** The share of the variance of the held-out rows that the predictions explain. */
export const r2 = 1 - residual / total;

console.log(`R² on ${test.x.length} held-out rows: ${r2.toFixed(3)}`);

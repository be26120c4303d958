// Measures a search of 200 configurations on digits: node bench/search.js [configurations, 200]
// Runs it on one thread and on all, with equal seeds. Prints the speedup, whether the tables are equal, and the
// accuracy of the best configuration on a held-out fifth, beside the settings of bench/datasets.js.
import { argv } from "node:process";
import { dense, Model, range, relu, search, strategies } from "../dist/index.js";
import { datasets, examplesOf, heldOutRows, readTable } from "./datasets.js";

const configurations = Number(argv[2] ?? 200);
const settings = datasets.find(({ name }) => name === "digits");
const table = readTable(settings);
const { training, test } = examplesOf(table, heldOutRows(table, 1));
const EPOCHS = 40;

const build = ({ learningRate, units, batchSize, weightDecay }) => ({
  model: {
    inputs: 64,
    layers: [dense(units), relu(), dense(10)],
    loss: { type: "sparseCategoricalCrossentropy", fromLogits: true },
    optimizer: { type: "adam", learningRate, weightDecay },
  },
  fit: { batchSize, epochs: EPOCHS },
});
const space = {
  learningRate: range(3e-4, 3e-2, { log: true }),
  units: range(16, 96, { integer: true }),
  batchSize: [16, 32, 64],
  weightDecay: [0, 1e-4, 1e-3],
};

async function run(threads) {
  const start = performance.now();
  const result = await search(space, training, {
    build,
    strategy: strategies.random({ configurations }),
    metric: "accuracy",
    folds: 4,
    stratify: true,
    seed: 1,
    ...(threads && { threads }),
  });
  return { ...result, seconds: (performance.now() - start) / 1000 };
}

const accuracyOf = (point) => {
  const accuracies = [1, 2, 3, 4, 5].map((seed) => {
    const { model, fit } = build(point);
    const trained = new Model({ ...model, metrics: ["accuracy"], seed });
    trained.fitSync(training, fit);
    return trained.evaluate(test).accuracy;
  });
  return accuracies.sort((a, b) => a - b)[2];
};

const one = await run(1);
const all = await run(undefined);
const told = ({ rows }) => JSON.stringify(rows.map(({ point, score }) => [point, score]));
const { hidden, learningRate, weightDecay, batchSize } = settings;
const standard = { units: hidden[0], learningRate, weightDecay, batchSize };
const percent = (value) => `${(100 * value).toFixed(1)} %`;
console.log(all.text.split("\n").slice(0, 8).join("\n"));
console.log(
  `${configurations} configurations: ${one.seconds.toFixed(1)} s on one thread, ${all.seconds.toFixed(1)} s on all, ${(one.seconds / all.seconds).toFixed(2)} times as fast`,
);
console.log(`equal tables: ${told(one) === told(all)}`);
console.log(
  `held-out accuracy, median of five seeds: ${percent(accuracyOf(all.best.point))} with ${JSON.stringify(all.best.point)}; the bench's own settings ${percent(accuracyOf(standard))}`,
);

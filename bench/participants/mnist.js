// Myelin on MNIST: node mnist.js <folder of the data> <seed> <epochs> [precision]
// The line `epoch` trains one epoch. `accuracy` returns the share of correctly classified test rows.
import { adam, dense, Model, metrics, relu, schedules, softmax, version } from "../../dist/index.js";
import { mnist } from "../mnist-data.js";
import { serve } from "../serve.js";

const [, , folder, seed, epochs, precision] = process.argv;
const CLASSES = 10;
const { training, test } = mnist(folder);
const model = new Model({
  inputs: 784,
  layers: [dense(512), relu(), dense(256), relu(), dense(CLASSES), softmax()],
  loss: "sparseCategoricalCrossentropy",
  optimizer: adam({ learningRate: 0.001 }),
  precision,
  seed: Number(seed),
});
const schedule = schedules.cosine({ epochs: Number(epochs) });
const trained = model.epochs(training, { epochs: Number(epochs), batchSize: 128, schedule });

async function epoch() {
  const start = performance.now();
  const { value } = await trained.next();
  return { seconds: (performance.now() - start) / 1000, loss: value.loss };
}

function accuracy() {
  return { accuracy: metrics.measure("accuracy", test.y, model.predict(test.x), { outputs: CLASSES }) };
}

await serve({ version: () => ({ version }), epoch, accuracy });

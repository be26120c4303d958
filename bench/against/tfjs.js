// TensorFlow.js: node tfjs.js <epochs> <cpu|wasm>
// Batches are tensors before the clock starts, and trainOnBatch takes them one by one: model.fit on the same
// data measured slower, as it also slices each batch.
import tf from "@tensorflow/tfjs";
import "@tensorflow/tfjs-backend-wasm";
import { article, xorExamples } from "../article.js";
import { repetition, serve } from "../serve.js";

const epochs = Number(process.argv[2]);
await tf.setBackend(process.argv[3]);
if (tf.getBackend() !== process.argv[3]) throw new Error(`no ${process.argv[3]} backend`);

const examples = xorExamples();
const batches = (column) => tf.split(tf.tensor2d(examples.map(column)), article.examples / article.batchSize);
const inputs = batches(({ input }) => input);
const outputs = batches(({ output }) => output);

function freshModel() {
  tf.disposeVariables();
  const start = (seed) => tf.initializers.randomUniform({ minval: 0, maxval: 1, seed });
  const dense = (seed, options) =>
    tf.layers.dense({ kernelInitializer: start(seed), biasInitializer: start(seed + 1), ...options });
  const model = tf.sequential({
    layers: [dense(1, { units: article.units, inputShape: [2], activation: "relu" }), dense(3, { units: 1 })],
  });
  model.compile({ loss: "meanSquaredError", optimizer: tf.train.sgd(article.learningRate) });
  return model;
}

function prepare() {
  const model = freshModel();
  return async () => {
    let loss = 0;
    for (let epoch = 0; epoch < epochs; epoch++) {
      loss = 0;
      for (let batch = 0; batch < inputs.length; batch++) {
        loss += await model.trainOnBatch(inputs[batch], outputs[batch]);
      }
    }
    return loss / inputs.length;
  };
}

await serve({ run: repetition(epochs, prepare) });

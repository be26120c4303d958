// TensorFlow.js: node tfjs.js <folder of the work> <cpu|wasm>
// Batches become tensors before timing starts, and trainOnBatch takes them one by one. model.fit measured
// slower on the same data, because it also slices each batch. The wasm backend has threads only in browsers.
import tf from "@tensorflow/tfjs";
import "@tensorflow/tfjs-backend-wasm";
import { readWork } from "../data.js";
import { serve, turn } from "../serve.js";
import { stepsPerEpoch } from "../works.js";

const work = readWork(process.argv[2]);
await tf.setBackend(process.argv[3]);
if (tf.getBackend() !== process.argv[3]) throw new Error(`no ${process.argv[3]} backend`);

const hasClasses = work.loss !== "meanSquaredError";
const matrix = (values) => tf.tensor2d(values, [work.rows, values.length / work.rows]);
const classes = () => tf.oneHot(tf.tensor1d(Int32Array.from(work.y), "int32"), work.widths.at(-1));
const batches = (all) => tf.split(all, stepsPerEpoch(work));
const inputs = batches(matrix(work.x));
const outputs = batches(hasClasses ? classes() : matrix(work.y));
const optimizers = { sgd: tf.train.sgd, adam: tf.train.adam };

/** Takes logits. The losses that the library knows by name take probabilities. */
const crossEntropy = (targets, logits) => tf.losses.softmaxCrossEntropy(targets, logits);

function freshModel() {
  tf.disposeVariables();
  const last = work.layers.length - 1;
  const dense = ({ inputs, outputs }, layer) =>
    tf.layers.dense({
      units: outputs,
      inputShape: [inputs],
      activation: layer < last ? work.activation : "linear",
    });
  const model = tf.sequential({ layers: work.layers.map(dense) });
  const kernels = work.layers.map(({ weight, inputs, outputs }) => tf.tensor2d(weight, [outputs, inputs]));
  const start = work.layers.flatMap(({ bias }, layer) => [kernels[layer].transpose(), tf.tensor1d(bias)]);
  model.setWeights(start);
  tf.dispose([...kernels, ...start]);
  const { type, learningRate } = work.optimizer;
  model.compile({
    loss: hasClasses ? crossEntropy : "meanSquaredError",
    optimizer: optimizers[type](learningRate),
  });
  return model;
}

async function epoch(model) {
  let loss = 0;
  for (let batch = 0; batch < inputs.length; batch++) {
    loss += await model.trainOnBatch(inputs[batch], outputs[batch]);
  }
  return loss / inputs.length;
}

async function check() {
  const model = freshModel();
  let value = 0;
  for (let count = 0; count < work.checked; count++) value = await epoch(model);
  return { value };
}

function prepare() {
  const model = freshModel();
  return { pieces: work.epochs, steps: inputs.length, piece: () => epoch(model) };
}

await serve({ version: () => ({ version: tf.version.tfjs }), check, run: turn(prepare) });

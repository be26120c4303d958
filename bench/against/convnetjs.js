// ConvNetJS, for the article's run: node convnetjs.js <folder of the work>
// ConvNetJS takes one example at a time and updates after every fifth. Its regression layer has the gradient of
// half the squared error, so the rate is doubled. It reports twice the squared error, so the loss is halved.
import { createRequire } from "node:module";
import convnet from "convnetjs";
import { readWork } from "../data.js";
import { serve, turn } from "../serve.js";
import { stepsPerEpoch } from "../works.js";

const work = readWork(process.argv[2]);
const examples = Array.from({ length: work.rows }, (_, row) => ({
  input: new convnet.Vol(Array.from(work.x.subarray(2 * row, 2 * row + 2))),
  output: [work.y[row]],
}));

function freshNet() {
  const [inputs, units, outputs] = work.widths;
  const net = new convnet.Net();
  net.makeLayers([
    { type: "input", out_sx: 1, out_sy: 1, out_depth: inputs },
    { type: "fc", num_neurons: units, activation: "relu" },
    { type: "regression", num_neurons: outputs },
  ]);
  // For each layer, a list of weights per neuron, then a list of the biases.
  const start = work.layers.flatMap(({ weight, bias, inputs, outputs }) => [
    ...Array.from({ length: outputs }, (_, unit) => weight.subarray(unit * inputs, (unit + 1) * inputs)),
    bias,
  ]);
  for (const [at, { params }] of net.getParamsAndGrads().entries()) params.set(start[at]);
  return net;
}

function freshEpoch() {
  const trainer = new convnet.SGDTrainer(freshNet(), {
    learning_rate: 2 * work.optimizer.learningRate,
    batch_size: work.batchSize,
    momentum: 0,
  });
  return () => {
    let loss = 0;
    for (const { input, output } of examples) loss += trainer.train(input, output).cost_loss / 2;
    return loss / examples.length;
  };
}

function check() {
  const epoch = freshEpoch();
  let value = 0;
  for (let count = 0; count < work.checked; count++) value = epoch();
  return { value };
}

const prepare = () => ({ pieces: work.epochs, steps: stepsPerEpoch(work), piece: freshEpoch() });
const { version } = createRequire(import.meta.url)("./node_modules/convnetjs/package.json");
await serve({ version: () => ({ version }), check, run: turn(prepare) });

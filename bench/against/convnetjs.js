// ConvNetJS: node convnetjs.js <epochs>
// It takes one example at a time and updates after every fifth. Its regression layer has the gradient of
// half the squared error, so the rate is doubled, and reports twice the squared error, so that is halved.
import convnet from "convnetjs";
import { article, uniform, xorExamples } from "../article.js";
import { repetition, serve } from "../serve.js";

const epochs = Number(process.argv[2]);
const examples = xorExamples().map(({ input, output }) => ({ input: new convnet.Vol(input), output }));

function freshNet() {
  const net = new convnet.Net();
  net.makeLayers([
    { type: "input", out_sx: 1, out_sy: 1, out_depth: 2 },
    { type: "fc", num_neurons: article.units, activation: "relu" },
    { type: "regression", num_neurons: 1 },
  ]);
  const random = uniform(2);
  for (const { params } of net.getParamsAndGrads()) {
    for (let index = 0; index < params.length; index++) params[index] = random();
  }
  return net;
}

function prepare() {
  const trainer = new convnet.SGDTrainer(freshNet(), {
    learning_rate: 2 * article.learningRate,
    batch_size: article.batchSize,
    momentum: 0,
  });
  return () => {
    let loss = 0;
    for (let epoch = 0; epoch < epochs; epoch++) {
      loss = 0;
      for (const { input, output } of examples) loss += trainer.train(input, output).cost_loss / 2;
    }
    return loss / examples.length;
  };
}

await serve({ run: repetition(epochs, prepare) });

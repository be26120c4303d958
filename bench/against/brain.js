// brain.js: node brain.js <epochs>
// It updates after every example, with the gradient of half the squared error. Its rate is set so that
// five examples move the weights about as far as one step of the article's run. Its ReLU follows the last
// layer too, where a start uniform in [0, 1) ends without any gradient: it starts in brain.js's own range.
import brain from "brain.js";
import { article, uniform, xorExamples } from "../article.js";
import { repetition, serve } from "../serve.js";

const epochs = Number(process.argv[2]);
const examples = xorExamples();
const options = {
  iterations: epochs,
  learningRate: (2 * article.learningRate) / article.batchSize,
  momentum: 1e-12, // zero is refused
  errorThresh: Number.MIN_VALUE, // zero is refused; this never stops the training
};

function freshNet() {
  const net = new brain.NeuralNetwork({ activation: "relu" });
  net.sizes = [2, article.units, 1];
  net.initialize();
  const draw = uniform(2);
  const random = () => 0.4 * draw() - 0.2;
  for (const layer of [1, 2]) {
    net.biases[layer] = net.biases[layer].map(random);
    net.weights[layer] = net.weights[layer].map((row) => row.map(random));
  }
  return net;
}

function prepare() {
  const net = freshNet();
  return () => net.train(examples, options).error;
}

await serve({ run: repetition(epochs, prepare) });

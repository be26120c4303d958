// brain.js, for the article's run: node brain.js <folder of the work>
// brain.js updates after every example, with the gradient of half the squared error. Its rate is set so that
// five examples move the weights about as far as one step of the article's run. Its ReLU also follows the last
// layer. A start uniform in [0, 1) ends there without any gradient, so the net starts in brain.js's own range.
import { createRequire } from "node:module";
import brain from "brain.js";
import { inRows, readWork } from "../data.js";
import { uniform } from "../random.js";
import { serve, turn } from "../serve.js";
import { stepsPerEpoch } from "../works.js";

const work = readWork(process.argv[2]);
const examples = inRows(work.x, 2).map((input, row) => ({ input, output: [work.y[row]] }));
const options = {
  learningRate: (2 * work.optimizer.learningRate) / work.batchSize,
  momentum: 1e-12, // zero is refused
  errorThresh: Number.MIN_VALUE, // zero is refused; this never stops the training
};

function freshNet() {
  const net = new brain.NeuralNetwork({ activation: "relu" });
  net.sizes = work.widths;
  net.initialize();
  const draw = uniform(2);
  const random = () => 0.4 * draw() - 0.2;
  for (const layer of [1, 2]) {
    net.biases[layer] = net.biases[layer].map(random);
    net.weights[layer] = net.weights[layer].map((row) => row.map(random));
  }
  return net;
}

const check = () => ({ value: freshNet().train(examples, { ...options, iterations: work.checked }).error });

function prepare() {
  const net = freshNet();
  // With one epoch per call, the overhead of the call would show.
  const iterations = Math.ceil(work.epochs / 10);
  const piece = () => net.train(examples, { ...options, iterations });
  return { pieces: 10, steps: iterations * stepsPerEpoch(work), piece };
}

const { version } = createRequire(import.meta.url)("./node_modules/brain.js/package.json");
await serve({ version: () => ({ version }), check, run: turn(prepare) });

/**
 * Compares two losses for the exclusive or: the same network with the mean squared error, and with a sigmoid
 * and the binary cross-entropy. Each is trained from five seeds.
 *
 * Run it in a checkout: `npm run build`, then `node examples/cross-entropy.js`.
 */
import { adam, dense, Model, relu, sigmoid, xor } from "myelin";

const data = xor({ examples: 1000, seed: 1 });
const unseen = xor({ examples: 10_000, seed: 2 });

const optimizer = adam({ learningRate: 0.01 });
const bySquares = (seed) =>
  new Model({
    inputs: 2,
    layers: [dense(64), relu(), dense(1)],
    loss: "meanSquaredError",
    optimizer,
    seed,
  });
const byEntropy = (seed) =>
  new Model({
    inputs: 2,
    layers: [dense(64), relu(), dense(1), sigmoid()],
    loss: "binaryCrossentropy",
    optimizer,
    seed,
  });

/** Returns the share of unseen points whose prediction is on the correct side of 0.5, in percent. */
const accuracy = (model) => {
  const predictions = model.predict(unseen.x);
  const right = predictions.filter((value, row) => value >= 0.5 === (unseen.y[row] === 1));
  return (100 * right.length) / unseen.rows;
};

/** Returns the accuracies of the five seeds in ascending order. */
const accuraciesOf = async (make) => {
  const accuracies = [];
  for (const seed of [1, 2, 3, 4, 5]) {
    const model = make(seed);
    await model.fit(data, { epochs: 100 });
    accuracies.push(accuracy(model));
  }
  return accuracies.sort((a, b) => a - b);
};

export const squares = await accuraciesOf(bySquares);
export const entropy = await accuraciesOf(byEntropy);

const percent = (values) => values.map((value) => value.toFixed(1)).join(", ");
console.log(`accuracy on ${unseen.rows} unseen points in percent, in ascending order`);
console.log(`mean squared error: ${percent(squares)}; median ${percent([squares[2]])}`);
console.log(`cross-entropy: ${percent(entropy)}; median ${percent([entropy[2]])}`);

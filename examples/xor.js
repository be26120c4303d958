/**
 * Trains a 2-64-1 network on the exclusive or of 1000 points, as in the article.
 *
 * Run it in a checkout: `npm run build`, then `node examples/xor.js`.
 */
import { dense, initializers, Model, relu, sgd, xor } from "myelin";

const data = xor({ examples: 1000, seed: 1 });

// The article draws the start values of weights and biases uniformly from [0, 1).
const start = { weightInitializer: initializers.uniform(), biasInitializer: initializers.uniform() };

const model = new Model({
  inputs: 2,
  layers: [dense(64, start), relu(), dense(1, start)],
  loss: "meanSquaredError",
  optimizer: sgd({ learningRate: 0.01 }),
  seed: 1,
});

export const history = await model.fit(data, { epochs: 300, batchSize: 5, shuffle: false });
export const predictions = model.predict(data);

const absoluteErrors = predictions.reduce((sum, value, row) => sum + Math.abs(value - data.y[row]), 0);
const right = predictions.filter((value, row) => value >= 0.5 === (data.y[row] === 1)).length;

console.log(`mean squared error of the last epoch: ${history.loss.at(-1)?.toFixed(4)}`);
console.log(`sum of absolute errors: ${absoluteErrors.toFixed(2)}`);
console.log(`accuracy at 0.5: ${((100 * right) / data.rows).toFixed(1)} %`);
console.log(`0.2 and 0.9: ${model.predict([0.2, 0.9])[0].toFixed(3)}, expected about 1`);

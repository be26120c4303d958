/**
 * Explains a small network: prints all numbers of a training step, checks the gradients, and shows which
 * columns matter and what each value of a point adds to its prediction.
 *
 * Run it in a checkout: `npm run build`, then `node examples/understand.js`.
 */
import { adam, dense, Model, sgd, sigmoid, tanh, xor } from "myelin";
import { attributions, checkGradients, explain, importance, partialDependence } from "myelin/insight";

const tiny = new Model({
  inputs: 2,
  layers: [dense(3), tanh(), dense(1)],
  loss: "meanSquaredError",
  optimizer: sgd({ learningRate: 0.1 }),
  seed: 1,
});
export const explanation = explain(tiny, [[0.2, 0.9]], [1]);
console.log(`${explanation}\n`);

export const check = checkGradients(tiny, [[0.2, 0.9]], [1]);
console.log(`${check}\n`);

// The third column is noise, unrelated to the label.
const points = xor({ examples: 500, seed: 1 });
const noise = xor({ examples: 500, seed: 2 });
const x = Array.from(points.y, (_, row) => [points.x[2 * row], points.x[2 * row + 1], noise.x[2 * row]]);
const y = Array.from(points.y);
const model = new Model({
  inputs: 3,
  layers: [dense(16), tanh(), dense(1), sigmoid()],
  loss: "binaryCrossentropy",
  optimizer: adam({ learningRate: 0.02 }),
  seed: 1,
});
model.fitSync(x, y, { epochs: 100 });

export const found = importance(model, x, y, { columns: ["x1", "x2", "noise"], metric: "accuracy" });
console.log(`${found}\n`);

export const shares = attributions(model, [0.2, 0.9, 0.5], { baseline: [0.5, 0.5, 0.5] });
console.log(`x1, x2 and noise add to the prediction: ${shares.map((share) => share.toFixed(2)).join(", ")}`);

export const { grid, means } = partialDependence(model, x, "x1", {
  columns: ["x1", "x2", "noise"],
  points: 5,
});
for (const [at, value] of grid.entries()) {
  console.log(`x1 = ${value.toFixed(2)} in all rows: mean prediction ${means[at][0].toFixed(2)}`);
}

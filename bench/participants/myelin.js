// Myelin itself: node myelin.js <epochs> <kernel> <method>
import { setTimeout } from "node:timers/promises";
import { dense, initializers, Model, relu, sgd, xor } from "../../dist/index.js";
import { article } from "../article.js";
import { repetition, serve } from "../serve.js";

const [, , epochs, kernel, method] = process.argv;
const data = xor({ examples: article.examples, seed: 1 });
const options = { epochs: Number(epochs), batchSize: article.batchSize, shuffle: false };

function freshModel() {
  const start = { weightInitializer: initializers.uniform(), biasInitializer: initializers.uniform() };
  const model = new Model({
    inputs: 2,
    layers: [dense(article.units, start), relu(), dense(1, start)],
    loss: "meanSquaredError",
    optimizer: sgd({ learningRate: article.learningRate }),
    seed: 1,
    kernel,
  });
  if (model.kernel.name !== kernel) throw new Error(`asked for ${kernel}, received ${model.kernel.name}`);
  return model;
}

function prepare() {
  const model = freshModel();
  const lastLoss = (history) => history.loss.at(-1);
  if (method === "fitSync") return () => lastLoss(model.fitSync(data, options));
  return async () => lastLoss(await model.fit(data, options));
}

/** The longest time, in milliseconds, that the event loop is kept from its next turn while `work` goes on. */
async function longestHold(work) {
  let longest = 0;
  let last = performance.now();
  const turn = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  };
  let next = setImmediate(function again() {
    turn();
    next = setImmediate(again);
  });
  await work();
  turn();
  clearImmediate(next);
  return longest;
}

/** The hold of one `fit`, and that of as much idle waiting: what the machine alone does to such a watch. */
async function hold() {
  const model = freshModel();
  const start = performance.now();
  const training = await longestHold(() => model.fit(data, options));
  const milliseconds = performance.now() - start;
  return { training, idle: await longestHold(() => setTimeout(milliseconds)) };
}

await serve({ run: repetition(options.epochs, prepare), hold });

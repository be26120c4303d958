// What an app does with the installed package, in words that Node, Bun, Deno and a browser share: the last
// line of output is what came of it, as JSON.
import { dense, Model, relu, sgd, xor } from "myelin";

const data = xor({ examples: 200, seed: 1 });
const run = { epochs: 60, batchSize: 5 };
const makeModel = () =>
  new Model({
    inputs: 2,
    layers: [dense(32), relu(), dense(1)],
    loss: "meanSquaredError",
    optimizer: sgd({ learningRate: 0.1 }),
    seed: 1,
  });

const model = makeModel();
const history = await model.fit(data, run);
const inOneGo = makeModel().fitSync(data, run);

console.log(
  JSON.stringify({
    kernel: model.kernel,
    loss: Array.from(history.loss),
    lossInOneGo: Array.from(inOneGo.loss),
    prediction: Array.from(model.predict([0.2, 0.9])),
  }),
);

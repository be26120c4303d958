// What an app does with the installed package, in words that Node, Bun, Deno and a browser share: the last line of
// output is what came of it, as JSON.
import { dense, Model, relu, sgd, xor } from "myelin";

const data = xor({ examples: 200, seed: 1 });
const makeModel = () =>
  new Model({
    inputs: 2,
    layers: [dense(16), relu(), dense(1)],
    loss: "meanSquaredError",
    optimizer: sgd({ learningRate: 0.05 }),
    seed: 1,
  });

const model = makeModel();
const history = await model.fit(data, { epochs: 40, batchSize: 5 });
const inOneGo = makeModel().fitSync(data, { epochs: 40, batchSize: 5 });

console.log(
  JSON.stringify({
    kernel: model.kernel,
    loss: Array.from(history.loss),
    lossInOneGo: Array.from(inOneGo.loss),
    prediction: Array.from(model.predict([0.2, 0.9])),
  }),
);

// A typical use of the installed package, in code that runs on Node, Bun, Deno and in a browser. The last line
// of output is the result, as JSON.
import { callbacks, dense, load, Model, relu, save, sgd, xor } from "myelin";

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

const predict = (trained) => Array.from(trained.predict([0.2, 0.9]));
const path = "model.safetensors";
// Off Node there are no files, and the error says so.
const fromFile = await save(model, path)
  .then(() => load(path))
  .then(predict, String);

let logged = "done";
try {
  makeModel().fitSync(data, { epochs: 2, callbacks: callbacks.log({ path: "log.jsonl", append: false }) });
} catch (error) {
  logged = String(error);
}

console.log(
  JSON.stringify({
    kernel: model.kernel,
    loss: Array.from(history.loss),
    lossInOneGo: Array.from(inOneGo.loss),
    prediction: predict(model),
    fromBytes: predict(Model.fromBytes(model.toBytes())),
    fromFile,
    logged,
  }),
);

// Trains in a worker thread of Node: node examples/worker/node.js
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { adam, dense, Model, relu, xor } from "myelin";

const layers = [dense(64), relu(), dense(1)];
const untrained = new Model({ inputs: 2, layers, loss: "meanSquaredError", optimizer: adam(), seed: 1 });
const { x, y } = xor({ examples: 1000, seed: 1 });

const worker = new Worker(new URL("./trainer.js", import.meta.url));
worker.postMessage({ bytes: untrained.toBytes(), x, y, options: { epochs: 100 } });
const [{ bytes, loss, kernel, error }] = await once(worker, "message");
await worker.terminate();
if (error) throw error;
const model = Model.fromBytes(bytes);
console.log(`${kernel}: loss ${loss.at(-1)}, prediction ${model.predict([0.2, 0.9])[0]}`);

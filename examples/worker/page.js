// A page that trains in a worker: bundle it with Vite, webpack or Parcel.
import { adam, dense, Model, relu, xor } from "myelin";

const layers = [dense(64), relu(), dense(1)];
const untrained = new Model({ inputs: 2, layers, loss: "meanSquaredError", optimizer: adam(), seed: 1 });
const { x, y } = xor({ examples: 1000, seed: 1 });

const worker = new Worker(new URL("./trainer.js", import.meta.url), { type: "module" });
worker.postMessage({ bytes: untrained.toBytes(), x, y, options: { epochs: 100 } });
worker.onmessage = ({ data: { bytes, loss, kernel, error } }) => {
  worker.terminate();
  if (error) throw error;
  const model = Model.fromBytes(bytes);
  document.body.textContent = `${kernel}: loss ${loss.at(-1)}, prediction ${model.predict([0.2, 0.9])[0]}`;
};

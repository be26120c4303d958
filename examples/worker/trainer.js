// Trains in a worker. The other end of the port is the page in a browser, and the main thread on Node.
import { Model, ready } from "myelin";

const port = globalThis.process?.getBuiltinModule?.("node:worker_threads").parentPort ?? globalThis;
port.onmessage = async ({ data: { bytes, x, y, options } }) => {
  try {
    const { name } = await ready();
    const model = Model.fromBytes(bytes);
    const { loss } = await model.fit(x, y, options);
    port.postMessage({ bytes: model.toBytes(), loss, kernel: name });
  } catch (error) {
    port.postMessage({ error });
  }
};

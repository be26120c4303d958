// TensorFlow.js in a page: ../browser.js bundles this file. Batches become tensors before timing starts, and
// trainOnBatch takes them one by one, as in tfjs.js. The wasm backend runs on one thread: threads need shared
// memory, which a page has only if its server isolates it.
import * as tf from "@tensorflow/tfjs";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import "@tensorflow/tfjs-backend-webgpu";

setWasmPaths("/tfjs/");

/** Chooses a backend. Returns a description of it, or throws an error if the browser has none. */
export async function choose(backend) {
  let adapter = "";
  if (backend === "webgpu") {
    const found = await navigator.gpu?.requestAdapter();
    if (!found) throw new Error(navigator.gpu ? "WebGPU has no adapter" : "the browser has no WebGPU");
    const { vendor, architecture, isFallbackAdapter } = found.info;
    adapter = `, ${isFallbackAdapter ? "software " : ""}adapter ${vendor} ${architecture}`;
  }
  if (!(await tf.setBackend(backend))) throw new Error(`no ${backend} backend`);
  await tf.ready();
  return `TensorFlow.js ${tf.version.tfjs} ${tf.getBackend()}${adapter}`;
}

/** The µs of a step on the chosen backend, in a turn of some seconds. */
export async function measure({ widths, optimizer, batchSize, rows }, numbers, seconds) {
  tf.disposeVariables();
  const [inputs, outputs] = [widths[0], widths.at(-1)];
  const model = tf.sequential();
  widths.slice(1).forEach((units, at) => {
    const activation = at < widths.length - 2 ? "relu" : "linear";
    model.add(tf.layers.dense({ units, activation, inputShape: [widths[at]] }));
  });
  model.compile({ loss: "meanSquaredError", optimizer: tf.train[optimizer](0.001) });
  const sizes = Array.from({ length: Math.ceil(rows / batchSize) }, (_, at) =>
    Math.min(batchSize, rows - at * batchSize),
  );
  const batches = (columns) => tf.split(tf.tensor2d(numbers(rows * columns), [rows, columns]), sizes);
  const [x, y] = [batches(inputs), batches(outputs)];
  await model.trainOnBatch(x[0], y[0]);
  let steps = 0;
  const start = performance.now();
  let end = start;
  while (end - start < 1000 * seconds) {
    const batch = steps++ % x.length;
    await model.trainOnBatch(x[batch], y[batch]);
    end = performance.now();
  }
  tf.dispose([x, y]);
  return (1000 * (end - start)) / steps;
}

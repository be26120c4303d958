// A training with Adam, dropout, layer normalization and several activations, whose bits are compared.
import { adam, dense, dropout, gelu, layerNorm, Model, relu, tanh } from "myelin";

const ROWS = 300;

/** Numbers from 0 to 1 that are the same on every host. */
const numbers = (count, step) => Float32Array.from({ length: count }, (_, i) => ((i * step) % 1009) / 1009);

/** Returns the kernel that trained, and a hash of all weights. */
export async function train(kernel = "auto") {
  const model = new Model({
    inputs: 20,
    layers: [
      dense(64),
      layerNorm(),
      gelu(),
      dropout({ rate: 0.2 }),
      dense(33),
      tanh(),
      dense(16),
      relu(),
      dense(3),
    ],
    loss: "categoricalCrossentropy",
    optimizer: adam(),
    kernel,
    seed: 7,
  });
  const x = numbers(20 * ROWS, 7919);
  const y = Float32Array.from({ length: 3 * ROWS }, (_, i) =>
    Number(i % 3 === Math.floor(3 * x[20 * Math.floor(i / 3)])),
  );
  await model.fit(x, y, { epochs: 5, batchSize: 32 });
  return { kernel: model.kernel, weights: hash(JSON.stringify(model.getWeights())) };
}

/** Returns the FNV-1a hash of a text. */
function hash(text) {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return value >>> 0;
}

// The works, which are the workloads to measure, each with its targets.

/**
 * The loss of classifiers. Their target is one column of class numbers or, with "meanSquaredError", a column
 * per class.
 */
export const LOSS_OF_CLASSES = "sparseCategoricalCrossentropy";

const sgd = (learningRate) => ({ type: "sgd", learningRate });
const adam = { type: "adam", learningRate: 0.001 };

// Targets apply to best figures. Those in µs were set on a Zen 3 with an FMA peak of 100 GFLOP/s per core.
const microseconds = (atMost) => ({ cores: "one", measure: "microseconds", atMost });
const share = (atLeast) => ({ cores: "one", measure: "share", atLeast });
const times = (atLeast, peer) => ({ cores: "one", measure: "times", peer, atLeast });
const timesBestPeer = (atLeast) => ({ cores: "one", measure: "timesBestPeer", atLeast });
const slowdown = (atMost, work) => ({ cores: "one", measure: "slowdown", work, atMost });
const speedup = (atLeast) => ({ cores: "all", measure: "speedup", atLeast });
/** The margin covers the difference between two measurements of the same thing. */
const noSlower = { ...speedup(0.95), words: "no slower" };

/**
 * @typedef {object} Work
 * @property {string} name
 * @property {string} title
 * @property {"train" | "predict" | "trainMany" | "decay"} kind
 * @property {number[]} widths the widths of the net, from inputs to outputs
 * @property {"relu" | "tanh"} activation the activation between the layers
 * @property {"xor" | "regression" | "classes"} data
 * @property {number} rows
 * @property {number} batchSize the batch size of training, or the rows per call of predict
 * @property {boolean} shuffle
 * @property {{ type: "sgd" | "adam", learningRate: number, momentum?: number }} optimizer
 * @property {number} epochs the epochs of a training; each training starts anew
 * @property {number} [slowEpochs] fewer epochs for the TypeScript kernel, where `epochs` would take seconds
 * @property {number} checked the number of epochs after which all participants report their loss
 * @property {number} [models] the number of models of trainMany
 * @property {"native" | "typescript"} [judged] the kernel that the targets are for, by default native
 * @property {object[]} targets
 */

const train = { kind: "train", activation: "relu", shuffle: false, checked: 2, targets: [] };

const article = {
  ...train,
  widths: [2, 64, 1],
  data: "xor",
  rows: 1000,
  batchSize: 5,
  optimizer: sgd(0.01),
  epochs: 1000,
  checked: 10,
};
const classifier = { ...train, data: "classes", rows: 1024, epochs: 80, slowEpochs: 8 };
const predict = { ...classifier, kind: "predict", optimizer: sgd(0.01), epochs: 1, checked: 0 };
const decay = {
  ...train,
  kind: "decay",
  widths: [64, 64, 4],
  data: "regression",
  rows: 64,
  batchSize: 8,
  epochs: 25_000,
  checked: 0,
};

/** @type {Work[]} */
export const works = [
  {
    ...article,
    name: "article",
    title: "the article's run: 2-64-1 ReLU, SGD, batch 5, in order",
    targets: [microseconds(0.15), times(20, "JAX"), times(3000, "PyTorch"), noSlower],
  },
  {
    ...article,
    name: "article-shuffled",
    title: "the same, shuffled",
    shuffle: true,
    targets: [slowdown(1.3, "article"), noSlower],
  },
  {
    ...article,
    name: "article-adam",
    title: "the same with Adam, in order",
    optimizer: { ...adam, learningRate: 0.01 },
    targets: [slowdown(2, "article"), noSlower],
  },
  {
    ...train,
    name: "16-64-64-4",
    title: "16-64-64-4 ReLU, Adam, batch 32",
    widths: [16, 64, 64, 4],
    data: "regression",
    rows: 1024,
    batchSize: 32,
    optimizer: adam,
    epochs: 100,
    targets: [microseconds(16), times(3, "JAX"), times(35, "PyTorch"), noSlower],
  },
  {
    ...train,
    name: "4-32-16-4",
    title: "4-32-16-4 tanh, Adam, full batch of 10 000",
    widths: [4, 32, 16, 4],
    activation: "tanh",
    data: "regression",
    rows: 10_000,
    batchSize: 10_000,
    optimizer: adam,
    epochs: 200,
    checked: 20,
    targets: [microseconds(900), times(2.2, "JAX"), times(6.5, "PyTorch"), speedup(1.7)],
  },
  {
    ...classifier,
    name: "784-128-10",
    title: "784-128-10 ReLU, Adam, batch 32",
    widths: [784, 128, 10],
    batchSize: 32,
    optimizer: adam,
    targets: [share(0.72), times(1.4, "JAX"), speedup(1.5)],
  },
  {
    ...classifier,
    name: "784-512-256-10-sgd",
    title: "784-512-256-10 ReLU, SGD, batch 128",
    widths: [784, 512, 256, 10],
    batchSize: 128,
    optimizer: sgd(0.01),
    epochs: 20,
    slowEpochs: 2,
    targets: [share(0.9), timesBestPeer(1.4), speedup(1.8)],
  },
  {
    ...classifier,
    name: "784-512-256-10-adam",
    title: "784-512-256-10 ReLU, Adam, batch 128",
    widths: [784, 512, 256, 10],
    batchSize: 128,
    optimizer: adam,
    epochs: 20,
    slowEpochs: 2,
    targets: [share(0.85), speedup(1.75)],
  },
  {
    ...classifier,
    name: "2048-2048-2048-10",
    title: "2048-2048-2048-10 ReLU, Adam, batch 256",
    widths: [2048, 2048, 2048, 10],
    rows: 4096, // with few steps per epoch, its copy of the parameters would be a twentieth
    batchSize: 256,
    optimizer: { ...adam, learningRate: 0.0001 },
    epochs: 2,
    targets: [share(0.84), timesBestPeer(1.3), speedup(1.85)],
  },
  {
    ...predict,
    name: "predict-2-64-1",
    title: "predict one row, 2-64-1",
    widths: [2, 64, 1],
    data: "xor",
    batchSize: 1,
    targets: [microseconds(0.6), noSlower],
  },
  {
    ...predict,
    name: "predict-784-512-256-10",
    title: "predict one row, 784-512-256-10",
    widths: [784, 512, 256, 10],
    batchSize: 1,
    targets: [microseconds(45), noSlower],
  },
  {
    ...predict,
    name: "predict-1000-rows",
    title: "predict 1000 rows, 784-512-256-10",
    widths: [784, 512, 256, 10],
    rows: 1000,
    batchSize: 1000,
    targets: [share(0.88), times(1.2, "onnxruntime"), speedup(1.8)],
  },
  {
    ...article,
    kind: "trainMany",
    name: "1000-nets",
    title: "1000 nets 2-64-1 of 20 epochs in one call",
    epochs: 20,
    models: 1000,
    targets: [{ ...times(0.95, "one net"), words: "the single net's rate" }, speedup(1.9)],
  },
  {
    ...article,
    name: "typescript-article",
    title: "TypeScript kernel: the article's run",
    judged: "typescript",
    targets: [times(6, "ConvNetJS")],
  },
  {
    ...classifier,
    name: "typescript-784-128-10",
    title: "TypeScript kernel: 784-128-10 ReLU, Adam, batch 32",
    judged: "typescript",
    widths: [784, 128, 10],
    batchSize: 32,
    optimizer: adam,
    slowEpochs: 1,
    checked: 1,
    targets: [{ ...times(1, "TensorFlow.js wasm"), words: "no slower than TensorFlow.js wasm" }],
  },
  {
    ...decay,
    name: "decay-adam",
    title: "dead units, Adam: 64-64-4 ReLU, batch 8",
    optimizer: adam,
    targets: [{ cores: "one", measure: "lastOverFirst", atMost: 1.1 }],
  },
  {
    ...decay,
    name: "decay-momentum",
    title: "dead units, SGD with momentum: 64-64-4 ReLU, batch 8",
    optimizer: { ...sgd(0.001), momentum: 0.9 },
    targets: [{ cores: "one", measure: "lastOverFirst", atMost: 1.1 }],
  },
];

/** Returns the number of multiply-adds of one row through a net. */
const products = (widths) => widths.slice(1).reduce((sum, width, layer) => sum + width * widths[layer], 0);

/**
 * Returns the floating-point operations of a step, or of a call of predict. A multiply-add counts as two.
 * Training takes three products per layer, but the first layer needs no input gradient.
 */
export function operations({ kind, widths, batchSize }) {
  const forward = products(widths);
  const trained = kind === "predict" ? forward : 3 * forward - widths[0] * widths[1];
  return 2 * batchSize * trained;
}

/** Returns the number of steps per epoch. */
export const stepsPerEpoch = ({ rows, batchSize }) => Math.ceil(rows / batchSize);

/** Returns the same work made so small that it only shows that the benchmark runs. */
export const quick = (work) => {
  const batchSize = Math.min(work.batchSize, 8);
  return {
    ...work,
    widths: work.widths.map((width) => Math.min(width, 256)),
    batchSize,
    rows: work.data === "xor" ? 100 : 2 * batchSize,
    epochs: work.kind === "decay" ? 10 : 1,
    checked: Math.min(work.checked, 1),
    ...(work.models && { models: 10 }),
  };
};

// Myelin itself: node myelin.js <folder of the work> <kernel> [one net]
import { version } from "../../dist/index.js";
import { halfSilent, inRows, readWork } from "../data.js";
import { modelOf } from "../model.js";
import { serve, turn } from "../serve.js";
import { stepsPerEpoch } from "../works.js";

const [, , folder, kernel, only] = process.argv;
const work = readWork(folder);
const data = { x: work.x, y: work.y };
const options = { epochs: work.epochs, batchSize: work.batchSize, shuffle: work.shuffle };
const weights = work.layers.map(({ inputs, weight, bias }) => ({
  weight: inRows(weight, inputs),
  bias: Array.from(bias),
}));

/**
 * Creates a model with the weights that all participants start from. `seed` then affects only the shuffle.
 */
function freshModel(seed = 1) {
  const model = modelOf(work, { seed, kernel });
  if (model.kernel.name !== kernel) throw new Error(`asked for ${kernel}, received ${model.kernel.name}`);
  model.setWeights(weights.flatMap((values, layer) => (layer > 0 ? [{}, values] : [values])));
  return model;
}

/**
 * A training is one call. It is long enough that the check and copy of the data weigh as they do in real use.
 */
function training() {
  const model = freshModel();
  const epochs = (kernel === "typescript" && work.slowEpochs) || work.epochs;
  const piece = () => model.fit(data, { ...options, epochs });
  return { pieces: 1, steps: epochs * stepsPerEpoch(work), piece };
}

/** Trains all models in one call. */
async function manyTrainings() {
  const { trainMany } = await import("../../dist/index.js"); // older versions do not have it
  const models = Array.from({ length: work.models }, (_, seed) => freshModel(seed));
  const steps = work.models * work.epochs * stepsPerEpoch(work);
  return { pieces: 1, steps, piece: () => trainMany(models, data, options) };
}

/** Predicts one row as a list, as an application passes it, or many rows flat. */
function predictions() {
  const model = freshModel();
  const [inputs] = work.widths;
  const rows = work.batchSize === 1 ? inRows(work.x, inputs) : [work.x];
  const piece = () => {
    for (const row of rows) model.predict(row);
  };
  return { pieces: 100, steps: rows.length, piece };
}

/**
 * Measures steps with silent units, in µs per step. After an epoch on all data, it trains on data half of
 * which is silent, in ten parts. `lively` is a part of the same length on all data.
 */
async function decay() {
  const part = { ...options, epochs: work.epochs / 10 };
  const timed = async (model, rows) => {
    const start = performance.now();
    await model.fit(rows, part);
    return ((performance.now() - start) * 1000) / (part.epochs * stepsPerEpoch(work));
  };
  const lively = await timed(freshModel(), data);
  const model = freshModel();
  await model.fit(data, { ...part, epochs: 1 });
  const silent = { x: halfSilent(work), y: work.y };
  const parts = [];
  for (let count = 0; count < 10; count++) parts.push(await timed(model, silent));
  return { lively, parts };
}

/**
 * Returns the value on which all participants must agree: the loss of a training in order, or the mean
 * prediction.
 */
async function check() {
  const model = freshModel();
  if (work.kind === "predict") {
    const all = model.predict(work.x);
    return { value: all.reduce((sum, value) => sum + value, 0) / all.length };
  }
  const history = await model.fit(data, { ...options, epochs: work.checked });
  return { value: history.loss.at(-1) };
}

const kinds = { train: training, trainMany: manyTrainings, predict: predictions };
const prepare = only === "one net" ? training : kinds[work.kind];
await serve({ version: () => ({ version }), check, run: turn(prepare), decay });

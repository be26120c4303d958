// Myelin itself: node myelin.js <folder of the work> <kernel> [one net]
import { version } from "../../dist/index.js";
import { halfSilent, inRows, readWork } from "../data.js";
import { modelOf } from "../model.js";
import { serve, turn } from "../serve.js";
import { stepsAnEpoch } from "../works.js";

const [, , folder, kernel, only] = process.argv;
const work = readWork(folder);
const data = { x: work.x, y: work.y };
const options = { epochs: work.epochs, batchSize: work.batchSize, shuffle: work.shuffle };
const weights = work.layers.map(({ inputs, weight, bias }) => ({
  weight: inRows(weight, inputs),
  bias: Array.from(bias),
}));

/** With the weights that all participants start from; `seed` then names the shuffle. */
function freshModel(seed = 1) {
  const model = modelOf(work, { seed, kernel });
  if (model.kernel.name !== kernel) throw new Error(`asked for ${kernel}, received ${model.kernel.name}`);
  model.setWeights(weights.flatMap((values, layer) => (layer > 0 ? [{}, values] : [values])));
  return model;
}

/** One call, so long that the check and the copy of the data weigh as they do in use. */
function training() {
  const model = freshModel();
  const epochs = (kernel === "typescript" && work.slowEpochs) || work.epochs;
  const piece = () => model.fit(data, { ...options, epochs });
  return { pieces: 1, steps: epochs * stepsAnEpoch(work), piece };
}

/** All models in one call. */
async function manyTrainings() {
  const { trainMany } = await import("../../dist/index.js"); // not every version has it
  const models = Array.from({ length: work.models }, (_, seed) => freshModel(seed));
  const steps = work.models * work.epochs * stepsAnEpoch(work);
  return { pieces: 1, steps, piece: () => trainMany(models, data, options) };
}

/** One row as a list, as an application has it; many rows flat. */
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
 * Steps with units that fell silent: an epoch on all the data, then a training on data of which half is
 * silent, in ten parts. `lively` is as long a part on all the data. All in µs a step.
 */
async function decay() {
  const part = { ...options, epochs: work.epochs / 10 };
  const timed = async (model, rows) => {
    const start = performance.now();
    await model.fit(rows, part);
    return ((performance.now() - start) * 1000) / (part.epochs * stepsAnEpoch(work));
  };
  const lively = await timed(freshModel(), data);
  const model = freshModel();
  await model.fit(data, { ...part, epochs: 1 });
  const silent = { x: halfSilent(work), y: work.y };
  const parts = [];
  for (let count = 0; count < 10; count++) parts.push(await timed(model, silent));
  return { lively, parts };
}

/** What all must agree on: the loss of a training in order, or the mean prediction. */
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

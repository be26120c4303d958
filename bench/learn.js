// Measures how well Myelin's networks learn the tables of datasets.js.
import { adam, dense, Model, metrics, relu, sigmoid, softmax, trainMany } from "../dist/index.js";

/** Returns the last layers and the loss. Two classes share one probability; more classes have one each. */
function outputs(classes) {
  if (classes === undefined) return { last: [dense(1)], loss: "meanSquaredError" };
  if (classes.length === 2) return { last: [dense(1), sigmoid()], loss: "binaryCrossentropy" };
  return { last: [dense(classes.length), softmax()], loss: "sparseCategoricalCrossentropy" };
}

function modelOf({ hidden, learningRate, weightDecay }, { x, classes }, options) {
  const { last, loss } = outputs(classes);
  return new Model({
    inputs: x[0].length,
    layers: [...hidden.flatMap((units) => [dense(units), relu()]), ...last],
    loss,
    optimizer: adam({ learningRate, weightDecay }),
    ...options,
  });
}

/**
 * Trains a model for each part of a table. Returns the accuracy, or R², of each on its test examples.
 * @param {{ seed: number, training: object, test: object }[]} parts
 */
export async function scores(settings, table, parts, kernel) {
  const models = parts.map(({ seed }) => modelOf(settings, table, { seed, kernel }));
  const trainings = parts.map(({ training }) => training);
  const { epochs, batchSize } = settings;
  const histories = await trainMany(models, trainings, { epochs, batchSize });
  for (const { error } of histories) if (error) throw error;
  const metric = table.classes ? "accuracy" : "r2";
  return models.map((model, at) => {
    const { x, y } = parts[at].test;
    return metrics.measure(metric, y, model.predict(x));
  });
}

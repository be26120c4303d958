/** ensemble: averages the predictions of several models. */
import { checkSizes, type InForm, type Inputs, readMatrix } from "../data/examples.ts";
import { OptionError, ShapeError, show } from "../errors.ts";
import { type Model, sessionOf } from "../model.ts";
import { softmaxRows } from "../nn/layers/softmax.ts";
import { readModel } from "../training/modelArgument.ts";

/** The prediction of an ensemble, in the form of x as `Model.predict` returns it. */
export interface EnsemblePrediction<Form> {
  /** The mean of the models' predictions. */
  readonly mean: Form;
  /** The standard deviation over the models; the divisor is their number, so one model gives 0. */
  readonly spread: Form;
}

/** Models whose predictions are averaged. */
export interface Ensemble {
  readonly models: readonly Model[];
  predict<X extends Inputs>(x: X): EnsemblePrediction<InForm<X>>;
}

/** Returns what a model's predictions mean, after `toProbabilities`. */
function kindOf(model: Model): string {
  const { targets, predictions } = sessionOf(model).problem;
  return `${targets}, ${predictions === "logits" ? "estimates" : predictions}`;
}

function checkModels(models: unknown): asserts models is readonly Model[] {
  if (!Array.isArray(models) || models.length === 0) {
    throw new OptionError(`ensemble: expected a list of at least 1 model, received ${show(models)}`);
  }
  for (const [index, model] of models.entries()) {
    const place = `ensemble: entry ${index}`;
    readModel(model, place);
    const [first] = models as Model[];
    for (const name of ["inputs", "outputs"] as const) {
      if (model[name] === first[name]) continue;
      const expected = `expected ${first[name]} ${name}, as entry 0 has`;
      throw new ShapeError(`${place}: ${expected}, received ${model[name]}`);
    }
    const [expected, kind] = [kindOf(first), kindOf(model)];
    if (kind !== expected) {
      throw new OptionError(
        `${place}: expected a loss whose targets and predictions mean the same as those of entry 0 (${expected}), received ${kind}`,
      );
    }
  }
}

/** Turns logits into probabilities, in place. */
function toProbabilities(model: Model, values: Float32Array): void {
  const { targets, predictions } = sessionOf(model).problem;
  if (predictions !== "logits") return;
  const { outputs } = model;
  if (targets === "labels" || targets === "shares") {
    for (let start = 0; start < values.length; start += outputs) {
      softmaxRows.value(values, values, start, outputs);
    }
  } else {
    for (let at = 0; at < values.length; at++) values[at] = 1 / (1 + Math.exp(-values[at]));
  }
}

/**
 * Returns the elementwise mean and standard deviation of `count` arrays. `make` is called for one array at a
 * time, so that only one is in memory.
 */
function moments(count: number, length: number, make: (index: number) => Float32Array) {
  const means = new Float64Array(length);
  const squares = new Float64Array(length);
  for (let index = 0; index < count; index++) {
    const values = make(index);
    for (let at = 0; at < length; at++) {
      // Welford's recurrence avoids the cancellation between large sums.
      const distance = values[at] - means[at];
      means[at] += distance / (index + 1);
      squares[at] += distance * (values[at] - means[at]);
    }
  }
  return { mean: means, spread: squares.map((sum) => Math.sqrt(sum / count)) };
}

/**
 * Combines models with equal inputs and outputs. The ensemble predicts the mean and the standard deviation of
 * their predictions. Logits are turned into probabilities first, by softmax or sigmoid.
 *
 * @example
 * ```ts
 * const models = [1, 2, 3].map(
 *   (seed) => new Model({ inputs: 2, layers: [dense(1)], loss: "meanSquaredError", optimizer: "adam", seed }),
 * );
 * await trainMany(models, data, { epochs: 20 });
 * const { mean, spread } = ensemble(models).predict([0.2, 0.9]);
 * ```
 *
 * @throws ShapeError if the models' inputs or outputs differ; OptionError if the list is empty or the
 * predictions mean different things, such as probabilities and values.
 */
export function ensemble(models: readonly Model[]): Ensemble {
  checkModels(models);
  const all = [...models];
  const [{ inputs, outputs }] = all;
  const predict = (given: Inputs) => {
    const isDataset = typeof given === "object" && given !== null && "x" in given;
    if (isDataset) checkSizes(given, { inputs });
    const { values, rows, form } = readMatrix(isDataset ? given.x : given, {
      name: "x",
      columns: inputs,
      unit: "inputs",
      listIsColumn: false,
    });
    const { mean, spread } = moments(all.length, rows * outputs, (index) => {
      const predictions = all[index].predict(values);
      toProbabilities(all[index], predictions);
      return predictions;
    });
    const inForm = (flat: Float64Array) => {
      if (form === "flat" || isDataset) return Float32Array.from(flat);
      const list = Array.from({ length: rows }, (_, row) =>
        Array.from(flat.subarray(row * outputs, (row + 1) * outputs)),
      );
      return form === "row" ? list[0] : list;
    };
    return { mean: inForm(mean), spread: inForm(spread) };
  };
  return { models: all, predict: predict as Ensemble["predict"] };
}

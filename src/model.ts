/** Model: what a user builds, trains, asks, looks into and keeps. */
import { type Dataset, type Examples, isExamples, type Matrix, type NumberArray } from "./data/dataset.ts";
import { OptionError } from "./errors.ts";
import type { Epoch, History } from "./fit/history.ts";
import {
  FIT_OPTIONS,
  type FitOptions,
  readFitOptions,
  TRAINING_OPTIONS,
  type TrainingOptions,
} from "./fit/options.ts";
import type { Fit } from "./fit.ts";
import { readBytes, readSaveOptions, type SaveOptions, writeBytes } from "./formats/bytes.ts";
import { type ModelJSON, readJSON, writeJSON } from "./formats/json.ts";
import type { SavedModel } from "./formats/saved.ts";
import { type AttributionOptions, attributions } from "./insight/attributions.ts";
import { type CheckOptions, checkGradients, type GradientCheck } from "./insight/check.ts";
import {
  type PartialDependence,
  type PartialDependenceOptions,
  partialDependence,
} from "./insight/dependence.ts";
import type { Diagnosis } from "./insight/diagnose/finding.ts";
import { diagnose } from "./insight/diagnose.ts";
import { type Explanation, explain } from "./insight/explain.ts";
import { type Importance, type ImportanceOptions, importance } from "./insight/importance.ts";
import { watchForStall } from "./insight/stall.ts";
import type { KernelChoice } from "./kernel/choose.ts";
import type { KernelName } from "./kernel.ts";
import { type TrainOnBatchOptions, trainOnBatch } from "./online.ts";
import { checkNames } from "./options.ts";
import { type PredictOptions, Predictor } from "./predictor.ts";
import { ARCHITECTURE, type Architecture, configure } from "./program.ts";
import { freshSeed, readSeed } from "./seed.ts";
import { layerTable } from "./summary.ts";
import { type Evaluation, START, Trainee } from "./trainee.ts";
import { fromLayers, type LayerWeights, toLayers } from "./weights.ts";

/** What a model is made from. */
export interface ModelOptions extends Architecture {
  /**
   * Names the run: initial weights and shuffles follow from it. By default a fresh one, which the model
   * keeps.
   */
  readonly seed?: number | undefined;
  /** Which kernel computes; by default the native one where it loads. */
  readonly kernel?: KernelChoice | undefined;
}

/** What stands behind a model, for `trainMany`. */
export let traineeOf: (model: Model) => Trainee;

/** A model as bytes, and back, for files; `call` and `place` are what an error's message begins with. */
export let bytesOf: (model: Model, call: string, options: SaveOptions) => Uint8Array<ArrayBuffer>;
export let restore: (bytes: unknown, place: string, options: { readonly kernel?: KernelChoice }) => Model;

/** The loss and the gradients of one batch. */
export interface BatchGradients {
  /** The mean over the batch's rows. */
  readonly loss: number;
  /** By layer, in the form of `getWeights`. */
  readonly layers: LayerWeights[];
}

/**
 * A feed-forward network with its loss and optimizer.
 *
 * @example
 * ```ts
 * const data = xor({ examples: 1000, seed: 1 });
 * const model = new Model({
 *   inputs: 2,
 *   layers: [dense(64), relu(), dense(1)],
 *   loss: "meanSquaredError",
 *   optimizer: sgd({ learningRate: 0.01 }),
 *   seed: 1,
 * });
 * const history = await model.fit(data, { epochs: 300, batchSize: 5 });
 * model.predict([0.2, 0.9]); // about [1]
 * ```
 */
export class Model {
  /** Which kernel computes, and why that one. */
  readonly kernel: { readonly name: KernelName; readonly reason: string };
  /** The seed of initial weights and shuffles. */
  readonly seed: number;
  /** Values in a row of x. */
  readonly inputs: number;
  /** Values in a row of a prediction. */
  readonly outputs: number;
  /** The number of weights and biases. */
  readonly parameters: number;
  readonly #trainee: Trainee;
  readonly #predictor: Predictor;

  static {
    traineeOf = (model) => model.#trainee;
    bytesOf = (model, call, options) => writeBytes(model.#saved(call, readSaveOptions(options, call)), call);
    restore = (bytes, place, options) => {
      checkNames(options, ["kernel"], place);
      return Model.#restore(readBytes(bytes, place), options);
    };
  }

  /**
   * Checks the architecture, chooses the kernel and draws the initial weights.
   *
   * @throws OptionError for an unknown name or a value out of range; KernelError if a kernel that is asked
   * for cannot be had.
   */
  constructor(options: ModelOptions) {
    checkNames(options, [...ARCHITECTURE, "seed", "kernel"], "model");
    const configuration = configure(options);
    this.seed = options.seed === undefined ? freshSeed() : readSeed(options.seed, "model: seed");
    this.#trainee = new Trainee(configuration, this.seed, options.kernel);
    const { inputs, outputs, parameters, kernel, reason } = this.#trainee;
    this.inputs = inputs;
    this.outputs = outputs;
    this.parameters = parameters;
    this.kernel = { name: kernel.name, reason };
    this.#predictor = new Predictor(this.#trainee);
  }

  /** Checks a call of fit, fitSync or epochs and copies its data. */
  #begin(call: string, given: readonly unknown[], names: readonly string[] = FIT_OPTIONS): Fit {
    this.#trainee.useAlone(call);
    const [examples, rest] = this.#examples(call, given);
    const options = readFitOptions(call, rest as FitOptions | undefined, names);
    const fit = this.#trainee.fit(call, this.#trainee.load(call, examples, options), options);
    options.signal?.throwIfAborted();
    return fit;
  }

  /** Tells `(data, options)` from `(x, y, options)`. */
  #examples(call: string, [first, second, third]: readonly unknown[]): [Examples, unknown] {
    if (isExamples(first)) {
      if (third !== undefined) throw new OptionError(`${call}: expected (data, options) or (x, y, options)`);
      return [first, second];
    }
    return [{ x: first as Matrix, y: second as Matrix }, third];
  }

  /**
   * Trains off the event loop and gives the history. Data is checked and copied before the promise is
   * returned.
   *
   * @example
   * ```ts
   * const history = await model.fit(data, { epochs: 300, batchSize: 5 });
   * history.loss.at(-1);
   * ```
   *
   * @throws OptionError, DataError or ShapeError for bad input, StateError while another training runs; the
   * model is then as it was. DivergenceError if the loss is no longer finite; the weights are then those of
   * the last whole epoch, or of the best with early stopping. The signal's reason if it aborts, or what a hook
   * throws; the weights are then those of the last whole step.
   */
  fit(data: Examples, options?: FitOptions): Promise<History>;
  fit(x: Matrix, y: Matrix, options?: FitOptions): Promise<History>;
  async fit(...given: unknown[]): Promise<History> {
    const fit = this.#begin("fit", given);
    const lookBack = watchForStall(this.#trainee, "fit", fit);
    this.#trainee.isTraining = true;
    try {
      await fit.all();
    } finally {
      this.#trainee.isTraining = false;
    }
    lookBack();
    return fit.history;
  }

  /**
   * The same training as `fit`, before it returns: for scripts that have nothing else to do. Errors as
   * `fit`'s.
   *
   * @example
   * ```ts
   * const history = model.fitSync(data, { epochs: 300, batchSize: 5 });
   * ```
   */
  fitSync(data: Examples, options?: FitOptions): History;
  fitSync(x: Matrix, y: Matrix, options?: FitOptions): History;
  fitSync(...given: unknown[]): History {
    const fit = this.#begin("fitSync", given);
    const lookBack = watchForStall(this.#trainee, "fitSync", fit);
    this.#trainee.isTraining = true;
    try {
      fit.sync();
    } finally {
      this.#trainee.isTraining = false;
    }
    lookBack();
    return fit.history;
  }

  /**
   * The same training pulled epoch by epoch. It starts at the first `next`, waits while the loop's body
   * runs, and `break` leaves the model as the last epoch seen left it.
   *
   * @example
   * ```ts
   * for await (const { epoch, loss } of model.epochs(data, { epochs: 300, batchSize: 5 })) {
   *   if (loss < 0.01) break;
   * }
   * ```
   */
  epochs(data: Examples, options?: TrainingOptions): AsyncGenerator<Epoch, History>;
  epochs(x: Matrix, y: Matrix, options?: TrainingOptions): AsyncGenerator<Epoch, History>;
  async *epochs(...given: unknown[]): AsyncGenerator<Epoch, History> {
    const fit = this.#begin("epochs", given, TRAINING_OPTIONS);
    this.#trainee.isTraining = true;
    try {
      while (fit.left > 0) yield* await fit.epochs(1);
      return fit.history;
    } finally {
      this.#trainee.isTraining = false;
    }
  }

  /**
   * Online learning: one update from these rows as one batch, before it returns. Gives the loss of the step, a
   * mean with its weights, and the model's metrics, all of the predictions before it. Calls with the batches of
   * an epoch of `fit` without shuffling give the same bits as that epoch.
   *
   * Optimizers and noise count it as the model's next step; epochs and `history` do not. `"balanced"` balances
   * the classes of these rows.
   *
   * @example
   * ```ts
   * const { loss } = model.trainOnBatch([0.2, 0.9], [1]);
   * model.trainOnBatch(data, { learningRate: 0.001 });
   * ```
   *
   * @throws OptionError, DataError or ShapeError for bad input, StateError while a training runs,
   * DivergenceError if the loss or a weight is no longer finite. The model is then as it was before the call.
   */
  trainOnBatch(data: Examples, options?: TrainOnBatchOptions): Evaluation;
  trainOnBatch(x: Matrix, y: Matrix, options?: TrainOnBatchOptions): Evaluation;
  trainOnBatch(...given: unknown[]): Evaluation {
    const [examples, options] = this.#examples("trainOnBatch", given);
    return trainOnBatch(this.#trainee, examples, options as TrainOnBatchOptions | undefined);
  }

  /**
   * The network's outputs, in the form of x: one row gives one row, rows give rows, a flat array or a
   * dataset gives a flat `Float32Array` of [rows × outputs]. While a training runs the answer is the last
   * whole epoch's.
   *
   * @example
   * ```ts
   * model.predict([0.2, 0.9]); // [1.01]
   * model.predict([[0.2, 0.9], [0.1, 0.2]]); // [[1.01], [0.02]]
   * ```
   */
  predict(x: readonly number[], options?: PredictOptions): number[];
  predict(x: readonly (readonly number[] | NumberArray)[], options?: PredictOptions): number[][];
  predict(x: NumberArray | Pick<Dataset, "x">, options?: PredictOptions): Float32Array;
  predict(
    x: Matrix | { readonly x: Matrix },
    options?: PredictOptions,
  ): number[] | number[][] | Float32Array {
    return this.#predictor.of(x, options);
  }

  /**
   * The mean loss over the rows, as `history.loss` defines it, without weights; and the model's metrics by
   * their names.
   *
   * @example
   * ```ts
   * const { loss, accuracy } = model.evaluate(data);
   * ```
   */
  evaluate(data: Examples): Evaluation;
  evaluate(x: Matrix, y: Matrix): Evaluation;
  evaluate(...given: unknown[]): Evaluation {
    this.#trainee.use();
    return this.#trainee.evaluate(this.#examplesAlone("evaluate", given));
  }

  /**
   * The loss of one batch and its gradient by each parameter, without training.
   *
   * @example
   * ```ts
   * const { loss, layers } = model.gradients([[0.2, 0.9]], [1]);
   * ```
   */
  gradients(data: Examples): BatchGradients;
  gradients(x: Matrix, y: Matrix): BatchGradients;
  gradients(...given: unknown[]): BatchGradients {
    this.#trainee.useAlone("gradients");
    const data = this.#trainee.examples("gradients", this.#examplesAlone("gradients", given), true);
    const { loss, values } = this.#trainee.gradients("gradients", data);
    return { loss, layers: toLayers(this.#trainee.layers, values, { measured: false }) };
  }

  /** Examples of a call that takes no options. */
  #examplesAlone(call: string, given: readonly unknown[]): Examples {
    const [examples, options] = this.#examples(call, given);
    if (options !== undefined) throw new OptionError(`${call}: expected (data) or (x, y)`);
    return examples;
  }

  /**
   * Every value of the step that training would take next, were these its rows: forward, loss, backward and
   * update, as data and as text with the formulas. The model stays as it is.
   *
   * The figures are those of the typescript kernel, whichever the model has, with the optimizer's own learning
   * rate. Noise and figures over the batch are as in training. At most 512 rows.
   *
   * @example
   * ```ts
   * const explanation = model.explain([[0.2, 0.9]], [1]);
   * console.log(String(explanation)); // y₁ = W₁₁ x₁ + W₁₂ x₂ + b₁ = 0.31 · 0.2 + …
   * explanation.layers[0].output; // [rows][units]
   * ```
   */
  explain(data: Examples): Explanation;
  explain(x: Matrix, y: Matrix): Explanation;
  explain(...given: unknown[]): Explanation {
    return explain(this.#trainee, this.#examplesAlone("explain", given));
  }

  /**
   * Why the model does not learn, or will not, on such data: what is wrong with columns, labels, layers, units,
   * gradients and the learning rate, and how to mend it. The model stays as it is. Before a training it looks at
   * the step that would come first, after one at `history` too.
   *
   * All rows are looked at; up to 512 of them, evenly, go through the network, fewer through one of more than
   * 65,536 parameters, on the typescript kernel. Data that training would refuse is a finding.
   *
   * @example
   * ```ts
   * const diagnosis = model.diagnose(data);
   * for (const { cause, message, mend } of diagnosis.findings) console.log(cause, message, mend);
   * console.log(String(diagnosis)); // the same to be read
   * ```
   *
   * @throws StateError while a training runs or after `dispose`.
   */
  diagnose(data: Examples): Diagnosis;
  diagnose(x: Matrix, y: Matrix): Diagnosis;
  diagnose(...given: unknown[]): Diagnosis {
    return diagnose(this.#trainee, this.#examplesAlone("diagnose", given));
  }

  /**
   * Compares the gradients that the model's kernel computes with finite differences of the loss in 64 bits.
   * Where the loss has a kink within the step, any gradient between its slopes passes.
   *
   * @example
   * ```ts
   * const { passes, worst } = model.checkGradients([[0.2, 0.9]], [1]);
   * ```
   */
  checkGradients(data: Examples, options?: CheckOptions): GradientCheck;
  checkGradients(x: Matrix, y: Matrix, options?: CheckOptions): GradientCheck;
  checkGradients(...given: unknown[]): GradientCheck {
    const [examples, options] = this.#examples("checkGradients", given);
    return checkGradients(this.#trainee, examples, (options ?? {}) as CheckOptions);
  }

  /**
   * How much worse the model predicts when the values of one column of x are mixed up, for each column.
   * (Breiman, 2001; as scikit-learn's `permutation_importance`.) Measured by the loss, or by a metric.
   *
   * @example
   * ```ts
   * const { columns } = model.importance(data, { repeats: 10, columns: ["first", "second"] });
   * columns[0].mean;
   * ```
   */
  importance(data: Examples, options?: ImportanceOptions): Importance;
  importance(x: Matrix, y: Matrix, options?: ImportanceOptions): Importance;
  importance(...given: unknown[]): Importance {
    const [examples, options] = this.#examples("importance", given);
    return importance(this.#trainee, examples, (options ?? {}) as ImportanceOptions);
  }

  /**
   * What each value of a row adds to one output, beside a baseline: (x - baseline) times the mean gradient on
   * the straight way from there, in the form of x. They add up to f(x) - f(baseline), nearly, the nearer the
   * more steps. (Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks", 2017.)
   *
   * @example
   * ```ts
   * model.attributions([0.2, 0.9], { baseline: [0.5, 0.5] }); // two values
   * ```
   */
  attributions(x: readonly number[], options?: AttributionOptions): number[];
  attributions(x: readonly (readonly number[] | NumberArray)[], options?: AttributionOptions): number[][];
  attributions(x: NumberArray | Pick<Dataset, "x">, options?: AttributionOptions): Float32Array;
  attributions(
    x: Matrix | { readonly x: Matrix },
    options: AttributionOptions = {},
  ): number[] | number[][] | Float32Array {
    return attributions(this.#trainee, x, options);
  }

  /**
   * What the model predicts on average when one column of x has the same value in all rows, for values from
   * its 5th to its 95th percentile. (Friedman, 2001; as scikit-learn's `partial_dependence`, method "brute".)
   *
   * @example
   * ```ts
   * const { grid, means } = model.partialDependence(data, 0, { points: 20 });
   * ```
   */
  partialDependence(
    x: Matrix | { readonly x: Matrix },
    column: number | string,
    options: PartialDependenceOptions = {},
  ): PartialDependence {
    return partialDependence(this.#trainee, x, column, options);
  }

  /**
   * A copy of the parameters: an entry for each layer as written, `{ weight: [outputs][inputs], bias:
   * [outputs] }` for a dense one, `{ layers: [...] }` for a residual, or `{}` for a layer without any. While a
   * training runs they are the last whole epoch's.
   */
  getWeights(): LayerWeights[] {
    return toLayers(this.#trainee.layers, this.#trainee.use().read("parameters"));
  }

  /**
   * Sets all parameters, in the form of `getWeights`. The optimizer's state stays as it is.
   *
   * @throws ShapeError if a layer, a name or a size does not fit; DataError for a value that is not finite.
   */
  setWeights(weights: readonly LayerWeights[]): void {
    const network = this.#trainee.useAlone("setWeights");
    network.write("parameters", fromLayers(this.#trainee.layers, weights, "setWeights"));
  }

  /** A table of the layers with their sizes and parameters, as text. */
  summary(): string {
    const { configuration, layers, parameters, reason } = this.#trainee;
    const { loss, optimizer } = configuration;
    return [
      ...layerTable(layers),
      `${parameters} parameters, loss ${loss.type}, optimizer ${optimizer.type}, seed ${this.seed}`,
      `kernel ${this.kernel.name} (${reason})`,
    ].join("\n");
  }

  /**
   * The history of the last training, be it under way: what `fit` gives, and of one that was aborted or
   * diverged what there is. `toBytes` and `save` keep it with the model.
   */
  get history(): History | undefined {
    return this.#trainee.history;
  }

  /** All that the model is made of again. */
  #saved(call: string, kept: ReturnType<typeof readSaveOptions>): SavedModel {
    this.#trainee.useAlone(call);
    return this.#trainee.saved(kept);
  }

  static #restore(saved: SavedModel, options: { readonly kernel?: KernelChoice }): Model {
    const { configuration, seed, parameters, optimizerState, training, history } = saved;
    const model = new Model({ ...(configuration as unknown as Architecture), seed, ...options });
    const trainee = model.#trainee;
    const network = trainee.use();
    network.write("parameters", parameters);
    if (optimizerState.length > 0) network.write("slots", optimizerState);
    trainee.position = { ...START, epoch: training.epochs, steps: training.steps };
    trainee.history = history as unknown as History | undefined;
    return model;
  }

  /**
   * The model as plain JSON: architecture, seed, weights and optimizer state, and so the same for equal runs:
   * the history, which has times, is not in it. `Model.fromJSON` is the way back.
   */
  toJSON(): ModelJSON {
    return writeJSON(this.#saved("toJSON", { optimizerState: true, history: false }));
  }

  /**
   * Makes a model of what `toJSON` gave, as an object or as text. It predicts the same bits, and training
   * goes on where it was.
   *
   * @example
   * ```ts
   * const copy = Model.fromJSON(JSON.stringify(model));
   * ```
   *
   * @throws FormatError if it is no model or one of a newer version; nothing else happens then.
   */
  static fromJSON(json: string | ModelJSON, options: { readonly kernel?: KernelChoice } = {}): Model {
    checkNames(options, ["kernel"], "fromJSON");
    return Model.#restore(readJSON(json), options);
  }

  /**
   * The model as the bytes of a safetensors file, the same that `save` writes. `Model.fromBytes` is the way
   * back.
   *
   * @example
   * ```ts
   * const bytes = model.toBytes({ optimizerState: true });
   * ```
   *
   * @throws StateError while a training runs; OptionError for an unknown option.
   */
  toBytes(options: SaveOptions = {}): Uint8Array<ArrayBuffer> {
    return bytesOf(this, "toBytes", options);
  }

  /**
   * Makes a model of what `toBytes` gave or a file of `save` holds. It predicts the same bits; training goes
   * on with the same bits if the optimizer's state was kept.
   *
   * @example
   * ```ts
   * const copy = Model.fromBytes(model.toBytes());
   * ```
   *
   * @throws FormatError if it is no model or one of a newer version; nothing else happens then.
   */
  static fromBytes(bytes: Uint8Array | ArrayBuffer, options: { readonly kernel?: KernelChoice } = {}): Model {
    return restore(bytes, "fromBytes", options);
  }

  /**
   * Frees what the model holds, at once; never needed, since it goes with the model. A second call does
   * nothing.
   */
  dispose(): void {
    this.#trainee.dispose();
  }

  /** For `using model = new Model(…)`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

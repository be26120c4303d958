/** Model: what a user builds, trains, asks, looks into and keeps. */
import {
  checkSizes,
  type Dataset,
  type Examples,
  type ExpectedInputs,
  type ExpectedTargets,
  expectedX,
  isExamples,
  type Matrix,
  type NumberArray,
  readExamples,
  readMatrix,
} from "./data/dataset.ts";
import { OptionError, StateError, withinMemory } from "./errors.ts";
import {
  atEpoch,
  type CheckedFitOptions,
  type Epoch,
  Fit,
  type FitOptions,
  type History,
  readFitOptions,
  readThreads,
} from "./fit.ts";
import { readBytes, readSaveOptions, type SaveOptions, writeBytes } from "./formats/bytes.ts";
import { type ModelJSON, readJSON, writeJSON } from "./formats/json.ts";
import type { Lists, SavedModel } from "./formats/saved.ts";
import { chooseKernel, type KernelChoice } from "./kernel/choose.ts";
import {
  CHUNK_ROWS,
  type Kernel,
  type KernelData,
  type KernelName,
  type Network,
  type Position,
} from "./kernel.ts";
import { targetsInWords } from "./losses/loss.ts";
import { checkMemory } from "./memory.ts";
import { checkNames } from "./options.ts";
import {
  ARCHITECTURE,
  type Architecture,
  type Configuration,
  categoriesOf,
  configure,
  countParameters,
  countSlots,
  createLoss,
  type LayerShape,
  shapes,
  takesWholeBatches,
  toProgram,
  withInside,
} from "./program.ts";
import { freshSeed, readSeed } from "./seed.ts";
import { fromLayers, initialize, type LayerWeights, toLayers } from "./weights.ts";

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

/** How to predict. */
export interface PredictOptions {
  /** The most threads of the native kernel for many rows; by default as many as there are free cores. */
  readonly threads?: number | undefined;
}

function readPredictOptions(options: PredictOptions): number | undefined {
  checkNames(options, ["threads"], "predict");
  return readThreads(options.threads, "predict");
}

/** Examples as they were checked and as the kernel keeps them. */
export interface Loaded {
  readonly data: Dataset;
  readonly kernelData: KernelData;
}

/**
 * Begins a training of one of several models, for `trainMany`; `end` ends it. `loads` keeps what has been
 * loaded of these examples, for all models that take them in the same way.
 */
export let begin: (
  model: Model,
  examples: Examples,
  options: CheckedFitOptions,
  loads: Map<string, Loaded>,
) => { fit: Fit; kernel: Kernel };
export let end: (model: Model) => void;

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

const START: Position = { epoch: 0, step: 0, steps: 0, loss: 0 };

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
  readonly #configuration: Configuration;
  readonly #layers: readonly LayerShape[];
  readonly #expected: ExpectedInputs;
  readonly #targets: ExpectedTargets;
  readonly #kernel: Kernel;
  /** Values of a row in all layers. */
  readonly #widths: number;
  /** One row and its prediction, which `predict` uses again and again. */
  readonly #row: { readonly x: Float32Array; readonly output: Float32Array };
  #network: Network | undefined;
  #position = START;
  #history: History | undefined;
  #training = false;

  /**
   * Checks the architecture, chooses the kernel and draws the initial weights.
   *
   * @throws OptionError for an unknown name or a value out of range; KernelError if a kernel that is asked
   * for cannot be had.
   */
  constructor(options: ModelOptions) {
    checkNames(options, [...ARCHITECTURE, "seed", "kernel"], "model");
    this.#configuration = configure(options);
    this.#layers = shapes(this.#configuration);
    this.seed = options.seed === undefined ? freshSeed() : readSeed(options.seed, "model: seed");
    this.inputs = this.#configuration.inputs;
    this.outputs = this.#layers[this.#layers.length - 1].outputs;
    this.#widths = withInside(this.#layers).reduce((sum, layer) => sum + layer.outputs, this.inputs);
    const row = `model: a row of ${this.inputs} inputs and ${this.outputs} outputs`;
    checkMemory((this.inputs + this.outputs) * Float32Array.BYTES_PER_ELEMENT, row);
    this.#row = withinMemory(`${row} does not fit in memory`, () => ({
      x: new Float32Array(this.inputs),
      output: new Float32Array(this.outputs),
    }));
    this.#expected = { columns: this.inputs, categories: categoriesOf(this.#configuration) };
    this.#targets = expectedTargets(this.#configuration, this.outputs);
    this.parameters = this.#layers.reduce((sum, layer) => sum + countParameters(layer), 0);
    checkMemory(this.#parameterBytes(), `model: ${this.parameters} parameters`);
    const { kernel, reason } = chooseKernel(options.kernel);
    this.#kernel = kernel;
    this.kernel = { name: kernel.name, reason };
    this.#network = withinMemory(`model: ${this.parameters} parameters do not fit in memory`, () => {
      const parameters = initialize(this.#layers, this.seed);
      const network = kernel.network(toProgram(this.#configuration));
      network.write("parameters", parameters);
      return network;
    });
  }

  /**
   * What the parameters take: initial values and a gradient; and values and optimizer state, each with a
   * safe copy.
   */
  #parameterBytes(): number {
    const copies = 2 + 2 * (1 + countSlots(this.#configuration));
    return this.parameters * Float32Array.BYTES_PER_ELEMENT * copies;
  }

  /**
   * Refuses rows whose activations and gradients do not fit; no more than a chunk of them is held at a
   * time, but for a batch to learn from where the layers take whole ones.
   */
  #checkRows(call: string, given: number, learns = false): void {
    const whole = learns && takesWholeBatches(this.#configuration);
    const rows = whole ? given : Math.min(given, CHUNK_ROWS);
    checkMemory(
      rows * this.#widths * 2 * Float32Array.BYTES_PER_ELEMENT,
      () => `${call}: the values of ${rows} rows`,
    );
  }

  #use(): Network {
    if (this.#network === undefined) throw new StateError("model: it is disposed of; make a new one");
    return this.#network;
  }

  /** The network, if nothing trains it. */
  #useAlone(call: string): Network {
    if (this.#training)
      throw new StateError(`${call}: a training of this model is under way; wait until it ends`);
    return this.#use();
  }

  /** Checks a call of fit, fitSync or epochs and copies its data. */
  #begin(
    call: string,
    first: unknown,
    second: unknown,
    third: unknown,
  ): { fit: Fit; options: CheckedFitOptions } {
    this.#useAlone(call);
    const [examples, given] = this.#examples(call, first, second, third);
    const options = readFitOptions(call, given as FitOptions | undefined);
    const loaded = this.#load(examples);
    this.#checkRows(call, Math.min(options.batchSize, loaded.data.rows), true);
    options.signal?.throwIfAborted();
    return { fit: this.#fit(loaded, options), options };
  }

  /** Checks examples and copies them to the kernel. */
  #load(examples: Examples): Loaded {
    const data = readExamples(examples, this.#expected, this.#targets);
    return { data, kernelData: this.#kernel.dataset(data.x, data.y, data.inputs, data.outputs) };
  }

  #fit({ data, kernelData }: Loaded, options: CheckedFitOptions): Fit {
    const model = this;
    const trained = {
      network: this.#use(),
      seed: this.seed,
      learningRate: this.#configuration.optimizer.learningRate,
      get position() {
        return model.#position;
      },
      set position(position: Position) {
        model.#position = position;
      },
    };
    const fit = new Fit(trained, data, kernelData, options);
    this.#history = fit.history;
    return fit;
  }

  static {
    begin = (model, examples, options, loads) => {
      model.#useAlone("trainMany");
      const key = `${model.kernel.name} ${JSON.stringify([model.#expected, model.#targets])}`;
      const loaded = loads.get(key) ?? model.#load(examples);
      loads.set(key, loaded);
      model.#checkRows("trainMany", Math.min(options.batchSize, loaded.data.rows), true);
      const fit = model.#fit(loaded, options);
      model.#training = true;
      return { fit, kernel: model.#kernel };
    };
    end = (model) => {
      model.#training = false;
    };
    bytesOf = (model, call, options) => writeBytes(model.#saved(call, readSaveOptions(options, call)), call);
    restore = (bytes, place, options) => {
      checkNames(options, ["kernel"], place);
      return Model.#restore(readBytes(bytes, place), options);
    };
  }

  /** Tells `(data, options)` from `(x, y, options)`. */
  #examples(call: string, first: unknown, second: unknown, third: unknown): [Examples, unknown] {
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
   * the last whole epoch. The signal's reason if it aborts; the weights are then those of the last whole
   * step.
   */
  fit(data: Examples, options?: FitOptions): Promise<History>;
  fit(x: Matrix, y: Matrix, options?: FitOptions): Promise<History>;
  async fit(first: unknown, second?: unknown, third?: unknown): Promise<History> {
    const { fit } = this.#begin("fit", first, second, third);
    this.#training = true;
    try {
      return await fit.all();
    } finally {
      this.#training = false;
    }
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
  fitSync(first: unknown, second?: unknown, third?: unknown): History {
    return this.#begin("fitSync", first, second, third).fit.sync();
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
  epochs(data: Examples, options?: FitOptions): AsyncGenerator<Epoch, History>;
  epochs(x: Matrix, y: Matrix, options?: FitOptions): AsyncGenerator<Epoch, History>;
  async *epochs(first: unknown, second?: unknown, third?: unknown): AsyncGenerator<Epoch, History> {
    const { fit, options } = this.#begin("epochs", first, second, third);
    this.#training = true;
    try {
      for (let epoch = 0; epoch < options.epochs; epoch++) yield* await fit.epochs(1);
      return fit.history;
    } finally {
      this.#training = false;
    }
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
    const network = this.#use();
    if (options === undefined && this.#readRow(x)) {
      network.predict(this.#row.x, this.#row.output);
      return toRow(this.#row.output, 0, this.outputs);
    }
    const threads = options === undefined ? undefined : readPredictOptions(options);
    const source = typeof x === "object" && x !== null && "x" in x ? x.x : x;
    if (source !== x) checkSizes(x, { inputs: this.inputs });
    const { values, rows, form } = readMatrix(source, expectedX(this.#expected));
    this.#checkRows("predict", rows);
    checkMemory(
      rows * this.outputs * Float32Array.BYTES_PER_ELEMENT,
      () => `predict: the predictions of ${rows} rows`,
    );
    const output = new Float32Array(rows * this.outputs);
    network.predict(values, output, threads);
    if (form === "flat" || source !== x) return output;
    if (form === "row") return toRow(output, 0, this.outputs);
    return Array.from({ length: rows }, (_, row) => toRow(output, row * this.outputs, this.outputs));
  }

  /**
   * Copies a list that is a row as it should be, which most are that are predicted one at a time. All else
   * takes the long way, which says what is wrong.
   */
  #readRow(x: unknown): boolean {
    if (!Array.isArray(x) || x.length !== this.inputs || this.#expected.categories.length > 0) return false;
    const row = this.#row.x;
    for (let at = 0; at < row.length; at++) {
      const value: unknown = x[at];
      if (typeof value !== "number") return false;
      row[at] = value;
      if (!Number.isFinite(row[at])) return false;
    }
    return true;
  }

  /**
   * The mean loss over the rows, as `history.loss` defines it.
   *
   * @example
   * ```ts
   * const { loss } = model.evaluate(data);
   * ```
   */
  evaluate(data: Examples): { loss: number };
  evaluate(x: Matrix, y: Matrix): { loss: number };
  evaluate(first: unknown, second?: unknown): { loss: number } {
    const network = this.#use();
    return { loss: network.evaluate(this.#copy("evaluate", first, second)) };
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
  gradients(first: unknown, second?: unknown): BatchGradients {
    const network = this.#useAlone("gradients");
    const { loss, values } = network.gradients(this.#copy("gradients", first, second));
    return { loss, layers: toLayers(this.#layers, values, { measured: false }) };
  }

  /** Checks rows that come without options and hands them to the kernel. */
  #copy(call: string, first: unknown, second: unknown): object {
    const [examples, options] = this.#examples(call, first, second, undefined);
    if (options !== undefined) throw new OptionError(`${call}: expected (data) or (x, y)`);
    const { x, y, inputs, outputs, rows } = readExamples(examples, this.#expected, this.#targets);
    this.#checkRows(call, rows, call === "gradients");
    return this.#kernel.dataset(x, y, inputs, outputs);
  }

  /**
   * A copy of the parameters: an entry for each layer as written, `{ weight: [outputs][inputs], bias:
   * [outputs] }` for a dense one, `{ layers: [...] }` for a residual, or `{}` for a layer without any. While a training runs they are the last whole epoch's.
   */
  getWeights(): LayerWeights[] {
    return toLayers(this.#layers, this.#use().read("parameters"));
  }

  /**
   * Sets all parameters, in the form of `getWeights`. The optimizer's state stays as it is.
   *
   * @throws ShapeError if a layer, a name or a size does not fit; DataError for a value that is not finite.
   */
  setWeights(weights: readonly LayerWeights[]): void {
    const network = this.#useAlone("setWeights");
    network.write("parameters", fromLayers(this.#layers, weights, "setWeights"));
  }

  /** A table of the layers with their sizes and parameters, as text. */
  summary(): string {
    const rows = withInside(this.#layers).map((layer) => [
      layer.number,
      layer.type,
      ...[layer.inputs, layer.outputs, countParameters(layer)].map(String),
    ]);
    const table = [["", "layer", "inputs", "outputs", "parameters"], ...rows];
    const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
    const line = (row: string[]) =>
      row
        .map((cell, column) => (column === 1 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])))
        .join("  ");
    const { loss, optimizer } = this.#configuration;
    return [
      ...table.map(line),
      `${this.parameters} parameters, loss ${loss.type}, optimizer ${optimizer.type}, seed ${this.seed}`,
      `kernel ${this.kernel.name} (${this.kernel.reason})`,
    ].join("\n");
  }

  /**
   * The history of the last training, be it under way: what `fit` gives, and of one that was aborted or
   * diverged what there is. `toBytes` and `save` keep it with the model.
   */
  get history(): History | undefined {
    return this.#history;
  }

  /** All that the model is made of again. */
  #saved(call: string, { optimizerState, history }: Required<SaveOptions>): SavedModel {
    const network = this.#useAlone(call);
    const { steps } = this.#position;
    const slots = countSlots(this.#configuration);
    return {
      configuration: this.#configuration,
      seed: this.seed,
      // An optimizer that begins anew counts its steps anew.
      training: {
        epochs: atEpoch(this.#position).epoch,
        steps: slots > 0 && !optimizerState ? 0 : steps,
      },
      history: history ? (this.#history as unknown as Lists | undefined) : undefined,
      parameters: network.read("parameters"),
      optimizerState: optimizerState ? network.read("slots") : new Float32Array(0),
    };
  }

  static #restore(saved: SavedModel, options: { readonly kernel?: KernelChoice }): Model {
    const { configuration, seed, parameters, optimizerState, training, history } = saved;
    const model = new Model({ ...(configuration as unknown as Architecture), seed, ...options });
    const network = model.#use();
    network.write("parameters", parameters);
    if (optimizerState.length > 0) network.write("slots", optimizerState);
    model.#position = { ...START, epoch: training.epochs, steps: training.steps };
    model.#history = history as unknown as History | undefined;
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
    if (this.#training)
      throw new StateError("dispose: a training of this model is under way; wait until it ends");
    this.#network = undefined;
  }

  /** For `using model = new Model(…)`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** What the loss of a network with so many outputs expects of targets. */
function expectedTargets(configuration: Configuration, outputs: number): ExpectedTargets {
  const loss = createLoss(configuration);
  const columns = loss.targets(outputs);
  return {
    columns,
    unit: columns === outputs ? "outputs" : "targets",
    meaning: targetsInWords[loss.meaning.targets],
    check: (values, row) => loss.check?.(values, row, outputs),
  };
}

/**
 * A row of a flat array as a list. A loop: `Array.from` walks an iterator, many times slower for a few
 * values.
 */
function toRow(values: Float32Array, start: number, length: number): number[] {
  const row = new Array<number>(length);
  for (let at = 0; at < length; at++) row[at] = values[start + at];
  return row;
}

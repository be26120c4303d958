/** The class Model, which users build, train, evaluate and save. */
import {
  type Examples,
  examplesAlone,
  examplesOf,
  type InForm,
  type Inputs,
  type Matrix,
} from "./data/examples.ts";
import { StateError, show } from "./errors.ts";
import { readBytes, readSaveOptions, type SaveOptions, writeBytes } from "./formats/bytes.ts";
import { ARCHITECTURE, type Architecture, configure } from "./formats/configuration.ts";
import { type ModelJSON, readJSON, writeJSON } from "./formats/json.ts";
import type { SavedModel } from "./formats/saved.ts";
import type { KernelChoice } from "./kernel/choose.ts";
import type { KernelName } from "./kernel/kernel.ts";
import type { Precision } from "./nn/program.ts";
import { layerTable } from "./nn/summary.ts";
import { fromLayers, type LayerWeights, toLayers } from "./nn/weights.ts";
import { checkNames } from "./options.ts";
import { freshSeed, readSeed } from "./seed.ts";
import type { Epoch, History, MetricList } from "./training/history.ts";
import { ModelPredictor, type PredictOptions } from "./training/modelPredictor.ts";
import {
  type FitOptions,
  readFitOptions,
  type Validates,
  type ValidationOptions,
  type ValidationOptionsOf,
} from "./training/options.ts";
import { type Evaluation, Session, START } from "./training/session.ts";
import type { Training } from "./training/training.ts";
import { type TrainOnBatchOptions, trainOnBatch } from "./training/trainOnBatch.ts";
import { warnAfter, watchTraining } from "./training/warnings/after.ts";

/** The options of a model. */
export interface ModelOptions<List extends MetricList = MetricList> extends Architecture<List> {
  /**
   * A whole number from 0 to 2^53 - 1 that determines initial weights, shuffles and noise. By default an
   * unpredictable one, which `model.seed` returns.
   */
  readonly seed?: number | undefined;
  /**
   * The kernel that computes. By default, or with `"auto"`, the first that loads of native, wasm and typescript.
   * In a browser, `await ready()` loads the wasm one.
   */
  readonly kernel?: KernelChoice | undefined;
}

/** The parts of a model. */
interface Parts {
  readonly session: Session;
  readonly predictor: ModelPredictor;
}

/**
 * The key of a function that returns a model's parts. Private members would not do: a proxy of a model, as
 * Vue and MobX make it, does not have them, but passes a function through unchanged.
 */
const PARTS = Symbol("parts");

/**
 * Returns the parts of a model or of its proxy; for anything else throws an error that begins with `call`.
 */
function partsOf(model: unknown, call: string): Parts {
  const parts = (model as { [PARTS]?: () => Parts } | null | undefined)?.[PARTS];
  if (parts !== undefined) return parts();
  if (model === undefined) {
    throw new StateError(
      `${call}: called without its model. Fix: call model.${call}(…), or pass model.${call}.bind(model)`,
    );
  }
  throw new StateError(
    `${call}: expected a Model, received ${show(model)}. Copies made by structuredClone, postMessage or a spread ` +
      "have no network. Fix: send model.toBytes(), and make the copy with Model.fromBytes",
  );
}

/** Returns a model's session. */
export const sessionOf = (model: Model, call = "model"): Session => partsOf(model, call).session;

/** Returns the bytes of a model for a file; `call` begins the messages of errors. */
export function bytesOf(model: Model, call: string, options: SaveOptions): Uint8Array<ArrayBuffer> {
  return writeBytes(savedOf(model, call, readSaveOptions(options, call)), call);
}

/** Returns the model that the bytes describe; `place` begins the messages of errors. */
export function restore(bytes: unknown, place: string, options: { readonly kernel?: KernelChoice }): Model {
  checkNames(options, ["kernel"], place);
  return modelOf(readBytes(bytes, place), options);
}

type Kept = ReturnType<typeof readSaveOptions>;

const WEIGHTS_ONLY: Kept = { optimizerState: false, history: false };

/** Returns everything that the model can be restored from; by default only what predictions need. */
export function savedOf(model: Model, call: string, kept: Kept = WEIGHTS_ONLY): SavedModel {
  const { session } = partsOf(model, call);
  session.useAlone(call);
  return session.saved(kept);
}

/** The model that was saved. */
export function modelOf(saved: SavedModel, options: { readonly kernel?: KernelChoice }): Model {
  const { configuration, seed, parameters, optimizerState, training, history, ending } = saved;
  const model = new Model({ ...(configuration as unknown as Architecture), seed, ...options });
  const session = sessionOf(model);
  const network = session.use();
  try {
    network.write("parameters", parameters);
    if (optimizerState.length > 0) network.write("slots", optimizerState);
  } catch (error) {
    session.dispose();
    throw error;
  }
  const position = { ...START, epoch: training.epochs, steps: training.steps };
  session.commit(position, history && ({ ...history, ...ending } as unknown as History));
  return model;
}

/** Checks and copies the data, and begins a training of the model. */
function begin(model: Model, call: string, given: readonly unknown[]): Training {
  const { session } = partsOf(model, call);
  session.useAlone(call);
  const [examples, options] = examplesOf(call, given);
  return session.begin(call, examples, readFitOptions(call, options as FitOptions | undefined));
}

/** The training of an `epochs` loop, once it has begun. */
interface Loop {
  fit?: Training;
}

async function* pull(loop: Loop, start: () => Training): AsyncGenerator<Epoch, History> {
  loop.fit = start();
  const history = yield* loop.fit.each();
  warnAfter("epochs", [loop.fit]);
  return history;
}

/** Ends the training of a loop whose generator has been garbage-collected. */
const loops = new FinalizationRegistry<Loop>(({ fit }) => fit?.abandon().catch(() => undefined));

/** The loss and the gradients of one batch. */
export interface BatchGradients {
  /** The mean loss over the batch's rows. */
  readonly loss: number;
  /** The gradients by layer, in the form of `getWeights`. */
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
export class Model<const List extends MetricList = MetricList> {
  /** The kernel that computes, and why it was chosen. */
  readonly kernel: { readonly name: KernelName; readonly reason: string };
  /** The seed of initial weights, shuffles and noise. */
  readonly seed: number;
  /** The precision of the factors of matrix products in training. */
  readonly precision: Precision;
  /** The number of values in a row of x. */
  readonly inputs: number;
  /** The number of values in a row of a prediction. */
  readonly outputs: number;
  /** The number of weights and biases. */
  readonly parameters: number;

  /**
   * Checks the architecture, chooses the kernel and draws the initial weights.
   *
   * @throws OptionError for an unknown name or a value out of range; ShapeError for layers that do not fit
   * together; KernelError if the requested kernel is not available or the model does not fit in memory.
   */
  constructor(options: ModelOptions<List>) {
    checkNames(options, [...ARCHITECTURE, "seed", "kernel"], "model");
    const configuration = configure(options);
    this.seed = options.seed === undefined ? freshSeed() : readSeed(options.seed, "model: seed");
    this.precision = configuration.precision;
    const session = new Session(configuration, this.seed, options.kernel);
    const { inputs, outputs, parameters, kernel, reason } = session;
    this.inputs = inputs;
    this.outputs = outputs;
    this.parameters = parameters;
    this.kernel = { name: kernel.name, reason };
    const parts: Parts = { session, predictor: new ModelPredictor(session) };
    Object.defineProperty(this, PARTS, { value: () => parts });
  }

  /**
   * Trains without blocking the event loop, and resolves with the history. x has `inputs` values in a row,
   * and y has a row of targets for each row of x. Data is checked and copied before the promise is returned.
   *
   * @example
   * ```ts
   * const history = await model.fit(data, { epochs: 300, batchSize: 5 });
   * history.loss.at(-1);
   * ```
   *
   * @throws OptionError, DataError or ShapeError for bad input, and StateError while another training runs:
   * the model is then unchanged. DivergenceError if the loss is no longer finite: the weights are then those
   * of the last complete epoch, or of the best epoch with early stopping. The signal's reason if it aborts,
   * or what a hook throws: the weights are then those of the last complete step.
   */
  fit<Given extends ValidationOptions = object>(
    data: Examples,
    options?: FitOptions<List, Validates<Given>> & ValidationOptionsOf<Given>,
  ): Promise<History<List, Validates<Given>>>;
  fit<Given extends ValidationOptions = object>(
    x: Matrix,
    y: Matrix,
    options?: FitOptions<List, Validates<Given>> & ValidationOptionsOf<Given>,
  ): Promise<History<List, Validates<Given>>>;
  async fit(...given: unknown[]): Promise<unknown> {
    const fit = begin(this, "fit", given);
    const warnOfOutcome = watchTraining(sessionOf(this), "fit", fit);
    const history = await fit.all();
    warnOfOutcome();
    return history;
  }

  /**
   * Trains as `fit` does, but blocks until the training has ended: for scripts that have nothing else to do.
   * Throws the same errors.
   *
   * @example
   * ```ts
   * const history = model.fitSync(data, { epochs: 300, batchSize: 5 });
   * ```
   */
  fitSync<Given extends ValidationOptions = object>(
    data: Examples,
    options?: FitOptions<List, Validates<Given>> & ValidationOptionsOf<Given>,
  ): History<List, Validates<Given>>;
  fitSync<Given extends ValidationOptions = object>(
    x: Matrix,
    y: Matrix,
    options?: FitOptions<List, Validates<Given>> & ValidationOptionsOf<Given>,
  ): History<List, Validates<Given>>;
  fitSync(...given: unknown[]): unknown {
    const fit = begin(this, "fitSync", given);
    const warnOfOutcome = watchTraining(sessionOf(this), "fitSync", fit);
    const history = fit.sync();
    warnOfOutcome();
    return history;
  }

  /**
   * Trains as `fit` does, one epoch for each `next` of the generator. The training starts at the first `next`
   * and waits while the loop's body runs. `break`, or `return()` on the generator, ends it as a hook's `stop`
   * does. A generator that was started and abandoned locks the model until it is garbage-collected.
   *
   * @example
   * ```ts
   * for await (const { epoch, loss } of model.epochs(data, { epochs: 300, batchSize: 5 })) {
   *   if (loss < 0.01) break;
   * }
   * ```
   */
  epochs<Given extends ValidationOptions = object>(
    data: Examples,
    options?: FitOptions<List, Validates<Given>> & ValidationOptionsOf<Given>,
  ): AsyncGenerator<Epoch<List, Validates<Given>>, History<List, Validates<Given>>>;
  epochs<Given extends ValidationOptions = object>(
    x: Matrix,
    y: Matrix,
    options?: FitOptions<List, Validates<Given>> & ValidationOptionsOf<Given>,
  ): AsyncGenerator<Epoch<List, Validates<Given>>, History<List, Validates<Given>>>;
  epochs(...given: unknown[]): AsyncGenerator<unknown, unknown> {
    sessionOf(this, "epochs");
    const loop: Loop = {};
    const generator = pull(loop, () => begin(this, "epochs", given));
    loops.register(generator, loop);
    return generator;
  }

  /**
   * Makes one update from these rows as one batch, for online learning. Returns the loss, a mean weighted by
   * row, and the model's metrics, all of them for the predictions before the update. Calls with the batches
   * of an epoch of `fit` without shuffling give the same bits as that epoch.
   *
   * Optimizers and noise count the update as the model's next step; epochs and `history` do not count it.
   * `classWeight: "balanced"` balances the classes of these rows.
   *
   * @example
   * ```ts
   * const { loss } = model.trainOnBatch([0.2, 0.9], [1]);
   * model.trainOnBatch(data, { learningRate: 0.001 });
   * ```
   *
   * @throws OptionError, DataError or ShapeError for bad input, StateError while a training runs,
   * DivergenceError if the loss or a weight is no longer finite. The model is then unchanged.
   */
  trainOnBatch(data: Examples, options?: TrainOnBatchOptions): Evaluation<List>;
  trainOnBatch(x: Matrix, y: Matrix, options?: TrainOnBatchOptions): Evaluation<List>;
  trainOnBatch(...given: unknown[]): Evaluation {
    const [examples, options] = examplesOf("trainOnBatch", given);
    return trainOnBatch(
      sessionOf(this, "trainOnBatch"),
      examples,
      options as TrainOnBatchOptions | undefined,
    );
  }

  /**
   * Returns the network's outputs in the form of x: one row for one row, rows for rows, and a flat
   * `Float32Array` of [rows × outputs] for a flat array or a dataset. While a training runs, the weights are
   * those of the last complete epoch.
   *
   * With `layer`, returns the values of that layer, for instance the code of an autoencoder: bit by bit the
   * values from which the model computes its outputs. Each such call copies the weights once, so pass many
   * rows.
   *
   * @example
   * ```ts
   * model.predict([0.2, 0.9]); // [1.01]
   * model.predict([[0.2, 0.9], [0.1, 0.2]]); // [[1.01], [0.02]]
   * model.predict([0.2, 0.9], { layer: 0 }); // the values of layer 0
   * ```
   *
   * @throws DataError or ShapeError for rows that do not fit, OptionError for a wrong option, StateError
   * after `dispose`.
   */
  predict<X extends Inputs>(x: X, options?: PredictOptions): InForm<X> {
    return partsOf(this, "predict").predictor.predict(x, options) as InForm<X>;
  }

  /**
   * Returns the mean loss over the rows, as `history.loss` defines it but without weights of rows, and the
   * model's metrics by name.
   *
   * @example
   * ```ts
   * const { loss, accuracy } = model.evaluate(data);
   * ```
   *
   * @throws DataError or ShapeError for data that does not fit, StateError after `dispose`.
   */
  evaluate(data: Examples): Evaluation<List>;
  evaluate(x: Matrix, y: Matrix): Evaluation<List>;
  evaluate(...given: unknown[]): Evaluation {
    const session = sessionOf(this, "evaluate");
    session.use();
    return session.evaluate(examplesAlone("evaluate", given));
  }

  /**
   * Returns the loss of one batch and its gradient with respect to each parameter, without training.
   *
   * @example
   * ```ts
   * const { loss, layers } = model.gradients([[0.2, 0.9]], [1]);
   * ```
   *
   * @throws DataError or ShapeError for data that does not fit, StateError while a training runs.
   */
  gradients(data: Examples): BatchGradients;
  gradients(x: Matrix, y: Matrix): BatchGradients;
  gradients(...given: unknown[]): BatchGradients {
    const session = sessionOf(this, "gradients");
    session.useAlone("gradients");
    const data = session.examples("gradients", examplesAlone("gradients", given), true);
    const { loss, values } = session.gradients("gradients", data);
    return { loss, layers: toLayers(session.layers, values, { measured: false }) };
  }

  /**
   * Returns a copy of the parameters: an entry for each layer, `{ weight: [outputs][inputs], bias: [outputs]
   * }` for a dense one, `{ layers: [...] }` for a residual, or `{}` for a layer without parameters. While a
   * training runs, they are those of the last complete epoch.
   *
   * @example
   * ```ts
   * const [{ weight, bias }] = model.getWeights();
   * ```
   */
  getWeights(): LayerWeights[] {
    const session = sessionOf(this, "getWeights");
    return toLayers(session.layers, session.use().read("parameters"));
  }

  /**
   * Sets all parameters, in the form of `getWeights`. The optimizer's state does not change.
   *
   * @example
   * ```ts
   * model.setWeights([{ weight: [[1, -1]], bias: [0.5] }]);
   * ```
   *
   * @throws ShapeError if a layer, a name or a size does not fit, DataError for a value that is not finite,
   * StateError while a training runs. The model is then unchanged.
   */
  setWeights(weights: readonly LayerWeights[]): void {
    const session = sessionOf(this, "setWeights");
    const network = session.useAlone("setWeights");
    network.write("parameters", fromLayers(session.layers, weights, "setWeights"));
  }

  /**
   * Returns a table of the layers with their sizes and parameters, as text.
   *
   * @example
   * ```ts
   * console.log(model.summary());
   * ```
   */
  summary(): string {
    const { configuration, layers, parameters, reason } = sessionOf(this, "summary");
    const { loss, optimizer, precision } = configuration;
    const options = precision === "float32" ? "" : `, precision ${precision}`;
    return [
      ...layerTable(layers),
      `${parameters} parameters, loss ${loss.type}, optimizer ${optimizer.type}${options}, seed ${this.seed}`,
      `kernel ${this.kernel.name} (${reason})`,
    ].join("\n");
  }

  /**
   * The history of the last training, of which `fit` returns a copy. It grows while a training runs, and ends
   * early if the training was aborted or diverged. A training that ends before its first step does not change
   * it. `toBytes` and `save` keep its lists with the model.
   */
  get history(): History<List> | undefined {
    return sessionOf(this, "history").history as History<List> | undefined;
  }

  /**
   * Returns the model as plain JSON: architecture, seed, weights and optimizer state. Equal runs return the
   * same, because the history, which contains times, is left out. `Model.fromJSON` restores the model.
   */
  toJSON(): ModelJSON {
    return writeJSON(savedOf(this, "toJSON", { optimizerState: true, history: false }));
  }

  /**
   * Restores a model from what `toJSON` returned, as an object or as text. It predicts the same bits, and
   * training continues where it ended.
   *
   * @example
   * ```ts
   * const copy = Model.fromJSON(JSON.stringify(model));
   * ```
   *
   * @throws FormatError if it is not a model, or was written by a newer version of the format.
   */
  static fromJSON(json: string | ModelJSON, options: { readonly kernel?: KernelChoice } = {}): Model {
    checkNames(options, ["kernel"], "fromJSON");
    return modelOf(readJSON(json), options);
  }

  /**
   * Returns the model as the bytes of a safetensors file, as `save` writes it. `Model.fromBytes` restores the
   * model.
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
   * Restores a model from what `toBytes` returned or `save` wrote. It predicts the same bits, and training
   * continues with the same bits if the optimizer's state was kept.
   *
   * @example
   * ```ts
   * const copy = Model.fromBytes(model.toBytes());
   * ```
   *
   * @throws FormatError if it is not a model, or was written by a newer version of the format.
   */
  static fromBytes(bytes: Uint8Array | ArrayBuffer, options: { readonly kernel?: KernelChoice } = {}): Model {
    return restore(bytes, "fromBytes", options);
  }

  /**
   * Frees the model's memory at once. A second call does nothing. Garbage collection also frees a model, but
   * on the native kernel only when the event loop turns: a synchronous script that makes many models should
   * dispose of each.
   */
  dispose(): void {
    const { session, predictor } = partsOf(this, "dispose");
    session.dispose();
    predictor.dispose();
  }

  /** Does the same as `dispose`, at the end of the block of `using model = new Model(…)`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

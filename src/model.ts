/** Model: what a user builds, trains, asks, looks into and keeps. */
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
import { layerTable } from "./nn/summary.ts";
import { fromLayers, type LayerWeights, toLayers } from "./nn/weights.ts";
import { checkNames } from "./options.ts";
import { freshSeed, readSeed } from "./seed.ts";
import type { Epoch, History, MetricList } from "./training/history.ts";
import {
  type FitOptions,
  readFitOptions,
  type ToldBy,
  type Validates,
  type ValidationOptions,
} from "./training/options.ts";
import { type PredictOptions, Predictor } from "./training/predictor.ts";
import { type Evaluation, Session, START } from "./training/session.ts";
import type { Training } from "./training/training.ts";
import { type TrainOnBatchOptions, trainOnBatch } from "./training/trainOnBatch.ts";
import { warnAfter, watchTraining } from "./training/warnings/after.ts";

/** What a model is made from. */
export interface ModelOptions<List extends MetricList = MetricList> extends Architecture<List> {
  /**
   * Names the run: initial weights and shuffles follow from it. By default a fresh one, which the model
   * keeps.
   */
  readonly seed?: number | undefined;
  /** Which kernel computes; by default the native one where it loads. */
  readonly kernel?: KernelChoice | undefined;
}

/** What a model consists of. */
interface Parts {
  readonly session: Session;
  readonly predictor: Predictor;
}

/**
 * The key of a model's parts. They are in a closure and not in private members: a proxy of a model, as Vue and
 * MobX make them, has no private members, and hands on a function as it is.
 */
const PARTS = Symbol("parts");

/** The parts of a model or of a proxy of one; `call` begins the message of the error for anything else. */
function partsOf(model: unknown, call: string): Parts {
  const parts = (model as { [PARTS]?: () => Parts } | null | undefined)?.[PARTS];
  if (parts !== undefined) return parts();
  if (model === undefined) {
    throw new StateError(
      `${call}: it was called without its model. Fix: call model.${call}(…), or pass model.${call}.bind(model)`,
    );
  }
  throw new StateError(
    `${call}: expected a Model, received ${show(model)}. Copies made by structuredClone, postMessage or a spread ` +
      "have no network. Fix: send model.toBytes(), and make the copy by Model.fromBytes",
  );
}

/** A model's session. */
export const sessionOf = (model: Model, call = "model"): Session => partsOf(model, call).session;

/** A model as bytes, for files; `call` begins the messages of errors. */
export function bytesOf(model: Model, call: string, options: SaveOptions): Uint8Array<ArrayBuffer> {
  return writeBytes(savedOf(model, call, readSaveOptions(options, call)), call);
}

/** The model that bytes describe; `place` begins the messages of errors. */
export function restore(bytes: unknown, place: string, options: { readonly kernel?: KernelChoice }): Model {
  checkNames(options, ["kernel"], place);
  return modelOf(readBytes(bytes, place), options);
}

type Kept = ReturnType<typeof readSaveOptions>;

const WEIGHTS_ONLY: Kept = { optimizerState: false, history: false };

/** All that the model is made of again; by default without what only further training needs. */
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

/** Begins a training of the model, with checked and copied data. */
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

/** Ends the training of a loop whose generator nobody can pull any more. */
const loops = new FinalizationRegistry<Loop>(({ fit }) => fit?.abandon().catch(() => undefined));

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
export class Model<const List extends MetricList = MetricList> {
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

  /**
   * Checks the architecture, chooses the kernel and draws the initial weights.
   *
   * @throws OptionError for an unknown name or a value out of range; KernelError if a kernel that is asked
   * for cannot be had.
   */
  constructor(options: ModelOptions<List>) {
    checkNames(options, [...ARCHITECTURE, "seed", "kernel"], "model");
    const configuration = configure(options);
    this.seed = options.seed === undefined ? freshSeed() : readSeed(options.seed, "model: seed");
    const session = new Session(configuration, this.seed, options.kernel);
    const { inputs, outputs, parameters, kernel, reason } = session;
    this.inputs = inputs;
    this.outputs = outputs;
    this.parameters = parameters;
    this.kernel = { name: kernel.name, reason };
    const parts: Parts = { session, predictor: new Predictor(session) };
    Object.defineProperty(this, PARTS, { value: () => parts });
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
  fit<Given extends ValidationOptions = object>(
    data: Examples,
    options?: FitOptions<List, Validates<Given>> & ToldBy<Given>,
  ): Promise<History<List, Validates<Given>>>;
  fit<Given extends ValidationOptions = object>(
    x: Matrix,
    y: Matrix,
    options?: FitOptions<List, Validates<Given>> & ToldBy<Given>,
  ): Promise<History<List, Validates<Given>>>;
  async fit(...given: unknown[]): Promise<unknown> {
    const fit = begin(this, "fit", given);
    const lookBack = watchTraining(sessionOf(this), "fit", fit);
    const history = await fit.all();
    lookBack();
    return history;
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
  fitSync<Given extends ValidationOptions = object>(
    data: Examples,
    options?: FitOptions<List, Validates<Given>> & ToldBy<Given>,
  ): History<List, Validates<Given>>;
  fitSync<Given extends ValidationOptions = object>(
    x: Matrix,
    y: Matrix,
    options?: FitOptions<List, Validates<Given>> & ToldBy<Given>,
  ): History<List, Validates<Given>>;
  fitSync(...given: unknown[]): unknown {
    const fit = begin(this, "fitSync", given);
    const lookBack = watchTraining(sessionOf(this), "fitSync", fit);
    const history = fit.sync();
    lookBack();
    return history;
  }

  /**
   * The same training pulled epoch by epoch. It starts at the first `next` and waits while the loop's body
   * runs. `break`, or `return()` on the generator, ends it as a hook's `stop` does. A generator that is begun
   * and then left alone holds the model until it is collected.
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
    options?: FitOptions<List, Validates<Given>> & ToldBy<Given>,
  ): AsyncGenerator<Epoch<List, Validates<Given>>, History<List, Validates<Given>>>;
  epochs<Given extends ValidationOptions = object>(
    x: Matrix,
    y: Matrix,
    options?: FitOptions<List, Validates<Given>> & ToldBy<Given>,
  ): AsyncGenerator<Epoch<List, Validates<Given>>, History<List, Validates<Given>>>;
  epochs(...given: unknown[]): AsyncGenerator<unknown, unknown> {
    sessionOf(this, "epochs");
    const loop: Loop = {};
    const generator = pull(loop, () => begin(this, "epochs", given));
    loops.register(generator, loop);
    return generator;
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
   * The network's outputs, in the form of x: one row gives one row, rows give rows, a flat array or a
   * dataset gives a flat `Float32Array` of [rows × outputs]. While a training runs the answer is the last
   * whole epoch's. With `layer` it is the values of that layer, the code of an autoencoder for instance: those
   * that go through the model on the way to its outputs, to the bit. Each such call copies the weights once, so
   * give it many rows.
   *
   * @example
   * ```ts
   * model.predict([0.2, 0.9]); // [1.01]
   * model.predict([[0.2, 0.9], [0.1, 0.2]]); // [[1.01], [0.02]]
   * model.predict([0.2, 0.9], { layer: 0 }); // the values of layer 0
   * ```
   */
  predict<X extends Inputs>(x: X, options?: PredictOptions): InForm<X> {
    return partsOf(this, "predict").predictor.of(x, options) as InForm<X>;
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
  evaluate(data: Examples): Evaluation<List>;
  evaluate(x: Matrix, y: Matrix): Evaluation<List>;
  evaluate(...given: unknown[]): Evaluation {
    const session = sessionOf(this, "evaluate");
    session.use();
    return session.evaluate(examplesAlone("evaluate", given));
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
    const session = sessionOf(this, "gradients");
    session.useAlone("gradients");
    const data = session.examples("gradients", examplesAlone("gradients", given), true);
    const { loss, values } = session.gradients("gradients", data);
    return { loss, layers: toLayers(session.layers, values, { measured: false }) };
  }

  /**
   * A copy of the parameters: an entry for each layer as written, `{ weight: [outputs][inputs], bias:
   * [outputs] }` for a dense one, `{ layers: [...] }` for a residual, or `{}` for a layer without any. While a
   * training runs they are the last whole epoch's.
   */
  getWeights(): LayerWeights[] {
    const session = sessionOf(this, "getWeights");
    return toLayers(session.layers, session.use().read("parameters"));
  }

  /**
   * Sets all parameters, in the form of `getWeights`. The optimizer's state stays as it is.
   *
   * @throws ShapeError if a layer, a name or a size does not fit; DataError for a value that is not finite.
   */
  setWeights(weights: readonly LayerWeights[]): void {
    const session = sessionOf(this, "setWeights");
    const network = session.useAlone("setWeights");
    network.write("parameters", fromLayers(session.layers, weights, "setWeights"));
  }

  /** A table of the layers with their sizes and parameters, as text. */
  summary(): string {
    const { configuration, layers, parameters, reason } = sessionOf(this, "summary");
    const { loss, optimizer } = configuration;
    return [
      ...layerTable(layers),
      `${parameters} parameters, loss ${loss.type}, optimizer ${optimizer.type}, seed ${this.seed}`,
      `kernel ${this.kernel.name} (${reason})`,
    ].join("\n");
  }

  /**
   * The history of the last training: what `fit` returns a copy of, and of one that was aborted or diverged what
   * there is. It grows while a training runs. A training that ends before its first step leaves it as it was.
   * `toBytes` and `save` keep its lists with the model.
   */
  get history(): History<List> | undefined {
    return sessionOf(this, "history").history as History<List> | undefined;
  }

  /**
   * The model as plain JSON: architecture, seed, weights and optimizer state, and so the same for equal runs:
   * the history, which has times, is not in it. `Model.fromJSON` is the way back.
   */
  toJSON(): ModelJSON {
    return writeJSON(savedOf(this, "toJSON", { optimizerState: true, history: false }));
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
    return modelOf(readJSON(json), options);
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
   * Frees the memory of the model at once. A second call does nothing. The garbage collector frees a model that
   * nobody refers to, but on the native kernel only when the event loop turns: a synchronous script that makes
   * many models disposes of each.
   */
  dispose(): void {
    const { session, predictor } = partsOf(this, "dispose");
    session.dispose();
    predictor.dispose();
  }

  /** For `using model = new Model(…)`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

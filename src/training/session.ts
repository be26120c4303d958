/** The state of a model: its network, what it requires of data, its position and history, and its lock. */
import {
  type CheckedRows,
  checkSizes,
  type Dataset,
  type Examples,
  type ExpectedInputs,
  type ExpectedTargets,
  expectedX,
  readExamples,
  readMatrix,
} from "../data/examples.ts";
import { StateError, withinMemory } from "../errors.ts";
import type { Configuration } from "../formats/configuration.ts";
import type { SavedModel } from "../formats/saved.ts";
import { chooseKernel, type KernelChoice } from "../kernel/choose.ts";
import {
  CHUNK_ROWS,
  type Footprint,
  type Gradients,
  type Kernel,
  type Network,
  type Position,
} from "../kernel/kernel.ts";
import { allocate, checkMemory } from "../memory.ts";
import type { Problem } from "../metrics/metric.ts";
import { LOSS_OF_LABELS, targetsInWords } from "../nn/losses/loss.ts";
import {
  categoriesOf,
  countParameters,
  countSlots,
  createLoss,
  type LayerShape,
  shapes,
  takesWholeBatches,
  toProgram,
} from "../nn/program.ts";
import { initialize } from "../nn/weights.ts";
import type { Complete } from "../options.ts";
import { type Expectation, free, type Loaded, loadFor, readFor, readTraining } from "./data.ts";
import { type History, type MetricList, type Metrics, splitHistory } from "./history.ts";
import { createMetrics, measuresOf, type NamedMetric } from "./metrics.ts";
import type { CheckedFitOptions } from "./options.ts";
import { type SavedParts, startOfNextEpoch } from "./trainableModel.ts";
import { Training } from "./training.ts";
import { warnBefore } from "./warnings/before.ts";

/** The result of `evaluate`: the loss, and the model's metrics by name. */
export type Evaluation<List extends MetricList = MetricList> = {
  /** The mean loss over the rows. */
  readonly loss: number;
} & Metrics<number, List>;

/** The position of a new model. */
export const START: Position = { epoch: 0, step: 0, steps: 0, loss: 0 };
const NOTHING = { position: START, history: undefined };

/** A network with its configuration. One training at a time may change it. */
export class Session {
  readonly configuration: Configuration;
  readonly seed: number;
  readonly layers: readonly LayerShape[];
  /** The number of values in a row of x. */
  readonly inputs: number;
  /** What a row of x has to contain. */
  readonly expected: ExpectedInputs;
  /** The number of values in a row of predictions. */
  readonly outputs: number;
  /** The number of weights and biases. */
  readonly parameters: number;
  readonly kernel: Kernel;
  /** Why this kernel was chosen. */
  readonly reason: string;
  /** The position of the model, and the history of its last training. */
  #progress: { readonly position: Position; readonly history: History | undefined } = NOTHING;
  /** The training that holds the lock. */
  #holder: Training | undefined;
  /** The metrics, which are measured besides the loss. */
  readonly metrics: readonly NamedMetric[];
  readonly #expected: Expectation;
  readonly #footprint: Footprint;
  #network: Network | undefined;

  constructor(configuration: Configuration, seed: number, choice: KernelChoice | undefined) {
    this.configuration = configuration;
    this.seed = seed;
    this.layers = shapes(configuration);
    this.inputs = configuration.inputs;
    this.expected = { columns: this.inputs, categories: categoriesOf(configuration) };
    this.outputs = this.layers[this.layers.length - 1].outputs;
    this.parameters = this.layers.reduce((sum, layer) => sum + countParameters(layer), 0);
    const { kernel, reason } = chooseKernel(choice);
    this.kernel = kernel;
    this.reason = reason;
    const { meaning } = createLoss(configuration);
    this.metrics = createMetrics(configuration.metrics, meaning, this.outputs);
    const program = toProgram(configuration, measuresOf(this.metrics));
    this.#footprint = kernel.footprint(program);
    const initial = this.parameters * Float32Array.BYTES_PER_ELEMENT;
    checkMemory(this.#footprint.network + initial, `model: ${this.parameters} parameters`);
    this.#expected = {
      inputs: this.expected,
      targets: expectedTargets(configuration, this.outputs),
      problem: { ...meaning, outputs: this.outputs },
      configuration,
      metrics: this.metrics,
      kernel,
      seed,
    };
    this.#network = withinMemory(`model: ${this.parameters} parameters do not fit in memory`, () => {
      const network = kernel.network(program);
      network.write("parameters", initialize(this.layers, seed, zeros(this.parameters)));
      return network;
    });
  }

  get position(): Position {
    return this.#progress.position;
  }

  /** The history of the last training, which grows while it runs. */
  get history(): History | undefined {
    return this.#progress.history;
  }

  /** Sets the position, and the history of a training that has one. */
  commit(position: Position, history = this.history): void {
    this.#progress = { position, history };
  }

  /** Returns the network, or throws if the model has been disposed. */
  use(): Network {
    if (this.#network === undefined)
      throw new StateError("model: the model has been disposed. Fix: make a new one");
    return this.#network;
  }

  /** Returns the network, or throws if a training holds the lock. */
  useAlone(call: string): Network {
    this.#checkFree(call);
    return this.use();
  }

  #checkFree(call: string): void {
    if (this.#holder === undefined) return;
    const fix =
      this.#holder.call === "epochs"
        ? "an epochs loop of this model has not ended. Fix: let the loop end, break out of it, or call return() " +
          "on its generator"
        : "a training of this model is running. Fix: wait until it ends";
    throw new StateError(`${call}: ${fix}`);
  }

  /** Unlocks the model, if `training` holds the lock. */
  release(training: object): void {
    if (this.#holder === training) this.#holder = undefined;
  }

  /** Returns the saved form of the model. Call it only between two calls of the kernel. */
  saved({ optimizerState, history, into }: SavedParts): SavedModel {
    const { configuration, seed, position } = this;
    const network = this.use();
    const slots = countSlots(configuration);
    return {
      configuration,
      seed,
      // An optimizer whose state is not saved starts again at step 0.
      training: {
        epochs: startOfNextEpoch(position).epoch,
        steps: slots > 0 && !optimizerState ? 0 : position.steps,
      },
      ...(history && this.history ? splitHistory(this.history) : { history: undefined, ending: {} }),
      parameters: network.read("parameters", into?.parameters),
      optimizerState: optimizerState ? network.read("slots", into?.optimizerState) : new Float32Array(0),
    };
  }

  /** Frees the network. */
  dispose(): void {
    this.#checkFree("dispose");
    this.#network?.dispose();
    this.#network = undefined;
  }

  /**
   * Refuses rows whose activations and gradients do not fit in memory. A network holds at most a chunk of
   * rows at a time, except when it trains on a batch and has layers that need whole batches.
   */
  checkRows(call: string, rows: number, trains = false): void {
    checkMemory(this.#rowBytes(rows, trains), () => `${call}: the values of ${rows} rows`);
  }

  #rowBytes(rows: number, trains: boolean): number {
    const isWhole = trains && rows > CHUNK_ROWS && takesWholeBatches(this.configuration);
    return (isWhole ? rows : Math.min(rows, CHUNK_ROWS)) * this.#footprint.row;
  }

  /** A key that is equal for models that can share loaded data. */
  get loadKey(): string {
    const { loss, metrics } = this.configuration;
    return JSON.stringify([this.kernel.name, this.expected, this.outputs, loss, metrics]);
  }

  /** Checks the data of a training and copies it to the kernel. */
  load(call: string, examples: Examples, options: CheckedFitOptions): Loaded {
    return loadFor(call, this.#expected, examples, options);
  }

  /** Checks the data of a training, for a call that copies nothing. */
  readTraining(call: string, examples: Examples, options: CheckedFitOptions) {
    return readTraining(call, this.#expected, examples, options);
  }

  /**
   * Begins a training, which holds the lock until it is released. `load` returns its data. The model does not
   * change before the first step of the training.
   */
  begin(
    call: string,
    examples: Examples,
    options: CheckedFitOptions,
    load = (options: CheckedFitOptions) => this.load(call, examples, options),
  ): Training {
    this.useAlone(call);
    options.signal?.throwIfAborted();
    const loaded = load(options);
    try {
      const { data, validation } = loaded;
      this.checkRows(call, Math.min(options.batchSize, data.rows), true);
      if (validation !== undefined) this.checkRows(call, validation.rows);
      if (this.metrics.length > 0) this.#checkPredictions(call, data.rows + (validation?.rows ?? 0));
      const training = new Training(call, this, loaded, options, () =>
        load({ ...options, validationShuffle: false }),
      );
      this.#holder = training;
      warnBefore(call, this, training);
      return training;
    } catch (error) {
      free(loaded);
      throw error;
    }
  }

  /** Checks examples, to train on or only to measure. */
  examples(call: string, given: Examples, trains = false): Dataset {
    const data = readExamples(given, this.expected, this.#expected.targets);
    this.checkRows(call, data.rows, trains);
    return data;
  }

  /** Checks rows of x, which may be in a dataset. The kernel checks that a typed array is finite, when it predicts. */
  rows(call: string, x: unknown): CheckedRows {
    const source = typeof x === "object" && x !== null && "x" in x ? x.x : x;
    if (source !== x) checkSizes(x as object, { inputs: this.inputs });
    const isCheckedLater = this.expected.categories.length === 0;
    const checked = readMatrix(source, { ...expectedX(this.expected), isCheckedLater });
    this.checkRows(call, checked.rows);
    this.#checkPredictions(call, checked.rows);
    return source === x ? checked : { ...checked, form: "flat" };
  }

  /** Returns the predictions for checked rows, [rows][outputs]. */
  predictions(x: Float32Array, threads?: number): Float32Array {
    const rows = x.length / this.inputs;
    const output = allocate(rows * this.outputs, () => `the predictions of ${rows} rows`);
    this.use().predict(x, output, threads);
    return output;
  }

  /** Returns the mean loss of checked examples. */
  loss(data: Dataset): number {
    return this.use().evaluate(data);
  }

  /**
   * Returns the mean loss of checked examples as one batch, and its gradient with respect to each parameter.
   */
  gradients(call: string, data: Dataset): Gradients {
    const network = this.useAlone(call);
    // The kernel has one copy of the gradient, and the result is another.
    const bytes = 2 * this.parameters * Float32Array.BYTES_PER_ELEMENT;
    checkMemory(bytes + this.#rowBytes(data.rows, true), () => `${call}: the gradient of ${data.rows} rows`);
    return network.gradients(data);
  }

  /** Checks examples like those of a training. */
  read(examples: Examples): Dataset {
    return readFor(this.#expected, examples);
  }

  /** Creates metrics for this model besides its own. */
  createMetrics(metrics: readonly Complete[]): readonly NamedMetric[] {
    return createMetrics(metrics, this.#expected.problem, this.outputs);
  }

  /** What the loss requires of targets. */
  get expectedTargets(): ExpectedTargets {
    return this.#expected.targets;
  }

  /** The meaning of targets and predictions, and the number of outputs. */
  get problem(): Problem {
    return this.#expected.problem;
  }

  /** Returns the loss and the metrics of examples, from one forward pass. */
  evaluate(examples: Examples): Evaluation {
    this.use();
    return this.measure(this.prepare(examples));
  }

  /** Checks examples for `measure`. */
  prepare(examples: Examples, metrics = this.metrics): Dataset {
    const data = readFor({ ...this.#expected, metrics }, examples);
    this.checkRows("evaluate", data.rows);
    return data;
  }

  /** Returns the loss and the metrics of examples that a model with the same `loadKey` has prepared. */
  measure(data: Dataset, metrics = this.metrics): Evaluation {
    const network = this.use();
    if (metrics.length === 0) return { loss: network.evaluate(data) };
    const output = allocate(data.rows * this.outputs, () => `evaluate: the predictions of ${data.rows} rows`);
    const loss = network.evaluate(data, output);
    const values = metrics.map(({ name, metric }) => [name, metric.value(output, data.y, data.rows)]);
    return { loss, ...Object.fromEntries(values) };
  }

  #checkPredictions(call: string, rows: number): void {
    const bytes = rows * this.outputs * Float32Array.BYTES_PER_ELEMENT;
    checkMemory(bytes, () => `${call}: the predictions of ${rows} rows`);
  }
}

/**
 * Larger arrays are not reused: they have their own pages, which go back to the system when they are freed.
 */
const MOST_REUSED = 2 ** 22;

/** The array of the last model's initial values, which is free: the kernel has copied them. */
let reusable: WeakRef<Float32Array> | undefined;

/**
 * Returns zeros, in the memory of the last call if that is large enough. Otherwise a program that makes many
 * models in a loop leaves an array for each until the garbage collection, and fragments the kernel's memory.
 */
function zeros(length: number): Float32Array {
  const known = reusable?.deref();
  if (known !== undefined && known.length >= length) return known.subarray(0, length).fill(0);
  const values = new Float32Array(length);
  if (length <= MOST_REUSED) reusable = new WeakRef(values);
  return values;
}

/** Returns what the loss of a network with this number of outputs requires of targets. */
function expectedTargets(configuration: Configuration, outputs: number): ExpectedTargets {
  const loss = createLoss(configuration);
  const columns = loss.targets(outputs);
  return {
    columns,
    unit: columns === outputs ? "outputs" : "targets",
    meaning: targetsInWords[loss.meaning.targets],
    lossOfLabels: loss.meaning.targets === "values" ? undefined : LOSS_OF_LABELS,
    check: (values, row) => loss.check?.(values, row, outputs),
  };
}

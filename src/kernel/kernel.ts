/**
 * The interface that all kernels implement.
 *
 * A kernel does the work of every mini-batch. The interface is narrow: one call of `train` or `start` covers
 * one epoch or more, nothing calls back from inside a step, and no call keeps the arrays that are passed to
 * it. The seed, the epoch and the step determine which rows a step takes; all kernels compute this in the
 * same way.
 */
import type { Program } from "../nn/program.ts";

/**
 * The most rows whose activations a kernel holds at once. It splits larger batches into chunks of this
 * size, unless a layer needs statistics over the whole batch.
 */
export const CHUNK_ROWS = 512;

/** The kernels. */
export type KernelName = "native" | "wasm" | "typescript";

/** How far a model's training has come. */
export interface Position {
  /** The number of completed epochs. */
  readonly epoch: number;
  /** The number of completed steps in the current epoch. */
  readonly step: number;
  /** The number of updates that the optimizer has made. */
  readonly steps: number;
  /** The sum of the losses of the rows in the current epoch so far. */
  readonly loss: number;
}

/**
 * The settings and the state of early stopping. It ends a run when a value has not improved by more than
 * `minDelta` for more than `patience` epochs. NaN is never an improvement.
 */
export interface EarlyStopping {
  /** Whether it watches a value of the validation instead of the training. */
  readonly validation: boolean;
  /** The index of the measure of the Program that it watches; the loss if undefined. */
  readonly measure?: number | undefined;
  /** Whether a larger value is better. The negative value is then minimized. */
  readonly largerIsBetter: boolean;
  readonly minDelta: number;
  readonly patience: number;
  /** The best value so far, negative if a larger value is better. */
  readonly best: number;
  /** The number of epochs since the best one. */
  readonly waited: number;
}

/** The parameters of the best epoch. */
export interface Best {
  readonly epoch: number;
  readonly parameters: Float32Array;
}

/** The options of a run. */
export interface Run {
  /** Where the run starts. */
  readonly from: Position;
  /** The number of steps. */
  readonly steps: number;
  /** The number of rows in a batch. The last batch of an epoch has the remaining rows. */
  readonly batchSize: number;
  /** The seed of all random numbers: the order of the rows in each epoch, and the noise of layers. */
  readonly seed: number;
  /** Whether to shuffle the rows in each epoch. */
  readonly shuffle: boolean;
  /**
   * The number of steps for each update, which uses the mean of their gradients. The last update of an epoch
   * has the remaining steps. A run that starts between two updates continues with the gradient that the run
   * before it accumulated.
   */
  readonly accumulate: number;
  /** The learning rate of each epoch, beginning with the current one, or of each step of the run. */
  readonly learningRates: Float64Array;
  /** Whether each step has a learning rate of its own. An update has that of its last step. */
  readonly ratePerStep?: boolean;
  /** The most threads to use; by default as many as there are free cores. */
  readonly threads?: number;
  /** The data whose loss is computed at the end of each epoch. */
  readonly validation?: KernelData;
  /**
   * Whether to return predictions: those of training, before each step, and those for the validation data.
   * They take memory for each epoch of the run.
   */
  readonly predictions?: boolean;
  /** Early stopping, if wanted. The run then also returns the parameters of the best epoch. */
  readonly earlyStopping?: EarlyStopping;
  /** The run ends after an epoch whose loss is at most this. */
  readonly targetLoss?: number;
}

/** The result of a run. */
export interface Progress {
  readonly position: Position;
  /** The mean loss over the rows, for each epoch that ended in this run. */
  readonly losses: Float64Array;
  /** The seconds that each of these epochs took in this run. */
  readonly seconds: Float64Array;
  /** The mean loss over the validation rows, for each of these epochs, if there is validation data. */
  readonly validationLosses?: Float64Array | null | undefined;
  /**
   * The Program's measures, [epochs][measures], for each of these epochs. They are computed from the
   * predictions that training made before each step.
   */
  readonly measures?: Float64Array | null | undefined;
  /** The measures of the validation, [epochs][measures], for each of these epochs. */
  readonly validationMeasures?: Float64Array | null | undefined;
  /**
   * If wanted: the predictions that training made before each step, [epochs][rows][outputs], rows in the
   * order of the data, for each epoch in which the run took a step. Rows that the run did not reach are
   * zeros.
   */
  readonly predictions?: Float32Array | null | undefined;
  /** If wanted: the predictions for the validation rows, after each epoch that ended. */
  readonly validationPredictions?: Float32Array | null | undefined;
  /** The state of early stopping, if the run has it. */
  readonly earlyStopping?: EarlyStopping | null | undefined;
  /** The best epoch, if an epoch of this run is better than all before. */
  readonly best?: Best | null | undefined;
  /** Whether early stopping or the target loss ended the run. */
  readonly reached: boolean;
  /** Whether `stop` ended the run. */
  readonly stopped: boolean;
  /**
   * Set if the run ended because the loss, the norm of a gradient or, at the end of an epoch, a parameter was
   * not finite. Parameters and position are then those of the last completed epoch, or of the start of the
   * run if no epoch ended in it.
   */
  readonly diverged?: { readonly epoch: number; readonly step: number } | null | undefined;
}

/** The loss of a batch, and the gradients of the loss and the penalties with respect to each parameter. */
export interface Gradients {
  readonly loss: number;
  readonly values: Float32Array;
}

/** Rows in the caller's memory. A call reads them before it returns and keeps no reference to them. */
export interface Rows {
  /** [rows][inputs] */
  readonly x: Float32Array;
  /** [rows][targets] */
  readonly y: Float32Array;
  /** One factor for each row, by which its loss and its gradient are multiplied; 1 by default. */
  readonly weights?: Float32Array | undefined;
  readonly inputs: number;
  readonly outputs: number;
  readonly rows: number;
}

/** The kernel's own copy of rows. */
export interface KernelData {
  /** Frees the copy as soon as no training reads it. A second call does nothing. */
  free(): void;
}

/**
 * `parameters`: layer by layer, the weights as [outputs][inputs], then the biases. `slots`: the optimizer's
 * slots, each in the order of the parameters.
 */
export type Part = "parameters" | "slots";

/** A Program with its parameters and optimizer state, which both start as zeros. */
export interface Network {
  /** Trains before it returns. */
  train(data: KernelData | Rows, run: Run): Progress;
  /** Trains without blocking the event loop. */
  start(data: KernelData, run: Run): Promise<Progress>;
  /** Ends a training that `start` began, after its current step. */
  stop(): void;
  /**
   * Writes the predictions for x, [rows][inputs], into `output`. During a training it uses the parameters of
   * the last completed epoch. A value of x that is not finite is a `KernelError`.
   */
  predict(x: Float32Array, output: Float32Array, threads?: number): void;
  /**
   * Returns the mean loss over the rows, with the same parameters as `predict`. Also writes the predictions
   * into `output` if it is given.
   */
  evaluate(data: KernelData | Rows, output?: Float32Array, threads?: number): number;
  /** Returns the gradients of all rows as one batch. Changes nothing. */
  gradients(data: KernelData | Rows): Gradients;
  /**
   * Returns a copy of a part, written into `values` if they are given. During a training the parameters are
   * those of the last completed epoch.
   */
  read(part: Part, values?: Float32Array): Float32Array;
  write(part: Part, values: Float32Array): void;
  /** Frees the network. No training may be running, and no call may follow, except a second `dispose`. */
  dispose(): void;
}

/** The memory that a Program takes, in bytes. */
export interface Footprint {
  /** Parameters and optimizer state, each with its copy from the last completed epoch, and one gradient. */
  readonly network: number;
  /** The values and gradients of one row in all layers. */
  readonly row: number;
}

/** One of several trainings. Each has its own network; the data may be shared. */
export interface KernelTraining {
  readonly network: Network;
  readonly data: KernelData;
  readonly run: Run;
}

/** Several trainings in progress. */
export interface KernelTrainings {
  /** Resolves when all have ended, to the results in the order of the trainings. */
  readonly progress: Promise<Progress[]>;
  /** Returns how many have ended. */
  finished(): number;
  /** Ends each training after its current step, or before its first if it has not begun. */
  stop(): void;
}

/** A kernel: creates datasets and networks. */
export interface Kernel {
  readonly name: KernelName;
  /**
   * Copies rows of x and y, which must be finite: throws a {@link KernelError} if a value of x is not.
   * `weights` has one value for each row, none of them negative, by which the loss of the row and its gradient
   * are multiplied. `scales` has a factor for each input, by which the copy of x is multiplied.
   */
  dataset(
    x: Float32Array,
    y: Float32Array,
    inputs: number,
    outputs: number,
    weights?: Float32Array,
    scales?: Float32Array,
  ): KernelData;
  network(program: Program): Network;
  /** Returns the memory that a network of the Program will take. */
  footprint(program: Program): Footprint;
  /**
   * Trains independent networks without blocking the event loop. The results are those of training each
   * alone.
   */
  trainMany(trainings: readonly KernelTraining[], threads?: number): KernelTrainings;
}

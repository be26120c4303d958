/**
 * What a kernel is: the exchangeable implementation of what runs for every mini-batch.
 *
 * The interface is narrow. One call of `train` or `start` covers an epoch or more; nothing calls back from
 * inside a step, and no array that is passed in is looked at after the call. Which rows a step takes is a
 * function of seed, epoch and step that both kernels compute.
 */
import type { Program } from "../nn/program.ts";

/**
 * The most rows whose activations a kernel holds together: larger batches are cut there, unless figures are
 * taken over all rows of a batch.
 */
export const CHUNK_ROWS = 512;

/** The kernels there are. */
export type KernelName = "native" | "typescript";

/** How far a model's training has come. */
export interface Position {
  /** Whole epochs done. */
  readonly epoch: number;
  /** Steps done in the epoch at hand. */
  readonly step: number;
  /** Updates done in all: the optimizer's steps. */
  readonly steps: number;
  /** The sum of the losses of the rows seen in the epoch at hand. */
  readonly loss: number;
}

/**
 * Early stopping, and how far it has come: a run ends when a loss has not become better by more than `minDelta`
 * for more than `patience` epochs. NaN is never better.
 */
export interface EarlyStopping {
  /** Whether the validation's loss is watched, and not the training's. */
  readonly validation: boolean;
  readonly minDelta: number;
  readonly patience: number;
  /** The best loss so far. */
  readonly best: number;
  /** The epochs since. */
  readonly waited: number;
}

/** The parameters of the best epoch. */
export interface Best {
  readonly epoch: number;
  readonly parameters: Float32Array;
}

/** What to train. */
export interface Run {
  /** Where to go on. */
  readonly from: Position;
  /** How many steps to take. */
  readonly steps: number;
  /** Rows a step; the last of an epoch takes what is left. */
  readonly batchSize: number;
  /** What all draws of the run follow from: the epochs' orders, and the noise of layers that have some. */
  readonly seed: number;
  /** Whether each epoch has an order of its own; else the rows stand as they are. */
  readonly shuffle: boolean;
  /**
   * The steps that an update takes together, by the mean of their gradients; at an epoch's end those that are
   * left. A run that starts between two updates goes on with the gradient that the last one left.
   */
  readonly accumulate: number;
  /** The learning rate of each epoch from the one at hand. */
  readonly learningRates: Float64Array;
  /** The most threads; by default as many as there are free cores. */
  readonly threads?: number;
  /** Rows whose loss is measured at the end of each epoch. */
  readonly validation?: KernelData;
  /**
   * Whether the predictions are wanted: those that training made before each step, and those of the
   * validation. They take memory for each epoch of the run.
   */
  readonly predictions?: boolean;
  /** Whether to end early, and to keep the best parameters. */
  readonly earlyStopping?: EarlyStopping;
  /** The run ends with an epoch whose loss is not above it. */
  readonly targetLoss?: number;
}

/** What a run did. */
export interface Progress {
  readonly position: Position;
  /** The mean loss over the rows, of each epoch that ended. */
  readonly losses: Float64Array;
  /** The seconds that each epoch that ended took in this run. */
  readonly seconds: Float64Array;
  /** The mean loss over the rows of the validation, of each epoch that ended, if there is one. */
  readonly validationLosses?: Float64Array | null | undefined;
  /**
   * If wanted: the predictions that training made before each step, [epochs][rows][outputs], rows in the
   * order of the data, for each epoch that the run took a step of. A row that it did not get to has zeros.
   */
  readonly predictions?: Float32Array | null | undefined;
  /** If wanted: those for the rows of the validation, after each epoch that ended. */
  readonly validationPredictions?: Float32Array | null | undefined;
  /** How far early stopping has come, if it was asked for. */
  readonly earlyStopping?: EarlyStopping | null | undefined;
  /** The best epoch, if one of this run was better than all before. */
  readonly best?: Best | null | undefined;
  /** Whether early stopping or the target ended it. */
  readonly reached: boolean;
  /** Whether `stop` ended it. */
  readonly stopped: boolean;
  /**
   * Set if it ended since the loss, the norm of a gradient or, at an epoch's end, a parameter was no longer
   * finite. Parameters and position are then those of the last whole epoch, or of the start of the run where
   * none ended in it.
   */
  readonly diverged?: { readonly epoch: number; readonly step: number } | null | undefined;
}

/** The loss of a batch, and by each parameter the gradient of it and of the penalties. */
export interface Gradients {
  readonly loss: number;
  readonly values: Float32Array;
}

/** Rows in a caller's memory: a call reads them before it returns and keeps nothing. */
export interface Rows {
  /** [rows][inputs] */
  readonly x: Float32Array;
  /** [rows][targets] */
  readonly y: Float32Array;
  /** What the loss of each row and its gradient are multiplied by; 1 without it. */
  readonly weights?: Float32Array | undefined;
  readonly inputs: number;
  readonly outputs: number;
  readonly rows: number;
}

/** Rows that a kernel has copied. */
export interface KernelData {
  /** Frees them, as soon as no training reads them. A second call does nothing. */
  free(): void;
}

/**
 * `parameters`: layer by layer, weights as [outputs][inputs], then biases. `slots`: the optimizer's, in
 * that order.
 */
export type Part = "parameters" | "slots";

/** A Program with its parameters and optimizer state, both zero at first. */
export interface Network {
  /** Trains before it returns. */
  train(data: KernelData | Rows, run: Run): Progress;
  /** Trains while the event loop goes on. */
  start(data: KernelData, run: Run): Promise<Progress>;
  /** Ends what `start` began after the step at hand. */
  stop(): void;
  /**
   * Writes the predictions for x, [rows][inputs], into `output`; while training with the last whole epoch's
   * parameters.
   */
  predict(x: Float32Array, output: Float32Array, threads?: number): void;
  /**
   * The mean loss over the rows, with the same parameters as `predict`. Their predictions are written into
   * `output`, if there is one.
   */
  evaluate(data: KernelData | Rows, output?: Float32Array, threads?: number): number;
  /** Of all rows as one batch. Changes nothing. */
  gradients(data: KernelData | Rows): Gradients;
  /** A copy, in `values` if they are given; parameters while training are the last whole epoch's. */
  read(part: Part, values?: Float32Array): Float32Array;
  write(part: Part, values: Float32Array): void;
  /** Frees the network, which nothing may train now or use later. A second call does nothing. */
  dispose(): void;
}

/** The bytes that a Program takes. */
export interface Footprint {
  /** Parameters and optimizer state, each with the copy of the last whole epoch, and a gradient. */
  readonly network: number;
  /** The values and gradients of one row in all layers. */
  readonly row: number;
}

/** One of several trainings: a network of its own; the data may be shared. */
export interface KernelTraining {
  readonly network: Network;
  readonly data: KernelData;
  readonly run: Run;
}

/** Trainings under way. */
export interface KernelTrainings {
  /** What each did, in their order, when all have ended. */
  readonly progress: Promise<Progress[]>;
  /** How many have ended. */
  finished(): number;
  /** Ends each after the step at hand, and those that have not begun before their first. */
  stop(): void;
}

/** What makes networks. */
export interface Kernel {
  readonly name: KernelName;
  /**
   * Copies rows of x and y, whose values are known to be finite. `weights` has one a row, none of them
   * negative: the loss of a row, and the gradient of that loss, are multiplied by it.
   */
  dataset(
    x: Float32Array,
    y: Float32Array,
    inputs: number,
    outputs: number,
    weights?: Float32Array,
  ): KernelData;
  network(program: Program): Network;
  /** What a network of the Program will take. */
  footprint(program: Program): Footprint;
  /** Trains independent networks while the event loop goes on, with the results of training each alone. */
  trainMany(trainings: readonly KernelTraining[], threads?: number): KernelTrainings;
}

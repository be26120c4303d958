export { load, save } from "#files";
export { blobs } from "./data/blobs.ts";
export { circles } from "./data/circles.ts";
export type { Dataset, Examples, Matrix, NumberArray } from "./data/examples.ts";
export { friedman1 } from "./data/friedman1.ts";
export type { GeneratorOptions } from "./data/generator.ts";
export { moons } from "./data/moons.ts";
export { spirals } from "./data/spirals.ts";
export { xor } from "./data/xor.ts";
export {
  DataError,
  DivergenceError,
  FileError,
  FormatError,
  KernelError,
  MyelinError,
  OptionError,
  ShapeError,
  StateError,
} from "./errors.ts";
export type { SaveOptions } from "./formats/bytes.ts";
export type { MetricChoice as Metric } from "./formats/configuration.ts";
export type { ModelJSON } from "./formats/json.ts";
export type { KernelChoice } from "./kernel/choose.ts";
export type { KernelName } from "./kernel/kernel.ts";
export { type ReadyOptions, ready } from "./kernel/ready.ts";
export * as metrics from "./metrics/index.ts";
export { type BatchGradients, Model, type ModelOptions } from "./model.ts";
export * from "./nn/activations.ts";
export * as initializers from "./nn/initializers.ts";
export { batchNorm } from "./nn/layers/batchNorm.ts";
export { type DenseOptions, dense } from "./nn/layers/dense.ts";
export { dropout } from "./nn/layers/dropout.ts";
export { embedding } from "./nn/layers/embedding.ts";
export { gaussianNoise } from "./nn/layers/gaussianNoise.ts";
export { layerNorm } from "./nn/layers/layerNorm.ts";
export { scale } from "./nn/layers/scale.ts";
export { softmax } from "./nn/layers/softmax.ts";
export { type LayerChoice as Layer, type Residual, residual } from "./nn/layers.ts";
export * as losses from "./nn/losses.ts";
export * from "./nn/optimizers.ts";
export type {
  ClipGradients,
  LossChoice as Loss,
  OptimizerChoice as Optimizer,
  Precision,
} from "./nn/program.ts";
export type { ScheduleChoice as Schedule, ScheduleFunction } from "./nn/schedules/chain.ts";
export * as schedules from "./nn/schedules.ts";
export type { LayerWeights } from "./nn/weights.ts";
export {
  type CrossValidateOptions,
  type CrossValidation,
  crossValidate,
  type Fold,
} from "./selection/crossValidate.ts";
export { type Ensemble, type EnsemblePrediction, ensemble } from "./selection/ensemble.ts";
export {
  type FindLearningRateOptions,
  findLearningRate,
  type LearningRateCurve,
} from "./selection/findLearningRate.ts";
export type { SearchRow } from "./selection/search/rows.ts";
export { type Interval as Range, type Point, range, type Space } from "./selection/search/space.ts";
export * as strategies from "./selection/search/strategies.ts";
export { type SearchOptions, type SearchProgress, type SearchResult, search } from "./selection/search.ts";
export type { Candidate } from "./selection/trials/candidates.ts";
export type { Budget } from "./training/budget.ts";
export type { Callback, Control } from "./training/callbacks/callback.ts";
export * as callbacks from "./training/callbacks.ts";
export type { Ended, Epoch, History, MetricList, MetricName, Monitor } from "./training/history.ts";
export type { PredictOptions } from "./training/modelPredictor.ts";
export type { FitOptions } from "./training/options.ts";
export type { Evaluation } from "./training/session.ts";
export {
  type ManyHistory,
  type ManyProgress,
  type TrainManyOptions,
  trainMany,
} from "./training/trainMany.ts";
export type { TrainOnBatchOptions } from "./training/trainOnBatch.ts";
export { version } from "./version.ts";

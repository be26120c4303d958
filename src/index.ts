export { load, save } from "#files";
export * from "./activations.ts";
export type { Callback, Control } from "./callbacks/callback.ts";
export * as callbacks from "./callbacks.ts";
export {
  type CrossValidateOptions,
  type CrossValidation,
  crossValidate,
  type Fold,
} from "./cross-validate.ts";
export type { Dataset, Examples, Matrix, NumberArray } from "./data/dataset.ts";
export { xor } from "./data/xor.ts";
export { type Ensemble, type EnsemblePrediction, ensemble } from "./ensemble.ts";
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
export {
  type FindLearningRateOptions,
  findLearningRate,
  type LearningRateCurve,
} from "./find-learning-rate.ts";
export type { Budget } from "./fit/budget.ts";
export type { Ended, Epoch, History, MetricList, MetricName, Monitor } from "./fit/history.ts";
export type { FitOptions } from "./fit/options.ts";
export type { SaveOptions } from "./formats/bytes.ts";
export type { ModelJSON } from "./formats/json.ts";
export * as initializers from "./initializers.ts";
export type { AttributionOptions } from "./insight/attributions.ts";
export type { CheckedGradient, CheckOptions, GradientCheck } from "./insight/check.ts";
export type { PartialDependence, PartialDependenceOptions } from "./insight/dependence.ts";
export type { ExplainedLayer, ExplainedOperation, Explanation } from "./insight/explain.ts";
export type { ColumnImportance, Importance, ImportanceOptions } from "./insight/importance.ts";
export type { KernelChoice } from "./kernel/choose.ts";
export type { KernelName } from "./kernel.ts";
export { batchNorm } from "./layers/batchNorm.ts";
export { type DenseOptions, dense } from "./layers/dense.ts";
export { dropout } from "./layers/dropout.ts";
export { embedding } from "./layers/embedding.ts";
export { gaussianNoise } from "./layers/gaussianNoise.ts";
export { layerNorm } from "./layers/layerNorm.ts";
export { softmax } from "./layers/softmax.ts";
export { type Residual, residual } from "./layers.ts";
export * as losses from "./losses.ts";
export { type ManyHistory, type ManyProgress, type TrainManyOptions, trainMany } from "./many.ts";
export * as metrics from "./metrics.ts";
export { type BatchGradients, Model, type ModelOptions } from "./model.ts";
export type { TrainOnBatchOptions } from "./online.ts";
export * from "./optimizers.ts";
export type { PredictOptions } from "./predictor.ts";
export type { ClipGradients, Layer, Loss, Metric, Optimizer } from "./program.ts";
export type { ScheduleChoice as Schedule, ScheduleFunction } from "./schedules/chain.ts";
export * as schedules from "./schedules.ts";
export type { Candidate } from "./search/candidates.ts";
export type { SearchRow } from "./search/rows.ts";
export { type Point, type Range, range, type Space } from "./search/space.ts";
export * as strategies from "./search/strategies.ts";
export { type SearchOptions, type SearchProgress, type SearchResult, search } from "./search.ts";
export type { Evaluation } from "./trainee.ts";
export type { Cause, Diagnosis, Finding } from "./training/finding.ts";
export { version } from "./version.ts";
export type { LayerWeights } from "./weights.ts";

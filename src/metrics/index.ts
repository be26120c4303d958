/** The namespace `metrics`: the entries of the table, and functions that measure predictions. */
export { bestThreshold, type ThresholdOptions } from "./bestThreshold.ts";
export type { Label, Labeled } from "./labels.ts";
export { type Given as MeasureOptions, measure } from "./measure.ts";
export type { Metric, MetricEntry, Problem } from "./metric.ts";
export {
  type ClassificationReport,
  type ClassScores,
  type ConfusionOptions,
  classificationReport,
  confusionMatrix,
  type ReportOptions,
} from "./report.ts";
export * from "./table.ts";

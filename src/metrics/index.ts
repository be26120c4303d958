/** The namespace `metrics`: the table's entries, and figures of predictions that a user has. */
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

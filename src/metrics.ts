/** The namespace `metrics`: the table's entries, and figures of predictions that a user has. */
export { bestThreshold, type ThresholdOptions } from "./metrics/best-threshold.ts";
export type { Label, Labeled } from "./metrics/labels.ts";
export { type Given as MeasureOptions, measure } from "./metrics/measure.ts";
export type { Figure, Metric, Problem } from "./metrics/metric.ts";
export {
  type ClassificationReport,
  type ClassScores,
  type ConfusionOptions,
  classificationReport,
  confusionMatrix,
  type ReportOptions,
} from "./metrics/report.ts";
export * from "./metrics/table.ts";

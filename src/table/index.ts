/** Tables: rows in, answers out. The subpath myelin/table. */
export type { Answer, ColumnAnswers, QuantileAnswer, RecordAnswer } from "./answers.ts";
export type { ColumnDescription, ColumnType } from "./columns.ts";
export { columnValues } from "./columnValues.ts";
export { type CompactOptions, compact } from "./compact.ts";
export type { AnswerOptions } from "./controls.ts";
export {
  type CrossValidateTableOptions,
  crossValidateTable,
  type TableCrossValidation,
  type TableFold,
} from "./crossValidate.ts";
export {
  type ColumnSummary,
  type DescribeOptions,
  describe,
  type TableSummary,
} from "./describe.ts";
export type { EncoderState } from "./encoders/encoder.ts";
export * as encoders from "./encoders.ts";
export type { EvaluateTableOptions } from "./evaluation.ts";
export {
  type ColumnValues,
  type EncoderChoice,
  FittedEncoder,
  type FittedEncoderJSON,
  fitEncoder,
} from "./fitEncoder.ts";
export { type FitMoreOptions, fitMore } from "./fitMore.ts";
export { type FitTableOptions, fitTable } from "./fitTable.ts";
export { type Columns, Frame, type TableRecord, type TableRows, type TableSource } from "./frame.ts";
export { checkRows, type RowCheck, type RowFinding, type RowFindingKind } from "./insight/checkRows.ts";
export {
  partialDependence,
  partialDependenceAsync,
  type TableDependence,
  type TableDependenceOptions,
} from "./insight/dependence.ts";
export {
  type CalibrationBin,
  type EvaluationReport,
  type EvaluationReportOptions,
  evaluationReport,
} from "./insight/evaluationReport.ts";
export {
  type ColumnContribution,
  explain,
  type TableExplainOptions,
  type TableExplanation,
} from "./insight/explain.ts";
export {
  importance,
  importanceAsync,
  type TableColumnImportance,
  type TableImportance,
  type TableImportanceOptions,
} from "./insight/importance.ts";
export type { TableConfiguration } from "./learner/configurations.ts";
export type { TrainedBag } from "./learner/learned.ts";
export type { Quality } from "./learner/portfolios.ts";
export type { ScoreSoFar } from "./learner/scoreSoFar.ts";
export { loadTable } from "./loadTable.ts";
export type { MetricChoice } from "./metric.ts";
export type { ModelChange } from "./parts.ts";
export type { Lookup, PreparationStep } from "./preparation.ts";
export {
  type PreparedTable,
  type PrepareOptions,
  prepare,
} from "./prepare.ts";
export type { TableControl, TableProgress } from "./progress.ts";
export type { TableFormat } from "./readers/formats.ts";
export {
  type ReadTableOptions,
  readTable,
  type StreamTableOptions,
  streamTable,
} from "./readers/readTable.ts";
export type { TableInput } from "./readers/source.ts";
export type { DuckDbConnection, SqlConnection, SqliteConnection } from "./readers/sql.ts";
export type { Scores } from "./scores.ts";
export {
  type SearchTableOptions,
  searchTable,
  type TableSearch,
  type TableTrial,
} from "./searchTable.ts";
export { type SplitTableOptions, splitTable, type TableSplit } from "./splits.ts";
export { TableModel, type TableStreamOptions } from "./tableModel.ts";
export { TablePreparation, type TablePreparationJSON } from "./tablePreparation.ts";
export type { ClassValue, TargetDescription, Task } from "./target.ts";
export type { TableWarning, TableWarningKind } from "./warnings.ts";

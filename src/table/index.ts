/** Tables: rows in, answers out. The subpath myelin/table. */
export type { Answer, ColumnAnswers, QuantileAnswer, RecordAnswer } from "./answers.ts";
export type { ColumnDescription, ColumnType } from "./columns.ts";
export { type CompactOptions, compact } from "./compact.ts";
export type { AnswerOptions } from "./controls.ts";
export { type FitMoreOptions, fitMore } from "./fitMore.ts";
export { type FitTableOptions, fitTable } from "./fitTable.ts";
export { type Columns, Frame, type TableRecord, type TableRows, type TableSource } from "./frame.ts";
export type { TrainedBag } from "./learner/learned.ts";
export type { Quality } from "./learner/portfolios.ts";
export { loadTable } from "./loadTable.ts";
export type { MetricChoice } from "./metric.ts";
export type { ModelChange } from "./parts.ts";
export type { TableProgress } from "./progress.ts";
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
export { TableModel } from "./tableModel.ts";
export type { ClassValue, TargetDescription, Task } from "./target.ts";

/**
 * A report about a model as one page: `report(model, { rows })`. The subpath myelin/report.
 */
export {
  type NetworkReportOptions,
  type ReportOptions,
  type ReportProgress,
  report,
  type TableReportOptions,
} from "./report.ts";

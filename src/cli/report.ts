/** `--report`: writes a page about a model. */
import { report, type TableReportOptions } from "myelin/report";
import type { TableModel } from "myelin/table";
import { openSink } from "./outputFile.ts";

/** Writes the report of a model. */
export async function writeReport(
  path: string,
  model: TableModel,
  options: TableReportOptions,
): Promise<void> {
  const page = await report(model, options);
  const sink = await openSink(path);
  try {
    await sink.write(page);
    await sink.end();
  } catch (error) {
    await sink.discard();
    throw error;
  }
}

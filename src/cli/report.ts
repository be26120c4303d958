/** `--report`: writes a page about a model. */
import { resolve } from "node:path";
import { report, type TableReportOptions } from "myelin/report";
import type { TableModel } from "myelin/table";
import { fileError } from "../files/paths.ts";
import { destinationOf } from "../files/replace.ts";
import { wrongUse } from "./failures.ts";
import { openSink } from "./outputFile.ts";

/**
 * Throws if a file could not be written, or would replace one that the command reads or writes too: before the
 * work rather than after it.
 */
export function checkOutput(option: string, path: string, others: readonly (string | undefined)[]): void {
  const shown = JSON.stringify(path);
  if (path === "-")
    throw wrongUse(`${option} is written to a file, not to standard output. Fix: give a path`);
  if (others.some((other) => other !== undefined && resolve(other) === resolve(path))) {
    throw wrongUse(`${option} ${shown} would replace a file that the command uses. Fix: give another path`);
  }
  try {
    destinationOf(path);
  } catch (error) {
    throw fileError(`${shown} cannot be written`, error);
  }
}

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

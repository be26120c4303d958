/** `myelin explain`: how much each column of a row moved the answer. */
import { explain, type TableExplainOptions, type TableModel, type TableRecord } from "myelin/table";
import { failure, wrongUse } from "../failures.ts";
import {
  atRow,
  checkFields,
  type LoadValues,
  loadTableModel,
  nameOf,
  refuseReading,
  streamRows,
} from "../input.ts";
import { print, printJson } from "../output.ts";
import type { ReadingValues } from "../reading.ts";

interface Options extends ReadingValues, LoadValues {
  readonly row?: string;
  readonly index?: number;
  readonly class?: string;
  readonly target?: string;
  readonly json?: boolean;
}

/** Explains an answer. */
export async function explainCommand(
  path: string,
  file: string | undefined,
  options: Options,
): Promise<void> {
  const { row: json, index } = options;
  if ((json === undefined) === (file === undefined)) {
    throw wrongUse(
      "explain: expected a row. Fix: give --row '{…}', or a table and --index with the number of the row",
    );
  }
  if (json !== undefined && index !== undefined)
    throw wrongUse("--index is for a table. Fix: leave it out, or give a table in place of --row");
  if (json !== undefined) refuseReading(options, "--row is JSON");
  const model = await loadTableModel(path, "explain", options);
  try {
    const row = json === undefined ? await rowOf(file as string, index ?? 0, options) : readRow(json, model);
    const asked: TableExplainOptions = { class: options.class, target: options.target };
    const place = file === undefined ? "--row" : nameOf(file);
    const answer = await atRow(place, index ?? 0, () => model.predict(row));
    const { text, toString: _, ...explanation } = await explain(model, row, asked);
    if (options.json) printJson({ answer, ...explanation });
    else print(text);
  } finally {
    model.dispose();
  }
}

function readRow(text: string, model: TableModel): TableRecord {
  const given = parse(text);
  if (given === null || typeof given !== "object" || Array.isArray(given)) {
    throw wrongUse(`--row: expected a JSON object, such as '{"age": 30}', received ${text.slice(0, 60)}`);
  }
  try {
    checkFields(model, given, "--row");
  } catch (error) {
    throw wrongUse((error as Error).message);
  }
  return given as TableRecord;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw wrongUse(
      `--row: expected JSON, such as '{"age": 30, "town": "Oslo"}': ${(error as Error).message.split("\n")[0]}`,
    );
  }
}

async function rowOf(file: string, index: number, options: Options): Promise<TableRecord> {
  let before = 0;
  for await (const frame of await streamRows(file, options, "explain", { rows: 8192 })) {
    if (index < before + frame.rows) {
      const [record] = frame.take([index - before]);
      return record;
    }
    before += frame.rows;
  }
  throw failure(
    `--index ${index}: ${nameOf(file)} has ${before} rows. Fix: give a number from 0 to ${before - 1}`,
  );
}

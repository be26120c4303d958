/** `myelin evaluate`: how good a model is on a table whose answers are known. */
import { type EvaluationReport, evaluationReport, type Frame } from "myelin/table";
import { failure } from "../failures.ts";
import {
  atRow,
  checkAnswers,
  type LoadValues,
  loadTableModel,
  nameOf,
  readRows,
  streamRows,
} from "../input.ts";
import { note, print, printJson } from "../output.ts";
import { checkOutput } from "../outputFile.ts";
import type { ReadingValues } from "../reading.ts";
import { writeReport } from "../report.ts";

interface Options extends ReadingValues, LoadValues {
  readonly report?: string;
  readonly json?: boolean;
}

/** Rows of a block: what bounds the memory. */
const BLOCK_ROWS = 8192;

/** Tests a model. */
export async function evaluateCommand(path: string, file: string, options: Options): Promise<void> {
  if (options.report !== undefined) checkOutput("--report", options.report, [path, file]);
  const model = await loadTableModel(path, "evaluate", options);
  try {
    const reports: EvaluationReport[] = [];
    const isSingle = model.targets.length === 1;
    // A table is read once: for all targets, and for the report.
    const table =
      isSingle && options.report === undefined ? undefined : await readRows(file, options, "evaluate");
    const targets = model.targets.map(({ name }) => name);
    if (table !== undefined) checkAnswers(table, targets, nameOf(file));
    const rows = table ?? (await blocks(file, options, targets));
    for (const target of targets)
      reports.push(await atRow(nameOf(file), 0, () => evaluationReport(model, rows, { target })));
    if (options.json) {
      const plain = reports.map(({ text: _, toString: __, ...report }) => report);
      printJson(isSingle ? plain[0] : plain);
    } else print(reports.map(({ text }) => text).join("\n\n"));
    if (options.report !== undefined) {
      await writeReport(options.report, model, { test: table });
      note(`wrote ${options.report}`);
    }
  } finally {
    model.dispose();
  }
}

async function blocks(
  file: string,
  options: Options,
  targets: readonly string[],
): Promise<AsyncIterable<Frame>> {
  const stream = await streamRows(file, options, "evaluate", { rows: BLOCK_ROWS });
  const first = await stream.next();
  if (first.done) throw failure(`${nameOf(file)} has no rows. Fix: give a table with rows`);
  checkAnswers(first.value, targets, nameOf(file));
  return (async function* () {
    yield first.value;
    yield* stream;
  })();
}

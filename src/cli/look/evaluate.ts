/** `myelin evaluate`: how good a model is on a table whose answers are known. */
import { type EvaluationReport, evaluationReport, type Frame } from "myelin/table";
import { failure } from "../failures.ts";
import { type LoadValues, loadTableModel, nameOf, readRows, streamRows } from "../input.ts";
import { print, printJson } from "../output.ts";
import type { ReadingValues } from "../reading.ts";

interface Options extends ReadingValues, LoadValues {
  readonly json?: boolean;
}

/** Rows of a block: what bounds the memory. */
const BLOCK_ROWS = 8192;

/** Tests a model. */
export async function evaluateCommand(path: string, file: string, options: Options): Promise<void> {
  const model = await loadTableModel(path, "evaluate", options);
  try {
    const reports: EvaluationReport[] = [];
    // A table is read once for all targets.
    const isSingle = model.targets.length === 1;
    const rows = isSingle ? await blocks(file, options) : await readRows(file, options, "evaluate");
    for (const { name } of model.targets) reports.push(await evaluationReport(model, rows, { target: name }));
    if (options.json) {
      const plain = reports.map(({ text: _, toString: __, ...report }) => report);
      printJson(isSingle ? plain[0] : plain);
    } else print(reports.map(({ text }) => text).join("\n\n"));
  } finally {
    model.dispose();
  }
}

async function blocks(file: string, options: Options): Promise<AsyncIterable<Frame>> {
  const stream = await streamRows(file, options, "evaluate", { rows: BLOCK_ROWS });
  const first = await stream.next();
  if (first.done) throw failure(`${nameOf(file)} has no rows. Fix: give a table with rows`);
  return (async function* () {
    yield first.value;
    yield* stream;
  })();
}

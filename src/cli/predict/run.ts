/** `myelin predict`: answers the rows of a table block by block. */
import { extname } from "node:path";
import type { ColumnAnswers, Frame, TableModel } from "myelin/table";
import { failure, wrongUse } from "../failures.ts";
import { atRow, checkFields, isFile, loadTableModel, nameOf, streamRows } from "../input.ts";
import { note, printJson } from "../output.ts";
import { checkOutput, openSink, type Sink } from "../outputFile.ts";
import type { ReadingValues } from "../reading.ts";
import { type OutputColumn, type OutputFormat, type Writer, writerOf } from "./writers.ts";

interface Options extends ReadingValues {
  readonly output?: string;
  readonly to?: OutputFormat;
  readonly keep?: boolean;
  readonly probabilities?: boolean;
  readonly kernel?: "auto" | "native" | "wasm" | "typescript";
  readonly json?: boolean;
}

/** Rows of a block: what bounds the memory. */
const BLOCK_ROWS = 8192;

const ENDINGS: Readonly<Record<string, OutputFormat>> = {
  ...{ ".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".txt": "csv" },
  ...{ ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".parquet": "parquet" },
};

/** Predicts the rows of a table. */
export async function predictCommand(path: string, file: string, options: Options): Promise<void> {
  const { output = "-" } = options;
  const format = formatOf(options);
  if (output !== "-") checkOutput("--output", output, [path, file]);
  const model = await loadTableModel(path, "predict", { kernel: options.kernel ?? "auto" });
  if (options.probabilities && model.targets.every(({ classes }) => classes === undefined)) {
    throw wrongUse(
      "--probabilities is for classes, and this model predicts numbers. Fix: leave it out; train with --quantiles for intervals",
    );
  }
  const blocks = await open(model, file, options);
  let sink: Sink | undefined;
  let rows = 0;
  let names: readonly string[] | undefined;
  try {
    let writer: Writer | undefined;
    for await (const frame of blocks) {
      // The first block is read before anything is written.
      sink ??= await openSink(output);
      writer ??= writerOf(format, sink);
      const answers = await atRow(nameOf(file), rows, () => model.predict(frame));
      const columns = columnsOf(model, frame, answers, options);
      if (!format.startsWith("json")) checkNames(names, columns, rows);
      names ??= columns.map(({ name }) => name);
      await writer.write(
        format.startsWith("json") ? columns : inOrder(columns, names, frame.rows),
        frame.rows,
      );
      rows += frame.rows;
    }
    await writer?.end();
  } catch (error) {
    await sink?.discard();
    throw error;
  } finally {
    model.dispose();
  }
  if (output === "-") return;
  if (options.json) printJson({ output, format, rows });
  else note(`wrote ${output}: ${rows} rows`);
}

/** Opens the rows. Of a file only the columns that the model uses are read, unless all are kept. */
async function open(
  model: TableModel,
  file: string,
  options: Options,
): Promise<AsyncGenerator<Frame, void, undefined>> {
  const used = model.columns.filter(({ type }) => type !== "ignore").map(({ name }) => name);
  const rows = BLOCK_ROWS;
  const head = await streamRows(file, options, "predict", { rows: isFile(file) ? 1 : rows });
  let isOpen = false;
  try {
    const first = await head.next();
    if (first.done) throw failure(`${nameOf(file)} has no rows. Fix: give a table with rows`);
    checkFields(model, Object.fromEntries(first.value.cells), nameOf(file));
    checkColumns(used, first.value, file);
    isOpen = !isFile(file);
    if (isOpen) return joined(first.value, head);
    // A model that uses no column still answers each row.
    const isWhole = options.keep || used.length === 0;
    const columns = isWhole ? undefined : used.filter((name) => first.value.cells.has(name));
    return await streamRows(file, options, "predict", { rows, columns });
  } finally {
    if (!isOpen) await head.return(undefined);
  }
}

async function* joined(first: Frame, rest: AsyncIterable<Frame>): AsyncGenerator<Frame, void, undefined> {
  yield first;
  yield* rest;
}

function formatOf({ to, output = "-", json }: Options): OutputFormat {
  if (output === "-") {
    if (to === "parquet" && process.stdout.isTTY)
      throw wrongUse("Parquet is not text for a terminal. Fix: give -o answers.parquet");
    if (json && to !== undefined) throw wrongUse("--json and --to are two formats. Fix: give one of them");
    return json ? "json" : (to ?? "csv");
  }
  const ending = extname(output).toLowerCase();
  const found = to ?? ENDINGS[ending];
  if (found !== undefined) return found;
  throw wrongUse(
    `--output ${JSON.stringify(output)}: expected a name that ends with ${Object.keys(ENDINGS).join(", ")}. Fix: give such a name, or --to`,
  );
}

/** Says which columns of the model a table lacks; throws if it lacks all of them. */
function checkColumns(used: readonly string[], frame: Frame, file: string): void {
  const lacking = used.filter((name) => !frame.cells.has(name));
  if (lacking.length === 0) return;
  if (lacking.length === used.length) {
    throw failure(
      `${nameOf(file)} has none of the columns that the model learned from: ${list(used)}. It has ${list(frame.names)}`,
    );
  }
  for (const name of lacking.slice(0, 5)) {
    note(`note: ${nameOf(file)} has no column ${JSON.stringify(name)}; its values count as missing.`);
  }
  if (lacking.length > 5) note(`note: ${lacking.length - 5} more columns are missing`);
}

const list = (names: readonly string[]) =>
  `${names.slice(0, 10).join(", ")}${names.length > 10 ? ", …" : ""}`;

/** Throws for a column that the first rows did not have: records may have any. */
function checkNames(
  names: readonly string[] | undefined,
  columns: readonly OutputColumn[],
  rows: number,
): void {
  const other = names && columns.find(({ name }) => !names.includes(name));
  if (other === undefined) return;
  throw failure(
    `column ${JSON.stringify(other.name)} first occurs after ${rows} rows, when the columns of the output are settled. Fix: --to jsonl, or leave out --keep`,
  );
}

/** Returns the columns in the order of the first block; one that is not there is missing. */
function inOrder(columns: readonly OutputColumn[], names: readonly string[], rows: number): OutputColumn[] {
  const known = new Map(columns.map((column) => [column.name, column]));
  return names.map((name) => known.get(name) ?? { name, cells: new Array<undefined>(rows) });
}

/** The columns of a block of answers. */
function columnsOf(
  model: TableModel,
  frame: Frame,
  answers: unknown,
  { keep = false, probabilities = false }: Options,
): OutputColumn[] {
  const columns: OutputColumn[] = keep ? Array.from(frame.cells, ([name, cells]) => ({ name, cells })) : [];
  const taken = new Set(keep ? frame.names : []);
  const add = (name: string, cells: ArrayLike<unknown>) => columns.push({ name, cells });
  for (const { name, classes = [], quantiles = [] } of model.targets) {
    const found = (
      model.targets.length === 1 ? answers : (answers as Record<string, unknown>)[name]
    ) as ColumnAnswers;
    add(taken.has(name) ? `${name}_predicted` : name, found.value);
    for (const level of quantiles) add(`${name}_quantile_${level}`, found.quantiles?.[String(level)] ?? []);
    if (!probabilities) continue;
    for (const one of classes) add(`${name}_probability_${one}`, found.probabilities?.[String(one)] ?? []);
  }
  return columns;
}

/** TableModel: a trained model of a table. It takes records and answers in the table's own units. */
import { OptionError, StateError, show } from "../errors.ts";
import { BYTES } from "../formats/savable.ts";
import type { KernelChoice } from "../kernel/choose.ts";
import type { MisspeltCheck } from "../options/misspelt.ts";
import { checkNames } from "../options.ts";
import { INSPECT } from "../textTable.ts";
import { readBoolean, readSignal } from "../training/options.ts";
import { BLOCK, STREAMED, TargetPredictor } from "./answering.ts";
import type { Answer, InColumns, RecordAnswer, ScoresFor } from "./answers.ts";
import { readTable, writeTable } from "./bytes.ts";
import { type CellReader, type ColumnDescription, cellReader, type TypedColumn } from "./columns.ts";
import { type EvaluateTableOptions, Evaluation } from "./evaluation.ts";
import {
  type Columns,
  checkRecord,
  everyRow,
  Frame,
  framesOf,
  isColumns,
  type TableRecord,
  type TableRows,
  toFrame,
} from "./frame.ts";
import { disposeNetworks, type TrainedBag } from "./learner/learned.ts";
import { rankBags } from "./metric.ts";
import {
  checkFrame,
  type ModelChange,
  recordChecker,
  type TableParts,
  type TrainedTarget,
  usedColumns,
} from "./parts.ts";
import { interruptible, type ReadLimits, rowName, rowsFrom } from "./reading.ts";
import { describeBriefly, summarize } from "./summary.ts";
import type { TargetDescription } from "./target.ts";
import { readCell, readText, typeFrame, typeRecords } from "./typedRows.ts";

/** The key of a model's parts. */
const PARTS = Symbol("parts");

const isStream = (rows: unknown): rows is AsyncIterable<object> =>
  typeof (rows as Partial<AsyncIterable<unknown>> | null)?.[Symbol.asyncIterator] === "function";

/** How to read a stream of rows. */
export interface TableStreamOptions {
  /** Stops the reading at once: the source is closed, and the call rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Checks the options of a stream; rows in memory have none. */
function readStreamOptions(options: unknown, rows: unknown, call: string): ReadLimits {
  if (options === undefined) return {};
  if (!isStream(rows))
    throw new OptionError(`${call}: expected options only beside an async iterable of rows, received both`);
  checkNames(options, ["signal"], call);
  return { signal: readSignal((options as TableStreamOptions).signal, call) };
}

const isIterable = (rows: object | null): rows is Iterable<TableRecord> =>
  typeof (rows as Partial<Iterable<unknown>> | null)?.[Symbol.iterator] === "function" &&
  !ArrayBuffer.isView(rows);

/**
 * A trained model of a table: the columns and their preparation, the networks, and how good they are on rows
 * that they did not learn from. `fitTable` makes it.
 */
export class TableModel<Reply = Answer> {
  /** The columns as the model understands them, with what was left out and why. */
  readonly columns: readonly ColumnDescription[];
  /** What is predicted. */
  readonly targets: readonly TargetDescription[];
  /** The seed of folds, weights and shuffles. */
  readonly seed: number;
  /** Rows that the model learned from. */
  readonly rows: number;
  /** What was noticed in the data. */
  readonly notes: readonly string[];
  readonly #parts: TableParts;
  readonly #used: readonly ColumnDescription[];
  readonly #readers: readonly CellReader[];
  readonly #check: MisspeltCheck;
  #made: readonly TargetPredictor[] | undefined;
  /** The cells of one record by the columns that are used; each call writes them anew. */
  readonly #values: Float64Array;
  readonly #texts: (string | undefined)[] = [];
  #isDisposed = false;

  constructor(parts: TableParts) {
    this.#parts = parts;
    this.columns = parts.columns;
    this.targets = parts.targets.map(({ description }) => description);
    this.seed = parts.seed;
    this.rows = parts.rows;
    this.notes = parts.notes;
    this.#used = usedColumns(parts, parts.targets);
    this.#readers = this.#used.map(cellReader);
    this.#check = recordChecker(parts);
    this.#values = new Float64Array(this.#used.length);
  }

  /**
   * Answers for a record, for records, for columns, or for a stream of records, in the same form. Missing
   * fields are missing values, other fields are ignored, and a category that the training did not have is
   * unknown. A field whose name is nearly that of a missing column is refused.
   *
   * @example
   * ```ts
   * model.predict({ island: "Biscoe", billLength: 46.1 }); // { value: "Gentoo", probabilities: { Adelie: 0.01, … } }
   * ```
   *
   * @throws DataError if a cell cannot be read as its column's type, or a column is probably misspelt; it names
   * the row and the column.
   */
  predict(records: readonly object[] | IterableIterator<object>): Reply[];
  predict(records: AsyncIterable<object>, options?: TableStreamOptions): AsyncGenerator<Reply, void>;
  predict(columns: Columns | Frame): InColumns<Reply>;
  predict(record: object): Reply;
  predict(rows: object, options?: TableStreamOptions): unknown {
    this.#use("predict");
    const limits = readStreamOptions(options, rows, "predict");
    if (isStream(rows)) return this.#answerStream(rows, limits);
    if (Array.isArray(rows)) return this.#answerRecords(rows);
    if (rows instanceof Frame || isColumns(rows)) return this.#answerColumns(toFrame(rows, "predict"));
    if (isIterable(rows)) return this.#answerRecords(Array.from(rows));
    checkRecord(rows, 0, "predict");
    return this.#answerOne(rows);
  }

  /**
   * How good the predictions for these rows are, by the metrics of the task, in the target's own units. Rows
   * without a target are left out. A stream of records gives a promise, and no more than a block of it is in
   * memory, with the predictions and the targets of all rows.
   *
   * `sampleWeight` is how much each row counts, as in scikit-learn's metrics: the name of a column, or a list
   * of a number of at least 0 for each row. For a stream it is the name of a column.
   *
   * A score that the rows do not define is left out: `rocAuc` where all rows are of one class. `r2` of equal
   * targets is 1 if the predictions equal them, else 0.
   *
   * @example
   * ```ts
   * const { accuracy, logLoss } = model.evaluate(otherRows);
   * ```
   *
   * @throws DataError if no row has a target, or a weight is not a number of at least 0; OptionError for an
   * unknown option or column.
   */
  evaluate(rows: TableRows, options?: EvaluateTableOptions): ScoresFor<Reply>;
  evaluate(
    rows: AsyncIterable<object>,
    options?: EvaluateTableOptions & TableStreamOptions,
  ): Promise<ScoresFor<Reply>>;
  evaluate(
    rows: unknown,
    options: EvaluateTableOptions & TableStreamOptions = {},
  ): ScoresFor<Reply> | Promise<ScoresFor<Reply>> {
    this.#use("evaluate");
    checkNames(options, ["sampleWeight", "signal"], "evaluate");
    const { sampleWeight, signal } = options;
    const limits = signal === undefined ? {} : readStreamOptions({ signal }, rows, "evaluate: signal");
    const evaluation = new Evaluation(this.#predictors, this.#used, this.#check);
    if (!isStream(rows)) {
      evaluation.add(toFrame(rows, "evaluate"), sampleWeight);
      return evaluation.scores() as ScoresFor<Reply>;
    }
    if (sampleWeight !== undefined && typeof sampleWeight !== "string")
      throw new OptionError(
        `evaluate: sampleWeight: expected a column's name for a stream, received ${show(sampleWeight)}`,
      );
    return evaluation.addAll(rows, sampleWeight, limits) as Promise<ScoresFor<Reply>>;
  }

  /**
   * On rows that the networks did not learn from: what `evaluate` can be expected to give for new rows. After
   * `compact` they are of rows that it held out from the small network; those of the large one may have
   * learned from them.
   */
  get scores(): ScoresFor<Reply> {
    return this.#byTarget(({ scores }) => scores) as ScoresFor<Reply>;
  }

  /**
   * The networks of the model by kind, with their loss, and the metric if one was given, on rows that they
   * did not learn from; the best first, target by target.
   */
  get leaderboard(): readonly TrainedBag[] {
    return this.#parts.targets.flatMap(({ description, learned }) => rankBags(learned.bags, description));
  }

  /**
   * What `compact` and `fitMore` did to the model, with the scores before and afterwards; the last one last.
   */
  get changes(): readonly ModelChange[] {
    return this.#parts.changes ?? [];
  }

  /**
   * What was done to each column, what was trained, and how good it is on rows not seen. `columns: false` leaves
   * the columns out.
   */
  summary(options: { readonly columns?: boolean | undefined } = {}): string {
    checkNames(options, ["columns"], "summary");
    return summarize(this.#parts, readBoolean(options.columns ?? true, "summary: columns"));
  }

  /** The model in a few lines: target, columns, networks and the main score. `summary` has more. */
  toString(): string {
    return describeBriefly(this.#parts);
  }

  /** For `console.log(model)`. */
  [INSPECT](): string {
    return this.toString();
  }

  /** Frees the memory of the networks at once. A second call does nothing. */
  dispose(): void {
    this.#isDisposed = true;
    for (const { learned } of this.#parts.targets) disposeNetworks(learned);
  }

  /** For `using model = await fitTable(…)`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /**
   * The model as the bytes of a safetensors file, the same that `save` writes. `TableModel.fromBytes` is the
   * way back.
   *
   * @example
   * ```ts
   * const bytes = model.toBytes();
   * ```
   */
  toBytes(): Uint8Array<ArrayBuffer> {
    return this[BYTES]("toBytes");
  }

  /** For `save(model, path)`. */
  [BYTES](call: string): Uint8Array<ArrayBuffer> {
    this.#use(call);
    return writeTable(this.#parts, call);
  }

  /**
   * Makes a table model of what `toBytes` gave or a file of `save` holds. It predicts the same bits.
   *
   * @example
   * ```ts
   * const copy = TableModel.fromBytes(model.toBytes());
   * ```
   *
   * @throws FormatError if it is not a table model, or one of a newer version.
   */
  static fromBytes(
    bytes: Uint8Array | ArrayBuffer,
    options: { readonly kernel?: KernelChoice } = {},
  ): TableModel {
    return restoreTable(bytes, "fromBytes", options);
  }

  /** What the model is made of, for functions of this package. */
  [PARTS](call: string): TableParts {
    this.#use(call);
    return this.#parts;
  }

  #use(call: string): void {
    if (this.#isDisposed) throw new StateError(`${call}: the model has been disposed`);
  }

  #byTarget<Value>(read: (target: TrainedTarget) => Value): Value | Readonly<Record<string, Value>> {
    const { targets } = this.#parts;
    if (targets.length === 1) return read(targets[0]);
    return Object.fromEntries(targets.map((target) => [target.description.name, read(target)]));
  }

  /** What predicts each target. */
  get #predictors(): readonly TargetPredictor[] {
    this.#made ??= this.#parts.targets.map((target) => new TargetPredictor(target, this.#used));
    return this.#made;
  }

  /** Answers records as they come, some at a time. */
  #answerStream(records: AsyncIterable<object>, limits: ReadLimits): AsyncGenerator<Reply, void> {
    return interruptible(limits.signal, (signal) => this.#answersFrom(records, { signal }));
  }

  async *#answersFrom(
    records: AsyncIterable<object>,
    limits: ReadLimits,
  ): AsyncGenerator<Reply, void, undefined> {
    let before = 0;
    for await (const frame of framesOf(records, STREAMED, "predict", limits)) {
      this.#use("predict");
      checkFrame(this.#check, frame, "predict");
      const columns = typeFrame(this.#used, frame, "predict", rowsFrom(before));
      yield* this.#answersOf(columns, frame.rows) as Reply[];
      before += frame.rows;
    }
  }

  /** The answer for one record: the same bits as among others, without columns in between. */
  #answerOne(record: TableRecord): RecordAnswer {
    const predictors = this.#predictors;
    const used = this.#used;
    const values = this.#values;
    const texts = this.#texts;
    let isWhole = true;
    for (let at = 0; at < used.length; at++) {
      const { name, type } = used[at];
      const isThere = Object.hasOwn(record, name);
      if (!isThere) isWhole = false;
      const cell = isThere ? record[name] : undefined;
      if (type === "text") {
        texts[at] = readText(used[at], cell, 0, "predict");
        values[at] = texts[at] === "" ? Number.NaN : 0;
      } else values[at] = readCell(this.#readers[at], used[at], cell, 0, "predict");
    }
    if (!isWhole) this.#check([record], () => `predict: ${rowName(0)}`);
    if (predictors.length === 1) return predictors[0].answer(predictors[0].one(values, texts), 0);
    return Object.fromEntries(
      predictors.map((one) => [one.description.name, one.answer(one.one(values, texts), 0)]),
    );
  }

  /** Answers records a block at a time. */
  #answerRecords(records: readonly TableRecord[]): RecordAnswer[] {
    const answers = new Array<RecordAnswer>(records.length);
    for (let start = 0; start < records.length; start += BLOCK) {
      const end = Math.min(records.length, start + BLOCK);
      const columns = typeRecords(this.#used, this.#readers, records, start, end, "predict");
      this.#check(records.slice(start, end), (row) => `predict: ${rowName(start + row)}`);
      const block = this.#answersOf(columns, end - start);
      for (let row = start; row < end; row++) answers[row] = block[row - start];
    }
    return answers;
  }

  /** The answers for rows of typed columns. */
  #answersOf(columns: ReadonlyMap<string, TypedColumn>, rows: number): RecordAnswer[] {
    const predictors = this.#predictors;
    const all = everyRow(rows);
    const found = predictors.map((one) => one.rows(columns, all));
    const answers = new Array<RecordAnswer>(rows);
    for (let row = 0; row < rows; row++) {
      answers[row] =
        predictors.length === 1
          ? predictors[0].answer(found[0], row)
          : Object.fromEntries(
              predictors.map((one, at) => [one.description.name, one.answer(found[at], row)]),
            );
    }
    return answers;
  }

  #answerColumns(frame: Frame): unknown {
    checkFrame(this.#check, frame, "predict");
    const columns = typeFrame(this.#used, frame, "predict");
    const rows = everyRow(frame.rows);
    const answers = this.#predictors.map((one) => one.inColumns(one.rows(columns, rows)));
    if (answers.length === 1) return answers[0];
    return Object.fromEntries(this.targets.map(({ name }, at) => [name, answers[at]]));
  }
}

/** Returns whether a value is a table model. */
export function isTableModel(value: unknown): value is TableModel<never> {
  return (value as { [PARTS]?: unknown } | null | undefined)?.[PARTS] !== undefined;
}

/** The parts of a table model; `call` begins the message of the error for anything else. */
export function partsOf(model: unknown, call: string): TableParts {
  const read = (model as { [PARTS]?: (call: string) => TableParts } | null | undefined)?.[PARTS];
  if (read !== undefined) return read.call(model, call);
  throw new OptionError(
    `${call}: expected a TableModel, received ${show(model)}. Fix: pass what fitTable or loadTable returned`,
  );
}

/** The table model that bytes describe; `place` begins the messages of errors. */
export function restoreTable(
  bytes: Uint8Array | ArrayBuffer,
  place: string,
  options: { readonly kernel?: KernelChoice },
): TableModel {
  checkNames(options, ["kernel"], place);
  return new TableModel(readTable(bytes, place, options));
}

/** TableModel: a trained model of a table. It takes records and answers in the table's own units. */
import { DataError, OptionError, StateError, show } from "../errors.ts";
import { BYTES } from "../formats/savable.ts";
import type { KernelChoice } from "../kernel/choose.ts";
import { checkNames } from "../options.ts";
import { readBoolean } from "../training/options.ts";
import { BLOCK, TargetPredictor } from "./answering.ts";
import type { Answer, InColumns, RecordAnswer, ScoresFor } from "./answers.ts";
import { readTable, writeTable } from "./bytes.ts";
import { categoryName, isMissing } from "./cells.ts";
import { type CellReader, type ColumnDescription, cellReader, type TypedColumn } from "./columns.ts";
import { type Columns, checkRecord, Frame, type TableRecord, type TableRows, toFrame } from "./frame.ts";
import { disposeNetworks, type TrainedBag } from "./learner/learned.ts";
import { metricOf } from "./metric.ts";
import type { ModelChange, TableParts, TrainedTarget } from "./parts.ts";
import { type Scores, scoreTarget } from "./scores.ts";
import { summarize } from "./summary.ts";
import { readTargets, type TargetDescription } from "./target.ts";

/** The key of a model's parts. */
const PARTS = Symbol("parts");

/** Records of a stream that are answered together. */
const STREAMED = 256;

const isStream = (rows: unknown): rows is AsyncIterable<object> =>
  typeof (rows as Partial<AsyncIterable<unknown>> | null)?.[Symbol.asyncIterator] === "function";

const isIterable = (rows: object | null): rows is Iterable<TableRecord> =>
  typeof (rows as Partial<Iterable<unknown>> | null)?.[Symbol.iterator] === "function" &&
  !ArrayBuffer.isView(rows);

/** Reads the cells of rows as typed columns, for a column that has the training's description. */
export function typeCells(
  description: ColumnDescription,
  cells: ArrayLike<unknown>,
  place: string,
): TypedColumn {
  if (description.type === "text") {
    const texts = Array.from(cells, (cell, row) => readText(description, cell, row, place));
    return { description, texts, values: Float64Array.from(texts, (text) => (text === "" ? Number.NaN : 0)) };
  }
  const values = new Float64Array(cells.length);
  const read = cellReader(description);
  for (let row = 0; row < cells.length; row++) {
    const value = read(cells[row]);
    values[row] = value === undefined ? readCell(read, description, cells[row], row, place) : value;
  }
  return { description, values };
}

/** The text of a cell; "" for a missing one. */
function readText(description: ColumnDescription, cell: unknown, row: number, place: string): string {
  if (isMissing(cell)) return "";
  return categoryName(cell) ?? String(readCell(() => undefined, description, cell, row, place));
}

function readCell(
  read: CellReader,
  description: ColumnDescription,
  cell: unknown,
  row: number,
  place: string,
): number {
  const value = read(cell);
  if (value !== undefined) return value;
  // The training had such cells, too, and counted them as missing.
  if (description.unreadable !== undefined && categoryName(cell) !== undefined) return Number.NaN;
  const { name, type } = description;
  throw new DataError(
    `${place}: row ${row}: column ${show(name)}: expected a ${type}, received ${show(cell)}`,
  );
}

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
    this.#used = usedColumns(parts);
    this.#readers = this.#used.map(cellReader);
    this.#values = new Float64Array(this.#used.length);
  }

  /**
   * Answers for a record, for records, for columns, or for a stream of records, in the same form. Missing
   * fields are missing values, other fields are ignored, and a category that the training did not have is
   * unknown.
   *
   * @example
   * ```ts
   * model.predict({ island: "Biscoe", billLength: 46.1 }); // { value: "Gentoo", probabilities: { Adelie: 0.01, … } }
   * ```
   *
   * @throws DataError if a cell cannot be read as its column's type; it names the row and the column.
   */
  predict(records: readonly object[] | IterableIterator<object>): Reply[];
  predict(records: AsyncIterable<object>): AsyncGenerator<Reply, void>;
  predict(columns: Columns | Frame): InColumns<Reply>;
  predict(record: object): Reply;
  predict(rows: object): unknown {
    this.#use("predict");
    if (isStream(rows)) return this.#answerStream(rows);
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
   * @example
   * ```ts
   * const { accuracy, logLoss } = model.evaluate(otherRows);
   * ```
   */
  evaluate(rows: TableRows): ScoresFor<Reply>;
  evaluate(rows: AsyncIterable<TableRecord | Frame>): Promise<ScoresFor<Reply>>;
  evaluate(rows: unknown): ScoresFor<Reply> | Promise<ScoresFor<Reply>> {
    this.#use("evaluate");
    const found = this.#predictors.map((predictor) => new Evaluation(predictor));
    if (isStream(rows)) return this.#evaluateStream(rows, found);
    this.#evaluateFrame(toFrame(rows, "evaluate"), found, 0);
    return this.#scoresOf(found);
  }

  /** Evaluates a block of rows after the other; what is kept of a row is its predictions and its target. */
  async #evaluateStream(
    rows: AsyncIterable<unknown>,
    found: readonly Evaluation[],
  ): Promise<ScoresFor<Reply>> {
    let block: unknown[] = [];
    let before = 0;
    const end = () => {
      const frame = toFrame(block, "evaluate");
      block = [];
      this.#evaluateFrame(frame, found, before);
      before += frame.rows;
    };
    for await (const piece of rows) {
      if (piece instanceof Frame) {
        this.#evaluateFrame(piece, found, before);
        before += piece.rows;
      } else if (block.push(piece) >= BLOCK) end();
    }
    if (block.length > 0) end();
    return this.#scoresOf(found);
  }

  #evaluateFrame(frame: Frame, found: readonly Evaluation[], before: number): void {
    const columns = typeFrame(this.#used, frame, "evaluate");
    for (const evaluation of found) {
      const { description } = evaluation.predictor;
      const cells = frame.cells.get(description.name);
      if (cells === undefined && before === 0) {
        throw new DataError(
          `evaluate: expected the target ${show(description.name)} among the columns, received none`,
        );
      }
      if (cells !== undefined) evaluation.add(columns, readTargets(description, cells, "evaluate"));
    }
  }

  #scoresOf(found: readonly Evaluation[]): ScoresFor<Reply> {
    const scores = found.map((evaluation) => evaluation.scores());
    if (scores.length === 1) return scores[0] as ScoresFor<Reply>;
    return Object.fromEntries(this.targets.map(({ name }, at) => [name, scores[at]])) as ScoresFor<Reply>;
  }

  /** On rows that the networks did not learn from: what `evaluate` can be expected to give for new rows. */
  get scores(): ScoresFor<Reply> {
    return this.#byTarget(({ scores }) => scores) as ScoresFor<Reply>;
  }

  /**
   * The networks of the model by kind, with their loss, and the metric if one was given, on rows that they
   * did not learn from; the best first, target by target.
   */
  get leaderboard(): readonly TrainedBag[] {
    return this.#parts.targets.flatMap(({ description, learned }) => {
      const { metric } = description;
      const isSmaller = metric === undefined || metricOf(metric, description).smallerIsBetter;
      // A kind whose networks have all failed has neither, and comes last.
      const rank = ({ loss, score = loss }: TrainedBag) => {
        const value = isSmaller ? score : -score;
        return Number.isNaN(value) ? Number.POSITIVE_INFINITY : value;
      };
      return learned.bags.toSorted((a, b) => {
        const [first, second] = [rank(a), rank(b)];
        return first === second ? 0 : first - second;
      });
    });
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
  async *#answerStream(records: AsyncIterable<object>): AsyncGenerator<Reply, void> {
    let block: object[] = [];
    for await (const record of records) {
      if (record instanceof Frame)
        yield* this.#answersOf(typeFrame(this.#used, record, "predict"), record.rows) as Reply[];
      else block.push(record);
      if (block.length < STREAMED) continue;
      yield* this.predict(block);
      block = [];
    }
    if (block.length > 0) yield* this.predict(block);
  }

  /** The answer for one record: the same bits as among others, without columns in between. */
  #answerOne(record: TableRecord): RecordAnswer {
    const predictors = this.#predictors;
    const used = this.#used;
    const values = this.#values;
    const texts = this.#texts;
    for (let at = 0; at < used.length; at++) {
      const { name, type } = used[at];
      const cell = Object.hasOwn(record, name) ? record[name] : undefined;
      if (type === "text") {
        texts[at] = readText(used[at], cell, 0, "predict");
        values[at] = texts[at] === "" ? Number.NaN : 0;
      } else values[at] = readCell(this.#readers[at], used[at], cell, 0, "predict");
    }
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
      const block = this.#answersOf(this.#typeRecords(records, start, end), end - start);
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

  /** The columns of some records. */
  #typeRecords(
    records: readonly TableRecord[],
    start: number,
    end: number,
  ): ReadonlyMap<string, TypedColumn> {
    const used = this.#used;
    const readers = this.#readers;
    const columns = used.map((description): { -readonly [K in keyof TypedColumn]: TypedColumn[K] } => ({
      description,
      values: new Float64Array(end - start),
      ...(description.type === "text" && { texts: new Array<string>(end - start).fill("") }),
    }));
    for (let row = start; row < end; row++) {
      const record = records[row];
      checkRecord(record, row, "predict");
      for (let at = 0; at < used.length; at++) {
        const { name } = used[at];
        const { values, texts } = columns[at];
        const cell = Object.hasOwn(record, name) ? record[name] : undefined;
        if (texts === undefined) values[row - start] = readCell(readers[at], used[at], cell, row, "predict");
        else {
          const text = isMissing(cell) ? "" : String(cell);
          (texts as string[])[row - start] = text;
          values[row - start] = text === "" ? Number.NaN : 0;
        }
      }
    }
    return new Map(columns.map((column) => [column.description.name, column]));
  }

  #answerColumns(frame: Frame): unknown {
    const columns = typeFrame(this.#used, frame, "predict");
    const rows = everyRow(frame.rows);
    const answers = this.#predictors.map((one) => one.inColumns(one.rows(columns, rows)));
    if (answers.length === 1) return answers[0];
    return Object.fromEntries(this.targets.map(({ name }, at) => [name, answers[at]]));
  }
}

/** Predictions and targets of rows that come in blocks. */
class Evaluation {
  readonly predictor: TargetPredictor;
  readonly #targets: Float64Array[] = [];
  readonly #values: Float64Array[] = [];
  readonly #quantiles: Float64Array[] = [];

  constructor(predictor: TargetPredictor) {
    this.predictor = predictor;
  }

  /** Adds the rows that have a target. */
  add(columns: ReadonlyMap<string, TypedColumn>, targets: Float64Array): void {
    const known = everyRow(targets.length).filter((row) => !Number.isNaN(targets[row]));
    if (known.length === 0) return;
    const { values, quantiles } = this.predictor.rows(columns, known);
    this.#targets.push(Float64Array.from(known, (row) => targets[row]));
    this.#values.push(values);
    if (quantiles !== undefined) this.#quantiles.push(quantiles);
  }

  scores(): Scores {
    if (this.#targets.length === 0)
      throw new DataError(`evaluate: expected rows with a target, received none`);
    const { description } = this.predictor;
    const { quantiles: levels } = description;
    return scoreTarget(
      description,
      joined(this.#targets),
      joined(this.#values),
      levels && { quantiles: { levels, values: joined(this.#quantiles) } },
    );
  }
}

/** Arrays one after the other. */
function joined(arrays: readonly Float64Array[]): Float64Array {
  if (arrays.length === 1) return arrays[0];
  const all = new Float64Array(arrays.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const array of arrays) {
    all.set(array, at);
    at += array.length;
  }
  return all;
}

/** The numbers of all rows. */
function everyRow(rows: number): Uint32Array {
  const all = new Uint32Array(rows);
  for (let row = 0; row < rows; row++) all[row] = row;
  return all;
}

/** The columns that the networks of a model take. */
export function usedColumns({ columns, targets }: TableParts): readonly ColumnDescription[] {
  const used = new Set(
    targets.flatMap(({ learned }) =>
      learned.parts.flatMap(({ preparation }) => preparation.steps.map(({ column }) => column)),
    ),
  );
  return columns.filter(({ name }) => used.has(name));
}

/** The cells of a frame as typed columns, for columns that have the training's descriptions. */
export function typeFrame(
  used: readonly ColumnDescription[],
  frame: Frame,
  place: string,
): ReadonlyMap<string, TypedColumn> {
  const typed = new Map<string, TypedColumn>();
  for (const description of used) {
    const cells = frame.cells.get(description.name);
    if (cells !== undefined) typed.set(description.name, typeCells(description, cells, place));
  }
  return typed;
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

/**
 * Whether an object has columns: every value is a list. A record whose every field is a list has no meaning.
 */
function isColumns(rows: unknown): rows is Columns {
  if (rows === null || typeof rows !== "object") return false;
  const values = Object.values(rows);
  return values.length > 0 && values.every((value) => Array.isArray(value) || ArrayBuffer.isView(value));
}

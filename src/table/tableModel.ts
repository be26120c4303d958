/** TableModel: a trained model of a table. It takes records and answers in the table's own units. */
import { DataError, OptionError, StateError, show } from "../errors.ts";
import { BYTES } from "../formats/savable.ts";
import type { KernelChoice } from "../kernel/choose.ts";
import { checkNames, isPlain } from "../options.ts";
import type { Answer, InColumns, RecordAnswer, ScoresFor } from "./answers.ts";
import { readTable, writeTable } from "./bytes.ts";
import { categoryName, isMissing } from "./cells.ts";
import { type CellReader, type ColumnDescription, cellReader, type TypedColumn } from "./columns.ts";
import { type Columns, Frame, type TableRecord, type TableRows, toFrame } from "./frame.ts";
import { applyTemperature } from "./learner/blend.ts";
import { type Part, predictEncoded, type TableNetwork, type TrainedBag } from "./learner/learned.ts";
import type { TableParts, TrainedTarget } from "./parts.ts";
import type { Preparation } from "./preparation.ts";
import { scoreTarget } from "./scores.ts";
import { summarize } from "./summary.ts";
import { type ClassValue, readTargets, type TargetDescription } from "./target.ts";

/** Rows that go through the networks at a time, so that encoded rows never take much memory. */
const BLOCK = 8192;

/** The key of a model's parts. */
const PARTS = Symbol("parts");

/** Records of a stream that are answered together. */
const STREAMED = 256;

const isStream = (rows: unknown): rows is AsyncIterable<object> =>
  typeof (rows as Partial<AsyncIterable<unknown>> | null)?.[Symbol.asyncIterator] === "function";

/** The name of a class in `probabilities`. */
const keyOf = (value: ClassValue) => String(value);

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
  const read = cellReader(description);
  const values = new Float64Array(cells.length);
  for (let row = 0; row < cells.length; row++)
    values[row] = readCell(read, description, cells[row], row, place);

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
 * A trained model of a table: the columns and their preparation, the networks, and how good they are on rows that
 * they did not learn from. `fitTable` makes it.
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
  #single: readonly SingleRow[] | undefined;
  #isDisposed = false;

  constructor(parts: TableParts) {
    this.#parts = parts;
    this.columns = parts.columns;
    this.targets = parts.targets.map(({ description }) => description);
    this.seed = parts.seed;
    this.rows = parts.rows;
    this.notes = parts.notes;
    const used = new Set(
      parts.targets.flatMap(({ learned }) =>
        learned.parts.flatMap(({ preparation }) => preparation.steps.map(({ column }) => column)),
      ),
    );
    this.#used = parts.columns.filter(({ name }) => used.has(name));
    this.#readers = this.#used.map(cellReader);
  }

  /**
   * Answers for a record, for records, for columns, or for a stream of records, in the same form. Missing fields are
   * missing values, other fields are ignored, and a category that the training did not have is unknown.
   *
   * @example
   * ```ts
   * model.predict({ island: "Biscoe", billLength: 46.1 }); // { value: "Gentoo", probabilities: { Adelie: 0.01, … } }
   * ```
   *
   * @throws DataError if a cell cannot be read as its column's type; it names the row and the column.
   */
  predict(records: readonly object[]): Reply[];
  predict(records: AsyncIterable<object>): AsyncGenerator<Reply, void>;
  predict(columns: Columns | Frame): InColumns<Reply>;
  predict(record: object): Reply;
  predict(rows: object): unknown {
    this.#use("predict");
    if (isStream(rows)) return this.#answerStream(rows);
    if (Array.isArray(rows)) return this.#answerRecords(toFrame(rows, "predict"));
    if (rows instanceof Frame || isColumns(rows)) return this.#answerColumns(toFrame(rows, "predict"));
    if (!isPlain(rows) && (rows === null || typeof rows !== "object")) {
      throw new DataError(`predict: expected a record, records or columns, received ${show(rows)}`);
    }
    if (Array.isArray(rows) || ArrayBuffer.isView(rows)) toFrame([rows], "predict");
    return this.#answerOne(rows as TableRecord);
  }

  /**
   * How good the predictions for these rows are, by the metrics of the task, in the target's own units. Rows without
   * a target are left out.
   *
   * @example
   * ```ts
   * const { accuracy, logLoss } = model.evaluate(otherRows);
   * ```
   */
  evaluate(rows: TableRows): ScoresFor<Reply> {
    this.#use("evaluate");
    const frame = toFrame(rows, "evaluate");
    const scores = this.#parts.targets.map(({ description, learned }) => {
      const cells = frame.cells.get(description.name);
      if (cells === undefined) {
        throw new DataError(
          `evaluate: expected the target ${show(description.name)} among the columns, received none`,
        );
      }
      const targets = readTargets(description, cells, "evaluate");
      const known = Uint32Array.from(
        Array.from(targets, (_, row) => row).filter((row) => !Number.isNaN(targets[row])),
      );
      if (known.length === 0) throw new DataError(`evaluate: expected rows with a target, received none`);
      const predictions = this.#raw(learned, this.#typed(frame, "evaluate"), known, outputsOf(description));
      return scoreTarget(
        description,
        Float64Array.from(known, (row) => targets[row]),
        predictions,
      );
    });
    if (scores.length === 1) return scores[0] as ScoresFor<Reply>;
    return Object.fromEntries(this.targets.map(({ name }, at) => [name, scores[at]])) as ScoresFor<Reply>;
  }

  /** On rows that the networks did not learn from: what `evaluate` can be expected to give for new rows. */
  get scores(): ScoresFor<Reply> {
    return this.#byTarget(({ scores }) => scores) as ScoresFor<Reply>;
  }

  /** The networks of the model by kind, with their loss on rows that they did not learn from, the best first. */
  get leaderboard(): readonly TrainedBag[] {
    return this.#parts.targets
      .flatMap(({ learned }) => learned.bags)
      .toSorted((a, b) => (Number.isNaN(a.loss) ? 1 : Number.isNaN(b.loss) ? -1 : a.loss - b.loss));
  }

  /** What was done to each column, what was trained, and how good it is on rows not seen. */
  summary(): string {
    return summarize(this.#parts);
  }

  /** Frees the memory of the networks at once. A second call does nothing. */
  dispose(): void {
    this.#isDisposed = true;
    for (const { learned } of this.#parts.targets) for (const { model } of learned.networks) model.dispose();
  }

  /** For `using model = await fitTable(…)`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /**
   * The model as the bytes of a safetensors file, the same that `save` writes. `TableModel.fromBytes` is the way back.
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

  #typed(frame: Frame, place: string): ReadonlyMap<string, TypedColumn> {
    const typed = new Map<string, TypedColumn>();
    for (const description of this.#used) {
      const cells = frame.cells.get(description.name);
      if (cells !== undefined) typed.set(description.name, typeCells(description, cells, place));
    }
    return typed;
  }

  /** Predictions of some rows, [rows][outputs]: numbers in the target's unit, or probabilities. */
  #raw(
    learned: TrainedTarget["learned"],
    columns: ReadonlyMap<string, TypedColumn>,
    rows: Uint32Array,
    outputs: number,
  ): Float64Array {
    const { parts, networks, prior, priorWeight, temperature, range } = learned;
    const isClassification = outputs > 1 || prior.length > 1;
    const predictions = new Float64Array(rows.length * outputs);
    if (priorWeight > 0)
      for (let at = 0; at < predictions.length; at++) predictions[at] = priorWeight * prior[at % outputs];
    for (let start = 0; start < rows.length; start += BLOCK) {
      const block = rows.subarray(start, Math.min(rows.length, start + BLOCK));
      for (const [number, part] of parts.entries()) {
        const x = part.preparation.encode(columns, block);
        for (const network of networks.filter((one) => one.part === number)) {
          const share = shareOf(learned, network.bag);
          const found = predictEncoded(network, x, part, range, isClassification);
          for (let at = 0; at < found.length; at++) predictions[start * outputs + at] += share * found[at];
        }
      }
    }
    if (isClassification) applyTemperature(predictions, outputs, temperature);
    return predictions;
  }

  /** Answers records as they come, some at a time. */
  async *#answerStream(records: AsyncIterable<object>): AsyncGenerator<Reply, void> {
    let block: object[] = [];
    for await (const record of records) {
      if (record instanceof Frame) yield* this.#answerRecords(record) as Reply[];
      else block.push(record);
      if (block.length < STREAMED) continue;
      yield* this.predict(block);
      block = [];
    }
    if (block.length > 0) yield* this.predict(block);
  }

  /** The answer for one record: the same bits as among others, without columns in between. */
  #answerOne(record: TableRecord): RecordAnswer {
    this.#single ??= this.#parts.targets.map((target) => new SingleRow(target, this.#used));
    const used = this.#used;
    const values = new Float64Array(used.length);
    const texts: (string | undefined)[] = [];
    for (let at = 0; at < used.length; at++) {
      const { name, type } = used[at];
      const cell = Object.hasOwn(record, name) ? record[name] : undefined;
      if (type === "text") {
        texts[at] = readText(used[at], cell, 0, "predict");
        values[at] = texts[at] === "" ? Number.NaN : 0;
      } else values[at] = readCell(this.#readers[at], used[at], cell, 0, "predict");
    }
    const answers = this.#single.map((single, at) => {
      const description = this.targets[at];
      return answerOf(description, single.predict(values, texts), 0, outputsOf(description));
    });
    return answers.length === 1
      ? answers[0]
      : Object.fromEntries(this.targets.map(({ name }, at) => [name, answers[at]]));
  }

  #all(frame: Frame, learned: TrainedTarget["learned"], outputs: number): Float64Array {
    const rows = Uint32Array.from({ length: frame.rows }, (_, row) => row);
    return this.#raw(learned, this.#typed(frame, "predict"), rows, outputs);
  }

  #answerRecords(frame: Frame): RecordAnswer[] {
    const byTarget = this.#parts.targets.map(({ description, learned }) => {
      const outputs = outputsOf(description);
      const predictions = this.#all(frame, learned, outputs);
      return Array.from({ length: frame.rows }, (_, row) => answerOf(description, predictions, row, outputs));
    });
    if (byTarget.length === 1) return byTarget[0];
    return Array.from({ length: frame.rows }, (_, row) =>
      Object.fromEntries(this.targets.map(({ name }, at) => [name, byTarget[at][row]])),
    );
  }

  #answerColumns(frame: Frame): unknown {
    return this.#byTarget(({ description, learned }) => {
      const outputs = outputsOf(description);
      const predictions = this.#all(frame, learned, outputs);
      const { classes } = description;
      if (classes === undefined) return { value: Array.from(predictions) };
      return {
        value: Array.from({ length: frame.rows }, (_, row) => classes[best(predictions, row, outputs)]),
        probabilities: Object.fromEntries(
          classes.map((name, at) => [
            keyOf(name),
            Float64Array.from({ length: frame.rows }, (_, row) => predictions[row * outputs + at]),
          ]),
        ),
      };
    });
  }
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

/** Predicts one target of one row at a time; its arrays are used again for each row. */
class SingleRow {
  readonly #target: TrainedTarget;
  readonly #parts: readonly {
    readonly write: ReturnType<Preparation["rowWriter"]>;
    readonly x: Float32Array<ArrayBuffer>;
    readonly part: Part;
    readonly networks: readonly { readonly network: TableNetwork; readonly share: number }[];
  }[];

  constructor(target: TrainedTarget, used: readonly ColumnDescription[]) {
    this.#target = target;
    const order = used.map(({ name }) => name);
    const { parts, networks } = target.learned;
    this.#parts = parts.map((part, number) => ({
      part,
      write: part.preparation.rowWriter(order),
      x: new Float32Array(part.preparation.inputs),
      networks: networks
        .filter((network) => network.part === number)
        .map((network) => ({ network, share: shareOf(target.learned, network.bag) })),
    }));
  }

  predict(values: Float64Array, texts: readonly (string | undefined)[]): Float64Array {
    const { prior, priorWeight, temperature, range } = this.#target.learned;
    const isClassification = this.#target.description.task === "classification";
    const outputs = prior.length;
    const predictions = new Float64Array(outputs);
    if (priorWeight > 0) for (let at = 0; at < outputs; at++) predictions[at] = priorWeight * prior[at];
    for (const { write, x, part, networks } of this.#parts) {
      write(values, texts, x);
      for (const { network, share } of networks) {
        const found = predictEncoded(network, x, part, range, isClassification);
        for (let at = 0; at < outputs; at++) predictions[at] += share * found[at];
      }
    }
    if (isClassification) applyTemperature(predictions, outputs, temperature);
    return predictions;
  }
}

/** The share that one network of a bag has in the prediction. */
const shareOf = ({ bags, networks }: TrainedTarget["learned"], bag: number) =>
  bags[bag].weight / networks.filter((network) => network.bag === bag).length;

const outputsOf = ({ classes }: TargetDescription) => classes?.length ?? 1;

/** Whether an object has columns: every value is a list. A record whose every field is a list has no meaning. */
function isColumns(rows: unknown): rows is Columns {
  if (rows === null || typeof rows !== "object") return false;
  const values = Object.values(rows);
  return values.length > 0 && values.every((value) => Array.isArray(value) || ArrayBuffer.isView(value));
}

function best(predictions: Float64Array, row: number, outputs: number): number {
  const start = row * outputs;
  let found = 0;
  for (let at = 1; at < outputs; at++) if (predictions[start + at] > predictions[start + found]) found = at;
  return found;
}

function answerOf(
  { classes }: TargetDescription,
  predictions: Float64Array,
  row: number,
  outputs: number,
): Answer {
  if (classes === undefined) return { value: predictions[row] };
  const start = row * outputs;
  return {
    value: classes[best(predictions, row, outputs)],
    probabilities: Object.fromEntries(classes.map((name, at) => [keyOf(name), predictions[start + at]])),
  };
}

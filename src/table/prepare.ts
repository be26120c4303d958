/** prepare: a table as x and y for a model of one's own, and the way back from predictions to answers. */
import { type Matrix, readMatrix } from "../data/examples.ts";
import { DataError, FormatError, OptionError, show } from "../errors.ts";
import { asFormatErrors } from "../formats/saved.ts";
import { parseStrictly } from "../formats/strictJson.ts";
import type { LayerChoice } from "../nn/layers.ts";
import { type Complete, checkNames } from "../options.ts";
import { version } from "../version.ts";
import type { Answer, RecordAnswer } from "./answers.ts";
import { checkColumn, checkStep, checkTarget } from "./bytes.ts";
import type { ColumnDescription, ColumnType, TypedColumn } from "./columns.ts";
import type { EncoderState, Writer } from "./encoders/encoder.ts";
import { fields, list, optional, text, whole, word } from "./fields.ts";
import { checkCategories, type EncoderChoice, fits } from "./fitEncoder.ts";
import { readTargetNames, typeColumns } from "./fitTable.ts";
import { collectFrame, isRecord, type TableSource, toFrame } from "./frame.ts";
import { embeddings } from "./learner/members.ts";
import {
  checkEncoder,
  fitValues,
  type Lookup,
  openEncoder,
  type Planned,
  Preparation,
  type PreparationStep,
  readEncoder,
  takenBy,
  takenByState,
} from "./preparation.ts";
import { typeCells } from "./tableModel.ts";
import {
  type ClassValue,
  readTarget,
  readTargets,
  readTask,
  type TargetDescription,
  type Task,
} from "./target.ts";

/** How to prepare a table. */
export interface PrepareOptions {
  /** The column to predict, or several columns of numbers. Without it there is no y. */
  readonly target?: string | readonly string[] | undefined;
  /** `"classification"` or `"regression"`; by default what the target looks like. */
  readonly task?: Task | undefined;
  /** Types of columns by name, where they are not what they look like: `{ zip: "category", id: "ignore" }`. */
  readonly columns?: Readonly<Record<string, ColumnType>> | undefined;
  /**
   * Encoders of columns by name, one or several, where the usual ones are not wanted: `{ age: "standardize" }`. For a
   * target of numbers, one encoder with one input and a way back; by default `standardize`.
   */
  readonly encoders?: Readonly<Record<string, EncoderChoice | readonly EncoderChoice[]>> | undefined;
}

/** A table as x and y. */
export interface PreparedTable {
  /** [rows][inputs] */
  readonly x: Float32Array<ArrayBuffer>;
  /** [rows][targets]: encoded numbers, or the number of the class; empty without a target. */
  readonly y: Float32Array<ArrayBuffer>;
  /** The numbers of the table's rows that are in x and y: those with a target. */
  readonly rows: Uint32Array<ArrayBuffer>;
  /** What encodes further rows, and decodes predictions. */
  readonly preparation: TablePreparation;
}

/** A target and how its numbers are encoded. */
interface PreparedTarget {
  readonly description: TargetDescription;
  /** Of numbers; classes are their numbers. */
  readonly encoder?: EncoderState | undefined;
}

/** A preparation as plain JSON. */
export interface TablePreparationJSON {
  readonly format: string;
  readonly formatVersion: number;
  readonly version: string;
  readonly columns: readonly ColumnDescription[];
  readonly targets: readonly PreparedTarget[];
  readonly steps: readonly PreparationStep[];
}

const CALL = "prepare";
const FORMAT = "myelin-preparation";
const FORMAT_VERSION = 1;
const OPTIONS: readonly (keyof PrepareOptions)[] = ["target", "task", "columns", "encoders"];

const checkJSON = fields({
  format: word([FORMAT]),
  formatVersion: whole(1),
  version: text,
  columns: list(checkColumn),
  targets: list(fields({ description: checkTarget, encoder: optional(checkEncoder) })),
  steps: list(checkStep),
});

/**
 * What was learned of a table: it encodes rows as the inputs of a network, encodes their targets, and decodes what
 * the network predicts. `prepare` makes it.
 */
export class TablePreparation {
  /** The columns as they are understood, with what is left out and why. */
  readonly columns: readonly ColumnDescription[];
  /** What is predicted. */
  readonly targets: readonly TargetDescription[];
  /** Values in a row of x. */
  readonly inputs: number;
  /** Values that the network predicts for a row: one for each class, or one for each target of numbers. */
  readonly outputs: number;
  /** What each input is: `age`, `age 20 to 30`, `city = Oslo`. */
  readonly names: readonly string[];
  /** The inputs that are numbers of categories, the last ones, as options of `embedding` layers. */
  readonly lookups: readonly Lookup[];
  readonly #preparation: Preparation;
  readonly #targets: readonly (PreparedTarget & { readonly writer: Writer | undefined })[];

  /** Made by `prepare` and `TablePreparation.fromJSON`. */
  constructor(
    columns: readonly ColumnDescription[],
    targets: readonly PreparedTarget[],
    preparation: Preparation,
  ) {
    this.columns = columns;
    this.targets = targets.map(({ description }) => description);
    this.#preparation = preparation;
    this.#targets = targets.map((target) => ({
      ...target,
      writer: target.encoder && openEncoder(target.encoder),
    }));
    this.inputs = preparation.inputs;
    this.outputs = this.targets[0]?.classes?.length ?? targets.length;
    this.names = preparation.names(new Map(columns.map((column) => [column.name, column])));
    this.lookups = preparation.lookups;
  }

  /**
   * The `embedding` layers that a network over x begins with, in their order; none if no column has more than 40
   * categories.
   */
  get embeddings(): LayerChoice[] {
    return embeddings(this.lookups);
  }

  /**
   * Encodes rows as x: [rows][inputs]. Missing fields are missing values, other fields are ignored.
   *
   * @throws DataError if a cell cannot be read as its column's type; it names the row and the column.
   */
  encode(rows: object): Float32Array<ArrayBuffer> {
    const frame = toFrame(isRecord(rows) ? [rows] : rows, "encode");
    const used = new Set(this.#preparation.steps.map(({ column }) => column));
    const typed = new Map<string, TypedColumn>();
    for (const description of this.columns) {
      const cells = used.has(description.name) ? frame.cells.get(description.name) : undefined;
      if (cells !== undefined) typed.set(description.name, typeCells(description, cells, "encode"));
    }
    return this.#preparation.encode(
      typed,
      Uint32Array.from({ length: frame.rows }, (_, row) => row),
    );
  }

  /**
   * Encodes the targets of rows as y: [rows][targets].
   *
   * @throws DataError if a row has no target, or one that is not a number or a known class.
   */
  encodeTargets(rows: object): Float32Array<ArrayBuffer> {
    const call = "encodeTargets";
    const frame = toFrame(isRecord(rows) ? [rows] : rows, call);
    const columns = this.#targets.map((target) => {
      const { name } = target.description;
      const cells = frame.cells.get(name);
      if (cells === undefined)
        throw new DataError(`${call}: expected the target ${show(name)} among the columns, received none`);
      const values = readTargets(target.description, cells, call);
      const row = values.findIndex(Number.isNaN);
      if (row >= 0)
        throw new DataError(`${call}: row ${row} has no target ${show(name)}. Fix: leave the row out`);
      return { writer: target.writer, values };
    });
    return writeTargets(
      columns,
      Array.from({ length: frame.rows }, (_, row) => row),
    );
  }

  /**
   * Decodes what a network predicts for rows: `{ value }` in the target's unit, or `{ value, probabilities }` with the
   * class as the table spells it; by the names of the targets where there are several. One row of predictions gives
   * one answer, otherwise a list.
   *
   * `predictions`: [rows][outputs]. For two classes it may be [rows][1], the probability of the second one. With
   * `fromLogits` they are turned into probabilities by softmax, or by the sigmoid function.
   *
   * @throws ShapeError for rows of another length; DataError for classes whose predictions are not from 0 to 1.
   */
  decode(predictions: readonly number[], options?: { readonly fromLogits?: boolean }): RecordAnswer;
  decode(predictions: Matrix, options?: { readonly fromLogits?: boolean }): RecordAnswer[];
  decode(
    predictions: Matrix,
    options: { readonly fromLogits?: boolean } = {},
  ): RecordAnswer | RecordAnswer[] {
    checkNames(options, ["fromLogits"], "decode");
    const [first] = this.targets;
    if (first === undefined)
      throw new OptionError("decode: expected a target. Fix: give prepare the target of the table");
    const { classes } = first;
    const columns = widthOf(predictions) === 1 && classes?.length === 2 ? 1 : this.outputs;
    const expected = { name: "decode: predictions", columns, unit: "outputs", listIsColumn: false };
    const { values, rows, form } = readMatrix(predictions, expected);
    const answers = Array.from({ length: rows }, (_, row) => {
      const own = values.subarray(row * columns, (row + 1) * columns);
      return classes === undefined
        ? this.#numbers(own)
        : classAnswer(classes, own, row, options.fromLogits === true);
    });
    return form === "row" ? answers[0] : answers;
  }

  #numbers(outputs: Float32Array): RecordAnswer {
    const answers = this.#targets.map(({ writer }, at): Answer => {
      return { value: (writer as Required<Writer>).inverse(outputs, at) };
    });
    if (answers.length === 1) return answers[0];
    return Object.fromEntries(this.targets.map(({ name }, at) => [name, answers[at]]));
  }

  /** The preparation as plain JSON, without any row. `TablePreparation.fromJSON` is the way back. */
  toJSON(): TablePreparationJSON {
    return {
      format: FORMAT,
      formatVersion: FORMAT_VERSION,
      version,
      columns: this.columns,
      targets: this.#targets.map(({ description, encoder }) => ({
        description,
        ...(encoder && { encoder }),
      })),
      steps: this.#preparation.steps,
    };
  }

  /**
   * Makes a preparation of what `toJSON` gave, as an object or as text.
   *
   * @example
   * ```ts
   * const { preparation } = await prepare(rows, { target: "species" });
   * const copy = TablePreparation.fromJSON(JSON.stringify(preparation));
   * ```
   *
   * @throws FormatError if it is not a preparation, or one of a newer version.
   */
  static fromJSON(json: string | TablePreparationJSON): TablePreparation {
    return asFormatErrors("fromJSON", () => {
      const given = typeof json === "string" ? parseStrictly(json, "preparation") : json;
      const { columns, targets, steps, formatVersion } = checkJSON(given, "preparation");
      if (formatVersion !== FORMAT_VERSION)
        throw new FormatError(`expected formatVersion ${FORMAT_VERSION}, received ${formatVersion}`);
      checkTogether(columns, targets, steps);
      return new TablePreparation(columns, targets, new Preparation(steps));
    });
  }
}

function checkTogether(
  columns: readonly ColumnDescription[],
  targets: readonly PreparedTarget[],
  steps: readonly PreparationStep[],
): void {
  const byName = new Map(columns.map((column) => [column.name, column]));
  if (byName.size < columns.length)
    throw new FormatError("columns: expected different names, received one twice");
  for (const { column, part, encoder } of steps) {
    const found = byName.get(column);
    if (found === undefined)
      throw new FormatError(`a step encodes the column ${show(column)}, which is not there`);
    const isPart = part !== undefined;
    if (isPart ? found.type !== "date" : !fits(takenByState(encoder), found))
      throw new FormatError(`column ${show(column)}: ${encoder.type} does not encode the type ${found.type}`);
    if (!isPart) checkCategories(encoder, found);
  }
  for (const { description, encoder } of targets) {
    const { name, task, classes } = description;
    const isClass = task === "classification";
    if (
      isClass !== (classes !== undefined) ||
      isClass !== (encoder === undefined) ||
      (isClass && targets.length > 1)
    )
      throw new FormatError(`target ${show(name)}: expected classes of one target, or an encoder of numbers`);
    if (encoder !== undefined) checkTargetEncoder(encoder, name, (message) => new FormatError(message));
  }
}

/** Checks that an encoder of a target has one input and a way back. */
function checkTargetEncoder(state: EncoderState, name: string, fail: (message: string) => Error): void {
  const { width, inverse } = openEncoder(state);
  if (takenByState(state) === "number" && width === 1 && inverse !== undefined) return;
  throw fail(
    `target ${show(name)}: expected an encoder of numbers with one input and a way back, received ${state.type}`,
  );
}

/** Values in a row of predictions, as far as their form says it. */
function widthOf(predictions: unknown): number | undefined {
  if (!Array.isArray(predictions)) return undefined;
  const [first] = predictions as unknown[];
  return typeof first === "number" ? predictions.length : (first as ArrayLike<unknown> | null)?.length;
}

function classAnswer(
  classes: readonly ClassValue[],
  own: Float32Array,
  row: number,
  fromLogits: boolean,
): Answer {
  let probabilities = Array.from(own);
  if (fromLogits) {
    // The sigmoid is the softmax of 0 and the logit.
    const logits = own.length === 1 ? [0, own[0]] : probabilities;
    const most = Math.max(...logits);
    const powers = logits.map((logit) => Math.exp(logit - most));
    const sum = powers.reduce((a, b) => a + b, 0);
    probabilities = powers.map((power) => power / sum);
  } else {
    const wrong = probabilities.find((value) => value < 0 || value > 1 + 1e-6);
    if (wrong !== undefined) {
      throw new DataError(
        `decode: row ${row}: expected probabilities from 0 to 1, received ${wrong}. Fix: end the network with softmax, or give fromLogits: true`,
      );
    }
    if (own.length === 1) probabilities = [1 - own[0], own[0]];
  }
  const best = probabilities.indexOf(Math.max(...probabilities));
  return {
    value: classes[best],
    probabilities: Object.fromEntries(classes.map((name, at) => [String(name), probabilities[at]])),
  };
}

/** y: [rows][targets]. */
function writeTargets(
  columns: readonly { readonly writer: Writer | undefined; readonly values: Float64Array }[],
  rows: ArrayLike<number>,
): Float32Array<ArrayBuffer> {
  const y = new Float32Array(rows.length * columns.length);
  for (let row = 0; row < rows.length; row++) {
    for (const [at, { writer, values }] of columns.entries()) {
      const value = values[rows[row]];
      if (writer === undefined) y[row * columns.length + at] = value;
      else writer.write(value, y, row * columns.length + at);
    }
  }
  return y;
}

/**
 * Prepares a table for a model of your own: infers the types of its columns, fits an encoder to each, and writes x
 * and y. Give it training rows only, and encode the others with `preparation.encode`: what the encoders learn would
 * leak from test rows into the model.
 *
 * The encoders are those of `fitTable`: numbers are scaled by `robustScale` and written by `piecewiseLinear`, with
 * a `missingFlag`; two categories are a `sign`, up to 40 `oneHot`, more a `lookup` for an embedding layer; dates are
 * days, month, weekday and hour; texts are `hashedWords`. Rows without a target are left out.
 *
 * @example
 * ```ts
 * const { x, y, preparation } = await prepare(rows, { target: "species" });
 * const network = new Model({
 *   inputs: preparation.inputs,
 *   layers: [...preparation.embeddings, dense(16), relu(), dense(preparation.outputs), softmax()],
 *   loss: "sparseCategoricalCrossentropy",
 *   optimizer: "adam",
 * });
 * await network.fit(x, y, { epochs: 10 });
 * const [answer] = preparation.decode(network.predict(preparation.encode(otherRows)));
 * answer.value; // "Gentoo"
 * ```
 *
 * @throws OptionError for an unknown option, column or encoder; DataError for rows that cannot be learned from.
 */
export async function prepare(rows: TableSource, options: PrepareOptions = {}): Promise<PreparedTable> {
  checkNames(options, OPTIONS, CALL);
  const task = readTask(options.task, CALL);
  const frame = await collectFrame(rows, CALL);
  if (frame.rows === 0) throw new DataError(`${CALL}: expected rows, received none`);
  const names = options.target === undefined ? [] : readTargetNames(options.target, frame, CALL);
  const read = names.map((name) => {
    const cells = frame.cells.get(name) as ArrayLike<unknown>;
    return readTarget({ name, cells, isText: frame.isText }, task, CALL);
  });
  const classes = read.find(({ description }) => description.classes !== undefined);
  if (classes !== undefined && read.length > 1) {
    throw new OptionError(
      `${CALL}: target: ${show(classes.description.name)} has classes; several targets have to be numbers. Fix: prepare it alone`,
    );
  }
  const typed = typeColumns(frame, names, options.columns, new Map(), CALL);
  const chosen = readEncoders(
    options.encoders,
    typed,
    read.map(({ description }) => description),
  );
  const kept = Uint32Array.from(
    Array.from({ length: frame.rows }, (_, row) => row).filter((row) =>
      read.every(({ values }) => !Number.isNaN(values[row])),
    ),
  );
  if (kept.length === 0) throw new DataError(`${CALL}: expected rows with all targets, received none`);
  const used = typed.filter(({ description }) => description.type !== "ignore");
  const preparation = Preparation.fit(used, kept, chosen);
  if (preparation.inputs === 0)
    throw new DataError(`${CALL}: expected a column to learn from, all are left out: ${reasons(typed)}`);
  const targets = read.map(({ description, values }): PreparedTarget => {
    if (description.classes !== undefined) return { description };
    const own = Float64Array.from(kept, (row) => values[row]);
    return { description, encoder: fitTarget(description.name, chosen.get(description.name), own) };
  });
  const encoded = new Set(preparation.steps.map(({ column }) => column));
  const columns = typed.map(({ description }): ColumnDescription => {
    if (description.type === "ignore" || encoded.has(description.name)) return description;
    return { ...description, type: "ignore", reason: "its encoders have nothing to learn from" };
  });
  const x = preparation.encode(new Map(used.map((column) => [column.description.name, column])), kept);
  const y = writeTargets(
    read.map(({ values }, at) => {
      const { encoder } = targets[at];
      return { values, writer: encoder && openEncoder(encoder) };
    }),
    kept,
  );
  return { x, y, rows: kept, preparation: new TablePreparation(columns, targets, preparation) };
}

const reasons = (columns: readonly TypedColumn[]) =>
  columns
    .slice(0, 5)
    .map(({ description: { name, reason } }) => `${show(name)}, ${reason ?? "nothing to learn from"}`)
    .join("; ");

/** The encoders that the caller chose, by column. */
function readEncoders(
  given: unknown,
  typed: readonly TypedColumn[],
  targets: readonly TargetDescription[],
): Map<string, Planned[]> {
  const chosen = new Map<string, Planned[]>();
  if (given === undefined) return chosen;
  const place = `${CALL}: encoders`;
  const columns = new Map(typed.map(({ description }) => [description.name, description]));
  const names = [...columns.keys(), ...targets.map(({ name }) => name)];
  checkNames(given, names, place, "column");
  for (const [name, choice] of Object.entries(given)) {
    if (choice === undefined) continue;
    const here = `${place}: ${show(name)}`;
    const list = (Array.isArray(choice) ? choice : [choice]) as unknown[];
    if (list.length === 0)
      throw new OptionError(
        `${here}: expected an encoder, received none. Fix: columns: { … "ignore" } leaves it out`,
      );
    const description = columns.get(name);
    const target = targets.find((one) => one.name === name);
    if (target?.classes !== undefined)
      throw new OptionError(`${here}: classes have no encoder: y is the number of the class`);
    if (target !== undefined && list.length > 1)
      throw new OptionError(`${here}: expected one encoder for a target, received ${list.length}`);
    chosen.set(
      name,
      list.map((one) => plannedFor(readEncoder(one, here), description, here)),
    );
  }
  return chosen;
}

function plannedFor(encoder: Complete, column: ColumnDescription | undefined, place: string): Planned {
  if (column === undefined) return { encoder };
  if (!fits(takenBy(encoder), column)) {
    const why = column.reason === undefined ? "" : `, ${column.reason}`;
    throw new OptionError(
      `${place}: ${encoder.type} encodes a ${takenBy(encoder)}, and the column is of the type ${column.type}${why}. Fix: give its type as the option columns`,
    );
  }
  return column.type === "date" ? { part: "days", encoder } : { encoder };
}

/** What encodes the numbers of a target; by default a constant one is left as it is. */
function fitTarget(
  name: string,
  planned: readonly Planned[] | undefined,
  values: Float64Array,
): EncoderState {
  const place = `${CALL}: encoders`;
  const state =
    planned === undefined
      ? (fitValues(readEncoder("standardize", place), { values }) ??
        fitValues(readEncoder("identity", place), { values }))
      : fitValues(planned[0].encoder, { values });
  if (state === undefined) {
    const type = planned?.[0].encoder.type;
    throw new OptionError(`${place}: target ${show(name)}: ${type} has nothing to encode in its values`);
  }
  checkTargetEncoder(state, name, (message) => new OptionError(`${place}: ${message}`));
  return state;
}

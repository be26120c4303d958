/** TablePreparation: what was learned of a table, to encode further rows and to decode predictions. */
import { type Matrix, readMatrix } from "../data/examples.ts";
import { DataError, FormatError, OptionError, show } from "../errors.ts";
import { asFormatErrors } from "../formats/saved.ts";
import { parseStrictly } from "../formats/strictJson.ts";
import type { LayerChoice } from "../nn/layers.ts";
import { misspeltChecker } from "../options/misspelt.ts";
import { checkNames } from "../options.ts";
import { version } from "../version.ts";
import type { Answer, RecordAnswer } from "./answers.ts";
import { checkColumn, checkStep, columnFields, stepFields, targetFields } from "./bytes.ts";
import type { ColumnDescription, TypedColumn } from "./columns.ts";
import type { EncoderState, Writer } from "./encoders/encoder.ts";
import { fields, list, optional, text, whole, word } from "./fields.ts";
import { fits } from "./fitEncoder.ts";
import { isRecord, toFrame } from "./frame.ts";
import { embeddings } from "./learner/members.ts";
import { checkFrame } from "./parts.ts";
import {
  checkEncoder,
  type Lookup,
  openEncoder,
  Preparation,
  type PreparationStep,
  takenByState,
} from "./preparation.ts";
import { type ClassValue, readTargets, type TargetDescription } from "./target.ts";
import { typeCells } from "./typedRows.ts";

/** A target and how its numbers are encoded. */
export interface PreparedTarget {
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

const FORMAT = "myelin-preparation";
const FORMAT_VERSION = 1;

const checkJSON = fields({
  format: word([FORMAT]),
  formatVersion: whole(1),
  version: text,
  columns: list(columnFields),
  targets: list(fields({ description: targetFields, encoder: optional(checkEncoder) })),
  steps: list(stepFields),
});

/**
 * What was learned of a table: it encodes rows as the inputs of a network, encodes their targets, and decodes
 * what the network predicts. `prepare` makes it.
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
   * The `embedding` layers that a network over x begins with, in their order; none if no column has more than
   * 40 categories.
   */
  get embeddings(): LayerChoice[] {
    return embeddings(this.lookups);
  }

  /**
   * Encodes rows as x: [rows][inputs]. Missing fields are missing values, other fields are ignored.
   *
   * @throws DataError if a cell cannot be read as its column's type, or a column is probably misspelt; it names
   * the row and the column.
   */
  encode(rows: object): Float32Array<ArrayBuffer> {
    const frame = toFrame(isRecord(rows) ? [rows] : rows, "encode");
    const used = new Set(this.#preparation.steps.map(({ column }) => column));
    const known = [...this.columns, ...this.targets].map(({ name }) => name);
    checkFrame(misspeltChecker([...used], known), frame, "encode");
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
   * Decodes what a network predicts for rows: `{ value }` in the target's unit, or `{ value, probabilities }`
   * with the class as the table spells it; by the names of the targets where there are several. One row of
   * predictions gives one answer, otherwise a list.
   *
   * `predictions`: [rows][outputs]. For two classes it may be [rows][1], the probability of the second one.
   * With `fromLogits` they are turned into probabilities by softmax, or by the sigmoid function.
   *
   * @throws ShapeError for rows of another length; DataError for classes whose predictions are not from 0 to
   * 1.
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
  for (const entry of columns) checkColumn(entry);
  for (const step of steps) {
    checkStep(step, byName, "steps");
    const { column, part, encoder } = step;
    const found = byName.get(column) as ColumnDescription;
    if (part === undefined && !fits(takenByState(encoder), found))
      throw new FormatError(`column ${show(column)}: ${encoder.type} does not encode the type ${found.type}`);
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
export function checkTargetEncoder(
  state: EncoderState,
  name: string,
  fail: (message: string) => Error,
): void {
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
export function writeTargets(
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

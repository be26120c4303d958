/** prepare: a table as x and y for a model of one's own. */
import { DataError, OptionError, show } from "../errors.ts";
import { type Complete, checkNames } from "../options.ts";
import { readSignal } from "../training/options.ts";
import { readTargetNames, typeColumns } from "./columnOptions.ts";
import type { ColumnDescription, ColumnType, TypedColumn } from "./columns.ts";
import type { EncoderState } from "./encoders/encoder.ts";
import { type EncoderChoice, fits } from "./fitEncoder.ts";
import { collectFrame, type TableSource } from "./frame.ts";
import { inTurns } from "./pieces.ts";
import { fitValues, openEncoder, type Planned, Preparation, readEncoder, takenBy } from "./preparation.ts";
import {
  checkTargetEncoder,
  type PreparedTarget,
  TablePreparation,
  writeTargets,
} from "./tablePreparation.ts";
import { readTarget, readTask, type TargetDescription, type Task } from "./target.ts";

/** How to prepare a table. */
export interface PrepareOptions {
  /** The column to predict, or several columns of numbers. Without it there is no y. */
  readonly target?: string | readonly string[] | undefined;
  /** `"classification"` or `"regression"`; by default what the target looks like. */
  readonly task?: Task | undefined;
  /**
   * Types of columns by name, where they are not what they look like: `{ zip: "category", id: "ignore" }`.
   */
  readonly columns?: Readonly<Record<string, ColumnType>> | undefined;
  /**
   * Encoders of columns by name, one or several, where the usual ones are not wanted: `{ age: "standardize"
   * }`. For a target of numbers, one encoder with one input and a way back; by default `standardize`.
   */
  readonly encoders?: Readonly<Record<string, EncoderChoice | readonly EncoderChoice[]>> | undefined;
  /** Stops the reading of a stream: the call rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
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

const CALL = "prepare";
const OPTIONS: readonly (keyof PrepareOptions)[] = ["target", "task", "columns", "encoders", "signal"];

/**
 * Prepares a table for a model of your own: infers the types of its columns, fits an encoder to each, and
 * writes x and y. Give it training rows only, and encode the others with `preparation.encode`: what the
 * encoders learn would leak from test rows into the model.
 *
 * The encoders are those of `fitTable`: numbers are scaled by `robustScale` and written by `piecewiseLinear`,
 * with a `missingFlag`; two categories are a `sign`, up to 40 `oneHot`, more a `lookup` for an embedding
 * layer; dates are days, month, weekday and hour; texts are `hashedWords`. Rows without a target are left
 * out.
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
 * @throws OptionError for an unknown option, column or encoder; DataError for rows that cannot be learned
 * from.
 */
export async function prepare(rows: TableSource, options: PrepareOptions = {}): Promise<PreparedTable> {
  checkNames(options, OPTIONS, CALL);
  const task = readTask(options.task, CALL);
  const frame = await collectFrame(rows, CALL, { signal: readSignal(options.signal, CALL) });
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
  const typed = await inTurns(typeColumns(frame, names, options.columns, new Map(), CALL));
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
  const preparation = await inTurns(Preparation.fitPieces(used, kept, chosen));
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

/**
 * Preparation: which encoders write which columns as the inputs of a network, learned from training rows
 * only.
 */
import { allocate } from "../memory.ts";
import { type Complete, complete, create, type Options, type Table } from "../options.ts";
import type { ColumnDescription, TypedColumn } from "./columns.ts";
import { type DatePart, dateParts, partNames } from "./dates.ts";
import type { Encoder, EncoderInput, EncoderState, Writer } from "./encoders/encoder.ts";
import * as encoders from "./encoders.ts";
import { fields, text, word } from "./fields.ts";
import { finish, PIECE, type Pieces, sortPieces } from "./pieces.ts";

/** One encoder of one column. Plain JSON: a model file has it. */
export interface PreparationStep {
  readonly column: string;
  /** The part of the date that is encoded. */
  readonly part?: DatePart;
  readonly encoder: EncoderState;
}

/** Checks the state of an encoder that comes from a file. */
export function checkEncoder(value: unknown, place: string): EncoderState {
  const type = word(Object.keys(TABLE))(
    (value as { type?: unknown } | null | undefined)?.type,
    `${place}: type`,
  );
  const { options, create: build } = TABLE[type];
  const { fields: own } = build(defaultsOf(options));
  return fields({ type: text, ...own })(value, place) as unknown as EncoderState;
}

const defaultsOf = (options: Options) =>
  Object.fromEntries(Object.entries(options).map(([name, option]) => [name, option.default]));

/** An encoder that is to be fitted. */
export interface Planned {
  readonly part?: DatePart;
  readonly encoder: Complete;
}

const TABLE = encoders as unknown as Table<Encoder>;

const make = (configuration: Complete): Encoder => create("encoder", TABLE, configuration);

/** The type of the columns that an encoder takes. */
export const takenBy = (configuration: Complete): Encoder["takes"] => make(configuration).takes;

/** The type of the columns that the encoder of a state takes. */
export const takenByState = ({ type }: EncoderState): Encoder["takes"] =>
  TABLE[type].create(defaultsOf(TABLE[type].options)).takes;

/** Fits an encoder to values. */
export const fitValues = (configuration: Complete, input: EncoderInput) => make(configuration).fit(input);

/** Checks a configuration of an encoder, and completes it. */
export const readEncoder = (given: unknown, place: string): Complete =>
  complete("encoder", TABLE as Table<unknown>, given as string, place);

/** The encoder of a state: which one it is says its type; its options are in what it has learned. */
export function openEncoder(state: EncoderState): Writer {
  const { options, create: build } = TABLE[state.type];
  return build(defaultsOf(options)).open(state);
}

const encoder = (type: string, options: object = {}): Complete =>
  complete("encoder", TABLE as Table<unknown>, { type, ...options }, "encoder");

/** Up to so many categories have an input each; more have an embedding. */
const MOST_ONE_HOT = 40;
/** The value of a one-hot input, so that one category stands out among inputs of about 1 (RealMLP). */
const ACTIVE = 1.664;

const asNumber = (part?: DatePart, bins = 16): Planned[] =>
  [encoder("robustScale"), encoder("piecewiseLinear", { bins })].map((one) => ({
    ...(part && { part }),
    encoder: one,
  }));

/** The encoders for a column. */
function plan({ description, values }: TypedColumn, rows: Uint32Array): Planned[] {
  switch (description.type) {
    case "number":
      return [...asNumber(), { encoder: encoder("missingFlag") }];
    case "boolean":
    case "category":
      return [{ encoder: encoderOfCategories(values, rows) }];
    case "date":
      return [
        ...asNumber("days"),
        { encoder: encoder("missingFlag") },
        { part: "month", encoder: encoder("oneHot", { active: ACTIVE }) },
        { part: "weekday", encoder: encoder("oneHot", { active: ACTIVE }) },
        ...asNumber("hour"),
      ];
    case "text":
      return [{ encoder: encoder("hashedWords") }];
    default:
      return [];
  }
}

function encoderOfCategories(values: Float64Array, rows: Uint32Array): Complete {
  const seen = new Set<number>();
  for (const row of rows) {
    if (values[row] >= 0) seen.add(values[row]);
    if (seen.size > MOST_ONE_HOT) return encoder("lookup");
  }
  return seen.size === 2 ? encoder("sign") : encoder("oneHot", { active: ACTIVE });
}

/** A step with its writer and its first input. */
interface Opened {
  readonly step: PreparationStep;
  readonly writer: Writer;
  readonly at: number;
}

/** An input that is the number of a category. */
export interface Lookup {
  /** Which input. */
  readonly column: number;
  readonly categories: number;
  readonly units: number;
}

/** The inputs of one column. */
export interface InputGroup {
  readonly column: string;
  /** The first input, and how many there are. */
  readonly at: number;
  readonly width: number;
  /** Whether they are numbers of categories. */
  readonly isLookup: boolean;
}

/** The inputs of one encoder. */
export interface EncoderInputs {
  /** The encoder's type. */
  readonly type: string;
  readonly at: number;
  readonly width: number;
}

/** Rows that are encoded at a time, so that what is written is still in the cache for the next column. */
const BLOCK = 128;

/** Encoders that have learned from the training rows, and write any rows as inputs. */
export class Preparation {
  readonly steps: readonly PreparationStep[];
  /** Inputs for each row. */
  readonly inputs: number;
  /** The inputs that are numbers of categories, the last ones of all. */
  readonly lookups: readonly Lookup[];
  readonly #opened: readonly Opened[];

  constructor(steps: readonly PreparationStep[]) {
    const writers = steps.map((step) => ({ step, writer: openEncoder(step.encoder) }));
    // Numbers of categories come last, so that embeddings do not move the others.
    const sorted = [
      ...writers.filter(({ writer }) => writer.lookup === undefined),
      ...writers.filter(({ writer }) => writer.lookup !== undefined),
    ];
    let at = 0;
    this.#opened = sorted.map(({ step, writer }) => {
      const opened = { step, writer, at };
      at += writer.width;
      return opened;
    });
    this.steps = sorted.map(({ step }) => step);
    this.inputs = at;
    this.lookups = this.#opened.flatMap(({ writer: { lookup }, at: column }) =>
      lookup === undefined ? [] : [{ column, ...lookup }],
    );
  }

  /**
   * Learns from some of the rows how to write the columns; `chosen` has other encoders than the usual ones.
   */
  static fit(
    columns: Iterable<TypedColumn>,
    rows: Uint32Array,
    chosen?: ReadonlyMap<string, readonly Planned[]>,
  ): Preparation {
    return finish(Preparation.fitPieces(columns, rows, chosen));
  }

  /** The work of `fit`. */
  static *fitPieces(
    columns: Iterable<TypedColumn>,
    rows: Uint32Array,
    chosen: ReadonlyMap<string, readonly Planned[]> = new Map(),
  ): Pieces<Preparation> {
    const steps: PreparationStep[] = [];
    for (const column of columns) {
      const { description } = column;
      const known = new Map<DatePart | undefined, EncoderInput>();
      for (const { part, encoder: configuration } of chosen.get(description.name) ?? plan(column, rows)) {
        const made = make(configuration);
        const input: EncoderInput =
          known.get(part) ?? (yield* inputOf(column, part, rows, made.takes === "number"));
        known.set(part, input);
        yield;
        const state = made.fit(input);
        if (state === undefined) continue;
        steps.push({ column: description.name, ...(part && { part }), encoder: state });
      }
    }
    return new Preparation(steps);
  }

  /** Writes rows as inputs: [rows][inputs], into the beginning of an array where one is given. */
  encode(
    columns: ReadonlyMap<string, TypedColumn>,
    rows: Uint32Array,
    into?: Float32Array<ArrayBuffer>,
  ): Float32Array<ArrayBuffer> {
    return finish(this.encodePieces(columns, rows, into));
  }

  /** The work of `encode`. */
  *encodePieces(
    columns: ReadonlyMap<string, TypedColumn>,
    rows: Uint32Array,
    into?: Float32Array<ArrayBuffer>,
  ): Pieces<Float32Array<ArrayBuffer>> {
    const { inputs } = this;
    const length = rows.length * inputs;
    const x =
      into?.subarray(0, length).fill(0) ??
      allocate(length, () => `${rows.length} encoded rows of ${inputs} inputs`);
    const block = new Float64Array(Math.min(BLOCK, rows.length));
    for (let start = 0; start < rows.length; start += BLOCK) {
      yield;
      const end = Math.min(rows.length, start + BLOCK);
      for (const { step, writer, at } of this.#opened) {
        const column = columns.get(step.column);
        take(column?.values, step.part, rows.subarray(start, end), block);
        if (writer.writeRows !== undefined) {
          writer.writeRows(block, end - start, x, start * inputs + at, inputs);
          continue;
        }
        for (let row = start; row < end; row++)
          writer.write(block[row - start], x, row * inputs + at, column?.texts?.[rows[row]]);
      }
    }
    return x;
  }

  /**
   * Makes a function that writes one row as inputs, for calls with a row at a time: `values` and `texts` are
   * by the columns in `order`.
   */
  rowWriter(
    order: readonly string[],
  ): (values: Float64Array, texts: readonly (string | undefined)[], out: Float32Array) => void {
    const bound = this.#opened.map(({ step, writer, at }) => ({
      writer,
      at,
      column: order.indexOf(step.column),
      value: step.part === undefined ? same : dateParts[step.part],
    }));
    return (values, texts, out) => {
      out.fill(0);
      for (const { writer, at, column, value } of bound) {
        writer.write(value(values[column]), out, at, texts[column]);
      }
    };
  }

  /** The inputs by encoder, without gaps. */
  get encoders(): EncoderInputs[] {
    return this.#opened.map(({ step, writer, at }) => ({ type: step.encoder.type, at, width: writer.width }));
  }

  /** The inputs by column, without gaps. */
  get groups(): InputGroup[] {
    const groups: InputGroup[] = [];
    for (const { step, writer, at } of this.#opened) {
      const isLookup = writer.lookup !== undefined;
      const last = groups.at(-1);
      if (last?.column === step.column && last.isLookup === isLookup) {
        groups[groups.length - 1] = { ...last, width: last.width + writer.width };
      } else groups.push({ column: step.column, at, width: writer.width, isLookup });
    }
    return groups;
  }

  /** What each input is: "age", "age 20 to 30", "city = Oslo". */
  names(descriptions: ReadonlyMap<string, ColumnDescription>): string[] {
    return this.#opened.flatMap(({ step, writer }) => {
      const { column, part } = step;
      const categories = part === undefined ? (descriptions.get(column)?.categories ?? []) : partNames[part];
      const base = part === undefined ? column : `${column} ${part}`;
      return writer.names(categories).map((name) => (name === "" ? base : `${base} ${name}`));
    });
  }
}

const same = (value: number) => value;

/** Takes the values of some rows, or their parts. V8 compiles a loop sooner outside of a generator. */
function take(
  values: Float64Array | undefined,
  part: DatePart | undefined,
  rows: Uint32Array,
  into: Float64Array,
): void {
  const value = part === undefined ? same : dateParts[part];
  for (let at = 0; at < rows.length; at++) into[at] = values ? value(values[rows[at]]) : Number.NaN;
}

/** What encoders learn from: the values of some rows, and numbers in ascending order, too. */
function* inputOf(
  { description, values: all, texts }: TypedColumn,
  part: DatePart | undefined,
  rows: Uint32Array,
  isNumber: boolean,
): Pieces<EncoderInput> {
  const values = new Float64Array(rows.length);
  for (let start = 0; start < rows.length; start += PIECE) {
    yield;
    take(all, part, rows.subarray(start, start + PIECE), values.subarray(start));
  }
  const taken = texts && Array.from(rows, (row) => texts[row]);
  const { categories } = description;
  if (!isNumber) return { values, texts: taken, categories };
  const sorted = yield* sortPieces(values.filter((one) => !Number.isNaN(one)));
  return { values, texts: taken, categories, sorted };
}

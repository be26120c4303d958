/**
 * Encoders alone: fitEncoder learns from the values of a column; what it returns writes values as inputs, and
 * back.
 */
import type { Matrix } from "../data/examples.ts";
import { readMatrix } from "../data/examples.ts";
import { DataError, FormatError, OptionError, show } from "../errors.ts";
import { asFormatErrors } from "../formats/saved.ts";
import { parseStrictly } from "../formats/strictJson.ts";
import { allocate } from "../memory.ts";
import type { Choice } from "../options.ts";
import { checkColumn, checkStep, columnFields } from "./bytes.ts";
import { categoryName, isMissing } from "./cells.ts";
import type { ColumnDescription } from "./columns.ts";
import type { EncoderState, Writer } from "./encoders/encoder.ts";
import type * as encoders from "./encoders.ts";
import { fields, whole, word } from "./fields.ts";
import { checkEncoder, fitValues, openEncoder, readEncoder, takenBy, takenByState } from "./preparation.ts";
import { typeColumn } from "./typeColumn.ts";
import { typeCells } from "./typedRows.ts";

/** An encoder with its options, `encoders.oneHot({ maximum: 20 })`, or its name: `"standardize"`. */
export type EncoderChoice = Choice<typeof encoders>;

/** A column of values: numbers, texts, booleans, dates; null, undefined or NaN is a missing value. */
export type ColumnValues = readonly unknown[] | Float32Array | Float64Array | Int32Array;

/** A fitted encoder as plain JSON. */
export interface FittedEncoderJSON {
  readonly format: string;
  readonly formatVersion: number;
  /** How the cells are read. */
  readonly column: ColumnDescription;
  /** What was learned, by the name of the encoder. */
  readonly encoder: EncoderState;
}

const FORMAT = "myelin-encoder";
const FORMAT_VERSION = 1;
const CALL = "fitEncoder";

/** What encoders need to learn anything, where it is more than values that differ. */
const NEEDS: Readonly<Record<string, string>> = {
  sign: "two categories",
  lookup: "two categories that are frequent enough",
  missingFlag: "missing values and others",
  hashedWords: "texts with words",
};

const checkJSON = fields({
  format: word([FORMAT]),
  formatVersion: whole(1),
  column: columnFields,
  encoder: checkEncoder,
});

/**
 * An encoder that has learned from the values of a column. It writes any values as inputs of a network, and
 * reads inputs back where there is a way back. `fitEncoder` makes it.
 */
export class FittedEncoder {
  /** The name of the encoder. */
  readonly type: string;
  /** The number of inputs for each value. */
  readonly width: number;
  /**
   * What each input is: an empty name for the value itself, `= Oslo` for a category, `0.5 to 1.5` for a bin.
   */
  readonly names: readonly string[];
  /** The options of an `embedding` layer, where the input is the number of a category. */
  readonly lookup?: { readonly categories: number; readonly units: number };
  readonly #column: ColumnDescription;
  readonly #state: EncoderState;
  readonly #writer: Writer;

  /** Made by `fitEncoder` and `FittedEncoder.fromJSON`. */
  constructor(column: ColumnDescription, state: EncoderState) {
    this.#column = column;
    this.#state = state;
    this.#writer = openEncoder(state);
    this.type = state.type;
    this.width = this.#writer.width;
    this.names = this.#writer.names(column.categories ?? []);
    const { lookup } = this.#writer;
    if (lookup !== undefined) this.lookup = lookup;
  }

  /**
   * Writes values as inputs: [values][width]. A missing value and a category that was not there to learn from
   * are written as the encoder says.
   *
   * @throws DataError if a value cannot be read as the encoder's type; it names the row.
   */
  transform(values: ColumnValues): Float32Array<ArrayBuffer> {
    const cells = readValues(values, "transform");
    const { values: numbers, texts } = typeCells(this.#column, cells, `${this.type}: transform`);
    const { width } = this;
    const x = allocate(cells.length * width, () => `${cells.length} encoded values of ${width} inputs`);
    for (let row = 0; row < cells.length; row++)
      this.#writer.write(numbers[row], x, row * width, texts?.[row]);
    return x;
  }

  /**
   * Reads inputs, [values][width], back as values: numbers, dates as milliseconds since 1970, or names of
   * categories and null for none. A number that was missing comes back as what stood for it. A one-hot
   * encoder takes the largest input, so it reads a network's probabilities too.
   *
   * @throws OptionError for an encoder without a way back: `missingFlag` and `hashedWords`.
   */
  inverse(x: Matrix): (number | string | null)[] {
    const { inverse } = this.#writer;
    if (inverse === undefined) throw new OptionError(`${this.type}: inverse: this encoder has no way back`);
    const { width } = this;
    const expected = { name: `${this.type}: inverse: x`, columns: width, unit: "inputs", listIsColumn: true };
    const { values, rows } = readMatrix(x, expected);
    const { categories } = this.#column;
    return Array.from({ length: rows }, (_, row) => {
      const value = inverse(values, row * width);
      return categories === undefined ? value : (categories[value] ?? null);
    });
  }

  /** The encoder as plain JSON. `FittedEncoder.fromJSON` is the way back. */
  toJSON(): FittedEncoderJSON {
    return { format: FORMAT, formatVersion: FORMAT_VERSION, column: this.#column, encoder: this.#state };
  }

  /**
   * Makes an encoder of what `toJSON` gave, as an object or as text.
   *
   * @example
   * ```ts
   * const scaler = fitEncoder("standardize", [1, 2, 3]);
   * const copy = FittedEncoder.fromJSON(JSON.stringify(scaler));
   * ```
   *
   * @throws FormatError if it is not a fitted encoder.
   */
  static fromJSON(json: string | FittedEncoderJSON): FittedEncoder {
    return asFormatErrors("fromJSON", () => {
      const given = typeof json === "string" ? parseStrictly(json, "encoder") : json;
      const { column, encoder, formatVersion } = checkJSON(given, "encoder");
      if (formatVersion !== FORMAT_VERSION)
        throw new FormatError(`expected formatVersion ${FORMAT_VERSION}, received ${formatVersion}`);
      if (!fits(takenByState(encoder), column))
        throw new FormatError(`${encoder.type} does not encode a column of the type ${column.type}`);
      checkColumn(column);
      checkStep({ column: column.name, encoder }, new Map([[column.name, column]]), "encoder");
      return new FittedEncoder(column, encoder);
    });
  }
}

/** Whether an encoder takes columns of a type. */
export function fits(takes: "number" | "category" | "text", { type }: ColumnDescription): boolean {
  if (takes === "number") return type === "number" || type === "date";
  if (takes === "category") return type === "category" || type === "boolean";
  return type === "text";
}

function readValues(values: unknown, place: string): ArrayLike<unknown> {
  if (Array.isArray(values) || (ArrayBuffer.isView(values) && !(values instanceof DataView)))
    return values as unknown as ArrayLike<unknown>;
  throw new DataError(`${place}: expected a list of values, received ${show(values)}`);
}

/**
 * Fits an encoder to the values of a column. Give it training values only: what it learns (means, quantiles,
 * categories) would leak from test values into the model.
 *
 * Encoders of numbers: `standardize`, `robustScale`, `piecewiseLinear`, `missingFlag`, `identity`; they take
 * dates, as milliseconds, too. Encoders of categories: `oneHot`, `sign` for two of them, `lookup` for an
 * `embedding` layer. An encoder of texts: `hashedWords`.
 *
 * @example
 * ```ts
 * const scaler = fitEncoder("standardize", [10, 20, 30]);
 * scaler.transform([20, 30]); // Float32Array [0, 1.2247…]
 * scaler.inverse([0, 1]); // [20, 28.16…]
 * const towns = fitEncoder(encoders.oneHot({ maximum: 10 }), ["Oslo", "Bergen", "Oslo"]);
 * towns.names; // ["= Oslo", "= Bergen"]
 * towns.inverse([[0.2, 0.8]]); // ["Bergen"]
 * ```
 *
 * @throws OptionError for an unknown encoder or option; DataError for values that the encoder cannot read or
 * learn from, as for a constant column.
 */
export function fitEncoder(encoder: EncoderChoice, values: ColumnValues): FittedEncoder {
  const configuration = readEncoder(encoder, CALL);
  const takes = takenBy(configuration);
  const cells = readValues(values, `${CALL}: values`);
  for (let row = 0; row < cells.length; row++) {
    if (isMissing(cells[row]) || categoryName(cells[row]) !== undefined) continue;
    throw new DataError(
      `${CALL}: values: row ${row}: expected text, a number, a boolean or a date, received ${show(cells[row])}`,
    );
  }
  const isDate = takes === "number" && Array.from(cells).some((cell) => cell instanceof Date);
  const column = typeColumn("values", cells, isDate ? "date" : takes);
  const { type } = configuration;
  const { unreadable } = column.description;
  if (unreadable !== undefined) {
    throw new DataError(
      `${CALL}: ${type}: expected a list of ${takes === "number" ? "numbers" : takes}, received ${unreadable.example} among the values`,
    );
  }
  const { values: numbers, texts, description } = column;
  const state = fitValues(configuration, { values: numbers, texts, categories: description.categories });
  if (state !== undefined) return new FittedEncoder(description, state);
  throw new DataError(
    `${CALL}: ${type}: expected ${NEEDS[type] ?? "values that differ"}, received ${description.distinct} different values and ${description.missing} missing ones`,
  );
}

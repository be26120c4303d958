/** The background of a table model: a few training rows, which `explain` compares an answer with. */
import { FormatError, OptionError, show } from "../errors.ts";
import { permutation, purpose } from "../random.ts";
import type { ColumnDescription, TypedColumn } from "./columns.ts";
import { type Check, finite, list, text, whole } from "./fields.ts";
import { Frame } from "./frame.ts";

/** The most rows of a background. */
export const MOST_BACKGROUND = 64;

/**
 * A value in a file: a number, milliseconds of a date, the number of a category, a text; null if it is
 * missing.
 */
type Value = number | string | null;

/** Some training rows, by the columns that the model uses. Plain JSON: a model file has it. */
export interface Background {
  readonly rows: number;
  readonly columns: readonly { readonly name: string; readonly values: readonly Value[] }[];
}

/** Checks the number of rows to keep. */
export function readBackgroundSize(given: unknown, call: string): number {
  if (given === undefined) return MOST_BACKGROUND;
  if (Number.isInteger(given) && (given as number) >= 0 && (given as number) <= MOST_BACKGROUND)
    return given as number;
  throw new OptionError(
    `${call}: background: expected a whole number from 0 to ${MOST_BACKGROUND}, received ${show(given)}`,
  );
}

/** Takes some rows of the columns that are used, drawn by the seed; undefined if there is nothing to take. */
export function takeBackground(
  columns: ReadonlyMap<string, TypedColumn>,
  used: ReadonlySet<string>,
  rows: number,
  size: number,
  seed: number,
): Background | undefined {
  const count = Math.min(size, rows);
  if (count === 0 || used.size === 0) return undefined;
  const order = new Uint32Array(rows);
  permutation(seed, { purpose: purpose.samples, index: 0 }, order);
  const taken = order.subarray(0, count).sort();
  const read = ({ values, texts }: TypedColumn, row: number): Value => {
    if (texts !== undefined) return texts[row];
    return values[row] >= 0 || values[row] < 0 ? values[row] : null;
  };
  return {
    rows: count,
    columns: [...columns.values()]
      .filter(({ description }) => used.has(description.name))
      .map((column) => {
        const isCategory = column.description.categories !== undefined;
        const values = Array.from(taken, (row) => {
          const value = read(column, row);
          return isCategory && value === -1 ? null : value;
        });
        return { name: column.description.name, values };
      }),
  };
}

const orNull =
  <T>(check: Check<T>): Check<T | null> =>
  (value, place) =>
    value === null ? null : check(value, place);

function valueCheck({ type, categories = [] }: ColumnDescription): Check<Value> {
  if (type === "text") return text;
  return orNull(type === "number" || type === "date" ? finite : whole(0, categories.length - 1));
}

/** Checks the background of a file by the columns of the model. */
export function checkBackground(
  { rows, columns }: Background,
  descriptions: ReadonlyMap<string, ColumnDescription>,
): void {
  const names = new Set(columns.map(({ name }) => name));
  if (names.size < columns.length)
    throw new FormatError("background: expected different columns, received one twice");
  for (const { name, values } of columns) {
    const place = `background: column ${show(name)}`;
    const description = descriptions.get(name);
    if (description === undefined || description.type === "ignore")
      throw new FormatError(`${place}: expected a column that the model uses`);
    if (list(valueCheck(description))(values, place).length !== rows)
      throw new FormatError(`${place}: expected ${rows} values, received ${values.length}`);
  }
}

/** The cell that is read as such a value. */
function cellOf({ type, categories = [] }: ColumnDescription, value: Value): unknown {
  if (value === null || typeof value === "string") return value;
  if (type === "number") return value;
  return type === "date" ? new Date(value) : categories[value];
}

/** The background as rows. */
export function backgroundFrame(
  { rows, columns }: Background,
  descriptions: readonly ColumnDescription[],
): Frame {
  const byName = new Map(descriptions.map((description) => [description.name, description]));
  const cells = columns.map(({ name, values }) => {
    const description = byName.get(name) as ColumnDescription;
    return [name, values.map((value) => cellOf(description, value))] as const;
  });
  return new Frame(new Map(cells), rows);
}

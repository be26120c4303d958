/** Reads columns of x that are given by number or by name. */
import { OptionError, ShapeError, show } from "../errors.ts";
import { unknownName } from "../options.ts";

/** Checks the names of the columns, if there are any. */
export function readNames(names: unknown, inputs: number, call: string): readonly string[] | undefined {
  if (names === undefined) return undefined;
  const place = `${call}: columns`;
  const isList = Array.isArray(names) && Array.from(names).every((name) => typeof name === "string");
  if (!isList) throw new OptionError(`${place}: expected a list of names, received ${show(names)}`);
  if (names.length !== inputs) {
    throw new ShapeError(`${place}: expected a name for each of ${inputs} inputs, received ${names.length}`);
  }
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined)
    throw new OptionError(`${place}: expected distinct names, received ${show(twice)} twice`);
  return names as string[];
}

/** Returns the name of a column, or "column 3" without names. */
export const nameOf = (names: readonly string[] | undefined, column: number) =>
  names?.[column] ?? `column ${column}`;

/** Returns the number of a column that is given by number or by name. */
export function readColumn(
  column: unknown,
  names: readonly string[] | undefined,
  inputs: number,
  call: string,
): number {
  const place = `${call}: column`;
  if (typeof column === "string") {
    if (names === undefined) {
      const fix = "Fix: pass the names as the option columns, or give the column's number";
      throw new OptionError(`${place}: expected a number, received ${show(column)}. ${fix}`);
    }
    if (!names.includes(column)) throw unknownName(call, "column", column, names);
    return names.indexOf(column);
  }
  if (Number.isInteger(column) && (column as number) >= 0 && (column as number) < inputs) {
    return column as number;
  }
  const expected = `a name or a whole number from 0 to ${inputs - 1}`;
  throw new OptionError(`${place}: expected ${expected}, received ${show(column)}`);
}

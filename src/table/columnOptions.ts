/**
 * Options that name columns, or have a value for each row: targets, groups, time, weights, and types of
 * columns.
 */
import { DataError, OptionError, show } from "../errors.ts";
import { unknownName } from "../options.ts";
import { categoryName, parseNumber } from "./cells.ts";
import type { TypedColumn } from "./columns.ts";
import type { Frame } from "./frame.ts";
import type { Pieces } from "./pieces.ts";
import { type RowName, rowName } from "./reading.ts";
import { inferColumnType, readGivenTypes, typeColumn, typeColumnPieces } from "./typeColumn.ts";

/** The names of the target's columns. */
export function readTargetNames(given: unknown, frame: Frame, call: string): string[] {
  const names = typeof given === "string" ? [given] : given;
  if (!Array.isArray(names) || names.length === 0) {
    throw new OptionError(
      `${call}: target: expected the name of a column, or a list of names, received ${show(given)}. The columns are ${frame.names.slice(0, 20).join(", ")}`,
    );
  }
  for (const name of names) {
    if (typeof name !== "string")
      throw new OptionError(`${call}: target: expected the name of a column, received ${show(name)}`);
    if (!frame.cells.has(name)) throw unknownName(`${call}: target`, "column", name, frame.names);
  }
  if (new Set(names).size < names.length)
    throw new OptionError(`${call}: target: expected different columns, received one twice`);
  return names;
}

function columnNamed(option: string, name: string, frame: Frame, call: string): ArrayLike<unknown> {
  const cells = frame.cells.get(name);
  if (cells === undefined) throw unknownName(`${call}: ${option}`, "column", name, frame.names);
  return cells;
}

function listOf(option: string, given: unknown, frame: Frame, call: string): ArrayLike<unknown> {
  if (typeof given === "string") return columnNamed(option, given, frame, call);
  const list = given as ArrayLike<unknown> | null;
  if (list === null || typeof list !== "object" || list.length !== frame.rows) {
    throw new OptionError(
      `${call}: ${option}: expected a column's name, or a list of ${frame.rows} values, received ${show(given)}`,
    );
  }
  return list;
}

/**
 * The weights of all rows; a list has those of the caller's rows, and rows to validate with then count alike.
 */
export function readWeights(
  given: unknown,
  own: Frame,
  all: Frame,
  call: string,
  nameOf: RowName = rowName,
): Float64Array | undefined {
  if (given === undefined) return undefined;
  const list = listOf("sampleWeight", given, typeof given === "string" ? all : own, call);
  return Float64Array.from({ length: all.rows }, (_, row) => {
    if (row >= list.length) return 1;
    const cell = list[row];
    const weight =
      typeof cell === "string" ? parseNumber(cell) : typeof cell === "number" ? cell : Number.NaN;
    if (Number.isFinite(weight) && weight >= 0) return weight;
    throw new DataError(
      `${call}: sampleWeight: ${nameOf(row)}: expected a number of at least 0, received ${show(list[row])}`,
    );
  });
}

/** The group of each row, from a column's name or a list. */
export function readGroups(given: unknown, frame: Frame, call: string): string[] | undefined {
  if (given === undefined) return undefined;
  return Array.from(listOf("groups", given, frame, call), (group, row) => {
    const name = categoryName(group);
    if (name !== undefined) return name;
    throw new DataError(`${call}: groups: row ${row}: expected a name or a number, received ${show(group)}`);
  });
}

/** The time of each row, from a column's name. */
export function readTimes(given: unknown, frame: Frame, call: string): Float64Array | undefined {
  if (given === undefined) return undefined;
  if (typeof given !== "string")
    throw new OptionError(`${call}: time: expected a column's name, received ${show(given)}`);
  const cells = columnNamed("time", given, frame, call);
  const type = inferColumnType(cells);
  if (type !== "date" && type !== "number") {
    throw new DataError(
      `${call}: time: expected dates or numbers in column ${show(given)}, received ${type === "ignore" ? "neither" : type}. Fix: name the column of the times, or leave the option out`,
    );
  }
  const { values } = typeColumn(given, cells, type);
  const row = values.findIndex(Number.isNaN);
  if (row < 0) return values;
  throw new DataError(
    `${call}: time: row ${row}: column ${show(given)}: expected a time, received ${show(cells[row])}. Fix: leave such rows out`,
  );
}

/** Types every column but the targets; what has one value only is left out. */
export function* typeColumns(
  frame: Frame,
  targets: readonly string[],
  given: unknown,
  leftOut: ReadonlyMap<string, string>,
  call: string,
  nameOf: RowName = rowName,
): Pieces<TypedColumn[]> {
  const types = readGivenTypes(given, frame, call);
  const target = targets.find((name) => Object.hasOwn(types, name));
  if (target !== undefined) {
    throw new OptionError(
      `${call}: columns: ${show(target)} is the target, which has no type. Fix: give task: "classification" or "regression"`,
    );
  }
  const columns: TypedColumn[] = [];
  for (const [name, cells] of frame.cells) {
    if (targets.includes(name)) continue;
    const reason = leftOut.get(name);
    const type = Object.hasOwn(types, name) ? types[name] : undefined;
    const column = yield* typeColumnPieces(name, cells, reason === undefined ? type : "ignore", nameOf);
    const { distinct, missing } = column.description;
    const found =
      reason ??
      (column.description.type !== "ignore" && distinct < 2 && missing === 0
        ? "it has one value"
        : undefined);
    columns.push(found === undefined ? column : ignored(column, found));
  }
  return columns;
}

function ignored({ description: { name, missing, distinct } }: TypedColumn, reason: string): TypedColumn {
  return { description: { name, type: "ignore", missing, distinct, reason }, values: new Float64Array(0) };
}

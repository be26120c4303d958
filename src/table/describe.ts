/** describe: what the columns of a table are, and what in them deserves a look before a training. */
import { checkNames } from "../options.ts";
import { alignTable, withText } from "../textTable.ts";
import { categoryName, isMissing } from "./cells.ts";
import { readTargetNames } from "./columnOptions.ts";
import type { ColumnDescription, ColumnType, TypedColumn } from "./columns.ts";
import { collectFrame, type Frame, type TableSource } from "./frame.ts";
import { pause } from "./pieces.ts";
import { readGivenTypes, typeColumn } from "./typeColumn.ts";
import { findWarnings, type TableWarning } from "./warnings.ts";

/** How to describe a table. */
export interface DescribeOptions {
  /** Types of columns by name, where they are not what they look like, as for `fitTable`. */
  readonly columns?: Readonly<Record<string, ColumnType>> | undefined;
  /** The column that is to be predicted, or several: then there are warnings about it. */
  readonly target?: string | readonly string[] | undefined;
}

/** The shares of the quantiles of a column. */
export const QUANTILES = [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1] as const;

/** A column of a table. */
export interface ColumnSummary extends Pick<ColumnDescription, "name" | "type" | "missing" | "distinct"> {
  /** Why the column is of no use, for the type `ignore`. */
  readonly reason?: string;
  /** Cells that cannot be read as the column's type, with an example. */
  readonly unreadable?: { readonly cells: number; readonly example: string };
  /** Numbers: the mean. */
  readonly mean?: number;
  /** Numbers: the standard deviation, with the number of values as the divisor. */
  readonly stddev?: number;
  /**
   * Numbers, and dates in milliseconds since 1970: the quantiles by their shares from `"0"`, the smallest value,
   * to `"1"`, the largest; between two values they are linear.
   */
  readonly quantiles?: Readonly<Record<string, number>>;
  /** Categories and booleans: the most frequent values, with their rows; at most 10. */
  readonly top?: readonly { readonly value: string; readonly rows: number }[];
}

/** What a table is like. */
export interface TableSummary {
  readonly rows: number;
  /** The columns in the order of the table. */
  readonly columns: readonly ColumnSummary[];
  readonly warnings: readonly TableWarning[];
  /** A line for each column, and for each warning. */
  readonly text: string;
  toString(): string;
}

const CALL = "describe";
const TOP = 10;

/**
 * Returns what each column of a table is, as `fitTable` would read it, with its missing values and quantiles
 * or most frequent values, and what deserves a look before a training: columns that copy another or the
 * target, numbers that stand for missing values, spellings of one category, rare classes.
 *
 * @example
 * ```ts
 * const { columns, warnings } = await describe(rows, { target: "species" });
 * columns[0].quantiles; // { "0": 32.1, "0.05": 35.7, …, "1": 59.6 }
 * ```
 *
 * @throws OptionError for an unknown option or column, with the nearest name; DataError for what is not a
 * table.
 */
export async function describe(rows: TableSource, options: DescribeOptions = {}): Promise<TableSummary> {
  checkNames(options, ["columns", "target"], CALL);
  const frame = await collectFrame(rows, CALL);
  const types = readGivenTypes(options.columns, frame, CALL);
  const targets = options.target === undefined ? [] : readTargetNames(options.target, frame, CALL);
  const typed: TypedColumn[] = [];
  const columns: ColumnSummary[] = [];
  for (const [name, cells] of frame.cells) {
    await pause();
    const column = typeColumn(name, cells, Object.hasOwn(types, name) ? types[name] : undefined);
    typed.push(column);
    columns.push(summarizeColumn(column, cells));
  }
  const warnings = await findWarnings(frame, typed, targets);
  const text = textOf(frame, columns, warnings);
  return withText({ rows: frame.rows, columns, warnings }, text);
}

function summarizeColumn({ description, values }: TypedColumn, cells: ArrayLike<unknown>): ColumnSummary {
  const { name, type, missing, distinct, reason, unreadable, categories = [] } = description;
  const base: ColumnSummary = {
    ...{ name, type, missing, distinct },
    ...(reason !== undefined && { reason }),
    ...(unreadable && { unreadable }),
  };
  if (type === "number" || type === "date") {
    const sorted = values.filter((value) => !Number.isNaN(value)).sort();
    if (sorted.length === 0) return base;
    const quantiles = Object.fromEntries(
      QUANTILES.map((share) => [String(share), quantileOf(sorted, share)]),
    );
    return { ...base, ...(type === "number" && momentsOf(sorted)), quantiles };
  }
  if (type === "category" || type === "boolean") {
    const counts = new Array<number>(categories.length).fill(0);
    for (const value of values) if (value >= 0) counts[value]++;
    return { ...base, top: topOf(categories.map((value, at) => ({ value, rows: counts[at] }))) };
  }
  return { ...base, ...(distinct === 1 && { top: topOf(onlyValue(cells)) }) };
}

const topOf = (counts: { value: string; rows: number }[]) =>
  counts
    .filter(({ rows }) => rows > 0)
    .toSorted((a, b) => b.rows - a.rows)
    .slice(0, TOP);

/** The value of a column that has one. */
function onlyValue(cells: ArrayLike<unknown>): { value: string; rows: number }[] {
  let rows = 0;
  let value: string | undefined;
  for (let row = 0; row < cells.length; row++) {
    if (isMissing(cells[row])) continue;
    rows++;
    value ??= categoryName(cells[row]);
  }
  return value === undefined ? [] : [{ value, rows }];
}

/** The quantile of a share of sorted values: linear between the two values that are nearest. */
function quantileOf(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const [low, high] = [sorted[below], sorted[Math.min(below + 1, sorted.length - 1)]];
  return low === high ? low : low + (place - below) * (high - low);
}

function momentsOf(values: Float64Array): { mean: number; stddev: number } {
  // Divided first, so that no sum is too large for a number.
  let mean = 0;
  for (const value of values) mean += value / values.length;
  let variance = 0;
  for (const value of values) variance += (value - mean) ** 2 / values.length;
  return { mean, stddev: Math.sqrt(variance) };
}

const figure = (value: number) =>
  Number.isInteger(value) && Math.abs(value) < 1e15 ? String(value) : String(Number(value.toPrecision(5)));

const date = (time: number) => new Date(time).toISOString().replace(/T00:00:00\.000Z$/, "");

/** What is in a column, in a few words. */
function contentOf({ type, quantiles, top = [], reason }: ColumnSummary, rows: number): string {
  if (quantiles !== undefined) {
    const shown = type === "date" ? date : figure;
    const [low, middle, high] = ["0", "0.5", "1"].map((share) => shown(quantiles[share]));
    // The median of two days is at noon.
    const isOfDays = type === "date" && !low.includes("T") && !high.includes("T");
    return `${low} to ${high}, median ${isOfDays ? middle.slice(0, 10) : middle}`;
  }
  if (reason !== undefined) return reason;
  const names = top.slice(0, 3).map(({ value, rows: count }) => {
    const name = value.length > 24 ? `${value.slice(0, 23)}…` : value;
    return `${name} ${shareOf(count, rows)}`;
  });
  return names.join(", ") + (top.length > names.length ? ", …" : "");
}

function textOf(
  { rows }: Frame,
  columns: readonly ColumnSummary[],
  warnings: readonly TableWarning[],
): string {
  const table = [
    ["column", "type", "distinct", "missing", "values"],
    ...columns.map((column) => {
      const { name, type, distinct, missing } = column;
      const share = missing === 0 ? "" : ` (${shareOf(missing, rows)})`;
      return [name, type, String(distinct), `${missing}${share}`, contentOf(column, rows)];
    }),
  ];
  return [
    `${rows} ${rows === 1 ? "row" : "rows"}, ${columns.length} ${columns.length === 1 ? "column" : "columns"}`,
    "",
    ...alignTable(table, [0, 1, 4]),
    ...(warnings.length === 0 ? [] : ["", ...warnings.map(({ message }) => `warning: ${message}`)]),
  ].join("\n");
}

/** A share in percent, never rounded to none or all. */
function shareOf(part: number, whole: number): string {
  const percent = (100 * part) / whole;
  if (percent < 1) return "< 1 %";
  return percent > 99 && part < whole ? "> 99 %" : `${Math.round(percent)} %`;
}

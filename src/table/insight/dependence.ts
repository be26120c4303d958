/** Partial dependence: what a table model predicts on average when one column has a value in all rows. */
import { DataError, OptionError, show } from "../../errors.ts";
import { gridOf, readPercentiles } from "../../insight/dependence.ts";
import { checkNames, readSize, unknownName } from "../../options.ts";
import { alignTable, bar, withText } from "../../textTable.ts";
import { type ColumnDescription, cellReader } from "../columns.ts";
import { Frame, type TableRows } from "../frame.ts";
import { finish, type Pieces, type Stoppable, stoppable } from "../pieces.ts";
import { partsOf } from "../tableModel.ts";
import type { ClassValue } from "../target.ts";
import { type AnyTableModel, questionOf, showCell, targetOf } from "./questions.ts";

/** Where to look. */
export interface TableDependenceOptions {
  /** The most values of a column of numbers or dates, at least 2; 20 by default. */
  readonly points?: number | undefined;
  /** The shares of the rows between whose values the grid is; [0.05, 0.95] by default. */
  readonly percentiles?: readonly [low: number, high: number] | undefined;
  /** The target, for a model of several. */
  readonly target?: string | undefined;
}

/** The mean prediction along a column. */
export interface TableDependence {
  readonly column: string;
  readonly target: string;
  /** The values that the column was given: numbers and dates increasing, categories by frequency. */
  readonly grid: readonly (number | string | boolean | Date)[];
  /** The mean prediction at each value, [points][outputs]: one number, or the probability of each class. */
  readonly means: readonly (readonly number[])[];
  /** The classes in the order of the outputs; only for classes. */
  readonly classes?: readonly ClassValue[];
  /** A line for each value. */
  readonly text: string;
  toString(): string;
}

const CALL = "partialDependence";
const OPTIONS: readonly (keyof TableDependenceOptions)[] = ["points", "percentiles", "target"];
const POINTS = 20;

/**
 * Returns the mean prediction for the rows when one column has the same value in all of them, for each value
 * of a grid (Friedman, "Greedy Function Approximation: A Gradient Boosting Machine", 2001; scikit-learn's
 * `partial_dependence` with the method "brute").
 *
 * The grid of numbers and dates is the column's own values where there are fewer than `points`, else that
 * number of them, evenly from the 5th to the 95th percentile. Categories and booleans have each value that
 * occurs. Each point predicts all rows: a few hundred rows are enough.
 *
 * @example
 * ```ts
 * const { grid, means } = partialDependence(model, rows, "billLength", { points: 10 });
 * grid[0]; // a bill length
 * means[0]; // the mean probability of each species at that length
 * ```
 *
 * @throws OptionError for an unknown option or a column that the model does not use; DataError for a column
 * of text.
 */
export function partialDependence(
  model: AnyTableModel,
  rows: TableRows,
  column: string,
  options: TableDependenceOptions = {},
): TableDependence {
  return finish(measureDependence(model, rows, column, options));
}

/**
 * Computes what `partialDependence` does, in turns of the event loop.
 *
 * @example
 * ```ts
 * const { grid, means } = await partialDependenceAsync(model, otherRows, "billLength");
 * ```
 *
 * @throws as `partialDependence`; rejects with the signal's reason if `signal` aborts.
 */
export async function partialDependenceAsync(
  model: AnyTableModel,
  rows: TableRows,
  column: string,
  options: TableDependenceOptions & Stoppable = {},
): Promise<TableDependence> {
  return stoppable(CALL, options, (own) => measureDependence(model, rows, column, own));
}

/** What `partialDependence` does, in pieces. */
export function* measureDependence(
  model: AnyTableModel,
  rows: TableRows,
  column: string,
  options: TableDependenceOptions,
): Pieces<TableDependence> {
  const parts = partsOf(model, CALL);
  checkNames(options, OPTIONS, CALL);
  const trained = targetOf(parts, options.target, CALL);
  const { description } = trained;
  const { columns: used, read, predictPieces } = questionOf(parts, trained, CALL);
  const points = options.points === undefined ? POINTS : readSize(options.points, `${CALL}: points`);
  if (points < 2) throw new OptionError(`${CALL}: points: expected at least 2, received ${points}`);
  const percentiles = readPercentiles(options.percentiles, `${CALL}: percentiles`);
  const found = used.find(({ name }) => name === column);
  if (found === undefined) {
    const names = used.map(({ name }) => name);
    if (typeof column === "string") throw unknownName(CALL, "column", column, names);
    throw new OptionError(`${CALL}: column: expected a name, received ${show(column)}`);
  }
  const frame = read(rows);
  if (frame.rows === 0) throw new DataError(`${CALL}: expected rows, received none`);
  const grid = gridValues(found, frame, points, percentiles);
  const outputs = description.classes?.length ?? 1;
  const means: number[][] = [];
  for (const { cell } of grid) {
    yield;
    const cells = new Array<unknown>(frame.rows).fill(cell);
    const predictions = yield* predictPieces(new Frame(new Map(frame.cells).set(column, cells), frame.rows));
    const sums = new Array<number>(outputs).fill(0);
    for (let at = 0; at < predictions.length; at++) sums[at % outputs] += predictions[at];
    means.push(sums.map((sum) => sum / frame.rows));
  }
  const { classes, name: target } = description;
  const result = { column, target, grid: grid.map(({ value }) => value), means, ...(classes && { classes }) };
  return withText(result, textOf(result));
}

/** A value of the grid, and the cell that is read as it. */
interface Point {
  readonly value: number | string | boolean | Date;
  readonly cell: unknown;
}

function gridValues(
  description: ColumnDescription,
  frame: Frame,
  points: number,
  percentiles: readonly [number, number],
): Point[] {
  const { name, type, categories = [] } = description;
  const place = `${CALL}: column ${show(name)}`;
  if (type === "text")
    throw new DataError(`${place}: expected numbers, dates, categories or booleans, it is text`);
  const read = cellReader(description);
  const cells = frame.cells.get(name);
  const values = Float64Array.from(
    { length: frame.rows },
    (_, row) => read(cells?.[row]) ?? Number.NaN,
  ).filter((value) => !Number.isNaN(value));
  if (type === "number" || type === "date") {
    if (values.length === 0) throw new DataError(`${place}: expected values, all rows lack one`);
    const grid = gridOf(values, points, percentiles, `column ${show(name)}`);
    return grid.map((value) => {
      const cell = type === "date" ? new Date(value) : value;
      return { value: cell, cell };
    });
  }
  // Numbers of categories: the most frequent in the training first.
  const known = [...new Set(values)].filter((value) => value >= 0).sort((a, b) => a - b);
  if (known.length === 0)
    throw new DataError(`${place}: expected values that the training had, received none`);
  return known.map((value) => {
    const cell = categories[value];
    const isTruth = type === "boolean" && (cell === "true" || cell === "false");
    return { value: isTruth ? cell === "true" : cell, cell };
  });
}

function textOf({ column, target, grid, means, classes }: Omit<TableDependence, "text">): string {
  const format = (value: number) => value.toPrecision(4);
  const cells = grid.map((value) => showCell(value, false));
  if (classes !== undefined) {
    const table = [
      [column, ...classes.map((one) => `${target} = ${String(one)}`)],
      ...cells.map((cell, at) => [cell, ...means[at].map((mean) => mean.toFixed(4))]),
    ];
    return alignTable(table, [0]).join("\n");
  }
  const values = means.map(([mean]) => mean);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const table = [
    [column, `mean ${target}`, ""],
    ...cells.map((cell, at) => [
      cell,
      format(values[at]),
      high > low ? bar((values[at] - low) / (high - low)) : "",
    ]),
  ];
  return alignTable(table, [0, 2]).join("\n");
}

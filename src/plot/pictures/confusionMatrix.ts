// A confusion matrix: how often each class is predicted as which.

import { DataError, OptionError, show } from "../../errors.ts";
import { checkNames } from "../../options.ts";
import type { Cell } from "../figure.ts";
import { Picture } from "../picture.ts";
import { isDrawable } from "../scales.ts";
import { countOf, formatCount, formatNumber, formatShare } from "../text.ts";
import {
  checkRows,
  type Label,
  leftOut,
  type PictureOptions,
  readCount,
  readList,
  readShare,
  readText,
} from "../values.ts";

/** How to count and what to show. */
export interface ConfusionMatrixOptions extends PictureOptions {
  /** The classes in order; by default numbers ascending, names sorted. Names of the rows of a given matrix. */
  readonly classes?: readonly Label[] | undefined;
  /** For predictions that are scores of a class: above it the class is 1, else 0. */
  readonly threshold?: number | undefined;
  /** What cells show: "counts", or "rows" for shares of the actual class; "counts" by default. */
  readonly show?: "counts" | "rows" | undefined;
  /** The maximum number of classes, from 2 to 100; 50 by default. The rarest become one. */
  readonly maximumClasses?: number | undefined;
}

const CALL = "confusionMatrix";
const OPTIONS = ["title", "classes", "threshold", "show", "maximumClasses"];

/**
 * Draws how often each actual class (rows) is predicted as which (columns), with the accuracy. The colors show
 * the share of the actual class. It takes the classes of the rows, or a matrix that is counted already, as
 * `metrics.confusionMatrix` returns it.
 *
 * @example
 * ```ts
 * confusionMatrix(["cat", "dog", "dog"], ["cat", "dog", "cat"]).terminal(); // a table
 * confusionMatrix([[8, 2], [1, 9]], { classes: ["no", "yes"] }).svg(); // "<svg …"
 * ```
 *
 * @throws ShapeError if the numbers of rows differ; DataError for a matrix that is not square or a row that is
 * not a class; OptionError for an unknown option or class.
 */
export function confusionMatrix(
  matrix: readonly ArrayLike<number>[],
  options?: ConfusionMatrixOptions,
): Picture;
export function confusionMatrix(
  actual: ArrayLike<Label>,
  predicted: ArrayLike<Label>,
  options?: ConfusionMatrixOptions,
): Picture;
export function confusionMatrix(
  first: ArrayLike<unknown>,
  second?: unknown,
  third?: ConfusionMatrixOptions,
): Picture {
  const isCounted = !Array.isArray(second) && !ArrayBuffer.isView(second);
  const options = (isCounted ? (second ?? {}) : (third ?? {})) as ConfusionMatrixOptions;
  checkNames(options, OPTIONS, CALL);
  const most = readCount(options.maximumClasses, 50, [2, 100], `${CALL}: maximumClasses`);
  if (options.show !== undefined && options.show !== "counts" && options.show !== "rows")
    throw new OptionError(`${CALL}: show: expected "counts" or "rows", received ${show(options.show)}`);
  const counted = isCounted
    ? readMatrix(first, options.classes)
    : count(first, second as unknown as ArrayLike<unknown>, options);
  const { names, matrix, hidden } = limit(counted, most);
  const total = matrix.flat().reduce((sum, value) => sum + value, 0);
  const right = counted.matrix.reduce((sum, row, at) => sum + row[at], 0);
  const cells = matrix.map((row, at): Cell[] => {
    const all = row.reduce((sum, value) => sum + value, 0);
    return row.map((value, column) => {
      const share = all > 0 ? value / all : 0;
      const text =
        options.show === "rows"
          ? all > 0
            ? formatShare(Number(share.toPrecision(2)))
            : "–"
          : formatAmount(value);
      return {
        text,
        amount: value > 0 ? share : undefined,
        rows: [
          ["actual", names[at]],
          ["predicted", names[column]],
          ["rows", formatAmount(value)],
          ["share of the actual class", formatShare(share)],
        ],
      };
    });
  });
  const accuracy = total > 0 ? [`accuracy ${formatShare(right / total)}`] : [];
  const omitted =
    hidden === 0
      ? []
      : [`The ${formatCount(hidden)} rarest of ${formatCount(counted.names.length)} classes are one.`];
  return new Picture({
    title: readText(options.title, "Confusion matrix", `${CALL}: title`),
    description: `Confusion matrix of ${countOf(counted.names.length, "class", "classes")}: a row for each actual class, a column for each predicted class. ${describe(names, matrix)}`,
    notes: [
      [
        `${formatAmount(total)} rows`.replace(/^1 rows$/, "1 row"),
        ...accuracy,
        ...leftOut(counted.skipped, "row", "no class"),
      ].join(", "),
      ...omitted,
    ],
    panels: [{ kind: "matrix", rowLabel: "actual", columnLabel: "predicted", names, cells }],
  });
}

const formatAmount = (value: number) => (Number.isInteger(value) ? formatCount(value) : formatNumber(value));

interface Counted {
  readonly names: readonly string[];
  readonly matrix: number[][];
  readonly skipped: number;
}

/** Says which classes are confused most, for readers who do not see the picture. */
function describe(names: readonly string[], matrix: readonly (readonly number[])[]): string {
  const errors = matrix.flatMap((row, at) =>
    row.flatMap((value, column) => (at !== column && value > 0 ? [{ at, column, value }] : [])),
  );
  const worst = errors.sort((a, b) => b.value - a.value).slice(0, 3);
  if (worst.length === 0) return "All predictions are right.";
  return `Most frequent errors: ${worst.map(({ at, column, value }) => `${names[at]} predicted as ${names[column]} (${formatAmount(value)})`).join(", ")}.`;
}

function readMatrix(given: unknown, classes: readonly Label[] | undefined): Counted {
  const rows = Array.from(
    readList(given, `${CALL}: matrix`),
    (row, at) => Array.from(readList(row, `${CALL}: matrix: row ${at}`)) as number[],
  );
  const wrong = rows.findIndex(
    (row) => row.length !== rows.length || !row.every((value) => isDrawable(value) && value >= 0),
  );
  if (wrong >= 0)
    throw new DataError(
      `${CALL}: matrix: row ${wrong}: expected ${rows.length} counts of at least 0, as many as rows. Fix: pass a square matrix, or the classes of the rows as two lists`,
    );
  if (classes !== undefined && classes.length !== rows.length)
    throw new OptionError(`${CALL}: classes: expected ${rows.length} names, received ${show(classes)}`);
  return { names: rows.map((_, at) => String(classes?.[at] ?? at)), matrix: rows, skipped: 0 };
}

function count(
  first: unknown,
  second: ArrayLike<unknown>,
  { classes, threshold }: ConfusionMatrixOptions,
): Counted {
  const actual = readList(first, `${CALL}: actual`);
  const predicted = readList(second, `${CALL}: predicted`);
  checkRows(CALL, { actual, predicted });
  const limit = readShare(threshold, `${CALL}: threshold`);
  const isMissing = (value: unknown) => value === null || value === undefined || Number.isNaN(value);
  const nameOf = (value: unknown, place: string): string => {
    if (["string", "number", "boolean", "bigint"].includes(typeof value)) return String(value);
    throw new DataError(`${CALL}: ${place}: expected a class, received ${show(value)}`);
  };
  const pairs = Array.from(actual, (value, row): [string, string] | undefined => {
    const answer = predicted[row];
    if (isMissing(value) || isMissing(answer)) return undefined;
    const own =
      limit === undefined || typeof value !== "boolean"
        ? nameOf(value, `actual: row ${row}`)
        : String(Number(value));
    return [
      own,
      limit === undefined ? nameOf(answer, `predicted: row ${row}`) : String(Number(Number(answer) > limit)),
    ];
  });
  const found = new Set(pairs.flatMap((pair) => pair ?? []));
  const names = classes === undefined ? [...found].sort(byValue) : classes.map(String);
  const indices = new Map(names.map((name, at) => [name, at]));
  const unknown = [...found].find((name) => !indices.has(name));
  if (unknown !== undefined)
    throw new OptionError(
      `${CALL}: classes: expected all classes that occur, received none for ${show(unknown)}`,
    );
  if (names.length > 5000)
    throw new DataError(
      `${CALL}: expected classes, received ${formatCount(names.length)} different values. Fix: for scores pass a "threshold"`,
    );
  const matrix = names.map(() => new Array<number>(names.length).fill(0));
  let skipped = 0;
  for (const pair of pairs) {
    if (pair === undefined) skipped++;
    else matrix[indices.get(pair[0]) as number][indices.get(pair[1]) as number]++;
  }
  return { names, matrix, skipped };
}

/** The order of classes: numbers ascending, and names with numbers in the order of these. */
function byValue(one: string, other: string): number {
  const [a, b] = [Number(one), Number(other)];
  if (!Number.isNaN(a) && !Number.isNaN(b) && one !== "" && other !== "") return a - b;
  return one.localeCompare(other, "en", { numeric: true });
}

/** Makes one class of the rarest if there are too many. */
function limit(
  { names, matrix }: Counted,
  most: number,
): { names: readonly string[]; matrix: number[][]; hidden: number } {
  if (names.length <= most) return { names, matrix, hidden: 0 };
  const totals = matrix.map(
    (row, at) =>
      row.reduce((sum, value) => sum + value, 0) + matrix.reduce((sum, other) => sum + other[at], 0),
  );
  const kept = new Set(
    totals
      .map((_, at) => at)
      .sort((a, b) => totals[b] - totals[a])
      .slice(0, most - 1),
  );
  const order = names.map((_, at) => at).filter((at) => kept.has(at));
  const place = new Map(order.map((at, index) => [at, index]));
  const rest = order.length;
  const merged = Array.from({ length: rest + 1 }, () => new Array<number>(rest + 1).fill(0));
  for (const [row, values] of matrix.entries())
    for (const [column, value] of values.entries())
      merged[place.get(row) ?? rest][place.get(column) ?? rest] += value;
  return {
    names: [...order.map((at) => names[at]), "other classes"],
    matrix: merged,
    hidden: names.length - rest,
  };
}

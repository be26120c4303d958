// The importance of columns as bars.

import { DataError, show } from "../../errors.ts";
import { checkNames } from "../../options.ts";
import { Picture } from "../picture.ts";
import { isDrawable } from "../scales.ts";
import { formatCount, formatNumber } from "../text.ts";
import { leftOut, type PictureOptions, readCount, readText } from "../values.ts";

/** The importance of a column: its mean, and its standard deviation if there is one. */
export interface ColumnValue {
  readonly name: string;
  readonly mean: number;
  readonly stddev?: number | undefined;
}

/** Importances: the result of `importance`, or numbers by column. */
export type ImportanceSource =
  | { readonly columns: readonly ColumnValue[]; readonly metric?: string | undefined }
  | Readonly<Record<string, number>>;

/** How to draw importances. */
export interface ImportanceBarsOptions extends PictureOptions {
  /** The number of columns to draw, from 1 to 100; 20 by default. */
  readonly top?: number | undefined;
  /** The name of the axis; by default "worse by" with the metric, or "worse score without the column". */
  readonly label?: string | undefined;
}

const CALL = "importanceBars";

/**
 * Draws the importance of columns, the largest first, with the standard deviation over the repeats. It takes
 * the result of `importance` of `myelin/insight` or `myelin/table`, or numbers by name, such as the
 * contributions of an explanation.
 *
 * @example
 * ```ts
 * importanceBars(importance(model, data)).terminal(); // bars as text
 * importanceBars({ age: 0.3, income: -0.1 }, { label: "contribution" }).svg(); // "<svg …"
 * ```
 *
 * @throws DataError for other values; OptionError for an unknown option.
 */
export function importanceBars(source: ImportanceSource, options: ImportanceBarsOptions = {}): Picture {
  checkNames(options, ["title", "top", "label"], CALL);
  const top = readCount(options.top, 20, [1, 100], `${CALL}: top`);
  const label = readText(options.label, axisName(source), `${CALL}: label`);
  const columns = readColumns(source);
  const finite = columns.filter(({ mean }) => isDrawable(mean));
  const sorted = finite.toSorted((a, b) => Math.abs(b.mean) - Math.abs(a.mean));
  const shown = sorted.slice(0, top).sort((a, b) => b.mean - a.mean);
  const hidden = sorted.length - shown.length;
  const count =
    hidden > 0
      ? `The ${formatCount(shown.length)} largest of ${formatCount(sorted.length)} columns`
      : `${formatCount(shown.length)} ${shown.length === 1 ? "column" : "columns"}`;
  const hasSpread = shown.some(({ stddev }) => stddev !== undefined);
  return new Picture({
    title: readText(options.title, "Importance of the columns", `${CALL}: title`),
    description: `Bars of ${label}: ${shown
      .slice(0, 5)
      .map(({ name, mean }) => `${name} ${formatNumber(mean)}`)
      .join(", ")}${shown.length > 5 ? ", and more" : ""}.`,
    notes: [
      [
        count,
        ...(hasSpread ? ["lines show the standard deviation"] : []),
        ...leftOut(columns.length - finite.length, "column"),
      ].join(", "),
    ],
    panels: [
      {
        kind: "bars",
        label,
        bars: shown.map(({ name, mean, stddev }) => ({
          name,
          value: mean,
          ...(stddev !== undefined &&
            isDrawable(stddev) && { spread: [mean - stddev, mean + stddev] as const }),
          text: formatNumber(mean),
          paint: mean < 0 ? "s1" : "s0",
          rows: [
            ["column", name],
            [label, formatNumber(mean)],
            ...(stddev === undefined ? [] : [["standard deviation", formatNumber(stddev)] as const]),
          ],
        })),
      },
    ],
  });
}

/** Names the metric that gets worse, in words: "rootMeanSquaredError" is "root mean squared error". */
function axisName(source: unknown): string {
  const { columns, metric } = (source ?? {}) as { columns?: unknown; metric?: unknown };
  if (!Array.isArray(columns) || typeof metric !== "string") return "worse score without the column";
  return `worse by (${metric.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)})`;
}

function readColumns(source: ImportanceSource): ColumnValue[] {
  if (source === null || typeof source !== "object")
    throw new DataError(
      `${CALL}: expected the result of importance, or numbers by name, received ${show(source)}`,
    );
  const list = (source as { columns?: unknown }).columns;
  const columns = Array.isArray(list)
    ? (list as ColumnValue[])
    : Object.entries(source).map(([name, mean]) => ({ name, mean: mean as number }));
  const wrong = columns.find((column) => typeof column?.name !== "string" || typeof column.mean !== "number");
  if (wrong !== undefined)
    throw new DataError(
      `${CALL}: expected a name and a number for each column, received ${show(wrong.name)} with ${show(wrong.mean)}`,
    );
  return columns;
}

// Which columns matter and how, and the rows with the largest errors.

import { importanceBars } from "../plot/pictures/importance.ts";
import { dependenceCurves } from "../plot/pictures/partialDependence.ts";
import { countOf, formatCount, formatDate, formatNumber } from "../plot/text.ts";
import { isMissing } from "../table/cells.ts";
import type { Frame } from "../table/frame.ts";
import { measureDependence, type TableDependence } from "../table/insight/dependence.ts";
import { measureImportance, type TableImportance } from "../table/insight/importance.ts";
import type { AnyTableModel } from "../table/insight/questions.ts";
import { type TableParts, type TrainedTarget, usedColumns } from "../table/parts.ts";
import type { ClassValue } from "../table/target.ts";
import { affordable, type Judged, paused, workOf } from "./judged.ts";
import { type Block, type Pictures, paragraph, table } from "./markup.ts";
import { drawRows } from "./source.ts";
import { listOf, metricText, namesFor, percent, shorten } from "./words.ts";

/** Columns with a curve of their effect. */
const MOST_CURVES = 4;
/** Columns with a smaller share of the largest importance have no curve. */
const LEAST_EFFECT = 0.02;
/** Rows that the effects of columns are measured on. */
const MOST_EFFECT_ROWS = 300;
const MOST_IMPORTANCE_ROWS = 500;
const FEWEST_ROWS = 50;
const POINTS = 12;
const REPEATS = 5;
/** Columns that are measured in a table of many. */
const MOST_COLUMNS = 40;
/** Columns of cells in the table of errors. */
const SHOWN_COLUMNS = 5;

/** What was measured of the columns. */
export interface ColumnEffects {
  readonly importance: TableImportance;
  readonly curves: readonly TableDependence[];
  /** The columns of the model, of which only some may have been measured. */
  readonly of: number;
  readonly rows: number;
  /** Whether the rows are drawn from more. */
  readonly isDrawn: boolean;
}

/** How to measure. */
export interface EffectOptions {
  readonly seed: number;
  readonly pause: () => Promise<void>;
}

/** Measures importance and partial dependence on some of the rows; undefined where nothing can be measured. */
export async function measureColumns(
  model: AnyTableModel,
  parts: TableParts,
  target: TrainedTarget,
  frame: Frame,
  { seed, pause }: EffectOptions,
): Promise<ColumnEffects | undefined> {
  const { description } = target;
  const used = usedColumns(parts, [target]);
  if (used.length === 0 || target.learned.networks.length === 0 || frame.rows < 2) return undefined;
  const of = description.name;
  const measured = used.length > MOST_COLUMNS ? heaviest(target, MOST_COLUMNS) : undefined;
  const work = workOf(target);
  const count = measured?.size ?? used.length;
  const wanted = affordable(work, count * REPEATS, MOST_IMPORTANCE_ROWS);
  const repeats = wanted > FEWEST_ROWS * 2 ? REPEATS : 2;
  const rows = frame.take(drawRows(frame.rows, wanted, seed));
  const importance = await paused(
    measureImportance(model, rows, { target: of, seed, repeats }, measured),
    pause,
  ).catch((error: unknown) => {
    // The metric is not defined where all rows have the same target.
    if ((error as Error).name === "DataError") return undefined;
    throw error;
  });
  if (importance === undefined) return undefined;
  const types = new Map(used.map(({ name, type }) => [name, type]));
  const top = importance.columns
    .filter(
      ({ name, mean }) =>
        mean > LEAST_EFFECT * importance.columns[0].mean &&
        types.get(name) !== "text" &&
        hasValues(frame, name),
    )
    .slice(0, MOST_CURVES);
  const few = frame.take(drawRows(frame.rows, affordable(work, top.length * POINTS, MOST_EFFECT_ROWS), seed));
  const curves: TableDependence[] = [];
  for (const { name } of top) {
    if (!hasValues(few, name)) continue;
    curves.push(await paused(measureDependence(model, few, name, { target: of, points: POINTS }), pause));
  }
  return { importance, curves, of: used.length, rows: rows.rows, isDrawn: rows.rows < frame.rows };
}

const hasValues = ({ cells, rows }: Frame, name: string) => {
  const list = cells.get(name);
  return (
    list !== undefined && Array.from({ length: rows }, (_, row) => list[row]).some((cell) => !isMissing(cell))
  );
};

/** Returns the columns with the largest weights in the first layers. */
function heaviest({ learned: { networks, parts } }: TrainedTarget, most: number): ReadonlySet<string> {
  const sums = new Map<string, number>();
  for (const { model, part } of networks) {
    const { groups, inputs } = parts[part].preparation;
    for (const layer of model.getWeights()) {
      const { weight } = layer as { weight?: readonly ArrayLike<number>[] };
      if (weight === undefined || weight[0]?.length !== inputs) continue;
      for (const { column, at, width } of groups) {
        let sum = sums.get(column) ?? 0;
        for (const unit of weight) for (let input = at; input < at + width; input++) sum += unit[input] ** 2;
        sums.set(column, sum);
      }
      break;
    }
  }
  const sorted = [...sums].sort(([, a], [, b]) => b - a).slice(0, most);
  return new Set(
    sorted.length > 0
      ? sorted.map(([name]) => name)
      : parts.flatMap(({ preparation }) => preparation.groups.map(({ column }) => column)).slice(0, most),
  );
}

/** Returns the columns that matter most, in words; undefined if none does. */
export function topWords({ importance: { columns } }: ColumnEffects): string | undefined {
  const names = columns.filter(({ mean, stddev }) => mean > 0 && mean > stddev).slice(0, 3);
  return names.length === 0
    ? undefined
    : `What matters most for the answer: ${listOf(names.map(({ name }) => shorten(name, 40)))}.`;
}

/** Returns importance and effects as pictures. */
export function columnBlocks(
  effects: ColumnEffects,
  { description }: TrainedTarget,
  judged: Judged["origin"] | undefined,
  pictures: Pictures,
  level: number,
): Block[] {
  const { importance, curves, of, rows, isDrawn } = effects;
  const { metric, columns, score } = importance;
  const names = namesFor(columns.map(({ name }) => name));
  const nameOf = (name: string) => names.get(name) ?? shorten(name);
  const words = metricText(metric, description);
  const positive =
    description.classes?.length === 2 ? (description.positive ?? description.classes[1]) : undefined;
  return [
    paragraph(
      `The bars show how much worse the model gets when the values of one column are shuffled among the rows, so that they say nothing: by how much its ${words.name.toLowerCase()} of ${words.format(score)} rises or falls. Columns with the same information share their importance. The column may go with the answer without causing it.`,
    ),
    pictures.draw(
      importanceBars(
        { columns: columns.map((column) => ({ ...column, name: nameOf(column.name) })) },
        { title: "Importance of the columns", label: `worse by (${words.name.toLowerCase()})`, top: 15 },
      ),
      level,
    ),
    paragraph(
      [
        `Measured on ${countOf(rows, "row")}${isDrawn ? ", drawn at random," : ""}${judged === "test" ? " of the test" : judged === "outOfFold" ? " of the table, from which most of the networks learned" : ""}; thin lines are standard deviations over the shuffles.`,
        ...(columns.length < of
          ? [
              `Of ${formatCount(of)} columns, only the ${formatCount(columns.length)} with the largest weights were measured.`,
            ]
          : []),
      ].join(" "),
      "note",
    ),
    ...(curves.length === 0
      ? []
      : [
          pictures.draw(
            dependenceCurves(
              curves.map((curve) => reduced(curve, nameOf(curve.column), positive)),
              {
                title: `Average answer along ${curves.length === 1 ? "this column" : "these columns"}`,
                label: shorten(
                  positive === undefined ? description.name : `probability of ${String(positive)}`,
                  40,
                ),
              },
            ),
            level,
          ),
          paragraph(
            "Each curve is the average answer when all rows get the same value in that column (partial dependence). Where columns depend on each other, some of these rows cannot exist.",
            "note",
          ),
        ]),
  ];
}

/** Returns a dependence with few classes: the positive one of two, or those that change most. */
function reduced(
  { grid, means, classes, target }: TableDependence,
  column: string,
  positive: ClassValue | undefined,
): { grid: TableDependence["grid"]; means: number[][]; column: string; target: string; classes?: string[] } {
  const most = 20;
  const keep = (list: readonly (readonly number[])[]) => list.slice(0, most);
  const shown = grid.slice(0, most).map((value) => (typeof value === "string" ? shorten(value, 40) : value));
  const of = { grid: shown, column, target: shorten(target, 40) };
  if (classes === undefined) return { ...of, means: keep(means).map((row) => row.slice()) };
  const span = (at: number) => {
    const values = means.map((row) => row[at]);
    return Math.max(...values) - Math.min(...values);
  };
  const all = classes.map((_, at) => at);
  const chosen =
    positive === undefined
      ? all
          .toSorted((a, b) => span(b) - span(a))
          .slice(0, 5)
          .sort((a, b) => a - b)
      : [classes.indexOf(positive)];
  const names = namesFor(classes.map(String));
  const picked = { ...of, means: keep(means).map((row) => chosen.map((at) => row[at])) };
  return positive === undefined
    ? { ...picked, classes: chosen.map((at) => names.get(String(classes[at])) as string) }
    : picked;
}

/** A cell as text. */
function cellText(cell: unknown): string {
  if (isMissing(cell)) return "–";
  if (cell instanceof Date) return formatDate(cell.getTime());
  if (typeof cell === "number") return formatNumber(cell);
  return shorten(typeof cell === "object" ? JSON.stringify(cell) : String(cell), 40);
}

/** Returns the rows with the largest errors. */
export function errorBlocks(
  { description }: TrainedTarget,
  judged: Judged,
  effects: ColumnEffects | undefined,
  used: readonly string[],
  most: number,
): Block[] {
  const { targets, predictions, decisions, frame, places } = judged;
  const { classes } = description;
  if (most === 0 || targets.length === 0) return [];
  const outputs = classes?.length ?? 1;
  const error = (row: number) =>
    classes === undefined
      ? Math.abs(targets[row] - predictions[row])
      : 1 - predictions[row * outputs + targets[row]];
  const isWrong = (row: number) => classes === undefined || targets[row] !== decisions?.[row];
  const rows = Array.from(targets.keys())
    .filter(isWrong)
    .sort((a, b) => error(b) - error(a))
    .slice(0, most);
  if (rows.length === 0) return [paragraph(`None: all ${countOf(targets.length, "answer")} are right.`)];
  const order = effects === undefined ? used : effects.importance.columns.map(({ name }) => name);
  const columns = frame === undefined ? [] : order.slice(0, SHOWN_COLUMNS);
  const names = namesFor(columns);
  const [what, truth, given] =
    classes === undefined
      ? ["Residual", "True value", "Answer"]
      : ["Probability of the true class", "True class", "Answer"];
  const body = rows.map((row) => [
    String(places[row]),
    ...(classes === undefined
      ? [
          formatNumber(targets[row]),
          formatNumber(predictions[row]),
          formatNumber(targets[row] - predictions[row]),
        ]
      : [
          shorten(String(classes[targets[row]]), 40),
          shorten(String(classes[decisions?.[row] ?? 0]), 40),
          percent(predictions[row * outputs + targets[row]]),
        ]),
    ...columns.map((name) => cellText(frame?.cells.get(name)?.[row])),
  ]);
  const wrong = Array.from(targets.keys()).filter(isWrong).length;
  const from = `${judged.origin === "test" ? "test " : ""}${targets.length === 1 ? "row" : "rows"}`;
  return [
    paragraph(
      classes === undefined
        ? `The ${countOf(rows.length, "row")} with the largest errors, of ${formatCount(targets.length)} ${from}. Look here first for wrong values in the table, and for what the columns do not say.`
        : `${wrong === 1 ? "1 answer is" : `${formatCount(wrong)} answers are`} wrong, of ${formatCount(targets.length)} ${from}${wrong > rows.length ? `; these are the ${rows.length} where the true class was least expected` : ""}. Look here first for wrong labels in the table, and for what the columns do not say.`,
    ),
    table({
      caption:
        columns.length === 0
          ? "Rows with the largest errors; rows are counted from 0"
          : `Rows with the largest errors, with their ${columns.length < order.length ? "most important cells" : "cells"}; rows are counted from 0`,
      head: ["Row", truth, given, what, ...columns.map((name) => names.get(name) as string)],
      rows: body,
      numbers: classes === undefined ? [0, 1, 2, 3] : [0, 3],
    }),
  ];
}

// A scatter plot for a terminal. In color every character is two square pixels, one above the other. Without
// color it is one of three marks, for low, middle and high values.

import type { ScaleLinear } from "d3-scale";
import { type Cells, gatherCells } from "./cells.ts";
import { epochTicks, type LossCurve, lossCells, lossTicks } from "./losses.ts";
import { printable } from "./markup.ts";
import {
  caption,
  markCaption,
  prepareScatter,
  rampPosition,
  type Scatter,
  type ScatterOptions,
  type ScatterPoint,
} from "./points.ts";
import { terminalColor, terminalColors } from "./ramp.ts";
import { cellIndex, formatNumber, scaleTicks, type Tick } from "./ticks.ts";

/** Options of {@link scatterText}. */
export interface ScatterTextOptions extends ScatterOptions {
  /** The columns of the terminal, at least 40; 80 by default. */
  readonly width?: number;
  /** The lines of the plot, at least 10; 24 by default. Losses take 10 more. */
  readonly height?: number;
  /** Whether to use ANSI colors; false by default. */
  readonly color?: boolean;
}

const marks = ["·", "+", "●"];
/** The character of a cell with a marked point. */
const cross = "×";

// The lines around the cells: heading, name of the vertical axis, horizontal axis, its labels, its name,
// legend.
const surroundingLines = 6;

const lossRows = 6;

/**
 * Draws points as lines of text with axes and a legend. Points that share a cell show their mean value.
 * Points that are not finite are left out and counted in the caption.
 *
 * @example
 * ```ts
 * const points = [{ x: 0.2, y: 0.9, value: 0.97, details: {} }];
 * console.log(scatterText(points, { title: "XOR", width: 80, height: 24, color: true }));
 * ```
 */
export function scatterText(points: readonly ScatterPoint[], options: ScatterTextOptions = {}): string {
  const { color = false, width: wantedWidth = 80, height: wantedHeight = 24 } = options;
  const scatter = prepareScatter(points, options);
  const width = Math.max(40, Math.floor(wantedWidth));
  const rows = Math.max(10, Math.floor(wantedHeight)) - surroundingLines;
  const ticks = yTicks(scatter.y, rows);
  const lossAxis = scatter.curve && lossTicks(scatter.curve.y.copy().range([lossRows, 0]));
  const left = Math.max(...[...ticks, ...(lossAxis ?? [])].map(({ label }) => label.length), 0) + 2;
  const columns = width - left - 1;
  const lines = color ? coloredLines(scatter, columns, rows) : markedLines(scatter, columns, rows);
  return [
    shorten(`${" ".repeat(left)}${scatter.title}`, width),
    aboveLine(scatter, left, width),
    ...withYAxis(lines, ticks, left),
    ...xAxisLines(
      scaleTicks(scatter.x.copy().range([0, columns]), Math.floor(columns / 12)),
      scatter.xLabel,
      columns,
      left,
    ),
    color ? colorLegendLine(scatter, left, width) : markLegendLine(scatter, left, width),
    ...(scatter.curve === undefined ? [] : lossLines(scatter.curve, lossAxis ?? [], columns, left)),
  ]
    .map((line) => line.trimEnd())
    .join("\n");
}

function markedLines(scatter: Scatter, columns: number, rows: number): string[] {
  const cells = gatherCells(scatter, columns, rows);
  return lineByLine(cells, rows, (column, row) =>
    isMarked(cells, column, row) ? cross : markOf(meanAt(cells, column, row), scatter),
  );
}

function markOf(mean: number, { valueRange }: Scatter): string {
  if (Number.isNaN(mean)) return " ";
  return marks[cellIndex(rampPosition(mean, valueRange) * marks.length, marks.length)];
}

function coloredLines(scatter: Scatter, columns: number, rows: number): string[] {
  const cells = gatherCells(scatter, columns, rows * 2);
  const colorAt = (column: number, row: number) => colorOf(meanAt(cells, column, row), scatter);
  return lineByLine(cells, rows, (column, row) => {
    const [above, below] = [row * 2, row * 2 + 1];
    if (isMarked(cells, column, above)) return crossOn(colorAt(column, above));
    if (isMarked(cells, column, below)) return crossOn(colorAt(column, below));
    return halves(colorAt(column, above), colorAt(column, below));
  });
}

function colorOf(mean: number, { valueRange }: Scatter): number | undefined {
  return Number.isNaN(mean) ? undefined : terminalColor(rampPosition(mean, valueRange));
}

// The upper half block has the foreground color above and the background color below.
function halves(above: number | undefined, below: number | undefined): string {
  if (above === undefined && below === undefined) return " ";
  if (below === undefined) return paint("▀", `38;5;${above}`);
  if (above === undefined) return paint("▄", `38;5;${below}`);
  return paint("▀", `38;5;${above};48;5;${below}`);
}

// Black contrasts with every color of the ramp.
function crossOn(color: number | undefined): string {
  return paint(cross, `38;5;16;48;5;${color}`);
}

function paint(text: string, codes: string): string {
  return `\u001b[${codes}m${text}\u001b[0m`;
}

function lineByLine(cells: Cells, rows: number, draw: (column: number, row: number) => string): string[] {
  const columns = Array.from({ length: cells.columns }, (_, column) => column);
  return Array.from({ length: rows }, (_, row) => columns.map((column) => draw(column, row)).join(""));
}

function meanAt({ columns, means }: Cells, column: number, row: number): number {
  return means[row * columns + column];
}

function isMarked({ columns, marked }: Cells, column: number, row: number): boolean {
  return marked[row * columns + column] === 1;
}

function yTicks(scale: ScaleLinear<number, number>, rows: number): Tick[] {
  return scaleTicks(scale.copy().range([rows, 0]), Math.max(2, Math.floor(rows / 4)));
}

function withYAxis(lines: readonly string[], ticks: readonly Tick[], left: number): string[] {
  const labels = new Map(ticks.map(({ position, label }) => [cellIndex(position, lines.length), label]));
  return lines.map(
    (line, row) => `${(labels.get(row) ?? "").padStart(left - 1)} ${labels.has(row) ? "┤" : "│"}${line}`,
  );
}

function xAxisLines(ticks: readonly Tick[], axisName: string, columns: number, left: number): string[] {
  const axis = Array.from({ length: columns }, () => "─");
  const labels = Array.from({ length: left + 1 + columns }, () => " ");
  let free = 0;
  for (const { position, label } of ticks) {
    const column = cellIndex(position, columns);
    const start = Math.min(labels.length - label.length, left + 1 + column - Math.floor(label.length / 2));
    if (start < free) continue;
    axis[column] = "┬";
    labels.splice(start, label.length, ...label);
    free = start + label.length + 1;
  }
  const name = shorten(axisName, columns);
  const indent = " ".repeat(left + 1 + Math.floor((columns - name.length) / 2));
  return [`${" ".repeat(left)}└${axis.join("")}`, labels.join(""), `${indent}${name}`];
}

// The name of the vertical axis, with the caption at the right end of the line.
function aboveLine(scatter: Scatter, left: number, width: number): string {
  const end = [caption(scatter), markCaption(scatter)].filter((text) => text !== "").join(", ");
  const name = shorten(`${" ".repeat(left)}${scatter.yLabel}`, width - end.length - 2);
  return `${name.padEnd(width - end.length)}${end}`;
}

// The losses: their name and final value, the curve, and the axis of epochs.
function lossLines(curve: LossCurve, ticks: readonly Tick[], columns: number, left: number): string[] {
  const epochs = epochTicks(curve.x.copy().range([0, columns]), Math.floor(columns / 12));
  return [
    "",
    shorten(`${" ".repeat(left)}${curve.name}: ${curve.end}`, left + 1 + columns),
    ...withYAxis(lossCells(curve, columns, lossRows), ticks, left),
    ...xAxisLines(epochs, "epoch", columns, left).slice(0, 2),
  ];
}

// The legend of the cross; empty without marked points.
function markMeaning(scatter: Scatter): string {
  return markCaption(scatter) === "" ? "" : `  ${cross} ${scatter.markLabel}`;
}

function markLegendLine(scatter: Scatter, left: number, width: number): string {
  const {
    valueLabel,
    valueRange: [low, high],
  } = scatter;
  const [lower, upper] = [1 / 3, 2 / 3].map((share) => formatBound(low + (high - low) * share));
  const meanings = [`below ${lower}`, "between", `above ${upper}`];
  const legend =
    meanings.map((meaning, index) => `${marks[index]} ${meaning}`).join("  ") + markMeaning(scatter);
  const name = shorten(valueLabel, Math.max(1, width - left - legend.length - 2));
  return shorten(`${" ".repeat(left)}${name}  ${legend}`, width);
}

function colorLegendLine(scatter: Scatter, left: number, width: number): string {
  const {
    valueLabel,
    valueRange: [low, high],
  } = scatter;
  const meaning = markMeaning(scatter);
  const blocks = Array.from({ length: terminalColors }, (_, index) =>
    paint("██", `38;5;${terminalColor(index / (terminalColors - 1))}`),
  ).join("");
  const ends = [formatNumber(low), formatNumber(high)];
  const rest = width - left - terminalColors * 2 - ends.join("").length - 4;
  const name = shorten(valueLabel, Math.max(1, rest - meaning.length));
  const line = `${" ".repeat(left)}${name}  ${ends[0]} ${blocks} ${ends[1]}`;
  return line + (rest - name.length > 0 ? shorten(meaning, rest - name.length) : "");
}

function formatBound(value: number): string {
  return String(Number(value.toPrecision(2)));
}

// Control characters must not reach the terminal, and lines must not wrap.
function shorten(text: string, columns: number): string {
  const characters = [...printable(text)];
  return characters.length <= columns ? characters.join("") : `${characters.slice(0, columns - 1).join("")}…`;
}

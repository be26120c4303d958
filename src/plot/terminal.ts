// A scatter plot for a terminal. In colour every character is two square pixels, one above the other; without
// colour it is one of three marks, so that low, middle and high values stay apart.

import type { ScaleLinear } from "d3-scale";
import { type Cells, cellIndex, gatherCells } from "./cells.ts";
import { printable } from "./markup.ts";
import {
  caption,
  prepareScatter,
  rampPosition,
  type Scatter,
  type ScatterOptions,
  type ScatterPoint,
} from "./points.ts";
import { terminalColor, terminalColors } from "./ramp.ts";
import { formatNumber, scaleTicks, type Tick } from "./ticks.ts";

/** Options of {@link scatterText}. */
export interface ScatterTextOptions extends ScatterOptions {
  /** Columns of the terminal; 80 if not given, at least 40. */
  readonly width?: number;
  /** Lines of the whole plot; 24 if not given, at least 10. */
  readonly height?: number;
  /** Whether to use ANSI colours; false if not given. */
  readonly color?: boolean;
}

const marks = ["·", "+", "●"];

// The lines that are not cells: heading, name of the vertical axis, horizontal axis, its labels, its name,
// legend.
const surroundingLines = 6;

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
  const left = yTicks(scatter.y, rows).reduce((most, { label }) => Math.max(most, label.length), 0) + 2;
  const columns = width - left - 1;
  const lines = color ? coloredLines(scatter, columns, rows) : markedLines(scatter, columns, rows);
  return [
    shorten(`${" ".repeat(left)}${scatter.title}`, width),
    aboveLine(scatter, left, width),
    ...withYAxis(lines, scatter.y, left),
    ...xAxisLines(scatter, columns, left),
    color ? colorLegendLine(scatter, left, width) : markLegendLine(scatter, left, width),
  ]
    .map((line) => line.trimEnd())
    .join("\n");
}

function markedLines(scatter: Scatter, columns: number, rows: number): string[] {
  const cells = gatherCells(scatter, columns, rows);
  return lineByLine(cells, rows, (column, row) => markOf(meanAt(cells, column, row), scatter));
}

function markOf(mean: number, { valueRange }: Scatter): string {
  if (Number.isNaN(mean)) return " ";
  return marks[cellIndex(rampPosition(mean, valueRange) * marks.length, marks.length)];
}

function coloredLines(scatter: Scatter, columns: number, rows: number): string[] {
  const cells = gatherCells(scatter, columns, rows * 2);
  const colorAt = (column: number, row: number) => colorOf(meanAt(cells, column, row), scatter);
  return lineByLine(cells, rows, (column, row) =>
    halves(colorAt(column, row * 2), colorAt(column, row * 2 + 1)),
  );
}

function colorOf(mean: number, { valueRange }: Scatter): number | undefined {
  return Number.isNaN(mean) ? undefined : terminalColor(rampPosition(mean, valueRange));
}

// The upper half block has the foreground colour above and the background colour below.
function halves(above: number | undefined, below: number | undefined): string {
  if (above === undefined && below === undefined) return " ";
  if (below === undefined) return paint("▀", `38;5;${above}`);
  if (above === undefined) return paint("▄", `38;5;${below}`);
  return paint("▀", `38;5;${above};48;5;${below}`);
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

function yTicks(scale: ScaleLinear<number, number>, rows: number): Tick[] {
  return scaleTicks(scale.copy().range([rows, 0]), Math.max(2, Math.floor(rows / 4)));
}

function withYAxis(lines: readonly string[], scale: ScaleLinear<number, number>, left: number): string[] {
  const labels = new Map(
    yTicks(scale, lines.length).map(({ position, label }) => [cellIndex(position, lines.length), label]),
  );
  return lines.map(
    (line, row) => `${(labels.get(row) ?? "").padStart(left - 1)} ${labels.has(row) ? "┤" : "│"}${line}`,
  );
}

function xAxisLines({ x, xLabel }: Scatter, columns: number, left: number): string[] {
  const axis = Array.from({ length: columns }, () => "─");
  const labels = Array.from({ length: left + 1 + columns }, () => " ");
  let free = 0;
  for (const { position, label } of scaleTicks(x.copy().range([0, columns]), Math.floor(columns / 12))) {
    const column = cellIndex(position, columns);
    const start = Math.min(labels.length - label.length, left + 1 + column - Math.floor(label.length / 2));
    if (start < free) continue;
    axis[column] = "┬";
    labels.splice(start, label.length, ...label);
    free = start + label.length + 1;
  }
  const name = shorten(xLabel, columns);
  const indent = " ".repeat(left + 1 + Math.floor((columns - name.length) / 2));
  return [`${" ".repeat(left)}└${axis.join("")}`, labels.join(""), `${indent}${name}`];
}

// The vertical axis' name stands over the axis, and the caption at the right end of the same line.
function aboveLine(scatter: Scatter, left: number, width: number): string {
  const end = caption(scatter);
  const name = shorten(`${" ".repeat(left)}${scatter.yLabel}`, width - end.length - 2);
  return `${name.padEnd(width - end.length)}${end}`;
}

function markLegendLine(
  { valueLabel, valueRange: [low, high] }: Scatter,
  left: number,
  width: number,
): string {
  const [lower, upper] = [1 / 3, 2 / 3].map((share) => formatBound(low + (high - low) * share));
  const meanings = [`below ${lower}`, "between", `above ${upper}`];
  const legend = meanings.map((meaning, index) => `${marks[index]} ${meaning}`).join("  ");
  const name = shorten(valueLabel, Math.max(1, width - left - legend.length - 2));
  return shorten(`${" ".repeat(left)}${name}  ${legend}`, width);
}

function colorLegendLine(
  { valueLabel, valueRange: [low, high] }: Scatter,
  left: number,
  width: number,
): string {
  const blocks = Array.from({ length: terminalColors }, (_, index) =>
    paint("██", `38;5;${terminalColor(index / (terminalColors - 1))}`),
  ).join("");
  const ends = [formatNumber(low), formatNumber(high)];
  const name = shorten(valueLabel, Math.max(1, width - left - terminalColors * 2 - ends.join("").length - 4));
  return `${" ".repeat(left)}${name}  ${ends[0]} ${blocks} ${ends[1]}`;
}

function formatBound(value: number): string {
  return String(Number(value.toPrecision(2)));
}

// Control characters must not reach the terminal, and no line may wrap.
function shorten(text: string, columns: number): string {
  const characters = [...printable(text)];
  return characters.length <= columns ? characters.join("") : `${characters.slice(0, columns - 1).join("")}…`;
}

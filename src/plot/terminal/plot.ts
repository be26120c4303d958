// A panel with two axes and marks, for a terminal. In color a point is half a character high; without color
// it is one of several characters. Lines are drawn with the dots of braille.

import { type Paint, terminalColor, VALUE_STEPS } from "../colors.ts";
import type { Axis, Mark, PlotPanel } from "../figure.ts";
import { cellIndex, type Scale, scaleOf, type Tick } from "../scales.ts";
import { fitColumns } from "../text.ts";
import { paintText, shapeMarks, type TextSize } from "./marks.ts";

const valueMarks = ["·", "+", "●"];
const amountMarks = ["░", "▒", "▓", "█"];

/** The cells of a plot: each has an upper and a lower half, and the dots of lines. */
class Canvas {
  readonly columns: number;
  readonly rows: number;
  readonly #halves: (Paint | undefined)[];
  /** Sums and counts of the steps of values, whose mean is shown. */
  readonly #sums: Float64Array;
  readonly #counts: Float64Array;
  readonly #dots: Uint8Array;
  readonly #lines: (Paint | undefined)[];
  readonly #texts: (string | undefined)[];
  /** What is behind everything else. */
  readonly #rules: (string | undefined)[];
  /** Halves that are parts of areas rather than points. */
  readonly #areas: Uint8Array;

  constructor(columns: number, rows: number) {
    const halves = columns * rows * 2;
    this.columns = columns;
    this.rows = rows;
    this.#halves = new Array(halves).fill(undefined);
    this.#sums = new Float64Array(halves);
    this.#counts = new Float64Array(halves);
    this.#dots = new Uint8Array(columns * rows);
    this.#lines = new Array(columns * rows).fill(undefined);
    this.#texts = new Array(columns * rows).fill(undefined);
    this.#rules = new Array(columns * rows).fill(undefined);
    this.#areas = new Uint8Array(halves);
  }

  /** Fills half a cell; values that share it show their mean. */
  fill(column: number, half: number, paint: Paint, isArea: boolean): void {
    const at = half * this.columns + column;
    this.#areas[at] = Number(isArea);
    this.#halves[at] = paint;
    if (/^r\d/.test(paint)) {
      this.#sums[at] += Number(paint.slice(1));
      this.#counts[at]++;
    }
  }

  /** Sets a dot, of 2 × 4 in each cell. */
  dot(x: number, y: number, paint: Paint): void {
    const at = Math.floor(y / 4) * this.columns + Math.floor(x / 2);
    this.#dots[at] |= DOTS[y % 4][x % 2];
    this.#lines[at] = paint;
  }

  text(column: number, row: number, text: string): void {
    this.#texts[row * this.columns + column] = text;
  }

  rule(column: number, row: number, text: string): void {
    this.#rules[row * this.columns + column] = text;
  }

  #paint(at: number): Paint | undefined {
    return this.#counts[at] > 0 ? `r${Math.round(this.#sums[at] / this.#counts[at])}` : this.#halves[at];
  }

  /** Returns the lines. With `several`, lines of different series have different characters. */
  lines(color: boolean, several: boolean): string[] {
    return Array.from({ length: this.rows }, (_, row) =>
      Array.from({ length: this.columns }, (_, column) => this.#cell(column, row, color, several)).join(""),
    );
  }

  #cell(column: number, row: number, color: boolean, several: boolean): string {
    const at = row * this.columns + column;
    const [upper, lower] = [2 * row * this.columns + column, (2 * row + 1) * this.columns + column];
    const [above, below] = [this.#paint(upper), this.#paint(lower)];
    const text = this.#texts[at];
    if (text !== undefined) return text;
    const line = this.#lines[at];
    if (line !== undefined) {
      const sign =
        several && shapeMarks[line] !== undefined
          ? shapeMarks[line]
          : String.fromCodePoint(0x2800 + this.#dots[at]);
      return paintText(sign, line, color);
    }
    const paint = above ?? below;
    if (paint === undefined) return this.#rules[at] ?? " ";
    if (color) return halves(above, below);
    // A bar of the only series is solid.
    const isBar = this.#areas[upper] + this.#areas[lower] > 0 && !several && !/^[rd]\d/.test(paint);
    if (isBar) return above === undefined ? "▄" : below === undefined ? "▀" : "█";
    return plainMark(paint);
  }
}

const DOTS = [
  [1, 8],
  [2, 16],
  [4, 32],
  [64, 128],
];

// The upper half block has the foreground color above and the background color below.
function halves(above: Paint | undefined, below: Paint | undefined): string {
  const [up, down] = [above, below].map((paint) =>
    paint === undefined ? undefined : (terminalColor(paint) ?? 250),
  );
  if (down === undefined) return `\u001b[38;5;${up}m▀\u001b[0m`;
  if (up === undefined) return `\u001b[38;5;${down}m▄\u001b[0m`;
  return `\u001b[38;5;${up};48;5;${down}m▀\u001b[0m`;
}

function plainMark(paint: Paint): string {
  const index = Number(paint.slice(1));
  if (/^r\d/.test(paint)) return valueMarks[Math.min(2, Math.floor((index / (VALUE_STEPS + 1)) * 3))];
  if (/^d\d/.test(paint)) return amountMarks[Math.min(3, Math.floor((index / 11) * 4))];
  return shapeMarks[paint] ?? "█";
}

/** Draws a panel. */
export function plotLines(panel: PlotPanel, { width, height, color }: TextSize, several: boolean): string[] {
  // A flat panel has fewer lines.
  const rows = Math.max(4, Math.round((height - 5) * Math.min(1, 2 * (panel.aspect ?? 1))));
  const { x, y } = panel;
  const yTicks = scaleOf(y, [rows, 0]).ticks(Math.max(2, Math.floor(rows / 4)));
  const left = Math.min(Math.max(...yTicks.map(({ label }) => label.length), 0), Math.floor(width / 3)) + 2;
  const columns = width - left - 1;
  const canvas = new Canvas(columns, rows);
  const place = { across: scaleOf(x, [0, columns]), up: scaleOf(y, [rows, 0]), canvas };
  for (const mark of panel.marks) drawMark(mark, place);
  return [
    ...(y.label === "" ? [] : [`${" ".repeat(left)}${fitColumns(y.label, width - left)}`]),
    ...withYAxis(canvas.lines(color, several && !color), yTicks, left),
    ...xAxisLines(x, place.across, columns, left),
    ...(color ? [] : ruleNotes(panel.marks, width)),
  ];
}

/** The labels of lines across the panel, which the plot itself has no room for. */
function ruleNotes(marks: readonly Mark[], width: number): string[] {
  return marks.flatMap((mark) =>
    mark.type === "rule" && mark.label !== undefined ? [fitColumns(`┊ ${mark.label}`, width)] : [],
  );
}

interface Place {
  readonly across: Scale;
  readonly up: Scale;
  readonly canvas: Canvas;
}

function drawMark(mark: Mark, { across, up, canvas }: Place): void {
  const { columns, rows } = canvas;
  const column = (x: number) => cellIndex(across(x), columns);
  if (mark.type === "points") {
    for (const { x, y, paint } of mark.points) {
      canvas.fill(column(x), cellIndex(up(y) * 2, rows * 2), paint, false);
    }
    for (const { x, y, isMarked } of mark.points)
      if (isMarked) canvas.text(column(x), cellIndex(up(y), rows), "×");
  } else if (mark.type === "rectangles") {
    for (const { x, y, paint } of mark.rectangles) {
      const [from, to] = [column(x[0]), Math.max(column(x[0]), Math.ceil(across(x[1])) - 1)];
      const [top, bottom] = [up(y[1]) * 2, up(y[0]) * 2].map(Math.round);
      for (let at = from; at <= Math.min(to, columns - 1); at++)
        for (let half = top; half < Math.min(Math.max(bottom, top + (y[1] > y[0] ? 1 : 0)), rows * 2); half++)
          canvas.fill(at, half, paint, true);
    }
  } else if (mark.type === "line") {
    if (mark.style === "pale") return;
    const dots = mark.points.map(
      ([x, y]) => [cellIndex(across(x) * 2, columns * 2), cellIndex(up(y) * 4, rows * 4)] as const,
    );
    for (const [at, [x, y]] of dots.entries()) {
      const [fromX, fromY] = dots[Math.max(0, at - 1)];
      const steps = Math.max(1, Math.abs(x - fromX), Math.abs(y - fromY));
      for (let step = 0; step <= steps; step++) {
        if (mark.style === "dashes" && step % 4 > 1) continue;
        canvas.dot(
          Math.round(fromX + ((x - fromX) * step) / steps),
          Math.round(fromY + ((y - fromY) * step) / steps),
          mark.paint,
        );
      }
    }
  } else if (mark.type === "rule") {
    if (mark.x !== undefined) for (let row = 0; row < rows; row++) canvas.rule(column(mark.x), row, "┊");
    else if (mark.y !== undefined)
      for (let at = 0; at < columns; at++) canvas.rule(at, cellIndex(up(mark.y), rows), "┄");
  }
}

function withYAxis(lines: readonly string[], ticks: readonly Tick[], left: number): string[] {
  const labels = new Map(ticks.map(({ position, label }) => [cellIndex(position, lines.length), label]));
  return lines.map((line, row) => {
    const label = fitColumns(labels.get(row) ?? "", left - 2);
    return `${label.padStart(left - 1)} ${labels.has(row) ? "┤" : "│"}${line}`;
  });
}

function xAxisLines({ label: name, ...axis }: Axis, across: Scale, columns: number, left: number): string[] {
  const ticks = across.ticks(Math.max(2, Math.floor(columns / (axis.kind === "date" ? 14 : 12))));
  const line = Array.from({ length: columns }, () => "─");
  const labels = Array.from({ length: left + 1 + columns }, () => " ");
  let free = 0;
  for (const { position, label } of ticks) {
    const characters = [...fitColumns(label, columns)];
    const column = cellIndex(position, columns);
    const start = Math.max(
      0,
      Math.min(labels.length - characters.length, left + 1 + column - Math.floor(characters.length / 2)),
    );
    if (start < free) continue;
    line[column] = "┬";
    labels.splice(start, characters.length, ...characters);
    free = start + characters.length + 1;
  }
  const shown = fitColumns(name, columns);
  const indent = " ".repeat(left + 1 + Math.floor((columns - shown.length) / 2));
  return [
    `${" ".repeat(left)}└${line.join("")}`,
    labels.join(""),
    ...(shown === "" ? [] : [`${indent}${shown}`]),
  ];
}

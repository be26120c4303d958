// A curve over a logarithmic axis, as SVG and as text. It does not use d3, so that code that draws a curve
// needs no library.

import { type Attributes, element, escapeText, printable } from "./markup.ts";

/** A point of a curve; x is above 0. */
export interface CurvePoint {
  readonly x: number;
  readonly y: number;
}

/** A curve with at least one point. All points are finite. */
export interface Curve {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  /** From left to right. */
  readonly points: readonly CurvePoint[];
  /** The unsmoothed points; drawn pale, and only as SVG. */
  readonly raw?: readonly CurvePoint[];
  /** The largest value of the vertical axis. Points above it are drawn at the edge. */
  readonly top: number;
  /** A marked position on the horizontal axis, with its name. */
  readonly mark?: { readonly x: number; readonly name: string } | undefined;
}

/** Maps a value to its position on an axis, from 0 to 1. */
type Axis = (value: number) => number;

const ink = {
  page: "#ffffff",
  line: "#dde0e6",
  text: "#22262e",
  quiet: "#5a6270",
  curve: "#2f6db3",
  mark: "#c2570c",
};

function axis(low: number, high: number): Axis {
  return (value) => (high > low ? Math.min(1, Math.max(0, (value - low) / (high - low))) : 0.5);
}

/** Returns both axes and their ticks. The vertical axis begins at the lowest of the `shown` points. */
function axesOf({ points, top }: Curve, shown = points) {
  const [left, right] = [points[0].x, points[points.length - 1].x].map(Math.log10);
  const bottom = shown.reduce((least, { y }) => Math.min(least, y), top);
  const horizontal = axis(left, right);
  return {
    x: (value: number) => horizontal(Math.log10(value)),
    y: axis(bottom, top),
    xTicks: powers(left, right),
    yTicks: top > bottom ? [0, 1, 2, 3, 4].map((at) => bottom + ((top - bottom) * at) / 4) : [bottom],
  };
}

/** Returns the powers of ten between two logarithms, or both ends if there are fewer than two. */
function powers(low: number, high: number): number[] {
  const [first, last] = [Math.ceil(low - 1e-9), Math.floor(high + 1e-9)];
  if (last - first < 1) return [10 ** low, 10 ** high];
  const stride = Math.ceil((last - first) / 10);
  const count = Math.floor((last - first) / stride) + 1;
  return Array.from({ length: count }, (_, index) => 10 ** (first + index * stride));
}

/** Formats a number with up to `digits` digits, and an exponent below 0.001. */
export function write(value: number, digits = 3): string {
  const rounded = Number(value.toPrecision(digits));
  return rounded !== 0 && Math.abs(rounded) < 0.001 ? rounded.toExponential() : String(rounded);
}

const size = { width: 720, height: 420 };
const frame = { left: 84, top: 76, right: 692, bottom: 356 };
const font = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";

/** Draws the curve as one SVG file with a background. */
export function curveSvg(curve: Curve): string {
  const { x, y, xTicks, yTicks } = axesOf(curve, [...curve.points, ...(curve.raw ?? [])]);
  const across = (value: number) => frame.left + x(value) * (frame.right - frame.left);
  const up = (value: number) => frame.bottom - y(value) * (frame.bottom - frame.top);
  const line = (x1: number, y1: number, x2: number, y2: number, attributes: Attributes = {}) =>
    element("line", { x1, y1, x2, y2, stroke: ink.line, ...attributes });
  const path = (points: readonly CurvePoint[], attributes: Attributes) => {
    const places = points.map((point) => `${across(point.x).toFixed(1)} ${up(point.y).toFixed(1)}`);
    return element("path", { d: `M${places.join("L")}`, fill: "none", stroke: ink.curve, ...attributes });
  };
  const label = (text: string, attributes: Attributes) =>
    element("text", { fill: ink.quiet, ...attributes }, escapeText(text));
  const { mark, raw, title } = curve;
  const middle = (frame.left + frame.right) / 2;
  const drawn = [
    element("title", {}, escapeText(title)),
    element("rect", { ...size, fill: ink.page }),
    label(title, { x: 24, y: 32, fill: ink.text, "font-size": 17, "font-weight": 600 }),
    ...xTicks.map(
      (tick) =>
        line(across(tick), frame.top, across(tick), frame.bottom) +
        label(write(tick), { x: across(tick), y: frame.bottom + 22, "text-anchor": "middle" }),
    ),
    ...yTicks.map(
      (tick) =>
        line(frame.left, up(tick), frame.right, up(tick)) +
        label(write(tick), { x: frame.left - 10, y: up(tick) + 5, "text-anchor": "end" }),
    ),
    label(curve.xLabel, { x: middle, y: frame.bottom + 48, fill: ink.text, "text-anchor": "middle" }),
    label(curve.yLabel, { x: 24, y: frame.top - 16, fill: ink.text }),
    raw === undefined ? "" : path(raw, { "stroke-opacity": 0.35 }),
    path(curve.points, { "stroke-width": 2.5 }),
  ];
  if (mark !== undefined) {
    const [at, anchor] = [across(mark.x), x(mark.x) > 0.6 ? "end" : "start"];
    const place = { x: at, y: frame.top - 6, "text-anchor": anchor, fill: ink.mark };
    drawn.push(
      line(at, frame.top, at, frame.bottom, { stroke: ink.mark, "stroke-dasharray": "5 4" }),
      label(mark.name, place),
    );
  }
  const { width, height } = size;
  const attributes = { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": title };
  const xmlns = "http://www.w3.org/2000/svg";
  return `${element("svg", { xmlns, ...attributes, "font-family": font, "font-size": 14 }, ...drawn)}\n`;
}

/** The columns and lines of the curve as text. */
const COLUMNS = 64;
const LINES = 13;

/** Returns the y of a curve at `columns` evenly spaced positions of its axis, by linear interpolation. */
function along(points: readonly CurvePoint[], x: Axis, columns: number): number[] {
  let next = 0;
  return Array.from({ length: columns }, (_, column) => {
    const share = column / (columns - 1);
    while (next < points.length - 1 && x(points[next].x) < share) next++;
    const [before, after] = [points[Math.max(0, next - 1)], points[next]];
    const [from, to] = [x(before.x), x(after.x)];
    const weight = to > from ? Math.min(1, Math.max(0, (share - from) / (to - from))) : 1;
    return before.y * (1 - weight) + after.y * weight;
  });
}

/** Draws the curve and its axes as lines of text. */
export function curveText(curve: Curve): string {
  const { x, y, xTicks, yTicks } = axesOf(curve);
  const lineOf = (value: number) => Math.round((1 - y(value)) * (LINES - 1));
  const columnOf = (value: number) => Math.round(x(value) * (COLUMNS - 1));
  const cells = Array.from({ length: LINES }, () => new Array<string>(COLUMNS).fill(" "));
  if (curve.mark !== undefined) for (const line of cells) line[columnOf(curve.mark.x)] = "┊";
  for (const [column, value] of along(curve.points, x, COLUMNS).entries()) cells[lineOf(value)][column] = "•";
  const labels = new Map(yTicks.map((tick) => [lineOf(tick), write(tick)]));
  const left = Math.max(...[...labels.values()].map((text) => text.length)) + 1;
  const lines = cells.map((line, at) => {
    return `${(labels.get(at) ?? "").padStart(left - 1)} ${labels.has(at) ? "┤" : "│"}${line.join("")}`;
  });
  return [
    printable(curve.title),
    `${" ".repeat(left)}${curve.yLabel}`,
    ...lines,
    ...below(curve, xTicks, columnOf, left),
  ]
    .map((line) => line.trimEnd())
    .join("\n");
}

/** Returns the horizontal axis, the labels that fit, and the name of the axis with that of the mark. */
function below(curve: Curve, ticks: readonly number[], columnOf: Axis, left: number): string[] {
  const line = new Array<string>(COLUMNS).fill("─");
  let labels = "";
  for (const tick of ticks) {
    const [text, column] = [write(tick), columnOf(tick)];
    const start = Math.max(0, left + 1 + column - Math.floor(text.length / 2));
    if (labels !== "" && start <= labels.length) continue;
    line[column] = "┬";
    labels = labels.padEnd(start) + text;
  }
  const mark = curve.mark === undefined ? "" : `   ┊ ${curve.mark.name}`;
  return [`${" ".repeat(left)}└${line.join("")}`, labels, `${" ".repeat(left + 1)}${curve.xLabel}${mark}`];
}

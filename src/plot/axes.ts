// The two axes of a plot in SVG: grid lines, tick labels and the axes' names.

import { type Attributes, element, escapeText } from "./markup.ts";
import type { Tick } from "./ticks.ts";

/** The rectangle that the points are drawn in, in pixels. */
export interface Frame {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** The colors of everything but the data. A page may change them through the class names. */
export const ink = { page: "#ffffff", panel: "#f6f7f9", line: "#dde0e6", text: "#22262e", quiet: "#5a6270" };

/** The style of names. */
export const strong: Attributes = { class: "text", fill: ink.text, "font-weight": 600 };

/** Returns text at a position. The class lets a page style it. */
export function label(text: string, attributes: Attributes): string {
  return element("text", { class: "quiet", fill: ink.quiet, ...attributes }, escapeText(text));
}

/** Draws the horizontal axis below the frame, with its vertical grid lines. */
export function xAxis(ticks: readonly Tick[], frame: Frame, name: string): string {
  const middle = (frame.left + frame.right) / 2;
  return element(
    "g",
    { "text-anchor": "middle" },
    ...ticks.map((tick) => xTick(tick, frame)),
    axisName(name, { x: middle, y: frame.bottom + 48 }),
  );
}

/** Draws the vertical axis left of the frame, with its horizontal grid lines. */
export function yAxis(ticks: readonly Tick[], frame: Frame, name: string): string {
  return element(
    "g",
    { "text-anchor": "end" },
    ...ticks.map((tick) => yTick(tick, frame)),
    axisName(name, { x: 24, y: frame.top - 16, "text-anchor": "start" }),
  );
}

function xTick({ position, label: text }: Tick, frame: Frame): string {
  return (
    gridLine(position, frame.top, position, frame.bottom) + label(text, { x: position, y: frame.bottom + 22 })
  );
}

function yTick({ position, label: text }: Tick, frame: Frame): string {
  return (
    gridLine(frame.left, position, frame.right, position) +
    label(text, { x: frame.left - 10, y: position + 5 })
  );
}

function axisName(name: string, place: Attributes): string {
  return label(name, { ...place, ...strong });
}

function gridLine(x1: number, y1: number, x2: number, y2: number): string {
  return element("line", { class: "line", x1, y1, x2, y2, stroke: ink.line });
}

// A scatter plot as SVG: a whole file, or the drawing inside a page.

import { type Frame, ink, label, strong, xAxis, yAxis } from "./axes.ts";
import { colorLegend } from "./legend.ts";
import { lossPanel } from "./losses.ts";
import { element, escapeText } from "./markup.ts";
import {
  caption,
  markCaption,
  prepareScatter,
  rampPosition,
  type Scatter,
  type ScatterOptions,
  type ScatterPoint,
} from "./points.ts";
import { rampColor } from "./ramp.ts";
import { scaleTicks } from "./ticks.ts";

const width = 720;
const margin = 24;
const plotHeight = 480;
const titleHeight = 36;
const legendHeight = 88;
const axisHeight = 64;
const lossHeight = 130;
const lossNameHeight = 40;
const font = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";

/**
 * Draws points as one SVG file with axes, a title, a color legend and a background.
 * Points that are not finite are left out and counted in the caption.
 *
 * @example
 * ```ts
 * const points = [{ x: 0.2, y: 0.9, value: 0.97, details: { label: 1 } }];
 * scatterSvg(points, { title: "XOR", xLabel: "x1", yLabel: "x2", valueLabel: "prediction" }); // "<svg …"
 * ```
 */
export function scatterSvg(points: readonly ScatterPoint[], options: ScatterOptions = {}): string {
  const scatter = prepareScatter(points, options);
  const title = label(scatter.title, { ...strong, x: margin, y: 40, "font-size": titleSize(scatter.title) });
  return `${drawing(scatter, titleHeight, title)}\n`;
}

/** Returns the size of the plot, without space above it. */
export function drawingSize({ curve }: Scatter): { readonly width: number; readonly height: number } {
  const below = curve === undefined ? 0 : lossNameHeight + lossHeight + axisHeight;
  return { width, height: legendHeight + plotHeight + axisHeight + below };
}

/** Draws the plot as an SVG element with `space` above it for `heading`. */
export function drawing(scatter: Scatter, space = 0, heading = ""): string {
  const frame = {
    left: 68,
    top: space + legendHeight,
    right: width - 28,
    bottom: space + legendHeight + plotHeight,
  };
  const height = space + drawingSize(scatter).height;
  return element(
    "svg",
    {
      xmlns: "http://www.w3.org/2000/svg",
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
      role: "img",
      "aria-labelledby": "plot-title plot-description",
      "font-family": font,
      "font-size": 14,
    },
    element("title", { id: "plot-title" }, escapeText(scatter.title)),
    element("desc", { id: "plot-description" }, escapeText(description(scatter))),
    element("rect", { class: "page", width, height, fill: ink.page }),
    heading,
    label(caption(scatter), { x: margin, y: space + 28 }),
    markLegend(scatter, space + 49),
    colorLegend(scatter, frame.right - margin, space + 32),
    plot(scatter, frame),
    losses(scatter, { ...frame, top: frame.bottom + axisHeight + lossNameHeight }),
  );
}

/** Draws the losses below the plot, if there are any. */
function losses({ curve }: Scatter, { left, top, right }: Frame): string {
  if (curve === undefined) return "";
  const frame = { left, top, right, bottom: top + lossHeight };
  return panel(frame) + lossPanel(curve, frame);
}

/** Draws the legend of the rings, with their number. */
function markLegend(scatter: Scatter, y: number): string {
  const text = markCaption(scatter);
  return text === "" ? "" : ring(margin + 7, y - 5) + label(text, { x: margin + 22, y });
}

/** Draws the mark of a point. */
function ring(cx: number, cy: number): string {
  return element("circle", {
    class: "mark",
    cx,
    cy,
    r: 6.5,
    fill: "none",
    stroke: ink.text,
    "stroke-width": 1.6,
  });
}

// SVG does not wrap lines, so a long title gets a smaller font. A character is about 0.56 of the size wide.
function titleSize(title: string): number {
  return Math.min(21, (width - 2 * margin) / (0.56 * title.length));
}

function plot(scatter: Scatter, frame: Frame): string {
  const x = scatter.x.copy().range([frame.left, frame.right]);
  const y = scatter.y.copy().range([frame.bottom, frame.top]);
  const circles = scatter.points.map((point) => circle(x(point.x), y(point.y), point.value, scatter));
  const rings = scatter.points.filter(({ marked }) => marked).map((point) => ring(x(point.x), y(point.y)));
  return [
    panel(frame),
    xAxis(scaleTicks(x, 6), frame, scatter.xLabel),
    yAxis(scaleTicks(y, 6), frame, scatter.yLabel),
    element(
      "g",
      { class: "points", stroke: "#000000", "stroke-opacity": 0.35, "stroke-width": 0.6 },
      ...circles,
    ),
    ...rings,
  ].join("");
}

function circle(cx: number, cy: number, value: number, { valueRange }: Scatter): string {
  return element("circle", { cx, cy, r: 4, fill: rampColor(rampPosition(value, valueRange)) });
}

function panel({ left, top, right, bottom }: Frame): string {
  const size = { width: right - left, height: bottom - top };
  return element("rect", { class: "panel", x: left, y: top, ...size, fill: ink.panel });
}

function description(scatter: Scatter): string {
  const { xLabel, yLabel, valueLabel, valueRange } = scatter;
  const axes = `${xLabel} runs from left to right, ${yLabel} from bottom to top`;
  const colors = `the color shows ${valueLabel}, from blue (${valueRange[0]}) to orange (${valueRange[1]})`;
  const marks = markCaption(scatter);
  const rings = marks === "" ? "" : ` Rings mark the ${marks}.`;
  const { curve } = scatter;
  const below = curve === undefined ? "" : ` Below it, the ${curve.name} by epoch: ${curve.end}.`;
  return `Scatter plot of ${caption(scatter)}: ${axes}, and ${colors}.${rings}${below}`;
}

// A panel with two axes and marks, as SVG.

import type { Axis, Mark, PlotPanel } from "../figure.ts";
import { element } from "../markup.ts";
import { type Scale, scaleOf, type Tick } from "../scales.ts";
import type { Drawing, Frame } from "./drawing.ts";

/** Part of a drawing, with its height. */
export interface Drawn {
  readonly markup: string;
  readonly height: number;
}

/** The pixels between the frame and the numbers of an axis. */
const GAP = 8;

/** Draws a panel whose upper left corner is at (`left`, `top`). */
export function drawPlot(
  drawing: Drawing,
  panel: PlotPanel,
  left: number,
  top: number,
  width: number,
): Drawn {
  const { size } = drawing;
  const { x, y, aspect = 0.62 } = panel;
  const titleHeight = panel.title === undefined ? 0 : size * 1.7;
  // The ticks of the vertical axis decide how much room they take, and depend on the height.
  const guess = heightOf(width - 50, aspect);
  const yLabels = scaleOf(y, [guess, 0]).ticks(Math.max(2, Math.floor(guess / 55)));
  const widest = Math.max(...yLabels.map(({ label }) => drawing.width(label)), 0);
  const inset = Math.min(widest, width * 0.35) + GAP;
  const height = aspect === 1 ? Math.min(width - inset - 12, 560) : heightOf(width - inset, aspect);
  const inner = aspect === 1 ? height : width - inset - 12;
  // A square narrower than the panel is in the middle.
  const start = left + inset + Math.max(0, (width - inset - 12 - inner) / 2);
  const frameTop = top + titleHeight + (y.label === "" ? 6 : size * 1.7);
  const frame = { left: start, top: frameTop, right: start + inner, bottom: frameTop + height };
  const across = scaleOf(x, [frame.left, frame.right]);
  const up = scaleOf(y, [frame.bottom, frame.top]);
  const axisName =
    y.label === ""
      ? ""
      : drawing.name(y.label, { x: start - inset, y: frameTop - size * 0.7 }, width - (start - inset - left));
  const title =
    panel.title === undefined
      ? ""
      : drawing.name(panel.title, { x: left, y: top + size, "font-size": size + 1 }, width);
  const marks = panel.marks.map((mark) => drawMark(drawing, mark, { across, up, frame }));
  const [xMarkup, xHeight] = xAxis(drawing, x, across, frame, { left, right: left + width });
  const markup = [
    title,
    drawing.rectangle(frame, drawing.paint("fill", "panel")),
    axisName,
    xMarkup,
    yAxis(drawing, up, frame, inset),
    ...marks,
  ].join("");
  return { markup, height: frame.bottom - top + xHeight };
}

const heightOf = (width: number, aspect: number) =>
  Math.max(90, Math.min(width * aspect, 520 * Math.min(1, aspect / 0.62)));

function yAxis(drawing: Drawing, up: Scale, frame: Frame, inset: number): string {
  const height = frame.bottom - frame.top;
  const ticks = spread(up.ticks(Math.max(2, Math.floor(height / 55))), () => drawing.size * 1.25);
  const labels = ticks.map(({ position, label }) =>
    drawing.text(
      label,
      { x: frame.left - GAP, y: position + drawing.size * 0.35 },
      { room: inset - GAP + 1 },
    ),
  );
  const lines = ticks.map(({ position }) =>
    drawing.line(frame.left, position, frame.right, position, "line"),
  );
  return lines.join("") + element("g", { "text-anchor": "end" }, ...labels);
}

/** Draws the horizontal axis. Returns it with its height. */
function xAxis(
  drawing: Drawing,
  axis: Axis,
  across: Scale,
  frame: Frame,
  outer: { left: number; right: number },
): [string, number] {
  const { size } = drawing;
  const width = frame.right - frame.left;
  const fits = (tick: Tick) => drawing.width(tick.label) + 10;
  /** Where a label is: those at the ends stay inside the picture. */
  const inside = (tick: Tick): Tick => {
    const half = drawing.width(tick.label) / 2;
    const position = Math.max(outer.left + half, Math.min(outer.right - half, tick.position));
    return { ...tick, position };
  };
  let count = Math.max(2, Math.floor(width / (axis.kind === "date" ? 95 : 75)));
  let ticks = across.ticks(count);
  const touch = () => spread(ticks.map(inside), fits).length < ticks.length;
  // Fewer round numbers are better than every second label.
  while (count > 2 && touch()) ticks = across.ticks(--count);
  const labels = spread(ticks.map(inside), fits).map(({ position, label }) =>
    drawing.text(label, { x: position, y: frame.bottom + size + GAP * 0.8 }),
  );
  const lines = ticks.map(({ position }) =>
    drawing.line(position, frame.top, position, frame.bottom, "line"),
  );
  const labelHeight = size + GAP;
  const middle = (frame.left + frame.right) / 2;
  const nameY = frame.bottom + labelHeight + size * 1.5;
  const reach = 2 * Math.min(middle - outer.left, outer.right - middle);
  const name = axis.label === "" ? "" : drawing.name(axis.label, { x: middle, y: nameY }, reach);
  const markup = lines.join("") + element("g", { "text-anchor": "middle" }, ...labels, name);
  return [markup, labelHeight + (axis.label === "" ? size * 0.8 : size * 2.3)];
}

/** Leaves out labels that would touch their neighbors: keeps every second one, or every third, and so on. */
function spread(ticks: readonly Tick[], lengthOf: (tick: Tick) => number): Tick[] {
  for (let stride = 1; stride < ticks.length; stride++) {
    const kept = ticks.filter((_, at) => at % stride === 0);
    const fits = kept.every((tick, at) => {
      if (at === 0) return true;
      const before = kept[at - 1];
      return Math.abs(tick.position - before.position) >= (lengthOf(tick) + lengthOf(before)) / 2;
    });
    if (fits) return kept;
  }
  return ticks.slice(0, 1);
}

interface Place {
  readonly across: Scale;
  readonly up: Scale;
  readonly frame: Frame;
}

const decimals = (value: number) => String(Math.round(value * 10) / 10);

function drawMark(drawing: Drawing, mark: Mark, place: Place): string {
  const { across, up, frame } = place;
  switch (mark.type) {
    case "points":
      return drawPoints(drawing, mark, place);
    case "rectangles":
      return drawRectangles(drawing, mark, place);
    case "line": {
      if (mark.points.length === 0) return "";
      const places = mark.points.map(([x, y]) => `${decimals(across(x))} ${decimals(up(y))}`);
      const styles = {
        solid: { "stroke-width": 2.2 },
        dashes: { "stroke-width": 1.5, "stroke-dasharray": "5 4" },
        pale: { "stroke-width": 1.2, "stroke-opacity": 0.45 },
      };
      const paints = drawing.paints("none", mark.paint);
      // A line of one point is a dot.
      const d = places.length === 1 ? `M${places[0]}h0` : `M${places.join("L")}`;
      return element("path", {
        d,
        ...paints,
        ...styles[mark.style ?? "solid"],
        "stroke-linejoin": "round",
        "stroke-linecap": "round",
      });
    }
    case "rule": {
      const isVertical = mark.x !== undefined;
      const at = isVertical ? across(mark.x as number) : up(mark.y as number);
      const dash = { "stroke-width": 1.3, "stroke-dasharray": "4 3" };
      const line = isVertical
        ? drawing.line(at, frame.top, at, frame.bottom, "text", dash)
        : drawing.line(frame.left, at, frame.right, at, "text", dash);
      if (mark.label === undefined) return line;
      const atEnd = isVertical ? at > (frame.left + frame.right) / 2 : true;
      const text = {
        x: isVertical ? at + (atEnd ? -6 : 6) : frame.right - 6,
        y: isVertical ? frame.top + drawing.size + 3 : at - 5,
        "text-anchor": atEnd ? "end" : "start",
      };
      const room = isVertical
        ? (atEnd ? at - frame.left : frame.right - at) - 8
        : frame.right - frame.left - 12;
      return line + drawing.text(mark.label, { ...text, ...halo(drawing) }, { paint: "text", room });
    }
    case "slices": {
      const places = mark.slices.map(({ x }) => across(x));
      for (const [at, { rows }] of mark.slices.entries()) {
        const left = at === 0 ? frame.left : (places[at - 1] + places[at]) / 2;
        const right = at === places.length - 1 ? frame.right : (places[at] + places[at + 1]) / 2;
        drawing.target({ left, top: frame.top, right, bottom: frame.bottom }, rows, "text");
      }
      return "";
    }
  }
}

/** A border of the panel's color around text, so that it can be read over lines. */
function halo(drawing: Drawing) {
  const { class: name = "", ...stroke } = drawing.paint("stroke", "panel");
  const fill = drawing.paint("fill", "text").class ?? "";
  return {
    ...stroke,
    ...(name !== "" && { class: `${fill} ${name}` }),
    "stroke-width": 4,
    "paint-order": "stroke",
    "stroke-linejoin": "round",
  };
}

function drawPoints(
  drawing: Drawing,
  mark: Extract<Mark, { type: "points" }>,
  { across, up }: Place,
): string {
  const { points } = mark;
  const radius = mark.radius ?? (points.length > 500 ? 3 : points.length > 100 ? 3.5 : 4.5);
  const groups = new Map<string, string[]>();
  const rings: string[] = [];
  for (const point of points) {
    const [x, y] = [across(point.x), up(point.y)];
    const markup = drawing.point(point.shape ?? "circle", x, y, radius, {}, point.rows);
    const group = groups.get(point.paint);
    if (group === undefined) groups.set(point.paint, [markup]);
    else group.push(markup);
    if (point.isMarked) rings.push(element("circle", { cx: x, cy: y, r: radius + 2.5 }));
    drawing.target({ left: x, top: y, right: x, bottom: y }, point.rows, point.paint);
  }
  const drawn = [...groups].map(([paint, markup]) =>
    element("g", { ...drawing.paints(paint as never, "panel"), "stroke-width": 0.7 }, ...markup),
  );
  if (rings.length > 0)
    drawn.push(element("g", { ...drawing.paints("none", "text"), "stroke-width": 1.5 }, ...rings));
  return drawn.join("");
}

const OVERLAP = 0.05;

function drawRectangles(
  drawing: Drawing,
  mark: Extract<Mark, { type: "rectangles" }>,
  { across, up }: Place,
): string {
  const { gap = false, opacity = 1 } = mark;
  const groups = new Map<string, string[]>();
  for (const { x, y, paint, rows } of mark.rectangles) {
    const [left, right] = [across(x[0]), across(x[1])];
    const [bottom, top] = [up(y[0]), up(y[1])];
    const space = gap ? Math.min(1, (right - left) / 8) : 0;
    const frame = {
      left: left + space,
      top: Math.min(top, bottom),
      right: right - space,
      bottom: Math.max(top, bottom),
    };
    const group = groups.get(paint);
    // Neighbors overlap a little, because their rounded edges may leave a pixel between them.
    const own = gap ? frame : { ...frame, right: frame.right + OVERLAP, bottom: frame.bottom + OVERLAP };
    const markup = drawing.rectangle(own, {}, rows);
    if (group === undefined) groups.set(paint, [markup]);
    else group.push(markup);
    drawing.target(frame, rows, paint);
  }
  const drawn = [...groups].map(([paint, markup]) =>
    element("g", drawing.paint("fill", paint as never), ...markup),
  );
  if (gap) return drawn.join("");
  // Without the group, neighbors that share a pixel would be less transparent there.
  return element("g", { "shape-rendering": "crispEdges", ...(opacity < 1 && { opacity }) }, ...drawn);
}

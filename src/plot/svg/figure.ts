// A figure as SVG: title, notes, legends and panels, one below the other.

import { type Paint, type Theme, valuePaint } from "../colors.ts";
import type { Figure, Key, Panel, Ramp } from "../figure.ts";
import { element, escapeText } from "../markup.ts";
import { scaleOf } from "../scales.ts";
import { wrapText } from "../text.ts";
import { BOLD, Drawing, type Target } from "./drawing.ts";
import { drawBars, drawDiagram, drawMatrix } from "./otherPanels.ts";
import { type Drawn, drawPlot } from "./plotPanel.ts";

/** The widths that a picture may have, in pixels. */
export const WIDTHS = [320, 1600] as const;

const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, Arial, 'DejaVu Sans', sans-serif";

/** Marks of a file have titles up to this number of places, to keep files small. */
const MOST_TITLES = 600;

/** How to draw. */
export interface DrawOptions {
  readonly width: number;
  readonly theme: Theme;
  /** The beginning of the ids in the file; ids are unique in a page. */
  readonly id: string;
  /** Whether the picture is in a page, which has the heading and shows details itself. */
  readonly isInPage?: boolean;
}

/** Draws a figure. Returns the SVG, its height and the places that show details. */
export function drawFigure(
  figure: Figure,
  options: DrawOptions,
): { svg: string; height: number; targets: readonly Target[] } {
  const { width, theme, id, isInPage = false } = options;
  const margin = isInPage ? 4 : width < 480 ? 12 : 20;
  const inner = width - 2 * margin;
  const size = width < 480 ? 12 : 13;
  const drawing = new Drawing(theme, size, !isInPage && countTargets(figure) <= MOST_TITLES, isInPage);
  const parts: string[] = [];
  let y = margin * 0.6;
  const titleSize = width < 480 ? 16 : 19;
  if (!isInPage) {
    for (const line of wrapText(figure.title, inner, titleSize * BOLD, 3)) {
      y += titleSize * 1.25;
      parts.push(drawing.name(line, { x: margin, y, "font-size": titleSize }));
    }
    y += 4;
  }
  for (const note of figure.notes) {
    for (const line of wrapText(note, inner, size, 4)) {
      y += size * 1.4;
      parts.push(drawing.text(line, { x: margin, y }));
    }
  }
  y += 8;
  const ramp = drawRamp(drawing, figure.ramp, margin, y, inner);
  parts.push(ramp.markup);
  y += ramp.height;
  const keys = drawKeys(drawing, figure.keys ?? [], margin, y, inner);
  parts.push(keys.markup);
  y += keys.height + 4;
  const panels = drawPanels(drawing, figure, margin, y, inner);
  parts.push(panels.markup);
  const height = Math.ceil(y + panels.height + margin * 0.4);
  const page = drawing.rectangle(
    { left: 0, top: 0, right: width, bottom: height },
    drawing.paint("fill", "page"),
  );
  const [title, description] = [`${id}-title`, `${id}-description`];
  const svg = element(
    "svg",
    {
      xmlns: "http://www.w3.org/2000/svg",
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
      role: "img",
      "aria-labelledby": `${title} ${description}`,
      "font-family": FONT,
      "font-size": size,
    },
    element("title", { id: title }, escapeText(figure.title)),
    element("desc", { id: description }, escapeText([figure.description, ...figure.notes].join(" "))),
    drawing.style(),
    page,
    ...parts,
  );
  return { svg, height, targets: drawing.targets };
}

function countTargets({ panels }: Figure): number {
  const count = (panel: Panel): number => {
    if (panel.kind === "bars") return panel.bars.length;
    if (panel.kind === "matrix") return panel.cells.length ** 2;
    if (panel.kind === "diagram") return panel.layers.length;
    return panel.marks.reduce((sum, mark) => {
      if (mark.type === "points") return sum + mark.points.length;
      return mark.type === "rectangles" ? sum + mark.rectangles.length : sum;
    }, 0);
  };
  return panels.reduce((sum, panel) => sum + count(panel), 0);
}

const drawPanel = (drawing: Drawing, panel: Panel, left: number, top: number, width: number): Drawn => {
  if (panel.kind === "plot") return drawPlot(drawing, panel, left, top, width);
  if (panel.kind === "bars") return drawBars(drawing, panel, left, top, width);
  if (panel.kind === "matrix") return drawMatrix(drawing, panel, left, top, width);
  return drawDiagram(drawing, panel, left, top, width);
};

/** Draws the panels in rows, each with as many as fit. */
function drawPanels(
  drawing: Drawing,
  { panels, columns = 1 }: Figure,
  left: number,
  top: number,
  width: number,
): Drawn {
  const [gap, least] = columns > 2 ? [16, 138] : [24, 320];
  const count = Math.max(1, Math.min(columns, panels.length, Math.floor((width + gap) / (least + gap))));
  const each = (width - gap * (count - 1)) / count;
  const parts: string[] = [];
  let y = top;
  for (let at = 0; at < panels.length; at += count) {
    const row = panels
      .slice(at, at + count)
      .map((panel, column) => drawPanel(drawing, panel, left + column * (each + gap), y, each));
    parts.push(...row.map(({ markup }) => markup));
    y += Math.max(...row.map(({ height }) => height)) + 10;
  }
  return { markup: parts.join(""), height: y - top };
}

/** Draws the meanings of colors and lines, as many in a line as fit. */
function drawKeys(drawing: Drawing, keys: readonly Key[], left: number, top: number, width: number): Drawn {
  if (keys.length === 0) return { markup: "", height: 0 };
  const { size } = drawing;
  const parts: string[] = [];
  let [x, y] = [left, top + size];
  for (const key of keys) {
    const room = Math.min(drawing.width(key.name), width - 30);
    if (x > left && x + 26 + room > left + width) [x, y] = [left, y + size * 1.6];
    parts.push(keyMark(drawing, key, x, y - size * 0.35));
    parts.push(drawing.text(key.name, { x: x + 24, y }, { room: room + 1, paint: "text" }));
    x += 24 + room + 18;
  }
  return { markup: parts.join(""), height: y - top + size * 0.8 };
}

function keyMark(drawing: Drawing, { mark, paint }: Key, x: number, y: number): string {
  if (mark === "line") return drawing.line(x, y, x + 18, y, paint, { "stroke-width": 2.6 });
  if (mark === "dashes" || mark === "rule")
    return drawing.line(x, y, x + 18, y, paint, { "stroke-width": 1.7, "stroke-dasharray": "5 4" });
  if (mark === "ring")
    return drawing.point("circle", x + 9, y, 6, { ...drawing.paints("none", paint), "stroke-width": 1.5 });
  if (mark === "area")
    return drawing.rectangle(
      { left: x + 2, top: y - 6, right: x + 16, bottom: y + 6 },
      drawing.paint("fill", paint),
    );
  return drawing.point(mark, x + 9, y, 5, drawing.paint("fill", paint));
}

/** Draws a ramp with its name and its ends. */
function drawRamp(drawing: Drawing, ramp: Ramp | undefined, left: number, top: number, width: number): Drawn {
  if (ramp === undefined) return { markup: "", height: 0 };
  const { size } = drawing;
  const steps = 21;
  const length = Math.min(width, 240);
  const parts = [drawing.name(ramp.label, { x: left, y: top + size }, width)];
  const y = top + size * 1.6;
  for (let at = 0; at < steps; at++) {
    const x = left + (at * length) / steps;
    const paint: Paint = valuePaint(at / (steps - 1));
    const frame = { left: x, top: y, right: x + length / steps + (at < steps - 1 ? 0.5 : 0), bottom: y + 10 };
    parts.push(drawing.rectangle(frame, drawing.paint("fill", paint)));
  }
  const scale = scaleOf({ kind: "number", label: "", domain: ramp.range }, [left, left + length]);
  const ticks = scale.ticks(3);
  const [below, above] = ramp.exceeded;
  for (const [at, { position, label }] of ticks.entries()) {
    const isFirst = at === 0 && position <= left + 1;
    const isLast = at === ticks.length - 1 && position >= left + length - 1;
    const text = `${isFirst && below ? "≤ " : ""}${isLast && above ? "≥ " : ""}${label}`;
    const anchor = isFirst ? "start" : isLast ? "end" : "middle";
    parts.push(drawing.text(text, { x: position, y: y + 10 + size * 1.2, "text-anchor": anchor }));
  }
  return { markup: element("g", {}, ...parts), height: size * 3.1 + 16 };
}

// Panels of bars, matrices and diagrams, as SVG.

import { amountPaint, type Paint, textPaint } from "../colors.ts";
import type { BarsPanel, DiagramPanel, MatrixPanel } from "../figure.ts";
import { element } from "../markup.ts";
import { linearAxis, scaleOf } from "../scales.ts";
import type { Drawing } from "./drawing.ts";
import type { Drawn } from "./plotPanel.ts";

/** Draws the title of a panel. Returns it with its height. */
function titleOf(
  drawing: Drawing,
  title: string | undefined,
  left: number,
  top: number,
  width: number,
): Drawn {
  if (title === undefined) return { markup: "", height: 0 };
  const { size } = drawing;
  return {
    markup: drawing.name(title, { x: left, y: top + size, "font-size": size + 1 }, width),
    height: size * 1.8,
  };
}

/** Draws horizontal bars: names to the left, values to the right of the bars. */
export function drawBars(
  drawing: Drawing,
  panel: BarsPanel,
  left: number,
  top: number,
  width: number,
): Drawn {
  const { size } = drawing;
  const { bars } = panel;
  const heading = titleOf(drawing, panel.title, left, top, width);
  const line = Math.round(size * 1.75);
  const widest = Math.max(0, ...bars.map(({ name }) => drawing.width(name)));
  const names = Math.min(widest, width * 0.4) + 10;
  const values = Math.max(0, ...bars.map(({ text }) => drawing.width(text))) + 8;
  const frame = {
    left: left + names,
    top: top + heading.height,
    right: left + width - values,
    bottom: top + heading.height + bars.length * line + 6,
  };
  const axis = linearAxis(
    "",
    bars.flatMap(({ value, spread = [] }) => [value, ...spread]),
    [0],
  );
  const across = scaleOf(axis, [frame.left, frame.right]);
  const zero = across(0);
  const drawn = [heading.markup, drawing.rectangle(frame, drawing.paint("fill", "panel"))];
  for (const [at, { name, value, spread, text, paint, rows }] of bars.entries()) {
    const middle = frame.top + 3 + (at + 0.5) * line;
    const end = across(value);
    const bar = {
      left: Math.min(zero, end),
      top: middle - line * 0.33,
      right: Math.max(zero, end),
      bottom: middle + line * 0.33,
    };
    drawn.push(
      drawing.text(
        name,
        { x: frame.left - 10, y: middle + size * 0.35, "text-anchor": "end" },
        { paint: "text", room: names - 9 },
      ),
      drawing.rectangle(bar, { ...drawing.paint("fill", paint), rx: 1.5 }, rows),
      drawing.text(text, { x: frame.right + 8, y: middle + size * 0.35 }),
    );
    if (spread !== undefined) {
      const [low, high] = spread.map((place) => across(place));
      if (high - low > 0.5) drawn.push(errorBar(drawing, low, high, middle));
    }
    drawing.target(
      { left, top: middle - line / 2, right: left + width, bottom: middle + line / 2 },
      rows,
      paint,
    );
  }
  drawn.push(drawing.line(zero, frame.top, zero, frame.bottom, "text"));
  const name = drawing.name(
    panel.label,
    { x: left + width / 2, y: frame.bottom + size * 1.5, "text-anchor": "middle" },
    width,
  );
  return { markup: drawn.join("") + name, height: frame.bottom - top + size * 2.3 };
}

function errorBar(drawing: Drawing, low: number, high: number, y: number): string {
  const d = `M${low.toFixed(1)} ${y}H${high.toFixed(1)}M${low.toFixed(1)} ${y - 3}v6M${high.toFixed(1)} ${y - 3}v6`;
  return element("path", { d, ...drawing.paints("none", "text"), "stroke-width": 1.3 });
}

/** Draws a matrix: columns above, rows to the left. */
export function drawMatrix(
  drawing: Drawing,
  panel: MatrixPanel,
  left: number,
  top: number,
  width: number,
): Drawn {
  const { size } = drawing;
  const { names, cells } = panel;
  const count = names.length;
  const heading = titleOf(drawing, panel.title, left, top, width);
  const widest = Math.max(0, ...names.map((name) => drawing.width(name)));
  const side = Math.min(widest, width * 0.28, 180) + 10;
  const step = Math.min((width - side - 8) / Math.max(1, count), 96, Math.max(8, 620 / Math.max(1, count)));
  const isSlanted = widest > step - 6;
  const headHeight = isSlanted ? Math.min(widest, 90) * 0.78 + size * 0.9 : size * 1.6;
  const start = left + side + Math.max(0, (width - side - 8 - step * count) / 2);
  const frame = {
    left: start,
    top: top + heading.height + size * 1.6 + headHeight,
    right: start + step * count,
    bottom: 0,
  };
  const bottom = frame.top + step * count;
  const drawn = [heading.markup, drawing.rectangle({ ...frame, bottom }, drawing.paint("fill", "panel"))];
  const nameRoom = { x: Math.max(left, start - side), y: top + heading.height + size };
  drawn.push(
    drawing.name(`↓ ${panel.rowLabel}   → ${panel.columnLabel}`, nameRoom, width - (nameRoom.x - left)),
  );
  // A name needs a line of text; of narrow lines only some have one.
  const stride = Math.ceil((size * 1.1) / step);
  for (const [at, name] of names.entries()) {
    if (at % stride !== 0) continue;
    const middle = (at + 0.5) * step;
    drawn.push(
      drawing.text(
        name,
        { x: start - 8, y: frame.top + middle + size * 0.35, "text-anchor": "end" },
        { room: side - 9 },
      ),
    );
    const [x, y] = [start + middle, frame.top - 7];
    drawn.push(
      isSlanted
        ? drawing.text(
            name,
            { x: x + 3, y, transform: `rotate(-50 ${x.toFixed(1)} ${y.toFixed(1)})` },
            { room: Math.min(90, (left + width - x) / 0.66) },
          )
        : drawing.text(name, { x, y, "text-anchor": "middle" }, { room: step - 2 }),
    );
  }
  const showsText =
    cells.flat().every(({ text }) => drawing.width(text, textSize(size, step)) < step - 2) && step > size;
  const groups = new Map<Paint, string[]>();
  const texts: string[] = [];
  for (const [row, line] of cells.entries()) {
    for (const [column, { text, amount, rows }] of line.entries()) {
      const [x, y] = [start + column * step, frame.top + row * step];
      const gap = step > 12 ? 1 : 0;
      const cell = { left: x + gap, top: y + gap, right: x + step - gap, bottom: y + step - gap };
      const paint = amount === undefined ? "panel" : amountPaint(amount);
      if (amount !== undefined)
        groups.set(paint, [...(groups.get(paint) ?? []), drawing.rectangle(cell, {}, rows)]);
      if (showsText) {
        const look = {
          x: x + step / 2,
          y: y + step / 2 + size * 0.35,
          "text-anchor": "middle",
          "font-size": textSize(size, step),
        };
        texts.push(drawing.text(text, look, { paint: amount === undefined ? "quiet" : textPaint(paint) }));
      }
      drawing.target(cell, rows, paint);
    }
  }
  for (const [paint, markup] of groups) drawn.push(element("g", drawing.paint("fill", paint), ...markup));
  return { markup: [...drawn, ...texts].join(""), height: bottom - top + size };
}

const textSize = (size: number, step: number) => (step < size * 2.4 ? size * 0.8 : size);

/** Draws the layers of a network, left to right, or from top to bottom where there is no room. */
export function drawDiagram(
  drawing: Drawing,
  panel: DiagramPanel,
  left: number,
  top: number,
  width: number,
): Drawn {
  const { size } = drawing;
  const { layers } = panel;
  const heading = titleOf(drawing, panel.title, left, top, width);
  const across = width / Math.max(1, layers.length);
  const isHorizontal = across >= 84;
  const shown = layers.map(({ units }) => Math.min(units, 10));
  const most = Math.max(1, ...shown);
  const gap = isHorizontal ? 26 : Math.min(26, (width - 150) / 10);
  const labels = size * 3.2;
  const origin = top + heading.height + 6;
  /** The place of a unit. */
  const place = (layer: number, unit: number): [number, number] => {
    const offset = (unit - (shown[layer] - 1) / 2) * gap;
    if (isHorizontal) return [left + (layer + 0.5) * across, origin + labels + (most * gap) / 2 + offset];
    return [left + 142 + (width - 150) / 2 + offset, origin + (layer + 0.5) * 62];
  };
  const lines = layers.map((_, at) => (at === 0 ? "" : connections(drawing, panel, at, shown, place)));
  const drawn = layers.map(({ name, units, note, rows }, at) => {
    const [x, y] = place(at, (shown[at] - 1) / 2);
    const circles = Array.from({ length: shown[at] }, (_, unit) => {
      const [cx, cy] = place(at, unit);
      // The middle one of many stands for those that are not drawn.
      if (units > shown[at] && unit === 5)
        return drawing.text("⋯", { x: cx, y: cy + 5, "text-anchor": "middle" });
      return drawing.point("circle", cx, cy, gap * 0.31, drawing.paints(at === 0 ? "other" : "s0", "panel"));
    });
    const half = (shown[at] * gap) / 2;
    const frame = isHorizontal
      ? { left: x - across / 2, right: x + across / 2, top: origin, bottom: y + half }
      : { left, right: left + width, top: y - 31, bottom: y + 31 };
    drawing.target(frame, rows, at === 0 ? "other" : "s0");
    const room = isHorizontal ? across - 8 : 136;
    const text = isHorizontal
      ? [
          drawing.name(name, { x, y: origin + size, "text-anchor": "middle" }, room),
          drawing.text(note, { x, y: origin + size * 2.4, "text-anchor": "middle" }, { room }),
        ]
      : [
          drawing.name(name, { x: left, y: y - 2 }, room),
          drawing.text(note, { x: left, y: y + size * 1.2 }, { room }),
        ];
    return element("g", {}, ...drawing.title(rows), ...circles, ...text);
  });
  const height = isHorizontal ? labels + most * gap + 14 : layers.length * 62 + 10;
  return { markup: [heading.markup, ...lines, ...drawn].join(""), height: heading.height + height + 6 };
}

/** Draws the connections to a layer: with weights, orange is above 0 and blue below. */
function connections(
  drawing: Drawing,
  { layers }: DiagramPanel,
  at: number,
  shown: readonly number[],
  place: (layer: number, unit: number) => [number, number],
): string {
  const { weights, isUnitwise } = layers[at];
  const largest = Math.max(...(weights ?? []).flat().map(Math.abs).filter(Number.isFinite), 1e-30);
  const groups = new Map<Paint, string[]>();
  for (let to = 0; to < shown[at]; to++) {
    for (let from = 0; from < shown[at - 1]; from++) {
      if (isUnitwise && from !== to) continue;
      const weight = weights?.[to]?.[from];
      const paint = weight === undefined ? "other" : weight < 0 ? "s0" : "s1";
      const share = weight === undefined ? 0.3 : Math.abs(weight) / largest;
      const [[x1, y1], [x2, y2]] = [place(at - 1, from), place(at, to)];
      const line = element("line", { x1, y1, x2, y2, "stroke-width": Math.max(0.25, share * 2.6) });
      groups.set(paint, [...(groups.get(paint) ?? []), line]);
    }
  }
  return [...groups]
    .map(([paint, markup]) =>
      element("g", { ...drawing.paint("stroke", paint), "stroke-opacity": 0.75 }, ...markup),
    )
    .join("");
}

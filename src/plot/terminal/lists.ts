// Panels of bars, matrices and diagrams, for a terminal.

import { amountPaint } from "../colors.ts";
import type { BarsPanel, DiagramPanel, MatrixPanel } from "../figure.ts";
import { fitColumns } from "../text.ts";
import { paintText, type TextSize } from "./marks.ts";

/** Draws bars: name, bar, value. Bars below 0 run to the left of the zero line. */
export function barLines({ label, bars }: BarsPanel, { width, color }: TextSize): string[] {
  const longest = (texts: readonly string[]) => Math.max(0, ...texts.map((text) => [...text].length));
  const names = Math.min(longest(bars.map(({ name }) => name)), Math.floor(width * 0.4));
  const values = longest(bars.map(({ text }) => text));
  const room = Math.max(5, width - names - values - 4);
  const low = Math.min(0, ...bars.map(({ value }) => value));
  const high = Math.max(0, ...bars.map(({ value }) => value));
  const span = high - low;
  // Divides first: `room / span` is infinite for the least numbers.
  const lengthOf = (value: number) => (span > 0 ? Math.round((value / span) * room) : 0);
  const zero = lengthOf(-low);
  const lines = bars.map(({ name, value, text, paint }) => {
    const length = lengthOf(Math.abs(value));
    const start = value < 0 ? Math.max(0, zero - length) : zero;
    const end = Math.min(room, start + length);
    const bar = paintText("█".repeat(Math.max(0, end - start)), paint, color);
    const shown = fitColumns(name, names);
    const fill = " ".repeat(names - [...shown].length);
    return `${fill}${shown} ${" ".repeat(start)}${bar}${" ".repeat(room - end)}  ${text}`;
  });
  return [...lines, `${" ".repeat(names + 1)}${fitColumns(label, width - names - 1)}`];
}

/** The characters of amounts where there is no room for numbers. */
const SHADES = ["░", "▒", "▓", "█"];

/** Draws a matrix as a table, or as shades if the numbers do not fit. */
export function matrixLines(
  { rowLabel, columnLabel, names, cells }: MatrixPanel,
  { width, color }: TextSize,
): string[] {
  const length = Math.max(1, ...cells.flat().map(({ text }) => text.length));
  const side = Math.min(Math.max(1, ...names.map((name) => [...name].length)), Math.floor(width / 4));
  const room = Math.floor((width - side - 1) / Math.max(1, names.length));
  const hasNumbers = room > length;
  const step = hasNumbers ? Math.min(room, Math.max(length + 2, Math.min(14, side + 2))) : 1;
  const line = (name: string, texts: readonly string[]) =>
    `${fitColumns(name, side).padStart(side)} ${texts.join("")}`;
  const head = hasNumbers
    ? [
        line(
          "",
          names.map((name) => fitColumns(name, step - 1).padStart(step)),
        ),
      ]
    : [];
  const most = width - side - 1;
  return [
    fitColumns(`↓ ${rowLabel}   → ${columnLabel}`, width),
    ...head,
    ...cells.map((row, at) =>
      line(
        names[at],
        row.slice(0, hasNumbers ? row.length : most).map(({ text, amount }) => {
          if (amount === undefined) return (hasNumbers ? text : "·").padStart(step);
          const shown = hasNumbers ? text : SHADES[Math.min(3, Math.floor(amount * 4))];
          return paintText(shown.padStart(step), amountPaint(amount), color);
        }),
      ),
    ),
  ];
}

/** Lists layers, one below the other. */
export function diagramLines({ layers }: DiagramPanel, { width }: TextSize): string[] {
  return layers.flatMap(({ name, units, note }, at) => {
    const dots = "●".repeat(Math.min(units, 10)) + (units > 10 ? "…" : "");
    return [
      ...(at === 0 ? [] : ["  ↓"]),
      fitColumns(`  ${dots.padEnd(12)} ${name}${note === "" ? "" : ` (${note})`}`, width),
    ];
  });
}

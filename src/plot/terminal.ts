// A figure for a terminal: lines of text, in color or in plain characters.

import { type Paint, terminalColor, terminalRamp } from "./colors.ts";
import type { Figure, Key, Panel, Ramp } from "./figure.ts";
import { barLines, diagramLines, matrixLines } from "./terminal/lists.ts";
import { paintText, shapeMarks, type TextSize } from "./terminal/marks.ts";
import { plotLines } from "./terminal/plot.ts";
import { fitColumns, formatNumber } from "./text.ts";

/** Draws a figure as lines of text. */
export function terminalText(figure: Figure, size: TextSize): string {
  const { width } = size;
  const several = figure.keys !== undefined && !size.color;
  const parts = figure.panels.map((panel) => [
    ...(panel.title === undefined ? [] : [fitColumns(panel.title, width)]),
    ...panelLines(panel, size, several),
  ]);
  const lines = [
    fitColumns(figure.title, width),
    ...figure.notes.flatMap((note) => wrapColumns(note, width)),
    ...parts.flatMap((part) => ["", ...part]),
  ];
  const legend = [...rampLines(figure.ramp, size), ...keyLines(figure.keys ?? [], size)];
  return [...lines, ...(legend.length > 0 ? ["", ...legend] : [])].map((line) => line.trimEnd()).join("\n");
}

function panelLines(panel: Panel, size: TextSize, several: boolean): string[] {
  if (panel.kind === "plot") return plotLines(panel, size, several);
  if (panel.kind === "bars") return barLines(panel, size);
  if (panel.kind === "matrix") return matrixLines(panel, size);
  return diagramLines(panel, size);
}

function wrapColumns(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of fitColumns(text, 1000).split(" ")) {
    if (line !== "" && line.length + word.length >= width) {
      lines.push(line);
      line = "";
    }
    line = line === "" ? fitColumns(word, width) : `${line} ${word}`;
  }
  return line === "" ? lines : [...lines, line];
}

function rampLines(ramp: Ramp | undefined, { width, color }: TextSize): string[] {
  if (ramp === undefined) return [];
  const { label, range, exceeded } = ramp;
  const [low, high] = range;
  if (!color) {
    const [lower, upper] = [1 / 3, 2 / 3].map((share) =>
      String(Number((low + (high - low) * share).toPrecision(2))),
    );
    const legend = `· below ${lower}  + between  ● above ${upper}`;
    return [fitColumns(`${fitColumns(label, Math.max(1, width - legend.length - 2))}  ${legend}`, width)];
  }
  const blocks = terminalRamp.map((index) => `\u001b[38;5;${index}m██\u001b[0m`).join("");
  const ends = [
    `${exceeded[0] ? "≤ " : ""}${formatNumber(low)}`,
    `${exceeded[1] ? "≥ " : ""}${formatNumber(high)}`,
  ];
  const room = width - terminalRamp.length * 2 - ends.join("").length - 4;
  return [`${fitColumns(label, Math.max(1, room))}  ${ends[0]} ${blocks} ${ends[1]}`];
}

/** Lists the keys, as many in a line as fit. */
function keyLines(keys: readonly Key[], { width, color }: TextSize): string[] {
  const lines: string[] = [];
  let [line, used] = ["", 0];
  for (const { name, paint, mark } of keys) {
    const sign = keySign(mark, paint, color);
    const text = fitColumns(name, width - 4);
    const length = [...text].length + 4;
    if (used > 0 && used + length > width) {
      lines.push(line);
      [line, used] = ["", 0];
    }
    line += `${paintText(sign, paint, color)} ${text}  `;
    used += length;
  }
  return line === "" ? lines : [...lines, line];
}

function keySign(mark: Key["mark"], paint: Paint, color: boolean): string {
  if (mark === "ring") return "×";
  if (mark === "dashes") return "┄";
  if (mark === "rule") return "┊";
  if (mark === "line") return color || terminalColor(paint) === undefined ? "─" : (shapeMarks[paint] ?? "─");
  if (mark === "area") return color ? "█" : (shapeMarks[paint] ?? "█");
  return color ? "●" : (shapeMarks[paint] ?? "●");
}

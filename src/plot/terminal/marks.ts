// What all panels of a terminal share.

import { type Paint, terminalColor } from "../colors.ts";

/** The size of the text, in characters. */
export interface TextSize {
  readonly width: number;
  /** The lines of a plot with its axes. */
  readonly height: number;
  readonly color: boolean;
}

/** The characters of series where there are no colors. */
export const shapeMarks: Readonly<Partial<Record<Paint, string>>> = {
  s0: "•",
  s1: "+",
  s2: "○",
  s3: "x",
  s4: "■",
  s5: "△",
  other: "·",
};

/** Returns text in the color of a paint. */
export function paintText(text: string, paint: Paint, color: boolean): string {
  const index = color ? terminalColor(paint) : undefined;
  return index === undefined ? text : `\u001b[38;5;${index}m${text}\u001b[0m`;
}

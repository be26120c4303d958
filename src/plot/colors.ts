// The colors of all pictures, for a light and for a dark page. A paint is a name; each theme has a color for
// it. Tests check contrast, lightness and the distances under simulated color blindness.

import { rgb } from "d3-color";
import { interpolateLab } from "d3-interpolate";

/** The page that a picture is drawn for; "auto" follows the reader's system. */
export type Theme = "auto" | "light" | "dark";

/** The background that colors are chosen for. */
export type Ground = "light" | "dark";

/**
 * The name of a color: `s0` to `s5` for series, `r0` to `r20` for values from low (blue) over gray to high
 * (orange), `d0` to `d10` for amounts from little to much, `t0` to `t10` for text on these.
 */
export type Paint =
  | `s${number}`
  | `r${number}`
  | `d${number}`
  | `t${number}`
  | "page"
  | "panel"
  | "line"
  | "text"
  | "quiet"
  | "other"
  | "none";

/** The last numbers of the paints of values and of amounts. */
export const VALUE_STEPS = 20;
export const AMOUNT_STEPS = 10;

const grounds: Readonly<
  Record<Ground, { plain: Record<string, string>; series: string[]; value: string[]; amount: string[] }>
> = {
  light: {
    plain: {
      page: "#ffffff",
      panel: "#f6f7f9",
      line: "#dde0e6",
      text: "#22262e",
      quiet: "#5a6270",
      other: "#7b818c",
    },
    series: ["#2460c4", "#cf6210", "#1f6f54", "#c766a4", "#1d1548", "#6b1700"],
    value: ["#143d95", "#75707a", "#da7202"],
    amount: ["#6b8cd2", "#0a2463"],
  },
  dark: {
    plain: {
      page: "#15171c",
      panel: "#1c1f26",
      line: "#2f343e",
      text: "#eceef2",
      quiet: "#a3abb9",
      other: "#868d99",
    },
    series: ["#6ea0ff", "#f59a3c", "#58c2a0", "#c2558f", "#f6f0c8", "#9a5a40"],
    value: ["#3a74e0", "#a09ba6", "#ffb347"],
    amount: ["#5273b5", "#d3e2ff"],
  },
};

/** The number of series with a color of their own. */
export const SERIES = grounds.light.series.length;

/** Returns the color of a paint on a ground, as `#rrggbb`, or "none". */
export function colorOf(paint: Paint, ground: Ground): string {
  const { plain, series, value, amount } = grounds[ground];
  if (paint === "none") return "none";
  if (paint in plain) return plain[paint];
  const index = Number(paint.slice(1));
  if (paint[0] === "s") return series[index];
  if (paint[0] === "r") return mix(value, index / VALUE_STEPS);
  const color = mix(amount, index / AMOUNT_STEPS);
  return paint[0] === "d" ? color : textOn(color);
}

function mix(colors: readonly string[], position: number): string {
  const place = position * (colors.length - 1);
  const from = Math.min(colors.length - 2, Math.floor(place));
  return rgb(interpolateLab(colors[from], colors[from + 1])(place - from)).formatHex();
}

/** Returns black or white, whichever has more contrast. */
function textOn(color: string): string {
  const { r, g, b } = rgb(color);
  const [red, green, blue] = [r, g, b].map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#000000" : "#ffffff";
}

/** Returns the paint of a series; those beyond the last color share one. */
export const seriesPaint = (index: number): Paint => (index < SERIES ? `s${index}` : "other");

const step = (position: number, steps: number) => Math.round(Math.min(1, Math.max(0, position)) * steps);

/** Returns the paint of a value at a position from 0 (low) to 1 (high). */
export const valuePaint = (position: number): Paint => `r${step(position, VALUE_STEPS)}`;

/** Returns the paint of an amount at a position from 0 (little) to 1 (much). */
export const amountPaint = (position: number): Paint => `d${step(position, AMOUNT_STEPS)}`;

/** Returns the paint of text on a paint of an amount. */
export const textPaint = (amount: Paint): Paint => `t${Number(amount.slice(1))}`;

// Near colors in the 256 colors of every color terminal.
const terminalSeries = [33, 208, 36, 169, 222, 130];
const terminalValues = [26, 68, 103, 246, 137, 172, 208];
const terminalAmounts = [24, 25, 32, 38, 74, 110, 152];

/** The paints of a terminal's color legend, from low to high. */
export const terminalRamp = terminalValues;

/** Returns the index in the 256-color palette of a paint; undefined for the terminal's own color. */
export function terminalColor(paint: Paint): number | undefined {
  const index = Number(paint.slice(1));
  const among = (colors: readonly number[], steps: number) =>
    colors[Math.min(colors.length - 1, Math.floor((index / steps) * colors.length))];
  if (/^s\d/.test(paint)) return terminalSeries[index];
  if (/^r\d/.test(paint)) return among(terminalValues, VALUE_STEPS);
  if (/^d\d/.test(paint)) return among(terminalAmounts, AMOUNT_STEPS);
  return paint === "other" || paint === "quiet" || paint === "line" ? 245 : undefined;
}

// The colors of all pictures, for a light and for a dark page. A paint is a name; each theme has a color for
// it. Tests check contrast, lightness and the distances under simulated color blindness.

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

const colors = (list: string) => list.split(" ").map((digits) => `#${digits}`);

/** The ramps are mixed in CIELAB, in equal steps between the ends and, for values, a gray in the middle. */
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
    value: colors(
      "143d95 284293 364690 404b8d 4a508b 525588 5a5b86 616083 686580 6f6b7d 75707a " +
        "827171 8d7168 98725f a27255 ac724c b67242 bf7237 c8722b d1721c da7202",
    ),
    amount: colors("6b8cd2 6281c6 5976bb 506baf 4660a4 3d5599 344b8e 2b4183 213778 172d6d 0a2463"),
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
    value: colors(
      "3a74e0 4c78da 5a7bd5 667fcf 7183c9 7a87c3 838bbe 8b8fb8 9293b2 9997ac a09ba6 " +
        "ab9d9e b6a095 c0a28c caa584 d3a77b dca971 e5ac68 eeae5e f7b153 ffb347",
    ),
    amount: colors("5273b5 607dbc 6d88c4 7a93cb 879ed2 93a9da a0b4e1 adbfe9 bacbf0 c6d6f8 d3e2ff"),
  },
};

/** The number of series with a color of their own. */
export const SERIES = grounds.light.series.length;

/** Where a page that follows the system is dark. Paper is light. */
export const DARK_SCREEN = "@media screen and (prefers-color-scheme:dark)";

/** Returns the color of a paint on a ground, as `#rrggbb`, or "none". */
export function colorOf(paint: Paint, ground: Ground): string {
  const { plain, series, value, amount } = grounds[ground];
  if (paint === "none") return "none";
  if (paint in plain) return plain[paint];
  const index = Number(paint.slice(1));
  if (paint[0] === "s") return series[index];
  if (paint[0] === "r") return value[index];
  return paint[0] === "d" ? amount[index] : textOn(amount[index]);
}

/** Returns black or white, whichever has more contrast: the luminance is that of WCAG 2. */
function textOn(color: string): string {
  const [red, green, blue] = [1, 3, 5].map((start) => {
    const share = Number.parseInt(color.slice(start, start + 2), 16) / 255;
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

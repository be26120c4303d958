// What all parts of an SVG share: paints as attributes, texts, and the places that hovering knows.

import { colorOf, DARK_SCREEN, type Ground, type Paint, type Theme } from "../colors.ts";
import type { Rows, Shape } from "../figure.ts";
import { type Attributes, element, escapeText } from "../markup.ts";
import { fitText, textWidth } from "../text.ts";

/** A rectangle in pixels. */
export interface Frame {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** A place that shows rows when the pointer is in it or near it. */
export interface Target {
  readonly frame: Frame;
  readonly rows: Rows;
  readonly paint: Paint;
}

/** How much wider bold text is. */
export const BOLD = 1.14;

/** An SVG in the making. */
export class Drawing {
  /** The size of the font in pixels. */
  readonly size: number;
  readonly theme: Theme;
  readonly targets: Target[] = [];
  /** Whether marks have the details that hovering shows as titles, for a file that a browser opens. */
  readonly hasTitles: boolean;
  readonly #used = new Set<string>();
  /** The ground whose colors replace those of the attributes. */
  readonly #other: Ground | undefined;

  /** `isPrinted`: whether a dark picture is light on paper. */
  constructor(theme: Theme, size: number, hasTitles: boolean, isPrinted: boolean) {
    this.theme = theme;
    this.size = size;
    this.hasTitles = hasTitles;
    this.#other = theme === "auto" ? "dark" : theme === "dark" && isPrinted ? "light" : undefined;
  }

  /** Returns the attributes of a paint. A class gives its color on another ground: see `style`. */
  paint(property: "fill" | "stroke", paint: Paint): Attributes {
    const color = colorOf(paint, this.theme === "dark" ? "dark" : "light");
    if (this.#other === undefined || paint === "none") return { [property]: color };
    const name = `${property === "fill" ? "f" : "k"}-${paint}`;
    this.#used.add(name);
    return { class: name, [property]: color };
  }

  /** Returns the attributes of a fill and a stroke. */
  paints(fill: Paint, stroke: Paint): Attributes {
    const [one, other] = [this.paint("fill", fill), this.paint("stroke", stroke)];
    const names = [one.class, other.class].filter((name) => name !== undefined).join(" ");
    return { ...one, ...other, ...(names !== "" && { class: names }) };
  }

  /** Returns the style that replaces the colors: on a dark screen, or on paper. Empty if nothing does. */
  style(): string {
    const other = this.#other;
    if (other === undefined) return "";
    const rules = [...this.#used].sort().map((name) => {
      const property = name[0] === "f" ? "fill" : "stroke";
      return `.${name}{${property}:${colorOf(name.slice(2) as Paint, other)}}`;
    });
    if (rules.length === 0) return "";
    return element("style", {}, `${other === "dark" ? DARK_SCREEN : "@media print"}{${rules.join("")}}`);
  }

  /** Draws text. A text that is wider than `room` is shortened, with the whole text as its title. */
  text(
    text: string,
    attributes: Attributes,
    { paint = "quiet" as Paint, room = Number.POSITIVE_INFINITY } = {},
  ): string {
    const size = Number(attributes["font-size"] ?? this.size);
    const fitted = fitText(text, room, attributes["font-weight"] === undefined ? size : size * BOLD);
    const title = fitted.endsWith("…") && !text.endsWith("…") ? element("title", {}, escapeText(text)) : "";
    return element("text", { ...this.paint("fill", paint), ...attributes }, `${title}${escapeText(fitted)}`);
  }

  /** Draws a name of an axis or a panel. */
  name(text: string, attributes: Attributes, room?: number): string {
    const options = room === undefined ? {} : { room };
    return this.text(text, { "font-weight": 600, ...attributes }, { paint: "text", ...options });
  }

  /** Returns the width of a text in pixels. */
  width(text: string, size = this.size): number {
    return textWidth(text) * size;
  }

  line(x1: number, y1: number, x2: number, y2: number, paint: Paint, attributes: Attributes = {}): string {
    return element("line", { x1, y1, x2, y2, ...this.paint("stroke", paint), ...attributes });
  }

  rectangle({ left, top, right, bottom }: Frame, attributes: Attributes, rows?: Rows): string {
    const size = { x: left, y: top, width: Math.max(0, right - left), height: Math.max(0, bottom - top) };
    return element("rect", { ...size, ...attributes }, ...this.title(rows));
  }

  /** Draws a point. */
  point(shape: Shape, x: number, y: number, radius: number, attributes: Attributes, rows?: Rows): string {
    const title = this.title(rows);
    if (shape === "circle") return element("circle", { cx: x, cy: y, r: radius, ...attributes }, ...title);
    const corners = {
      square: [-0.85, -0.85, 0.85, -0.85, 0.85, 0.85, -0.85, 0.85],
      triangle: [0, -1.15, 1.1, 0.85, -1.1, 0.85],
      diamond: [0, -1.3, 1.1, 0, 0, 1.3, -1.1, 0],
    }[shape];
    const points = corners.map((at, index) => ((index % 2 === 0 ? x : y) + at * radius).toFixed(1));
    return element("polygon", { points: points.join(" "), ...attributes }, ...title);
  }

  /** Adds a place that shows rows. */
  target(frame: Frame, rows: Rows | undefined, paint: Paint): void {
    if (rows !== undefined) this.targets.push({ frame, rows, paint });
  }

  title(rows: Rows | undefined): string[] {
    if (!this.hasTitles || rows === undefined) return [];
    return [element("title", {}, escapeText(rows.map(([name, value]) => `${name}: ${value}`).join(", ")))];
  }
}

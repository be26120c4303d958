// Blocks of a report as markup: paragraphs, lists, tables, code, pictures. All text is escaped here.

import type { Theme } from "../plot/colors.ts";
import type { Figure } from "../plot/figure.ts";
import { figureMarkup } from "../plot/html.ts";
import { element, escapeText } from "../plot/markup.ts";
import type { Picture } from "../plot/picture.ts";

/** Markup that is complete and escaped. */
export type Block = string & { readonly __block?: never };

/** Returns a paragraph; `kind` is its class. */
export const paragraph = (text: string, kind?: "lead" | "note" | "warning"): Block =>
  element("p", kind === undefined ? {} : { class: kind }, escapeText(text));

/** Returns a heading inside a section. */
export const subheading = (text: string): Block => element("h3", {}, escapeText(text));

/** Returns a list of sentences. */
export const list = (items: readonly string[]): Block =>
  element("ul", {}, ...items.map((item) => element("li", {}, escapeText(item))));

/** Returns text of fixed width. */
export const code = (text: string): Block =>
  element("pre", { tabindex: 0 }, element("code", {}, text.split("\n").map(escapeText).join("\n")));

/** A table with a header row; the first cell of each row is its header. */
export interface TableText {
  readonly caption: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** The columns that are numbers, aligned at the right. */
  readonly numbers?: readonly number[];
}

/** Tables with up to this number of rows are printed on one page. */
const MOST_TOGETHER = 12;

/** Text that is not broken into lines, such as a date. */
const UNBROKEN = /^\S{1,20}$/u;

/** Returns a table that scrolls by itself where it is wider than the page. */
export function table({ caption, head, rows, numbers = [] }: TableText): Block {
  const kind = (at: number, text = "") =>
    numbers.includes(at) ? { class: "number" } : UNBROKEN.test(text) ? { class: "unbroken" } : {};
  const header = head.map((text, at) => element("th", { scope: "col", ...kind(at) }, escapeText(text)));
  const body = rows.map((cells) =>
    element(
      "tr",
      {},
      ...cells.map((text, at) =>
        at === 0
          ? element("th", { scope: "row", ...kind(at) }, escapeText(text))
          : element("td", kind(at, text), escapeText(text)),
      ),
    ),
  );
  return element(
    "div",
    {
      class: rows.length > MOST_TOGETHER ? "scroll" : "scroll together",
      tabindex: 0,
      role: "group",
      "aria-label": caption,
    },
    element(
      "table",
      {},
      element("caption", {}, escapeText(caption)),
      element("thead", {}, element("tr", {}, ...header)),
      element("tbody", {}, `\n${body.join("\n")}\n`),
    ),
  );
}

/** Returns short facts, each with its name. */
export const facts = (
  entries: readonly (readonly [name: string, value: string])[],
  kind: "large" | "small" = "large",
): Block =>
  element(
    "dl",
    { class: kind },
    ...entries.map(([name, value]) =>
      element("div", {}, element("dt", {}, escapeText(name)), element("dd", {}, escapeText(value))),
    ),
  );

/** A heading with its blocks. */
export interface Section {
  readonly heading: string;
  readonly blocks: readonly Block[];
}

/** The widths that pictures are drawn in: across the page, and two beside each other. */
const WIDTHS = { whole: 960, half: 360 } as const;

/** Where a picture is to be drawn. Text cannot be taken for it, because its "<" is escaped. */
const PLACE = /<!--picture (\d+)-->/;

/** The pictures of a page, which are drawn last, one after the other, with ids of their own. */
export class Pictures {
  readonly #theme: Theme;
  readonly #drawn: { readonly figure: Figure; readonly width: number }[] = [];

  constructor(theme: Theme) {
    this.#theme = theme;
  }

  /** Returns the place of a picture, with its title as a heading of the level. */
  draw({ figure }: Picture, level: number, size: keyof typeof WIDTHS = "whole"): Block {
    const place = `<!--picture ${this.#drawn.push({ figure, width: WIDTHS[size] }) - 1}-->`;
    return element("div", { class: "picture" }, element(`h${level}`, {}, escapeText(figure.title)), place);
  }

  /** Returns pictures beside each other where there is room. */
  pair(pictures: readonly Picture[], level: number): Block {
    if (pictures.length === 0) return "";
    return element("div", { class: "pair" }, ...pictures.map((picture) => this.draw(picture, level, "half")));
  }

  /** Draws the pictures of a page at their places, and pauses in between. */
  async fill(page: string, pause: () => Promise<void>): Promise<string> {
    // Every second piece is the number of a picture.
    const pieces = page.split(PLACE);
    for (let at = 1; at < pieces.length; at += 2) {
      await pause();
      const { figure, width } = this.#drawn[Number(pieces[at])];
      pieces[at] = figureMarkup(figure, `figure-${(at + 1) / 2}`, { width, theme: this.#theme });
    }
    return pieces.join("");
  }
}

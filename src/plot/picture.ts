// A picture as callers have it: a figure with its four forms.

import { renderPng, writePicture } from "#png";
import { OptionError, show } from "../errors.ts";
import { checkNames } from "../options.ts";
import type { Theme } from "./colors.ts";
import type { Figure } from "./figure.ts";
import { writePage } from "./html.ts";
import { drawFigure, WIDTHS } from "./svg/figure.ts";
import { terminalText } from "./terminal.ts";

/** How to draw an SVG. */
export interface SvgOptions {
  /** The width in pixels, from 320 to 1600; 720 by default. The height follows from it. */
  readonly width?: number | undefined;
  /** The colors: "light", "dark", or "auto", which follows the reader's system; "auto" by default. */
  readonly theme?: Theme | undefined;
  /** The beginning of the ids in the file, by default made from the content. Ids are unique in a page. */
  readonly id?: string | undefined;
}

/** How to draw a page. */
export interface HtmlOptions extends Pick<SvgOptions, "theme"> {
  /** The width of pictures in wide windows in pixels, from 320 to 1600; 960 by default. */
  readonly width?: number | undefined;
  /** The language of the titles and names, for screen readers; "en" by default. */
  readonly language?: string | undefined;
}

/** How to draw a PNG. */
export interface PngOptions extends Pick<SvgOptions, "width"> {
  /** The colors; "light" by default. */
  readonly theme?: "light" | "dark" | undefined;
  /** The pixels of the PNG for each pixel of the width, from 0.5 to 4; 2 by default, for sharp screens. */
  readonly scale?: number | undefined;
}

/** How to draw in a terminal. */
export interface TerminalOptions {
  /** The columns of the terminal, at least 40; 80 by default. */
  readonly width?: number | undefined;
  /** The lines of each plot with its axes, at least 10; 20 by default. */
  readonly height?: number | undefined;
  /** Whether to use ANSI colors; false by default. */
  readonly color?: boolean | undefined;
}

/**
 * A picture: the same content as SVG, as a page, as PNG and as text. It is a value; drawing it changes
 * nothing.
 *
 * @example
 * ```ts
 * const picture = new Picture({ title: "Nothing", description: "Nothing.", notes: [], panels: [] });
 * picture.svg({ width: 480 }); // "<svg …"
 * ```
 */
export class Picture {
  /** The content, which all forms share. */
  readonly figure: Figure;

  constructor(figure: Figure) {
    this.figure = figure;
  }

  get title(): string {
    return this.figure.title;
  }

  /** What the picture shows, in sentences, with its captions: a text for readers who do not see it. */
  get description(): string {
    return [this.figure.description, ...this.figure.notes].join(" ");
  }

  /** Returns the text of an SVG file, with a background. It adapts to light and dark pages. */
  svg(options: SvgOptions = {}): string {
    checkNames(options, ["width", "theme", "id"], "svg");
    const width = readWidth(options.width, 720, "svg");
    const theme = readTheme(options.theme, ["auto", "light", "dark"], "auto", "svg");
    const { id = `picture-${hash(JSON.stringify(this.figure).slice(0, 20_000))}` } = options;
    if (typeof id !== "string" || !/^[A-Za-z][\w-]*$/.test(id)) {
      throw new OptionError(
        `svg: id: expected a letter, followed by letters, digits, "-" and "_", received ${show(id)}`,
      );
    }
    return `${drawFigure(this.figure, { width, theme, id }).svg}\n`;
  }

  /**
   * Returns a self-contained HTML page, which shows details of what is under the pointer, under a touch, or
   * chosen with the arrow keys. It loads nothing.
   */
  html(options: HtmlOptions = {}): string {
    return writePage([{ figure: this.figure, before: "", level: 2 }], readPage(options, this.title, "html"));
  }

  /**
   * Returns the bytes of a PNG file. It needs the package `@resvg/resvg-js`, and the fonts of the machine for
   * text.
   *
   * @throws OptionError if the package is not installed.
   */
  async png(options: PngOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    checkNames(options, ["width", "theme", "scale"], "png");
    const width = readWidth(options.width, 720, "png");
    const theme = readTheme(options.theme, ["light", "dark"], "light", "png");
    const scale = readNumber(options.scale, 2, [0.5, 4], "png: scale");
    return await renderPng(
      drawFigure(this.figure, { width, theme, id: "picture" }).svg,
      scale,
      theme === "dark",
    );
  }

  /**
   * Writes the picture into a file: SVG, HTML or PNG by the end of its name, with the options of that form. An
   * existing file is replaced in one step. Not in browsers.
   *
   * @example
   * ```ts
   * const empty = new Picture({ title: "Nothing", description: "Nothing.", notes: [], panels: [] });
   * await empty.save("nothing.html", { theme: "light" });
   * ```
   *
   * @throws OptionError for another ending, or an option that the form does not have; FileError if the file
   * cannot be written.
   */
  async save(path: string | URL, options: SvgOptions | HtmlOptions | PngOptions = {}): Promise<void> {
    const ending = /\.(svg|html|png)$/i.exec(String(path))?.[1].toLowerCase();
    if (ending === undefined)
      throw new OptionError(
        `save: path: expected a name that ends with .svg, .html or .png, received ${show(String(path))}`,
      );
    const content =
      ending === "svg"
        ? this.svg(options as SvgOptions)
        : ending === "html"
          ? this.html(options as HtmlOptions)
          : await this.png(options as PngOptions);
    await writePicture(path, content);
  }

  /** Returns the picture as lines of text for a terminal. */
  terminal(options: TerminalOptions = {}): string {
    checkNames(options, ["width", "height", "color"], "terminal");
    const width = Math.floor(readNumber(options.width, 80, [1, 1000], "terminal: width"));
    const height = Math.floor(readNumber(options.height, 20, [1, 1000], "terminal: height"));
    const { color = false } = options;
    if (typeof color !== "boolean")
      throw new OptionError(`terminal: color: expected true or false, received ${show(color)}`);
    return terminalText(this.figure, { width: Math.max(40, width), height: Math.max(10, height), color });
  }

  /** The picture as text, without colors. */
  toString(): string {
    return this.terminal();
  }
}

/** Returns the checked options of a page. */
export function readPage(options: HtmlOptions, title: string, call: string, others: readonly string[] = []) {
  checkNames(options, ["width", "theme", "language", ...others], call);
  const { language = "en" } = options;
  if (typeof language !== "string" || !/^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$/.test(language))
    throw new OptionError(
      `${call}: language: expected a tag like "en" or "de-CH", received ${show(language)}`,
    );
  return {
    title,
    language,
    width: readWidth(options.width, 960, call),
    theme: readTheme(options.theme, ["auto", "light", "dark"], "auto", call),
    after: "",
  };
}

const readWidth = (given: unknown, usual: number, call: string) =>
  Math.round(readNumber(given, usual, WIDTHS, `${call}: width`));

function readNumber(
  given: unknown,
  usual: number,
  [low, high]: readonly [number, number],
  place: string,
): number {
  if (given === undefined) return usual;
  if (typeof given === "number" && given >= low && given <= high) return given;
  throw new OptionError(`${place}: expected a number from ${low} to ${high}, received ${show(given)}`);
}

function readTheme<Name extends Theme>(
  given: unknown,
  names: readonly Name[],
  usual: Name,
  call: string,
): Name {
  if (given === undefined) return usual;
  const found = names.find((name) => name === given);
  if (found !== undefined) return found;
  const expected = names.map((name) => JSON.stringify(name)).join(", ");
  throw new OptionError(`${call}: theme: expected one of ${expected}, received ${show(given)}`);
}

/** Returns a short text that differs between contents: FNV-1a in 32 bits. */
function hash(text: string): string {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return (value >>> 0).toString(36);
}

// Several pictures in one page, with text between them.

import { DataError, OptionError, show } from "../errors.ts";
import { type Section, writePage } from "./html.ts";
import { element, escapeText } from "./markup.ts";
import { type HtmlOptions, Picture, readPage } from "./picture.ts";

/** A part of a page: a picture, a text, or a text of fixed width. */
export type PagePart = Picture | string | { readonly heading: string } | { readonly code: string };

/** What a page is called, and how it is drawn. */
export interface PageOptions extends HtmlOptions {
  /** The title and main heading. */
  readonly title: string;
}

/**
 * Returns a self-contained HTML page of pictures and texts, in this order: a string is a paragraph,
 * `{ heading }` a heading, below which the titles of pictures are one level lower, `{ code }` text of fixed width, such as a table. All text is escaped.
 *
 * @example
 * ```ts
 * page([distribution([1, 2, 2, 3])], { title: "My report" }); // "<!doctype html>…"
 * ```
 *
 * @throws OptionError for an unknown option or without a title; DataError for a part of another type.
 */
export function page(parts: readonly PagePart[], options: PageOptions): string {
  const { title } = options ?? {};
  if (typeof title !== "string")
    throw new OptionError(`page: title: expected a text, received ${show(title)}`);
  const read = readPage(options, title, "page", ["title"]);
  if (!Array.isArray(parts))
    throw new DataError(`page: parts: expected an array of pictures and texts, received ${show(parts)}`);
  const sections: Section[] = [];
  let before = "";
  let level: 2 | 3 = 2;
  for (const [at, part] of parts.entries()) {
    if (part instanceof Picture) {
      sections.push({ figure: part.figure, before, level });
      before = "";
      continue;
    }
    if (part !== null && typeof part === "object" && "heading" in part) level = 3;
    before += `${textMarkup(part, at)}\n`;
  }
  return writePage(sections, { ...read, after: before });
}

function textMarkup(part: unknown, at: number): string {
  if (typeof part === "string") return element("p", {}, escapeText(part));
  const { heading, code } = (part ?? {}) as { heading?: unknown; code?: unknown };
  if (typeof heading === "string") return element("h2", {}, escapeText(heading));
  if (typeof code === "string")
    return element("pre", { tabindex: 0 }, code.split("\n").map(escapeText).join("\n"));
  throw new DataError(
    `page: parts: part ${at}: expected a picture, a text, { heading } or { code }, received ${show(part)}`,
  );
}

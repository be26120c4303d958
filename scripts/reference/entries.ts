/** What the reference says of an entry besides its docstring, from the entry itself. */
import type { AnyEntry, Option, Options } from "../../src/options.ts";
import { escapeText } from "../../src/plot/markup.ts";
import type { Shown } from "./tables.ts";

/** A default as one writes it: a configuration without options is its name. */
function standardText(option: Option<unknown>): string {
  if ("required" in option) return "required";
  const { default: standard } = option;
  if (standard !== null && typeof standard === "object") {
    const { type, ...others } = standard as { type?: string };
    if (type !== undefined && Object.keys(others).length === 0) return `\`${JSON.stringify(type)}\``;
  }
  return `\`${JSON.stringify(standard)}\``;
}

/** The options of an entry as a table in Markdown: name, default and range. */
export function optionsTable(options: Options): string {
  const rows = Object.entries(options).map(
    ([name, option]) => `| \`${name}\` | ${standardText(option)} | ${option.expected} |`,
  );
  if (rows.length === 0) return "No options.";
  return ["| option | default | takes |", "| --- | --- | --- |", ...rows].join("\n");
}

/** Options and picture in Markdown; the picture is a block of HTML, so that nothing in it is Markdown. */
export function entryText(entry: AnyEntry<unknown>, { picture }: Shown): string {
  const parts = [optionsTable(entry.options)];
  if (picture !== undefined) {
    const { title, svg } = picture(entry);
    parts.push(`<div class="curve">${svg}<p>${escapeText(title)}</p></div>`);
  }
  return `\n\n${parts.join("\n\n")}\n`;
}

/** Writes the part of an entry's reference that comes from the entry itself, not from its docstring. */
import type { AnyEntry, Option, Options } from "../../src/options.ts";
import { escapeText } from "../../src/plot/markup.ts";
import type { Shown } from "./tables.ts";

/** Returns a default as users write it. A configuration without options is its name. */
function standardText(option: Option<unknown>): string {
  if ("required" in option) return "required";
  const { default: standard } = option;
  if (standard !== null && typeof standard === "object") {
    const { type, ...others } = standard as { type?: string };
    if (type !== undefined && Object.keys(others).length === 0) return `\`${JSON.stringify(type)}\``;
  }
  return `\`${JSON.stringify(standard)}\``;
}

/** Returns the options of an entry as a Markdown table: name, default and range. */
export function optionsTable(options: Options): string {
  const rows = Object.entries(options).map(
    ([name, option]) => `| \`${name}\` | ${standardText(option)} | ${option.expected} |`,
  );
  if (rows.length === 0) return "No options.";
  return ["| option | default | takes |", "| --- | --- | --- |", ...rows].join("\n");
}

/**
 * Returns options and picture as Markdown. The picture is an HTML block, so none of it is parsed as Markdown.
 */
export function entryText(entry: AnyEntry<unknown>, { picture }: Shown): string {
  const parts = [optionsTable(entry.options)];
  if (picture !== undefined) {
    const { title, svg } = picture(entry);
    parts.push(`<div class="curve">${svg}<p>${escapeText(title)}</p></div>`);
  }
  return `\n\n${parts.join("\n\n")}\n`;
}

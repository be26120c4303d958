// The sizes of texts, and numbers as text.

import { printable } from "./markup.ts";

/** Returns about how wide a text is, as a multiple of its font size. SVG cannot measure without a browser. */
export function textWidth(text: string): number {
  let width = 0;
  for (const character of text) {
    if (
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\u{1f000}-\u{3ffff}]/u.test(
        character,
      )
    )
      width += 1.05;
    else if (/[ijltfrI.,:;'|!()[\] ]/.test(character)) width += 0.34;
    else if (/[mwMW%@—…]/.test(character)) width += 0.92;
    else if (/[A-Z]/.test(character)) width += 0.7;
    else width += 0.59;
  }
  return width;
}

/** Shortens a text with an ellipsis until it fits into a width. */
export function fitText(text: string, width: number, size: number): string {
  const clean = printable(text);
  if (textWidth(clean) * size <= width) return clean;
  const characters = [...clean];
  let used = textWidth("…") * size;
  let count = 0;
  while (count < characters.length) {
    const next = textWidth(characters[count]) * size;
    if (used + next > width) break;
    used += next;
    count++;
  }
  return `${characters.slice(0, count).join("").trimEnd()}…`;
}

/** Breaks a text into at most `most` lines that fit; the last one is shortened. */
export function wrapText(text: string, width: number, size: number, most: number): string[] {
  const lines: string[] = [];
  let line = "";
  const words = printable(text)
    .split(/\s+/)
    .filter((word) => word !== "");
  for (const [at, word] of words.entries()) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line === "" || textWidth(longer) * size <= width) line = longer;
    else if (lines.length === most - 1)
      return [...lines, fitText([line, ...words.slice(at)].join(" "), width, size)];
    else {
      lines.push(fitText(line, width, size));
      line = word;
    }
  }
  return line === "" ? lines : [...lines, fitText(line, width, size)];
}

/** Shortens a text to a number of characters of a terminal, without control characters. */
export function fitColumns(text: string, columns: number): string {
  const characters = [...printable(text)];
  if (characters.length <= columns) return characters.join("");
  return `${characters.slice(0, Math.max(0, columns - 1)).join("")}…`;
}

/** Formats a number with four significant digits, and separators or an exponent only where needed. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const rounded = Number(value.toPrecision(4));
  const isLong = Math.abs(rounded) >= 10_000 && Math.abs(rounded) < 1e9;
  return isLong ? rounded.toLocaleString("en") : String(rounded).replace("e+", "e");
}

/** Formats a count with separators: "100,000". */
export const formatCount = (count: number): string => count.toLocaleString("en");

/** Formats a count with its noun: "1 point", "2 points". */
export function countOf(count: number, noun: string, plural = `${noun}s`): string {
  return `${formatCount(count)} ${count === 1 ? noun : plural}`;
}

/** Formats a share as a percentage. */
export const formatShare = (share: number): string =>
  `${formatNumber(Number((100 * share).toPrecision(3)))} %`;

/** Formats a time as an ISO date, with the time of day unless it is midnight. */
export function formatDate(time: number): string {
  if (!(Math.abs(time) <= 8.64e15)) return String(time);
  const text = new Date(time).toISOString();
  return text.endsWith("T00:00:00.000Z") ? text.slice(0, 10) : `${text.slice(0, 16).replace("T", " ")}`;
}

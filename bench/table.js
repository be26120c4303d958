// Writes Markdown tables whose columns also line up in a terminal.

/** Formats a number with about three digits: 0.912, 31.4, 193. */
export const figure = (value) => value.toFixed(value < 1 ? 3 : value < 10 ? 2 : value < 100 ? 1 : 0);

/** @param {string[][]} rows the first is the head; all columns but the first are right-aligned */
export function table([head, ...rows]) {
  const widths = head.map((_, column) => Math.max(1, ...[head, ...rows].map((row) => row[column].length)));
  const pad = (text, column) => (column === 0 ? text.padEnd(widths[0]) : text.padStart(widths[column]));
  const rule = widths.map((width, column) =>
    column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`,
  );
  return [head, rule, ...rows].map((row) => `| ${row.map(pad).join(" | ")} |`).join("\n");
}

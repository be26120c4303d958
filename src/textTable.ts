/** Rows of cells as lines of text. */

/** What Node's `util.inspect` and `console.log` call; Deno and Bun, too. */
export const INSPECT = Symbol.for("nodejs.util.inspect.custom");

/** Control characters, which terminals execute, and those that reverse the direction of the text after them. */
const UNPRINTABLE = /[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu;

/** Returns text for a terminal: names and cells of a table are anyone's. Lines stay lines. */
export const printable = (text: string) =>
  text.replace(UNPRINTABLE, (character) => (character === "\n" ? character : "\ufffd"));

/** Returns a result with its text, which `String(result)` and `console.log(result)` give. */
export function withText<Result extends object>(
  result: Result,
  text: string,
): Result & { readonly text: string; toString(): string } {
  const safe = printable(text);
  const show = () => safe;
  return Object.defineProperty({ ...result, text: safe, toString: show }, INSPECT, { value: show });
}

/** Returns a bar for a share from 0 to 1 of `width` characters. */
export const bar = (share: number, width = 20) => "█".repeat(Math.round(width * Math.max(0, share)));

/** Returns lines of aligned columns: the columns `left` to the left, all others to the right. */
export function alignTable(cells: readonly (readonly string[])[], left: readonly number[] = []): string[] {
  const table = cells.map((row) => row.map((cell) => cell.replace(UNPRINTABLE, "\ufffd")));
  const [first = []] = table;
  const widths = first.map((_, column) => Math.max(...table.map((row) => row[column].length)));
  return table.map((row) =>
    row
      .map((cell, column) =>
        left.includes(column) ? cell.padEnd(widths[column]) : cell.padStart(widths[column]),
      )
      .join("  ")
      .trimEnd(),
  );
}

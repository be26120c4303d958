/** Rows of cells as lines of text. */

/** Returns a bar for a share from 0 to 1 of `width` characters. */
export const bar = (share: number, width = 20) => "█".repeat(Math.round(width * Math.max(0, share)));

/** Returns lines of aligned columns: the columns `left` to the left, all others to the right. */
export function alignTable(table: readonly (readonly string[])[], left: readonly number[] = []): string[] {
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
  return table.map((row) =>
    row
      .map((cell, column) =>
        left.includes(column) ? cell.padEnd(widths[column]) : cell.padStart(widths[column]),
      )
      .join("  ")
      .trimEnd(),
  );
}

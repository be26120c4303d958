/** Rows of cells as lines of text. */

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

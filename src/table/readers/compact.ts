/** Cells of other libraries in the form that takes least memory. */

/**
 * Numbers as doubles, with NaN for null, where a column has nothing else; whole numbers that a double cannot hold, and
 * all other cells, as they are.
 */
export function compactCells(cells: ArrayLike<unknown>): ArrayLike<unknown> {
  if (cells instanceof Float64Array) return cells;
  const values = new Float64Array(cells.length);
  let numbers = 0;
  for (let row = 0; row < cells.length; row++) {
    const cell = cells[row];
    if (typeof cell === "number") values[row] = cell;
    else if (typeof cell === "bigint") {
      values[row] = Number(cell);
      if (!Number.isSafeInteger(values[row])) return Array.from(cells);
    } else if (cell === null || cell === undefined) {
      values[row] = Number.NaN;
      continue;
    } else return cells;
    numbers++;
  }
  return numbers === 0 ? cells : values;
}

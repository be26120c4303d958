/** Stores cells of other libraries in little memory. */

/**
 * Returns a column of numbers and nulls as doubles, with NaN for null. Returns any other column unchanged,
 * also one with whole numbers that a double cannot hold.
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

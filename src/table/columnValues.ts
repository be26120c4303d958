/** The values of a column, as fitTable reads its cells: CSV and JSON have no type for dates. */

import { unknownName } from "../options.ts";
import { isMissing } from "./cells.ts";
import { type TableRows, toFrame } from "./frame.ts";
import { typeColumn } from "./typeColumn.ts";

const CALL = "columnValues";

/**
 * Returns the values of a column as `fitTable` reads its cells: text that is dates as `Date` objects, text that
 * is numbers as numbers, and null for missing values, cells that cannot be read, lists and objects. Other cells
 * stay as they are. Pictures take the result.
 *
 * @example
 * ```ts
 * columnValues([{ sold: "2024-01-31" }, { sold: "" }, { sold: "2024-02-29" }], "sold"); // [Date, null, Date]
 * ```
 *
 * @throws OptionError for a column that is not there, with the nearest name; DataError for what is not a table.
 */
export function columnValues(
  rows: TableRows,
  name: string,
): (string | number | bigint | boolean | Date | null)[] {
  const frame = toFrame(rows, CALL);
  const cells = frame.cells.get(name);
  if (cells === undefined) throw unknownName(CALL, "column", name, frame.names);
  const isOdd = (cell: unknown) => typeof cell === "object" && !(cell instanceof Date);
  const list = Array.from(cells, (cell) => (isMissing(cell) || isOdd(cell) ? null : (cell as string | Date)));
  if (!list.some((cell) => typeof cell === "string" || cell instanceof Date)) return list;
  const { description, values } = typeColumn(name, list, undefined);
  if (description.type !== "number" && description.type !== "date") return list;
  const isDate = description.type === "date";
  return Array.from(values, (value) => (Number.isNaN(value) ? null : isDate ? new Date(value) : value));
}

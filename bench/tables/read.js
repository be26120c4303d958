// Tables as prepare.py writes them.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Where the tables are. */
export const folder = fileURLToPath(new URL(".data/", import.meta.url));

/**
 * @typedef {object} Table
 * @property {string} target
 * @property {"classification" | "regression"} task
 * @property {string[]} numbers names of columns
 * @property {string[]} categories names of columns
 * @property {Record<string, (number | string | null)[]>} columns cells by name, the target among them
 * @property {Record<string, number[]>} parts by seed, for each row -1 for the test or the fold of the training
 * @property {string[]} classes the classes by name; none for a regression
 */

/** @returns {Table} */
export function readTable(file) {
  const table = JSON.parse(readFileSync(file, "utf8"));
  const { task, columns, target } = table;
  return { ...table, classes: task === "regression" ? [] : classesOf(columns[target]) };
}

/** The classes in the order of their code points, as Python sorts them. */
const classesOf = (cells) => [...new Set(cells)].sort();

/** The rows for which something holds, as records. */
export function recordsOf({ columns, parts }, holds) {
  const names = Object.keys(columns);
  const rows = Array.from(Object.values(parts)[0], (_, row) => row).filter(holds);
  return rows.map((row) => Object.fromEntries(names.map((name) => [name, columns[name][row]])));
}

/** The test rows' targets: numbers, or the numbers of classes. */
export function testTargets({ columns, target, parts, classes, task }, seed) {
  const cells = columns[target].filter((_, row) => parts[seed][row] < 0);
  return task === "regression" ? cells : cells.map((cell) => classes.indexOf(cell));
}

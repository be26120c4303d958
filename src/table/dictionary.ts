/**
 * Keeps the dictionaries of columns of text, so that code that knows them examines each distinct text once.
 */

/** The distinct cells of a column and the number of each cell's. */
export interface CellDictionary {
  readonly codes: Uint32Array;
  readonly texts: readonly string[];
}

const dictionaries = new WeakMap<object, CellDictionary>();

/** Stores the dictionary of a column's cells. The cells must not change afterwards. */
export function withDictionary<T extends object>(cells: T, dictionary: CellDictionary): T {
  dictionaries.set(cells, dictionary);
  return cells;
}

/** Returns the dictionary of a column's cells, or undefined if its reader made none. */
export const dictionaryOf = (cells: object): CellDictionary | undefined => dictionaries.get(cells);

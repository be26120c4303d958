/** Columns of few distinct texts: a number for each cell beside the strings, for those who can use it. */

/** The distinct cells of a column and the number of each cell's. */
export interface CellDictionary {
  readonly codes: Uint32Array;
  readonly texts: readonly string[];
}

const dictionaries = new WeakMap<object, CellDictionary>();

/** Notes the dictionary of a column's cells, which nobody may change any more. */
export function withDictionary<T extends object>(cells: T, dictionary: CellDictionary): T {
  dictionaries.set(cells, dictionary);
  return cells;
}

/** The dictionary of a column's cells, where the reader of the column has made one. */
export const dictionaryOf = (cells: object): CellDictionary | undefined => dictionaries.get(cells);

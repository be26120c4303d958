/** Finds fields of rows that were probably meant to be a column. */
import { distance } from "fastest-levenshtein";
import { DataError, show } from "../errors.ts";
import { LONGEST_NAME } from "../synonyms.ts";

/** The most unknown fields of a call that are compared with columns: each comparison takes time. */
const MOST_COMPARED = 100;

/** Names without case and separators, and their digits: `x1` and `x2` are never the same. */
const plain = (name: string) => name.toLowerCase().replace(/[\s_\-.]/g, "");
const digits = (name: string) => name.replace(/\D/g, "");

const sorted = (name: string) => [...name].sort().join();

/**
 * Whether one name is probably a misspelling of the other: up to a fourth of the letters differ, or two are
 * exchanged.
 */
function isNear(one: string, other: string): boolean {
  if (one.length > LONGEST_NAME || digits(one) !== digits(other)) return false;
  const [a, b] = [plain(one), plain(other)];
  if (a === "" || b === "") return false;
  const most = Math.floor(Math.max(a.length, b.length) / 4);
  if (Math.abs(a.length - b.length) > most) return false;
  const edits = distance(a, b);
  return edits <= most || (edits === 2 && most > 0 && sorted(a) === sorted(b));
}

/** Throws a DataError for the first row with a misspelt column; `place` names a row by its number in `rows`. */
export type MisspeltCheck = (rows: readonly object[], place: (row: number) => string) => void;

/**
 * Makes a function that throws a DataError for a row with a field that is probably a misspelt column: the name
 * is none of `known`, and nearly that of a column of `used` that the row lacks. Other fields are ignored.
 */
export function misspeltChecker(used: readonly string[], known: readonly string[]): MisspeltCheck {
  const names = new Set([...used, ...known]);
  return (rows, place) => {
    let compared = 0;
    for (const [at, row] of rows.entries()) {
      if (used.every((name) => Object.hasOwn(row, name))) continue;
      const lacking = used.filter((name) => !Object.hasOwn(row, name));
      for (const field of Object.keys(row)) {
        if (names.has(field)) continue;
        if (compared++ === MOST_COMPARED) return;
        const meant = lacking.find((name) => isNear(field, name));
        if (meant === undefined) continue;
        throw new DataError(
          `${place(at)}: unknown column ${show(field)}. Did you mean ${show(meant)}? Fix: rename the field, or also give ${show(meant)}, null if it is missing`,
        );
      }
    }
  };
}

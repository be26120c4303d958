/** Checks the names in objects of options, and suggests the name that was probably meant. */
import { distance } from "fastest-levenshtein";
import { OptionError, show } from "../errors.ts";
import { LONGEST_NAME, meantBy, whyAbsent } from "../synonyms.ts";

/** Returns the error for a value that is not as expected; `hint` says what to do. */
export function refuse(place: string, expected: string, value: unknown, hint = ""): OptionError {
  return new OptionError(`${place}: expected ${expected}, received ${show(value)}${hint}`);
}

/** Returns the names that an unknown one may mean: its meaning in other libraries, else the nearest name. */
export function candidates(name: string, names: readonly string[]): readonly string[] {
  const meant = meantBy(name, names);
  // Counting the edits of a very long name could take forever.
  if (meant.length > 0 || name.length > LONGEST_NAME) return meant;
  const begun = names.filter((candidate) => candidate.toLowerCase().startsWith(name.toLowerCase()));
  if (begun.length === 1 && name.length >= 3) return begun;
  const ranked = names
    .map((candidate) => ({ candidate, edits: distance(name.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.edits - b.edits);
  const best = ranked[0];
  return best && best.edits <= Math.max(2, name.length / 3) ? [best.candidate] : [];
}

/** Returns the error for a name that is not one of `names`, with a suggestion. */
export function unknownName(
  place: string,
  kind: string,
  name: string,
  names: readonly string[],
): OptionError {
  const reason = kind === "option" ? whyAbsent(name, names) : undefined;
  const found = candidates(name, names).map((candidate) => `"${candidate}"`);
  const hint = reason ? ` ${reason}` : found.length === 0 ? "" : ` Did you mean ${found.join(" or ")}?`;
  const list = names.length === 0 ? "none" : names.join(", ");
  return new OptionError(`${place}: unknown ${kind} ${show(name)}.${hint} Expected one of: ${list}`);
}

/** Returns whether a value is a plain object, of any realm: `{}`, or one without a prototype. */
export function isPlain(value: unknown): value is object {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || (Object.getPrototypeOf(prototype) === null && "hasOwnProperty" in prototype);
}

/** Checks that the value is a plain object with no other names than these. */
export function checkNames(
  given: unknown,
  names: readonly string[],
  place: string,
  kind = "option",
): asserts given is object {
  if (!isPlain(given)) {
    const hint = given !== null && typeof given === "object" ? "; pass a plain object, like { … }" : "";
    throw refuse(place, "an object of options", given, hint);
  }
  for (const name of Object.keys(given)) {
    if (!names.includes(name)) throw unknownName(place, kind, name, names);
  }
}

/**
 * Checks of plain JSON that comes from a file: each returns the value, or throws an error that names the
 * place.
 */
import { FormatError, show } from "../errors.ts";

/** Checks a value and returns it. */
export type Check<T> = (value: unknown, place: string) => T;

function refuse(place: string, expected: string, value: unknown): FormatError {
  return new FormatError(`${place}: expected ${expected}, received ${show(value)}`);
}

/** A finite number. */
export const finite: Check<number> = (value, place) => {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw refuse(place, "a finite number", value);
};

/** A finite number in a range, both ends included. */
export const between =
  (least: number, most: number): Check<number> =>
  (value, place) => {
    if (typeof value === "number" && value >= least && value <= most) return value;
    throw refuse(place, `a number from ${least} to ${most}`, value);
  };

/** A finite number above 0. */
export const positive: Check<number> = (value, place) => {
  if (typeof value === "number" && value > 0 && Number.isFinite(value)) return value;
  throw refuse(place, "a number above 0", value);
};

/** A number; null stands for NaN, which JSON does not have. */
export const numberOrNull: Check<number> = (value, place) =>
  value === null ? Number.NaN : finite(value, place);

/** A whole number from `least` to `most`. */
export const whole =
  (least = 0, most = 2 ** 31 - 1): Check<number> =>
  (value, place) => {
    if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most)
      return value as number;
    throw refuse(place, `a whole number from ${least} to ${most}`, value);
  };

export const text: Check<string> = (value, place) => {
  if (typeof value === "string") return value;
  throw refuse(place, "a text", value);
};

export const truth: Check<boolean> = (value, place) => {
  if (typeof value === "boolean") return value;
  throw refuse(place, "true or false", value);
};

/** One of some words. */
export const word =
  <const Word extends string>(words: readonly Word[]): Check<Word> =>
  (value, place) => {
    if (words.includes(value as Word)) return value as Word;
    throw refuse(place, `one of ${words.join(", ")}`, value);
  };

/** A list whose entries pass a check. */
export const list =
  <T>(check: Check<T>, least = 0): Check<T[]> =>
  (value, place) => {
    if (!Array.isArray(value) || value.length < least) {
      throw refuse(place, least > 0 ? `a list of at least ${least}` : "a list", value);
    }
    return Array.from(value, (entry, at) => check(entry, `${place}: entry ${at}`));
  };

/** A field that may be absent. */
export const optional =
  <T>(check: Check<T>): Check<T | undefined> =>
  (value, place) =>
    value === undefined ? undefined : check(value, place);

type Fields = Readonly<Record<string, Check<unknown>>>;

/** What an object of such fields is. */
export type Checked<F extends Fields> = { readonly [K in keyof F]: F[K] extends Check<infer T> ? T : never };

/** An object of these fields and no others; fields that are undefined are left out. */
export const fields =
  <const F extends Fields>(checks: F): Check<Checked<F>> =>
  (value, place) => {
    if (value === null || typeof value !== "object" || Array.isArray(value))
      throw refuse(place, "an object", value);
    const unknown = Object.keys(value).find((name) => !Object.hasOwn(checks, name));
    if (unknown !== undefined) throw new FormatError(`${place}: unknown field ${show(unknown)}`);
    const given = value as Record<string, unknown>;
    // In the order of the file, so that it is written again as it was.
    const names = [
      ...Object.keys(given),
      ...Object.keys(checks).filter((name) => !Object.hasOwn(given, name)),
    ];
    const entries = names.flatMap((name) => {
      const checked = checks[name](Object.hasOwn(given, name) ? given[name] : undefined, `${place}: ${name}`);
      return checked === undefined ? [] : [[name, checked] as const];
    });
    return Object.fromEntries(entries) as Checked<F>;
  };

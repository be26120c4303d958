/** The kinds of options, each with its check: numbers, sizes, words and names. */
import { OptionError } from "../errors.ts";
import { checkNames, refuse, unknownName } from "./names.ts";
import type { GivenTo, Option, Options, RequiredOption } from "./option.ts";

/** A range of numbers; `above` and `below` exclude the end itself. */
export interface NumberRange {
  readonly minimum?: number;
  readonly above?: number;
  readonly maximum?: number;
  readonly below?: number;
}

function rangeText({ minimum, above, maximum, below }: NumberRange): string {
  const low =
    minimum !== undefined ? ` of at least ${minimum}` : above !== undefined ? ` above ${above}` : "";
  const high = maximum !== undefined ? ` at most ${maximum}` : below !== undefined ? ` below ${below}` : "";
  return low && high ? `${low} and${high}` : low + high;
}

function within(value: number, { minimum, above, maximum, below }: NumberRange): boolean {
  return (
    (minimum === undefined || value >= minimum) &&
    (above === undefined || value > above) &&
    (maximum === undefined || value <= maximum) &&
    (below === undefined || value < below)
  );
}

/** A finite number in a range; required if it has no default. */
export function number(settings: { default: number } & NumberRange): Option<number>;
export function number(settings: { default?: never } & NumberRange): RequiredOption<number>;
export function number({ default: standard, ...range }: { default?: number } & NumberRange): Option<number> {
  const expected = `a finite number${rangeText(range)}`;
  const read = (value: unknown, place: string): number => {
    if (typeof value !== "number" || !Number.isFinite(value) || !within(value, range)) {
      throw refuse(place, expected, value);
    }
    // The kernels compute with 32-bit floats: rounding may give infinity, or an end that is excluded.
    const rounded = Math.fround(value);
    const { above, below } = range;
    if (!Number.isFinite(rounded) || rounded === above || rounded === below) {
      throw refuse(place, expected, value, `, which is ${rounded} in 32 bits`);
    }
    return value;
  };
  const required: RequiredOption<number> = { required: true, expected, read };
  return standard === undefined ? required : { default: standard, expected, read };
}

/** Returns the option with the name that earlier versions wrote into files. */
export const renamedFrom = <O extends Option<unknown>>(oldName: string, option: O): O => ({
  ...option,
  oldName,
});

/**
 * A number that is added to a divisor to keep it from zero; at least 1e-12. The native kernel sets state
 * below 1e-30 to zero. The root of such state is below 1e-15, which a much larger epsilon hides.
 */
export const epsilon = (standard: number) => number({ default: standard, minimum: 1e-12 });

/** A whole number of at least 0: a number of times, or a length of time. */
export function count({ default: standard }: { default: number }): Option<number> {
  return {
    default: standard,
    expected: "a whole number of at least 0",
    read: (value, place) => readWhole(value, place, 0),
  };
}

/** A name; whether it exists is checked where its meaning is known. */
export function text<Text extends string>({ default: standard }: { default: Text }): Option<Text> {
  const expected = "a name";
  return {
    default: standard,
    expected,
    read(value, place) {
      if (typeof value === "string" && value !== "") return value as Text;
      throw refuse(place, expected, value);
    },
  };
}

/** A name, or null if it is determined elsewhere. */
export function optionalText<Text extends string>(): Option<Text | null> {
  const { expected, read } = text<string>({ default: "" });
  return {
    default: null,
    expected,
    read: (value, place) => (value === null ? null : (read(value, place) as Text)),
  };
}

/** A finite number in a range, or null if it is determined elsewhere. */
export function optionalNumber(range: NumberRange): Option<number | null> {
  const { expected, read } = number(range);
  return {
    default: null,
    expected: `${expected}, or null`,
    read: (value, place) => (value === null ? null : read(value, place)),
  };
}

/** An object with exactly one of these options. */
export type OneOf<O extends Options> = {
  [K in keyof O]: { readonly [Name in K]: GivenTo<O[K]> } & {
    readonly [Name in Exclude<keyof O, K>]?: undefined;
  };
}[keyof O];

/** An object with exactly one of these options, or null for none. */
export function optionalOneOf<O extends Options>(options: O): Option<OneOf<O> | null> {
  const names = Object.keys(options);
  const expected = `an object with one of ${names.join(", ")}, or null`;
  return {
    default: null,
    expected,
    read(value, place) {
      if (value === null) return null;
      checkNames(value, names, place);
      const given = Object.entries(value).filter(([, entry]) => entry !== undefined);
      if (given.length !== 1) {
        const received = given.length === 0 ? "none" : given.map(([name]) => name).join(" and ");
        throw new OptionError(`${place}: expected exactly one of ${names.join(", ")}, received ${received}`);
      }
      const [[name, entry]] = given;
      return { [name]: options[name].read(entry, `${place}: ${name}`) } as OneOf<O>;
    },
  };
}

/** `true` or `false`. */
export function boolean({ default: standard }: { default: boolean }): Option<boolean> {
  const expected = "true or false";
  return {
    default: standard,
    expected,
    read(value, place) {
      if (typeof value === "boolean") return value;
      throw refuse(place, expected, value);
    },
  };
}

/** One of several words. */
export function oneOf<const Word extends string>(
  words: readonly Word[],
  { default: standard }: { default: NoInfer<Word> },
): Option<Word> {
  const expected = `one of ${words.map((word) => JSON.stringify(word)).join(", ")}`;
  return {
    default: standard,
    expected,
    words,
    read(value, place) {
      if (words.includes(value as Word)) return value as Word;
      if (typeof value === "string") throw unknownName(place, "word", value, words);
      throw refuse(place, expected, value);
    },
  };
}

/**
 * `true` or `false`, for losses: true by default. If the last layer has this name, the default is false, and
 * true is refused.
 */
export function unlessAfter(layer: string): Option<boolean> {
  const { read, expected } = boolean({ default: true });
  return {
    default: true,
    expected: `${expected}; after a last layer ${layer} false`,
    defaultAfter: (lastLayer) => lastLayer !== layer,
    read(value, place, lastLayer) {
      const given = read(value, place);
      if (given && lastLayer === layer) throw refuse(place, `false after the last layer, ${layer}`, value);
      return given;
    },
  };
}

/** The largest size that both kernels can count. */
const LARGEST_SIZE = 2 ** 31 - 1;

const SIZE = "a whole number of at least 1";

/** A whole number from `minimum`, 1 by default, to `maximum`; required if it has no default. */
export function size(settings: { default: number; minimum?: number; maximum?: number }): Option<number>;
export function size(settings?: {
  default?: never;
  minimum?: number;
  maximum?: number;
}): RequiredOption<number>;
export function size({
  default: standard,
  minimum = 1,
  maximum,
}: {
  default?: number;
  minimum?: number;
  maximum?: number;
} = {}) {
  const read = (value: unknown, place: string) => readWhole(value, place, minimum, maximum);
  const least = `a whole number of at least ${minimum}`;
  const expected = maximum === undefined ? least : `${least} and at most ${maximum}`;
  const required: RequiredOption<number> = { required: true, expected, read };
  return standard === undefined ? required : { default: standard, expected, read };
}

/** A whole number of at least 1, or null if it follows from other options. */
export function optionalSize(): Option<number | null> {
  return {
    default: null,
    expected: `${SIZE}, or null`,
    read: (value, place) => (value === null ? null : readSize(value, place)),
  };
}

/** A required index: a whole number of at least 0. */
export function index(): RequiredOption<number> {
  const expected = "a whole number of at least 0";
  return { required: true, expected, read: (value, place) => readWhole(value, place, 0) };
}

/** Returns a whole number of at least 1, or throws an {@link OptionError}. */
export function readSize(value: unknown, place: string): number {
  return readWhole(value, place, 1);
}

function readWhole(value: unknown, place: string, minimum: number, maximum = LARGEST_SIZE): number {
  if (Number.isInteger(value) && (value as number) >= minimum && (value as number) <= maximum)
    return value as number;
  const tooLarge = Number.isInteger(value) && (value as number) > maximum;
  const range = tooLarge ? `at most ${maximum}` : `at least ${minimum}`;
  throw refuse(place, `a whole number of ${range}`, value);
}

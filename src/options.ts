/**
 * Table entries and their options: declared once, with default and range; types, checks and builders follow.
 */
import { distance } from "fastest-levenshtein";
import { OptionError, show } from "./errors.ts";
import { LONGEST_NAME, meantBy, whyAbsent } from "./synonyms.ts";

/** What an option takes. `read` returns the value, or throws an {@link OptionError} that names the place. */
export interface Option<T> {
  readonly default?: T;
  /** What is taken, in words. */
  readonly expected: string;
  /** The words that are taken, where it is one of several. */
  readonly words?: readonly string[];
  /** The type of what may be given; `read` makes a T of it. Never set. */
  readonly given?: unknown;
  /** The name of the option in files of earlier versions, where that was another one. */
  readonly oldName?: string;
  /** The default after a last layer of this name, where that makes a difference. */
  defaultAfter?(lastLayer: string | undefined): T;
  read(value: unknown, place: string, lastLayer?: string): T;
}

/** An option without a default. */
export interface RequiredOption<T> extends Option<T> {
  readonly required: true;
}

/** The options of an entry by name. */
// biome-ignore lint/suspicious/noExplicitAny: each option has a type of its own
export type Options = Readonly<Record<string, Option<any>>>;

type GivenTo<O> = O extends { readonly given?: infer G } & Option<infer T>
  ? unknown extends G
    ? T
    : G
  : never;

/** The complete values of options. */
export type OptionValues<O extends Options> = {
  -readonly [K in keyof O]: O[K] extends Option<infer T> ? T : never;
};

type RequiredNames<O extends Options> = {
  [K in keyof O]: O[K] extends RequiredOption<unknown> ? K : never;
}[keyof O];

/** What a caller may give: options with a default may be left out. */
export type Given<O extends Options> = { [K in RequiredNames<O>]: GivenTo<O[K]> } & {
  [K in Exclude<keyof O, RequiredNames<O>>]?: GivenTo<O[K]> | undefined;
};

/** What every function has and no plain object, so that a builder that was not called is a type error. */
interface NotFunction {
  readonly [Symbol.hasInstance]?: never;
}

/** The plain object that a builder makes: the entry's name and the options given. */
export type Configured<Type extends string, O extends Options> = { readonly type: Type } & Readonly<
  Given<O>
> &
  NotFunction;

/** Without options nothing may be given: TypeScript checks no names against the type `{}`. */
type BuilderArguments<O extends Options> = [keyof O] extends [never]
  ? [options?: Record<string, never>]
  : [RequiredNames<O>] extends [never]
    ? [options?: Given<O>]
    : [options: Given<O>];

/**
 * An entry of a table: a builder of plain configuration that carries the options' declaration and `create`,
 * which makes what computes.
 */
export interface Entry<Type extends string, O extends Options, Made> {
  (...options: BuilderArguments<O>): Configured<Type, O>;
  readonly type: Type;
  readonly options: O;
  create(options: OptionValues<O>): Made;
}

/** Any entry that makes such a thing. */
// biome-ignore lint/suspicious/noExplicitAny: entries differ in their options
export type AnyEntry<Made> = Pick<Entry<string, any, Made>, "type" | "options" | "create">;

/** A table: a module whose exports are entries. */
export type Table<Made> = Readonly<Record<string, AnyEntry<Made>>>;

/** The names of a table's entries that need no option, so that the bare name is a configuration. */
type BareNames<T> = {
  [K in keyof T]: T[K] extends {
    readonly type: infer Type extends string;
    readonly options: infer O extends Options;
  }
    ? [RequiredNames<O>] extends [never]
      ? Type
      : never
    : never;
}[keyof T];

/** What may stand for an entry of a table: its configuration, or its bare name where it needs no option. */
export type Choice<T> =
  | {
      [K in keyof T]: T[K] extends {
        readonly type: infer Type extends string;
        readonly options: infer O extends Options;
      }
        ? Configured<Type, O>
        : never;
    }[keyof T]
  | BareNames<T>;

/** A complete configuration, as it travels to the kernels and into files. */
export interface Complete {
  readonly type: string;
  readonly [option: string]: unknown;
}

/** Makes an entry whose builder takes an object of options. */
export function entry<const Type extends string, O extends Options, Made>(
  type: Type,
  options: O,
  create: (options: OptionValues<O>) => Made,
): Entry<Type, O, Made> {
  const build = (given: Given<O> = {} as Given<O>) => {
    checkNames(given, Object.keys(options), type);
    return { type, ...given };
  };
  return Object.assign(build, { type, options, create }) as unknown as Entry<Type, O, Made>;
}

/** An error that says where, what was expected and what came. */
export function refuse(place: string, expected: string, value: unknown, hint = ""): OptionError {
  return new OptionError(`${place}: expected ${expected}, received ${show(value)}${hint}`);
}

/** A range of numbers; `above` and `below` leave the end itself out. */
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

/** A finite number in a range; without a default it has to be given. */
export function number(settings: { default: number } & NumberRange): Option<number>;
export function number(settings: { default?: never } & NumberRange): RequiredOption<number>;
export function number({ default: standard, ...range }: { default?: number } & NumberRange): Option<number> {
  const expected = `a finite number${rangeText(range)}`;
  const read = (value: unknown, place: string): number => {
    if (typeof value !== "number" || !Number.isFinite(value) || !within(value, range)) {
      throw refuse(place, expected, value);
    }
    // The kernels compute with 32 bits, which may round to infinity, or to an end that is left out.
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

/** Returns the option as one that earlier versions wrote into files as `oldName`. */
export const renamedFrom = <O extends Option<unknown>>(oldName: string, option: O): O => ({
  ...option,
  oldName,
});

/**
 * What keeps a divisor from zero. The native kernel sets state below 1e-30 to zero: its root is below 1e-15, which an
 * epsilon much larger than that hides.
 */
export const epsilon = (standard: number) => number({ default: standard, minimum: 1e-12 });

/** A whole number of at least 0: how often, or how long. */
export function count({ default: standard }: { default: number }): Option<number> {
  return {
    default: standard,
    expected: "a whole number of at least 0",
    read: (value, place) => readWhole(value, place, 0),
  };
}

/** A name that is checked where its meaning is known. */
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

/** A name, or null where another place says it. */
export function optionalText<Text extends string>(): Option<Text | null> {
  const { expected, read } = text<string>({ default: "" });
  return {
    default: null,
    expected,
    read: (value, place) => (value === null ? null : (read(value, place) as Text)),
  };
}

/** A finite number in a range, or null where another place says it. */
export function optionalNumber(range: NumberRange): Option<number | null> {
  const { expected, read } = number(range);
  return {
    default: null,
    expected: `${expected}, or null`,
    read: (value, place) => (value === null ? null : read(value, place)),
  };
}

/** An object that has exactly one of these options, with its value. */
export type OneOf<O extends Options> = {
  [K in keyof O]: { readonly [Name in K]: GivenTo<O[K]> } & {
    readonly [Name in Exclude<keyof O, K>]?: undefined;
  };
}[keyof O];

/** An object that has exactly one of some options, or null for none. */
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
 * `true` or `false`: true by default, but false where the last layer is the one of this name, after which
 * true is refused. It is for losses, which are told the last layer.
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

/** The largest size: what both kernels count with. */
const LARGEST_SIZE = 2 ** 31 - 1;

const SIZE = "a whole number of at least 1";

/** A whole number from 1 to `maximum`; without a default it has to be given. */
export function size(settings: { default: number; maximum?: number }): Option<number>;
export function size(settings?: { default?: never; maximum?: number }): RequiredOption<number>;
export function size({ default: standard, maximum }: { default?: number; maximum?: number } = {}) {
  const read = (value: unknown, place: string) => readWhole(value, place, 1, maximum);
  const expected = maximum === undefined ? SIZE : `${SIZE} and at most ${maximum}`;
  const required: RequiredOption<number> = { required: true, expected, read };
  return standard === undefined ? required : { default: standard, expected, read };
}

/** A whole number of at least 1, or null where it follows from others. */
export function optionalSize(): Option<number | null> {
  return {
    default: null,
    expected: `${SIZE}, or null`,
    read: (value, place) => (value === null ? null : readSize(value, place)),
  };
}

/** A place without a default: a whole number from 0. */
export function index(): RequiredOption<number> {
  const expected = "a whole number of at least 0";
  return { required: true, expected, read: (value, place) => readWhole(value, place, 0) };
}

/** A whole number of at least 1, or an {@link OptionError}. */
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

/** One entry of another table, complete. */
export function choice<T extends object>(
  kind: string,
  table: T,
  settings: { default: string | Complete },
): Option<Complete> & { readonly given?: Choice<T> } {
  return {
    default: complete(kind, table as Table<unknown>, settings.default, kind),
    expected: withArticle(kind),
    read: (value, place) => complete(kind, table as Table<unknown>, value, place),
  };
}

/** One entry of another table, complete, or null. */
export function optionalChoice<T extends object>(
  kind: string,
  table: T,
): Option<Complete | null> & { readonly given?: Choice<T> | null } {
  return {
    default: null,
    expected: `${withArticle(kind)}, or null`,
    read: (value, place) => (value === null ? null : complete(kind, table as Table<unknown>, value, place)),
  };
}

/** The names in `names` that one of none of them may mean: by its meaning elsewhere, else the nearest. */
function candidates(name: string, names: readonly string[]): readonly string[] {
  const meant = meantBy(name, names);
  // To count the edits of a long name could take for ever.
  if (meant.length > 0 || name.length > LONGEST_NAME) return meant;
  const ranked = names
    .map((candidate) => ({ candidate, edits: distance(name.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.edits - b.edits);
  const best = ranked[0];
  return best && best.edits <= Math.max(2, name.length / 3) ? [best.candidate] : [];
}

/** An error for a name that is none of `names`, with the one that is meant or the nearest. */
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

/** Whether a value is an object of any realm that no class made: `{}`, or one without a prototype. */
export function isPlain(value: unknown): value is object {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || (Object.getPrototypeOf(prototype) === null && "hasOwnProperty" in prototype);
}

/** Checks that options are a plain object, which has no other names than these. */
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

/** Fills in the defaults of options and checks the values given; undefined is as good as left out. */
export function completeOptions<O extends Options>(
  options: O,
  given: object,
  place: string,
  lastLayer?: string,
): OptionValues<O> {
  const values: Record<string, unknown> = {};
  for (const [name, option] of Object.entries(options)) {
    const value = (given as Record<string, unknown>)[name];
    if (value !== undefined) values[name] = option.read(value, `${place}: ${name}`, lastLayer);
    else if ("required" in option) throw new OptionError(`${place}: ${name} is missing`);
    else values[name] = option.defaultAfter?.(lastLayer) ?? option.default;
  }
  return values as OptionValues<O>;
}

function withArticle(noun: string): string {
  return `${/^[aeiou]/.test(noun) ? "an" : "a"} ${noun}`;
}

/** What to do with a builder that was passed and not called. */
function callIt(given: unknown): string {
  const { type } = typeof given === "function" ? (given as { type?: unknown }) : {};
  return typeof type === "string" ? `; call it: ${type}(…)` : "";
}

/**
 * Completes the configuration of a table's entry: the type is known, no option is unknown, each value fits,
 * and the defaults are filled in. `kind` says what the table holds, in the words of an error message; a
 * loss is told the last layer.
 */
export function complete(
  kind: string,
  table: Table<unknown>,
  given: unknown,
  place: string,
  lastLayer?: string,
): Complete {
  const named = typeof given === "string" ? { type: given } : given;
  if (named === null || typeof named !== "object" || !("type" in named) || typeof named.type !== "string") {
    throw refuse(
      place,
      `${withArticle(kind)}, as an object with a "type" or as a name`,
      given,
      callIt(given),
    );
  }
  const type = named.type;
  if (!Object.hasOwn(table, type)) throw unknownName(place, kind, type, Object.keys(table));
  const here = place === kind ? `${kind} ${type}` : `${place} (${type})`;
  const { options } = table[type];
  checkNames(named, ["type", ...Object.keys(options)], here);
  return { type, ...completeOptions(options, named, here, lastLayer) };
}

/** Makes what computes from a complete configuration. */
export function create<Made>(kind: string, table: Table<Made>, { type, ...options }: Complete): Made {
  if (!Object.hasOwn(table, type)) throw unknownName(kind, kind, type, Object.keys(table));
  return table[type].create(options);
}

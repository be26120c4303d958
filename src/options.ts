/**
 * Table entries and their options. An option is declared once, with default and range; its types, its checks
 * and the builder follow from the declaration.
 */
import { OptionError, show } from "./errors.ts";
import { checkNames, isPlain, refuse, unknownName } from "./options/names.ts";
import type { Given, Option, Options, OptionValues, RequiredNames } from "./options/option.ts";

export * from "./options/kinds.ts";
export { checkNames, isPlain, refuse, unknownName } from "./options/names.ts";
export type { Given, Option, Options, OptionValues, RequiredOption } from "./options/option.ts";

/** Excludes functions, so that a builder that was not called is a type error. */
interface NotFunction {
  readonly [Symbol.hasInstance]?: never;
}

/** The plain object that a builder returns: the entry's name and the options passed. */
export type Configured<Type extends string, O extends Options> = { readonly type: Type } & Readonly<
  Given<O>
> &
  NotFunction;

/** `Record<string, never>` for an entry without options: TypeScript checks no names against the type `{}`. */
type BuilderArguments<O extends Options> = [keyof O] extends [never]
  ? [options?: Record<string, never>]
  : [RequiredNames<O>] extends [never]
    ? [options?: Given<O>]
    : [options: Given<O>];

/**
 * An entry of a table: a builder of plain configurations, with the declarations of its options and a function
 * `create` that makes the implementation.
 */
export interface Entry<Type extends string, O extends Options, Made> {
  (...options: BuilderArguments<O>): Configured<Type, O>;
  readonly type: Type;
  readonly options: O;
  create(options: OptionValues<O>): Made;
}

/** An entry with any options. */
// biome-ignore lint/suspicious/noExplicitAny: entries differ in their options
export type AnyEntry<Made> = Pick<Entry<string, any, Made>, "type" | "options" | "create">;

/** A table: a module whose exports are entries. */
export type Table<Made> = Readonly<Record<string, AnyEntry<Made>>>;

/** The names of the entries without required options, which are configurations by themselves. */
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

/** The choice of an entry of a table: its configuration, or its bare name if no option is required. */
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

/** A configuration with all defaults filled in, as kernels and files receive it. */
export interface Complete {
  readonly type: string;
  readonly [option: string]: unknown;
}

/** Returns an entry whose builder takes an object of options. */
export function entry<const Type extends string, O extends Options, Made>(
  type: Type,
  options: O,
  create: (options: OptionValues<O>) => Made,
): Entry<Type, O, Made> {
  const build = (given: Given<O> = {} as Given<O>) => {
    checkGiven(given, options, type);
    return { type, ...given };
  };
  return Object.assign(build, { type, options, create }) as unknown as Entry<Type, O, Made>;
}

/** Returns checked options with the defaults filled in; undefined counts as left out. */
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
    else if ("required" in option) {
      throw new OptionError(`${place}: ${name} is missing. Fix: pass ${name}, ${option.expected}`);
    } else values[name] = option.defaultAfter?.(lastLayer) ?? option.default;
  }
  return values as OptionValues<O>;
}

/**
 * Checks the names of a builder's options. A value in their place, or the configuration of another entry, is
 * an error that shows how to pass it.
 */
function checkGiven(given: unknown, options: Options, type: string): void {
  const names = Object.keys(options);
  if (typeof given === "number") {
    const fitting = names.find((name) => accepts(options[name], given));
    const hint = fitting === undefined ? "" : `. Fix: ${type}({ ${fitting}: ${show(given)} })`;
    throw refuse(type, "an object of options", given, hint);
  }
  // An option that must be given and is no number is an entry, or a list of them.
  const inside = names.find((name) => "required" in options[name] && !accepts(options[name], 1));
  if (inside !== undefined && isPlain(given) && "type" in given && typeof given.type === "string") {
    throw new OptionError(
      `${type}: expected an object of options, received the configuration of ${show(given.type)}. Fix: ${type}({ ${inside}: ${given.type}(…) })`,
    );
  }
  checkNames(given, names, type);
}

/** Whether an option takes a value. */
function accepts(option: Option<unknown>, value: unknown): boolean {
  try {
    option.read(value, "");
    return true;
  } catch {
    return false;
  }
}

function withArticle(noun: string): string {
  return `${/^[aeiou]/.test(noun) ? "an" : "a"} ${noun}`;
}

/** Returns the hint for a builder that was passed without calling it, else an empty text. */
function callHint(given: unknown): string {
  const { type } = typeof given === "function" ? (given as { type?: unknown }) : {};
  return typeof type === "string" ? `; call it: ${type}(…)` : "";
}

/**
 * Returns the checked configuration of a table's entry with the defaults filled in. `kind` says what the
 * table holds, in the words of an error message. `lastLayer` is for losses.
 *
 * @throws OptionError for an unknown type or option, a missing option, or a value out of range.
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
      callHint(given),
    );
  }
  const type = named.type;
  if (!Object.hasOwn(table, type)) throw unknownName(place, kind, type, Object.keys(table));
  const here = place === kind ? `${kind} ${type}` : `${place} (${type})`;
  const { options } = table[type];
  checkNames(named, ["type", ...Object.keys(options)], here);
  return { type, ...completeOptions(options, named, here, lastLayer) };
}

/** Returns the implementation of a complete configuration. */
export function create<Made>(kind: string, table: Table<Made>, { type, ...options }: Complete): Made {
  if (!Object.hasOwn(table, type)) throw unknownName(kind, kind, type, Object.keys(table));
  return table[type].create(options);
}

/** An option that is an entry of another table. */
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

/** An option that is an entry of another table, or null. */
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

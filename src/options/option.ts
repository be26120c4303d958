/** What an option of a table entry is, and the types that follow from its declaration. */

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

/** What a caller may give for an option. */
export type GivenTo<O> = O extends { readonly given?: infer G } & Option<infer T>
  ? unknown extends G
    ? T
    : G
  : never;

/** The complete values of options. */
export type OptionValues<O extends Options> = {
  -readonly [K in keyof O]: O[K] extends Option<infer T> ? T : never;
};

/** The names of the options without a default. */
export type RequiredNames<O extends Options> = {
  [K in keyof O]: O[K] extends RequiredOption<unknown> ? K : never;
}[keyof O];

/** What a caller may give: options with a default may be left out. */
export type Given<O extends Options> = { [K in RequiredNames<O>]: GivenTo<O[K]> } & {
  [K in Exclude<keyof O, RequiredNames<O>>]?: GivenTo<O[K]> | undefined;
};

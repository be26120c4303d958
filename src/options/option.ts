/** The declaration of an option, and the types that follow from it. */

/** An option of a table entry. */
export interface Option<T> {
  readonly default?: T;
  /** The accepted values, in the words of an error message. */
  readonly expected: string;
  /** The accepted words, if the option is one of several words. */
  readonly words?: readonly string[];
  /** The type that a caller may pass, if `read` converts it to T. Exists for the compiler only. */
  readonly given?: unknown;
  /** The name of the option in files of earlier versions, if it was renamed. */
  readonly oldName?: string;
  /** Returns the default for a network whose last layer has this name, if it depends on that. */
  defaultAfter?(lastLayer: string | undefined): T;
  /** Returns the checked value, or throws an {@link OptionError} that begins with `place`. */
  read(value: unknown, place: string, lastLayer?: string): T;
}

/** An option without a default. */
export interface RequiredOption<T> extends Option<T> {
  readonly required: true;
}

/** The options of an entry by name. */
// biome-ignore lint/suspicious/noExplicitAny: each option has a type of its own
export type Options = Readonly<Record<string, Option<any>>>;

/** The values that a caller may pass for an option. */
export type GivenTo<O> = O extends { readonly given?: infer G } & Option<infer T>
  ? unknown extends G
    ? T
    : G
  : never;

/** The values of options, with the defaults filled in. */
export type OptionValues<O extends Options> = {
  -readonly [K in keyof O]: O[K] extends Option<infer T> ? T : never;
};

/** The names of the options without a default. */
export type RequiredNames<O extends Options> = {
  [K in keyof O]: O[K] extends RequiredOption<unknown> ? K : never;
}[keyof O];

/** The options that a caller may pass: those with a default may be left out. */
export type Given<O extends Options> = { [K in RequiredNames<O>]: GivenTo<O[K]> } & {
  [K in Exclude<keyof O, RequiredNames<O>>]?: GivenTo<O[K]> | undefined;
};

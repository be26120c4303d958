/** The commands and their options, as shells complete them. */

/** What may follow: one of some words, a file, or anything. */
export type Expected = { readonly words: readonly string[] } | "file" | "anything";

/** An option, as a shell completes it. */
export interface CompletedOption {
  /** `-o` and `--output`, or one of them. */
  readonly flags: readonly string[];
  readonly description: string;
  /** What its value may be; undefined for an option without one. */
  readonly value: Expected | undefined;
}

/** A command, as a shell completes it. */
export interface CompletedCommand {
  readonly name: string;
  readonly description: string;
  readonly options: readonly CompletedOption[];
  /** What each argument may be. */
  readonly arguments: readonly Expected[];
  /** Whether the last argument may be given several times. */
  readonly isVariadic: boolean;
}

/** The whole program. */
export interface CompletedProgram {
  readonly options: readonly CompletedOption[];
  readonly commands: readonly CompletedCommand[];
}

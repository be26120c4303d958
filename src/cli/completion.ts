/** `myelin completion`: scripts for shells, made of the commands as they are declared. */
import type { Argument, Command, Option } from "commander";
import { print, printJson } from "./output.ts";
import { bash, fish, zsh } from "./shells.ts";

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

const shells = { bash, zsh, fish };

/** The names of arguments and values that are files. */
const FILES = /file|path|folder|model|table|page/i;

function expectedOf(name: string, choices: readonly string[] | undefined): Expected {
  if (choices !== undefined) return { words: choices };
  return FILES.test(name) ? "file" : "anything";
}

function completedOption(option: Option): CompletedOption {
  const { short, long, description, flags, required, optional, argChoices } = option;
  const name = /[<[]([^>\]]*)/.exec(flags)?.[1] ?? "";
  return {
    flags: [short, long].filter((flag) => flag !== undefined),
    description,
    value: required || optional ? expectedOf(name, argChoices) : undefined,
  };
}

const completedArgument = (argument: Argument) => expectedOf(argument.name(), argument.argChoices);

/** What is completed of a program. */
export function completedProgram(program: Command): CompletedProgram {
  const help = program.createHelp();
  const visible = help.visibleCommands(program);
  const names = visible.map((command) => command.name());
  return {
    options: help.visibleOptions(program).map(completedOption),
    commands: visible.map((command) => ({
      name: command.name(),
      description: command.description(),
      options: help.visibleOptions(command).map(completedOption),
      arguments:
        command.name() === "help"
          ? [{ words: names.filter((name) => name !== "help") }]
          : command.registeredArguments.map(completedArgument),
      isVariadic: command.registeredArguments.at(-1)?.variadic ?? false,
    })),
  };
}

/** Prints the script of a shell. */
export function completionCommand(
  program: Command,
  shell: keyof typeof shells,
  { json }: { readonly json?: boolean },
): void {
  const script = shells[shell](completedProgram(program));
  if (json) printJson({ shell, script });
  else print(script.trimEnd());
}

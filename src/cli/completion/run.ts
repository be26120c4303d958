/** `myelin completion`: scripts for shells, made of the commands as they are declared. */
import type { Argument, Command, Option } from "commander";
import { print, printJson } from "../output.ts";
import type { CompletedOption, CompletedProgram, Expected } from "./completed.ts";
import { bash, fish, zsh } from "./shells.ts";

const shells = { bash, zsh, fish };

/** The names of arguments and values that are files. */
const FILES = /file|path|folder|model|table|page|source/i;

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
      description: command.summary() || command.description(),
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

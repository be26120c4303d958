/** How the command fails: one line on standard error that says what to do, and an exit code. */
import { writeSync } from "node:fs";
import { resolve } from "node:path";
import { type Command, CommanderError } from "commander";
import { environmentVariable } from "../host.ts";
import { candidates } from "../options/names.ts";
import { printable } from "../textTable.ts";

/** The exit codes. */
export const EXIT = {
  /** Everything was done. */
  success: 0,
  /** The data, a file or the system does not allow it. */
  failure: 1,
  /** An unknown command, option, column or value. */
  usage: 2,
  /** Ctrl-C. */
  interrupted: 130,
  /** SIGTERM. */
  terminated: 143,
} as const;

/** A failure whose message is for the user of the command. */
export class CommandFailure extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number = EXIT.failure) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Returns the failure for data or files that do not allow what was asked. */
export const failure = (message: string) => new CommandFailure(message);

/** Returns the failure for a wrong use of the command. */
export const wrongUse = (message: string) => new CommandFailure(message, EXIT.usage);

/** Writes a line to standard error, if it can be written: synchronously, because the process may end next. */
export function writeError(message: string): void {
  try {
    writeSync(2, `myelin: ${printable(message)}\n`);
  } catch {
    // The exit code still reports the error.
  }
}

/** Functions of the package that a message may begin with. Users of the command have not called them. */
const CALLS =
  /^(?:readTable|streamTable|fitTable|searchTable|loadTable|load|save|predict|evaluate|explain|importance|describe|splitTable|evaluationReport|summary|toBytes|serve|new Model|svg|html|png): /;

/** Options of functions with other names in the command. */
const FLAGS: Readonly<Record<string, string>> = {
  columns: "--type",
  groups: "--group",
  sampleWeight: "--weight",
  "budget: seconds": "--seconds",
};

/** The fixes that messages of the package name, and how the command line has them. */
const FIXES: readonly (readonly [pattern: RegExp, words: string])[] = [
  [/\bcolumns: \{ "([^"]*)": "(\w+)" \}/, "--type '$1=$2'"],
  [/, or "ignore"/, ", or leave it out with --drop"],
  [/\bquote: ""/, "--quote none"],
  [/\bheader: false/, "--header no"],
  [/\btask: "classification" or "regression"/, "--task classification or --task regression"],
  [/\b(ragged|encoding|format|task|query|decimal|separator): "([^"]*)"/, "--$1 '$2'"],
  [
    /\bgive \{ type: "(\w+)", average: "macro" \} as the metric/,
    "--metric $1_macro, $1_micro or $1_weighted",
  ],
  [/\bgive format\b/, "give --format"],
  [/ or its parameters\b/, ""],
  [/--format or encoding\b/, "--format or --encoding"],
  [/\bgive the encoding of the file, for instance\b/, "give the encoding of the file, such as"],
  [/\bgive it the type "category"/, "give it the type category with --type"],
  [/\bread it with loadTable or load\b/, "give its path, or see myelin --help"],
  [/\bread it with streamTable, or give columns: \[...\] to read some columns/, "use --stream"],
];

/** What messages call the stream that the command reads. */
let streamName = "standard input";

/** Sets what messages call the stream that the command reads. */
export function nameStream(name: string): void {
  streamName = name;
}

const fixInOwnWords = (text: string) =>
  FIXES.reduce((found, [pattern, words]) => found.replace(pattern, words), text).replace(
    /(--\w+) '([\w.-]+)'/g,
    "$1 $2",
  );

/** Returns a message with the paths that were given in place of the absolute ones. */
function withGivenPaths(message: string): string {
  return process.argv.slice(2).reduce((text, word) => {
    const path = word.replace(/^--?[\w-]+=/, "");
    const full = resolve(path);
    if (path === "" || full === path) return text;
    return text
      .replaceAll(JSON.stringify(full), () => JSON.stringify(path))
      .replaceAll(`'${full}'`, () => `'${path}'`);
  }, message);
}

/** Returns a message of the package in the words of the command: options by their flags. */
export function inOwnWords(message: string, command: Command | undefined): string {
  const at = message.indexOf("Fix: ");
  const own = at < 0 ? message : message.slice(0, at) + fixInOwnWords(message.slice(at));
  const text = own
    .replace(CALLS, "")
    .replace(/^the stream: /, () => `${streamName}: `)
    .replaceAll("\n", " ");
  const option = /^(?:"[^"]*": )?(budget: seconds|[a-zA-Z]+): /.exec(text)?.[1];
  if (option === undefined) return text;
  const flags = new Map(command?.options.map((one) => [one.attributeName(), one.long]));
  const flag = FLAGS[option] ?? flags.get(option);
  const isOwn = command?.options.some(({ long }) => long === flag) ?? false;
  return isOwn ? text.replace(`${option}: `, `${flag}: `) : text;
}

/** Adds the choice that was probably meant. */
const withNearest = (message: string) =>
  message.replace(/'([^']*)' is invalid(.*)\. Allowed choices are (.*)\.$/, (_, given, place, choices) => {
    const [nearest] = candidates(given, choices.split(", "));
    const hint = nearest === undefined ? "" : ` Did you mean ${nearest}?`;
    return `'${given}' is invalid${place}.${hint} Allowed choices are ${choices}.`;
  });

/** Returns a message of commander as one line in the style of the others. */
function fromCommander(message: string, command: Command | undefined): string {
  const text = withNearest(message.replace(/^error: /, ""))
    .replace(/\n\((Did you mean [^)]*\?)\)$/, ". $1")
    .replace(/\n+/g, " ")
    .replace(/\.?$/, (end) => (message.endsWith("?)") ? "" : end === "" ? "." : end));
  return `${text} Fix: see ${helpOf(command)}`;
}

/** Returns the call that prints the help of a command. */
const helpOf = (command: Command | undefined) =>
  command === undefined || command.parent === null ? "myelin --help" : `myelin ${command.name()} --help`;

/** Writes why a command failed, and returns the exit code. `command` is the one that ran. */
export function report(error: unknown, command: Command | undefined): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return EXIT.success;
    writeError(fromCommander(error.message, command));
    return EXIT.usage;
  }
  if (error instanceof CommandFailure) {
    writeError(error.message);
    return error.exitCode;
  }
  const { code, message, stack } = error as NodeJS.ErrnoException;
  // Errors of Myelin and of the system have messages for users; a stack would only hide them.
  if (code === undefined || environmentVariable("MYELIN_STACK") !== undefined) {
    writeError(String(stack ?? error));
    return EXIT.failure;
  }
  writeError(withGivenPaths(inOwnWords(message, command)));
  return code === "MYELIN_OPTION" ? EXIT.usage : EXIT.failure;
}

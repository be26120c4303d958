#!/usr/bin/env node
/**
 * The command `myelin`. Help and the version need only what is here; each command loads the package, and its
 * own code, when it runs.
 */
import { Command } from "commander";
import { candidates } from "../options/names.ts";
import { version } from "../version.ts";
import { commands } from "./commands.ts";
import { EXIT, report, wrongUse } from "./failures.ts";
import { withExamples } from "./options.ts";
import { watchStreams } from "./output.ts";

watchStreams();

const program = new Command("myelin")
  .description("Neural networks for Node: models of tables, from a shell.")
  .version(version, "-V, --version", "print the version")
  .helpOption("-h, --help", "print this help")
  .helpCommand("help [command]", "print the help of a command")
  .configureOutput({ outputError: () => undefined })
  .exitOverride();

/** The command that runs, for the words of its errors. */
let running: Command | undefined;

for (const declare of commands) declare(program);
withExamples(program, "myelin train houses.csv --target price", "myelin predict model.myelin new.csv");
program.hook("preAction", (_, command) => {
  running = command;
});

/** Returns the command that the arguments name. Its options may be wrong, so that it has not run. */
const named = () => program.commands.find((command) => command.name() === process.argv[2]);

/** Throws for `help` with the name of no command, for which commander prints the help of all. */
function checkHelp([word, name]: readonly string[]): void {
  const names = program.commands.map((command) => command.name());
  if (word !== "help" || name === undefined || name.startsWith("-") || names.includes(name)) return;
  const [nearest] = candidates(name, names);
  const hint = nearest === undefined ? "" : ` Did you mean ${nearest}?`;
  throw wrongUse(`unknown command '${name}'.${hint} Fix: see myelin --help`);
}

try {
  checkHelp(process.argv.slice(2));
  if (process.argv.length > 2) await program.parseAsync();
  else program.outputHelp();
} catch (error) {
  process.exitCode = report(error, running ?? named());
}
process.exitCode ??= EXIT.success;

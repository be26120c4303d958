#!/usr/bin/env node
/** The command `myelin`: one file per subcommand, loaded when the subcommand runs. */
import { writeSync } from "node:fs";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { MyelinError, version } from "myelin";

function wholeNumber(minimum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== "" && Number.isSafeInteger(value) && value >= minimum) return value;
    throw new InvalidArgumentError(`Expected a whole number of at least ${minimum}.`);
  };
}

function finiteNumber(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value)) return value;
  throw new InvalidArgumentError("Expected a number.");
}

const program = new Command("myelin")
  .description("Neural networks for Node.")
  .version(version)
  .exitOverride();

program
  .command("xor")
  .description("train a 2-64-1 network on the exclusive or, and plot what it learned")
  .option("--examples <number>", "number of points to train on", wholeNumber(1), 1000)
  .option("--epochs <number>", "number of passes over the points", wholeNumber(1), 300)
  .option("--batch-size <number>", "points per step", wholeNumber(1), 5)
  .option("--learning-rate <number>", "step size of gradient descent", finiteNumber, 0.01)
  .option("--seed <number>", "determines the data and the initial weights", wholeNumber(0), 1)
  .option("--folder <path>", "where to write xor.svg and xor.html", ".")
  .addOption(
    new Option("--kernel <name>", "kernel to use").choices(["auto", "native", "typescript"]).default("auto"),
  )
  .action(async (options) => (await import("./xor.ts")).xorCommand(options));

/** Writes an error message, if standard error accepts it: synchronously, because the process may end next. */
function writeError(message: string): void {
  try {
    writeSync(2, `myelin: ${message}\n`);
  } catch {
    // The exit code still reports the error.
  }
}

// A reader such as head may stop before the end of the output. That is not an error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit();
  writeError(`standard output cannot be written: ${error.message}`);
  process.exit(1);
});
process.stderr.on("error", () => undefined);

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = error instanceof CommanderError ? error.exitCode : 1;
  // Errors of Myelin and of the system have messages for users; a stack would only hide them.
  const known = error instanceof MyelinError || (error as NodeJS.ErrnoException).code !== undefined;
  if (!(error instanceof CommanderError)) {
    writeError(known ? (error as Error).message : String((error as Error).stack ?? error));
  }
}

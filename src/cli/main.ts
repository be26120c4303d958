#!/usr/bin/env node
/** The command `myelin`: one file a verb, loaded when it is asked for. */
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
  .description("train a 2-64-1 network on the exclusive or, and plot what it learnt")
  .option("--examples <number>", "how many points to train on", wholeNumber(1), 1000)
  .option("--epochs <number>", "how often to go through them", wholeNumber(1), 300)
  .option("--batch-size <number>", "points a step", wholeNumber(1), 5)
  .option("--learning-rate <number>", "how far a step goes", finiteNumber, 0.01)
  .option("--seed <number>", "names the data and the initial weights", wholeNumber(0), 1)
  .option("--folder <path>", "where to write xor.svg and xor.html", ".")
  .addOption(
    new Option("--kernel <name>", "what computes").choices(["auto", "native", "typescript"]).default("auto"),
  )
  .action(async (options) => (await import("./xor.ts")).xorCommand(options));

/** Says what went wrong, if standard error takes it. It is written at once, because the process may end next. */
function complain(message: string): void {
  try {
    writeSync(2, `myelin: ${message}\n`);
  } catch {
    // The exit code says it, too.
  }
}

// A reader may stop before the end of the output, as head does: that is not an error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit();
  complain(`standard output cannot be written: ${error.message}`);
  process.exit(1);
});
process.stderr.on("error", () => undefined);

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = error instanceof CommanderError ? error.exitCode : 1;
  // An error of ours, or of the system, says what to do; the stack would only hide it.
  const known = error instanceof MyelinError || (error as NodeJS.ErrnoException).code !== undefined;
  if (!(error instanceof CommanderError)) {
    complain(known ? (error as Error).message : String((error as Error).stack ?? error));
  }
}

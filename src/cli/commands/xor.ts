/** `myelin xor`: its options. */
import {
  type Declare,
  finiteNumber,
  jsonOption,
  kernelOption,
  wholeNumber,
  withExamples,
} from "../options.ts";

export const xor: Declare = (program) => {
  const command = program
    .command("xor")
    .summary("train a 2-64-1 network on the exclusive or, and plot what it learned")
    .description(
      "Trains a 2-64-1 network on the exclusive or, and plots what it learned: in the terminal and in two files.",
    )
    .option("--examples <number>", "number of points to train on", wholeNumber(1), 1000)
    .option("--epochs <number>", "number of passes over the points", wholeNumber(1), 300)
    .option("--batch-size <number>", "points per step", wholeNumber(1), 5)
    .option("--learning-rate <number>", "step size of gradient descent", finiteNumber, 0.01)
    .option("--seed <number>", "determines the data and the initial weights", wholeNumber(0), 1)
    .option("--folder <path>", "where to write xor.svg and xor.html", ".")
    .addOption(kernelOption())
    .addOption(jsonOption())
    .action(async (options) => (await import("../xor.ts")).xorCommand(options));
  withExamples(command, "myelin xor --epochs 100 --folder plots");
};

/** `myelin generate`: its options. */
import { Argument, Option } from "commander";
import {
  type Declare,
  finiteNumber,
  jsonOption,
  positiveNumber,
  wholeNumber,
  withExamples,
} from "../options.ts";

/** The generators of the package. */
const GENERATORS = ["blobs", "circles", "friedman1", "moons", "spirals", "xor"];

const FORMATS = ["csv", "tsv", "jsonl"];

export const generate: Declare = (program) => {
  const command = program
    .command("generate")
    .summary("write a table of generated data")
    .description("Writes a table of generated data: columns x1, x2, … and y, the number or the class.")
    .addArgument(new Argument("<name>", "which data").choices(GENERATORS))
    .option("-o, --output <path>", "file to write (default: standard output)")
    .addOption(
      new Option("--to <format>", "format to write (default: by the ending of the file, else csv)").choices(
        FORMATS,
      ),
    )
    .option("--examples <number>", "number of rows", wholeNumber(1), 1000)
    .option("--seed <number>", "determines the data", wholeNumber(0), 0)
    .option("--noise <number>", "standard deviation of the noise; not for blobs and xor", finiteNumber)
    .option("--factor <number>", "circles: radius of the inner one", finiteNumber)
    .option("--arms <number>", "spirals: number of arms", wholeNumber(1))
    .option("--turns <number>", "spirals: turns of an arm", positiveNumber)
    .option("--centers <number>", "blobs: number of clusters", wholeNumber(1))
    .option("--stddev <number>", "blobs: standard deviation of a cluster", finiteNumber)
    .option("--inputs <number>", "blobs, friedman1: number of columns before y", wholeNumber(1))
    .addOption(jsonOption())
    .action(async (name, options) => (await import("../generate.ts")).generateCommand(name, options));
  withExamples(
    command,
    "myelin generate moons --noise 0.1 -o moons.csv",
    "myelin generate friedman1 --examples 500 --to jsonl | head -3",
  );
};

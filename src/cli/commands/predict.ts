/** `myelin predict`: its options. */
import { Option } from "commander";
import { type Declare, jsonOption, kernelOption, withExamples } from "../options.ts";
import { withReading } from "../reading.ts";

export const predict: Declare = (program) => {
  const command = program
    .command("predict")
    .summary("predict the rows of a table")
    .description("Predicts the rows of a table of any size, in the units of the target.")
    .argument("<model>", "file that myelin train wrote")
    .argument("<file>", "table; - for standard input")
    .option("-o, --output <path>", "file to write (default: standard output)")
    .addOption(
      new Option("--to <format>", "format to write (default: by the ending of the file, else csv)").choices([
        ...["csv", "tsv", "jsonl", "parquet"],
      ]),
    )
    .option("--keep", "also write the columns of the table")
    .option("--probabilities", "also write the probability of each class")
    .addOption(kernelOption())
    .addOption(jsonOption());
  withReading(command).action(async (model, file, options) =>
    (await import("../predict/run.ts")).predictCommand(model, file, options),
  );
  withExamples(
    command,
    "myelin predict model.myelin new.csv -o answers.csv",
    "myelin predict churn.myelin customers.parquet --keep --probabilities -o scored.parquet",
    "cat new.csv | myelin predict model.myelin - --to jsonl | head",
  );
};

/** `myelin train`: its options. */
import type { Command } from "commander";
import { type Declare, jsonOption, withExamples } from "../options.ts";
import { type Setting, withSettings } from "../settings.ts";
import { TRAIN_SETTINGS } from "../train/settings.ts";

/** Adds the argument and the options of a command that trains. */
export const withTraining = (command: Command, settings: readonly Setting[]): Command =>
  withSettings(
    command.argument(
      "[file]",
      "table: CSV, TSV, JSON, JSON Lines, Parquet, Arrow, SQLite, DuckDB; - for standard input",
    ),
    settings,
  )
    .option("--config <file>", "JSON file of options by their names")
    .option("--print-config", "print the options as such a file, and do nothing else")
    .option("--quiet", "no notes and no progress")
    .addOption(jsonOption());

export const train: Declare = (program) => {
  const command = program
    .command("train")
    .summary("train a model on a table")
    .description("Trains a model that predicts a column of a table from the others, and saves it.");
  withTraining(command, TRAIN_SETTINGS).action(async (file, options) =>
    (await import("../train/run.ts")).trainCommand(file, options),
  );
  withExamples(
    command,
    "myelin train houses.csv --target price",
    "myelin train houses.csv --target price --holdout 0.2 --report report.html",
    "myelin train churn.csv --target churned --metric f1 --positive yes --threshold best -o churn.myelin",
    "myelin train visits.parquet --target cost --group patient --drop id,name --quantiles 0.05,0.5,0.95",
  );
};

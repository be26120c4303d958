/** The options of the commands that look at models and tables: evaluate, inspect, explain. */
import { type Declare, jsonOption, kernelOption, wholeNumber, withExamples } from "../options.ts";
import { withReading } from "../reading.ts";

export const evaluate: Declare = (program) => {
  const command = program
    .command("evaluate")
    .summary("test a model on a table with answers")
    .description(
      "Compares a model with a table whose answers are known: scores beside those of the mean or the commonest class, and for classes the confusion matrix, each class, and how far probabilities can be trusted.",
    )
    .argument("<model>", "file that myelin train wrote")
    .argument("<file>", "table; - for standard input")
    .option("--report <page>", "HTML page to write about the model and this table, such as report.html")
    .addOption(kernelOption())
    .addOption(jsonOption());
  withReading(command).action(async (model, file, options) =>
    (await import("../look/evaluate.ts")).evaluateCommand(model, file, options),
  );
  withExamples(
    command,
    "myelin evaluate model.myelin test.csv",
    "myelin evaluate model.myelin test.csv --report report.html",
  );
};

export const inspect: Declare = (program) => {
  const command = program
    .command("inspect")
    .summary("show what is in a model or a table")
    .description(
      "Shows what is in a file. A model: columns, networks, scores. A table: types, missing values, quantiles, and what deserves a look.",
    )
    .argument("<file>", "model or table; - for a table from standard input")
    .option("--target <column>", "table: also warn about this column as a target")
    .addOption(jsonOption());
  withReading(command).action(async (file, options) =>
    (await import("../look/inspect.ts")).inspectCommand(file, options),
  );
  withExamples(command, "myelin inspect houses.csv --target price", "myelin inspect model.myelin");
};

export const explain: Declare = (program) => {
  const command = program
    .command("explain")
    .summary("show why a model answers so")
    .description("Shows how much each column of a row moved the answer (Shapley values).")
    .argument("<model>", "file that myelin train wrote")
    .argument("[file]", "table that has the row; - for standard input")
    .option("--row <json>", "row as a JSON object, in place of a table")
    .option("--index <number>", "number of the row in the table, from 0 (default: 0)", wholeNumber(0))
    .option("--class <name>", "class to explain (default: the answer)")
    .option("--target <name>", "target to explain, for a model of several")
    .addOption(kernelOption())
    .addOption(jsonOption());
  withReading(command).action(async (model, file, options) =>
    (await import("../look/explain.ts")).explainCommand(model, file, options),
  );
  withExamples(
    command,
    `myelin explain penguins.myelin --row '{"island": "Biscoe", "bill length": 46.1}'`,
    "myelin explain model.myelin new.csv --index 12",
  );
};

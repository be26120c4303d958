/** `myelin search`: its options. */
import { type Declare, withExamples } from "../options.ts";
import { SEARCH_SETTINGS } from "../train/settings.ts";
import { withTraining } from "./train.ts";

export const search: Declare = (program) => {
  const command = program
    .command("search")
    .summary("search for networks that fit a table, and train a model of the best")
    .description(
      "Trains the networks of train, tries other configurations by successive halving, and saves a model of the best.",
    );
  withTraining(command, SEARCH_SETTINGS).action(async (file, options) =>
    (await import("../train/run.ts")).searchCommand(file, options),
  );
  withExamples(
    command,
    "myelin search houses.csv --target price",
    "myelin search churn.csv --target churned --trials 48 --seconds 600 -o churn.myelin",
  );
};

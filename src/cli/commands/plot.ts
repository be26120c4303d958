/** `myelin plot`: its options. */
import { Option } from "commander";
import { type Declare, jsonOption, names, wholeNumber, withExamples } from "../options.ts";
import { KINDS } from "../plot/names.ts";
import { withReading } from "../reading.ts";

export const plot: Declare = (program) => {
  const kinds = Object.entries(KINDS).map(([name, { description }]) => `  ${name.padEnd(21)}${description}`);
  const command = program
    .command("plot")
    .summary("draw a picture of a model or a table")
    .description("Draws a picture of a model or a table: in the terminal, or into a file.")
    .argument("<source>", "model, or table; - for a table from standard input")
    .argument("<kind>", "picture: see below")
    .option("-o, --output <path>", "file to write: .svg, .html or .png (default: draw in the terminal)")
    .option("--data <file>", "table with answers, for a picture of a model's predictions")
    .option("--columns <names>", "columns to draw, separated by commas", names)
    .option("--color <column>", "scatter: column that colors the points")
    .option("--class <name>", "class whose probability is drawn (default: the positive one)")
    .option("--target <name>", "target, for a model of several")
    .option("--title <text>", "heading")
    .option("--width <pixels>", "width of the picture, from 320 to 1600", wholeNumber(320))
    .addOption(new Option("--theme <name>", "colors").choices(["auto", "light", "dark"]))
    .addOption(jsonOption());
  withReading(command).action(async (source, kind, options) =>
    (await import("../plot/run.ts")).plotCommand(source, kind, options),
  );
  command.addHelpText("after", `\nPictures:\n${kinds.join("\n")}`);
  withExamples(
    command,
    "myelin plot houses.csv distribution --columns price",
    "myelin plot houses.csv scatter --columns area,price --color town -o houses.svg",
    "myelin plot model.myelin confusion --data test.csv -o confusion.html",
  );
};

/** Options that several commands share, and the readers of their values. */
import { type Command, InvalidArgumentError, Option } from "commander";

/** Adds a command to the program: its options, its help, and what loads and runs it. */
export type Declare = (program: Command) => void;

/** Reads a whole number of at least `minimum`. */
export function wholeNumber(minimum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== "" && Number.isSafeInteger(value) && value >= minimum) return value;
    throw new InvalidArgumentError(`Expected a whole number of at least ${minimum}.`);
  };
}

/** Reads a number. */
export function finiteNumber(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value)) return value;
  throw new InvalidArgumentError("Expected a number.");
}

/** Reads a number above 0. */
export function positiveNumber(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError("Expected a number above 0.");
}

/** Reads a share of at least 0 and below 1. */
export function share(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= 0 && value < 1) return value;
  throw new InvalidArgumentError("Expected a number of at least 0 and below 1, such as 0.2.");
}

/** Reads names between commas. An option that is given again adds to them. */
export function names(text: string, before: readonly string[] = []): readonly string[] {
  const found = text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  if (found.length > 0) return [...before, ...found];
  throw new InvalidArgumentError("Expected names, separated by commas.");
}

/** Reads `name=value`. An option that is given again adds to the names. */
export function pairs(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  // The last one, because a column's name may have an equals sign, and a value has none.
  const at = text.lastIndexOf("=");
  if (at > 0 && at < text.length - 1) return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
  throw new InvalidArgumentError("Expected a name and a value, such as zip=category.");
}

/** The kernel to use. */
export const kernelOption = () =>
  new Option("--kernel <name>", "kernel to use").choices(["auto", "native", "typescript"]).default("auto");

/** The option of every command for scripts. */
export const jsonOption = () => new Option("--json", "print one JSON document");

/** The options of the command line that say how to read a table, as commander gives them. */
export interface ReadingValues {
  readonly format?: string;
  readonly separator?: string;
  readonly quote?: string;
  readonly decimal?: string;
  readonly encoding?: string;
  readonly header?: boolean;
  readonly text?: readonly string[];
  readonly ragged?: string;
  readonly query?: string;
}

/** Reads a separator; `\t` and `tab` are a tab. */
const separator = (text: string) => (text === "\\t" || text === "tab" ? "\t" : text);

/** Adds the options that say how to read a table. */
export function withReading(command: Command): Command {
  const heading = "Reading the table:";
  const options = [
    new Option("--format <name>", "format of the table, where bytes and name do not tell").choices([
      ...["csv", "tsv", "json", "jsonl", "parquet", "arrow", "sqlite", "duckdb"],
    ]),
    new Option("--separator <character>", "CSV: character between cells").argParser(separator),
    new Option("--quote <character>", 'CSV: character around cells; "" for none'),
    new Option("--decimal <character>", "CSV: character before decimals").choices([".", ","]),
    new Option("--encoding <name>", "CSV: encoding, such as windows-1252"),
    new Option("--header", "CSV: the first line has the names"),
    new Option("--no-header", "CSV: the first line is data; the columns are column1, column2, …"),
    new Option("--text <columns>", "CSV: columns to keep as text, such as codes").argParser(names),
    new Option("--ragged <action>", "CSV: lines with fewer cells").choices(["refuse", "pad"]),
    new Option("--query <sql>", "SQLite, DuckDB: what to select"),
  ];
  for (const option of options) command.addOption(option.helpGroup(heading));
  return command;
}

/** Adds examples to the help of a command, each with what it does. */
export function withExamples(command: Command, ...examples: readonly string[]): Command {
  const lines = examples.map((example) => `  $ ${example}`).join("\n");
  return command.addHelpText("after", `\n${examples.length > 1 ? "Examples" : "Example"}:\n${lines}`);
}

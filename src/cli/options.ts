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
  new Option("--kernel <name>", "kernel to use")
    .choices(["auto", "native", "wasm", "typescript"])
    .default("auto");

/** The option of every command for scripts. */
export const jsonOption = () => new Option("--json", "print one JSON document");

/** Adds examples to the help of a command, each with what it does. */
export function withExamples(command: Command, ...examples: readonly string[]): Command {
  const lines = examples.map((example) => `  $ ${example}`).join("\n");
  return command.addHelpText("after", `\n${examples.length > 1 ? "Examples" : "Example"}:\n${lines}`);
}

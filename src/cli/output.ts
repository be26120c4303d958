/** Where a command writes: results to standard output, notes and progress to standard error. */
import { environmentVariable } from "../host.ts";
import { printable } from "../textTable.ts";
import { EXIT, writeError } from "./failures.ts";

/** Writes a line of the result. */
export function print(text = ""): void {
  process.stdout.write(`${text}\n`);
}

/** Writes a part of the result, and waits until the reader is ready for more. */
export async function printPart(part: string | Uint8Array): Promise<void> {
  if (process.stdout.write(part)) return;
  await new Promise((resolve) => process.stdout.once("drain", resolve));
}

/** Writes the result of a command with `--json`. Numbers that JSON does not have become null. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value, undefined, process.stdout.isTTY ? 2 : undefined));
}

/** Writes a line that is not part of the result. */
export function note(text: string): void {
  process.stderr.write(`${printable(text)}\n`);
}

/** Returns whether a stream takes colors: a terminal, unless `NO_COLOR` is set. */
export const hasColors = (stream: NodeJS.WriteStream): boolean =>
  stream.isTTY === true && stream.hasColors() && environmentVariable("NO_COLOR") === undefined;

/** Returns what makes text of a result bold, dim or colored; without colors it stays as it is. */
export function styles(stream: NodeJS.WriteStream = process.stdout) {
  const isColored = hasColors(stream);
  const style = (start: number, end: number) => (text: string) =>
    isColored ? `\u001b[${start}m${text}\u001b[${end}m` : text;
  return { bold: style(1, 22), dim: style(2, 22), green: style(32, 39), yellow: style(33, 39) };
}

/** Returns the width of the terminal, or of lines in a pipe. */
export const width = (): number => process.stdout.columns || 80;

/** Ends the process where standard output cannot be written. */
export function watchStreams(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    // A reader such as head may stop before the end of the output. That is not an error.
    if (error.code === "EPIPE") process.exit(EXIT.success);
    writeError(`standard output cannot be written: ${error.message}`);
    process.exit(EXIT.failure);
  });
  process.stderr.on("error", () => undefined);
}

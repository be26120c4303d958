/** `myelin generate`: generated data as a table. */
import { extname, resolve } from "node:path";
import { blobs, circles, type Dataset, friedman1, moons, spirals, xor } from "myelin";
import { fileError } from "../files/paths.ts";
import { replace } from "../files/replace.ts";
import { wrongUse } from "./failures.ts";
import { print, printJson, printPart } from "./output.ts";

const generators = { blobs, circles, friedman1, moons, spirals, xor };

/** The options of the command line; all but the first three are those of the generators. */
export interface GenerateValues {
  readonly output?: string;
  readonly to?: Format;
  readonly json?: boolean;
  readonly examples: number;
  readonly seed: number;
  readonly [option: string]: unknown;
}

type Format = "csv" | "tsv" | "jsonl";

/** The formats by the ends of file names. */
const ENDS: Readonly<Record<string, Format>> = {
  ".csv": "csv",
  ".tsv": "tsv",
  ".jsonl": "jsonl",
  ".ndjson": "jsonl",
};

/** Rows that are written at a time. */
const BLOCK = 4096;

function formatOf({ output = "-", to }: GenerateValues): Format {
  if (to !== undefined || output === "-") return to ?? "csv";
  const end = extname(output).toLowerCase();
  if (Object.hasOwn(ENDS, end)) return ENDS[end];
  throw wrongUse(
    `the format of ${JSON.stringify(output)} is unknown. Fix: end its name with ${Object.keys(ENDS).join(", ")}, or give --to`,
  );
}

/** Returns the shortest decimal number that is the same in 32 bits. */
function shortest(value: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}

const namesOf = ({ inputs }: Dataset) => [...Array.from({ length: inputs }, (_, at) => `x${at + 1}`), "y"];

function record({ x, y, inputs }: Dataset, names: readonly string[], row: number): Record<string, number> {
  const values = [...x.subarray(row * inputs, (row + 1) * inputs), y[row]].map(shortest);
  return Object.fromEntries(names.map((name, at) => [name, values[at]]));
}

/** The table as text, some rows at a time. */
function* texts(data: Dataset, format: Format): Generator<string> {
  const names = namesOf(data);
  const separator = format === "tsv" ? "\t" : ",";
  if (format !== "jsonl") yield `${names.join(separator)}\n`;
  for (let start = 0; start < data.rows; start += BLOCK) {
    const lines: string[] = [];
    for (let row = start; row < Math.min(data.rows, start + BLOCK); row++) {
      const values = record(data, names, row);
      lines.push(format === "jsonl" ? JSON.stringify(values) : Object.values(values).join(separator));
    }
    yield `${lines.join("\n")}\n`;
  }
}

/** Writes generated data. */
export async function generateCommand(name: string, values: GenerateValues): Promise<void> {
  const { output = "-", to: _to, json, ...options } = values;
  const format = formatOf(values);
  const data = generators[name as keyof typeof generators](options);
  if (output === "-") {
    const names = namesOf(data);
    if (json) printJson(Array.from({ length: data.rows }, (_, row) => record(data, names, row)));
    else for (const text of texts(data, format)) await printPart(text);
    return;
  }
  const pieces = Array.from(texts(data, format), (text) => Buffer.from(text));
  try {
    await replace(resolve(output), pieces);
  } catch (error) {
    throw fileError(`${JSON.stringify(output)} cannot be written`, error);
  }
  if (json) printJson({ file: output, rows: data.rows, columns: namesOf(data) });
  else print(`wrote ${data.rows} rows to ${output}`);
}

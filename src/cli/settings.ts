/**
 * Settings of a command that the command line and a configuration file both have: each is declared once, with
 * its JSON schema, from which its reader follows.
 */
import { type Command, InvalidArgumentError, Option } from "commander";
import { unknownName } from "../options/names.ts";
import { wrongUse } from "./failures.ts";
import { finiteNumber, names, pairs, positiveNumber, share, wholeNumber } from "./options.ts";

/** The JSON schema of a setting: the forms that are used here. */
export type Schema =
  | { readonly type: "string" }
  | { readonly enum: readonly string[] }
  | { readonly type: "boolean" }
  | { readonly type: "integer"; readonly minimum: number }
  | { readonly type: "number"; readonly exclusiveMinimum?: number }
  | { readonly type: "number"; readonly minimum: 0; readonly exclusiveMaximum: 1 }
  | { readonly type: "array"; readonly items: { readonly type: "string" | "number" } }
  | { readonly type: "object"; readonly additionalProperties: { readonly enum: readonly string[] } }
  | { readonly anyOf: readonly [{ readonly type: "number" }, { readonly const: string }] };

/** A setting. */
export interface Setting {
  /** The name in a configuration; the flag is `--` with hyphens. */
  readonly name: string;
  /** What the help shows in place of the value. */
  readonly value?: string;
  readonly description: string;
  readonly schema: Schema;
  /** The heading in the help. */
  readonly heading?: string;
  /** A short flag. */
  readonly short?: string;
}

/** Settings by their names, as given. */
export type Given = Readonly<Record<string, unknown>>;

/** Returns the flag of a setting. */
const flagOf = (name: string) => `--${name.replace(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`)}`;

function numbers(text: string, before: readonly number[] = []): readonly number[] {
  const found = names(text).map((entry) => finiteNumber(entry));
  return [...before, ...found];
}

/** Returns what reads the value of a setting on the command line. */
function parserOf(schema: Schema): ((text: string, before: never) => unknown) | undefined {
  if ("anyOf" in schema) {
    const [, { const: word }] = schema.anyOf;
    return (text) => {
      if (text === word) return word;
      const value = Number(text);
      if (text.trim() !== "" && Number.isFinite(value)) return value;
      throw new InvalidArgumentError(`Expected a number, or ${word}.`);
    };
  }
  if ("enum" in schema) return undefined;
  switch (schema.type) {
    case "integer":
      return wholeNumber(schema.minimum);
    case "number":
      return "exclusiveMaximum" in schema ? share : positiveNumber;
    case "array":
      return schema.items.type === "string" ? names : numbers;
    case "object":
      return pairsOf(schema.additionalProperties.enum);
    default:
      return undefined;
  }
}

const pairsOf = (allowed: readonly string[]) => (text: string, before: Given) => {
  const found = pairs(text, before as Readonly<Record<string, string>>);
  const wrong = Object.values(found).find((value) => !allowed.includes(value));
  if (wrong === undefined) return found;
  throw new InvalidArgumentError(`Expected one of ${allowed.join(", ")}, received ${wrong}.`);
};

/** Adds the options of settings to a command. */
export function withSettings(command: Command, settings: readonly Setting[]): Command {
  for (const { name, value = "value", description, schema, heading, short } of settings) {
    const isFlag = "type" in schema && schema.type === "boolean";
    const flags = `${short === undefined ? "" : `${short}, `}${flagOf(name)}${isFlag ? "" : ` <${value}>`}`;
    const option = new Option(flags, description);
    if ("enum" in schema) option.choices(schema.enum);
    const parser = parserOf(schema);
    if (parser !== undefined) option.argParser(parser as (text: string, before: unknown) => unknown);
    if (heading !== undefined) option.helpGroup(heading);
    command.addOption(option);
  }
  return command;
}

const isRecord = (value: unknown): value is Given =>
  value !== null && typeof value === "object" && !Array.isArray(value);

/** Returns what a schema expects, or undefined if a value is so. */
function mismatch(schema: Schema, value: unknown): string | undefined {
  const unless = (isRight: boolean, expected: string) => (isRight ? undefined : expected);
  if ("anyOf" in schema) {
    const [, { const: word }] = schema.anyOf;
    return unless(typeof value === "number" || value === word, `a number, or ${JSON.stringify(word)}`);
  }
  if ("enum" in schema)
    return unless(schema.enum.includes(value as string), `one of ${schema.enum.join(", ")}`);
  switch (schema.type) {
    case "string":
    case "boolean":
      return unless(typeof value === schema.type, schema.type === "string" ? "a text" : "true or false");
    case "integer": {
      const { minimum } = schema;
      const isRight = Number.isSafeInteger(value) && (value as number) >= minimum;
      return unless(isRight, `a whole number of at least ${minimum}`);
    }
    case "number": {
      if ("exclusiveMaximum" in schema) {
        const isShare = typeof value === "number" && value >= 0 && value < 1;
        return unless(isShare, "a number of at least 0 and below 1");
      }
      return unless(typeof value === "number" && value > 0, "a number above 0");
    }
    case "array": {
      const { type } = schema.items;
      const isRight = Array.isArray(value) && value.every((entry) => typeof entry === type);
      return unless(isRight, `a list of ${type === "string" ? "texts" : "numbers"}`);
    }
    case "object": {
      const allowed = schema.additionalProperties.enum;
      const isRight =
        isRecord(value) && Object.values(value).every((entry) => allowed.includes(entry as string));
      return unless(isRight, `columns with one of ${allowed.join(", ")}`);
    }
  }
}

/** Checks a configuration; `file` begins the messages of errors. */
export function checkConfiguration(given: unknown, settings: readonly Setting[], file: string): Given {
  if (!isRecord(given)) throw wrongUse(`${file}: expected a JSON object of settings`);
  const known = settings.map(({ name }) => name);
  const { $schema: _, ...values } = given;
  for (const [name, value] of Object.entries(values)) {
    const setting = settings.find((one) => one.name === name);
    if (setting === undefined) throw wrongUse(unknownName(file, "setting", name, known).message);
    const expected = mismatch(setting.schema, value);
    if (expected === undefined) continue;
    throw wrongUse(`${file}: ${name}: expected ${expected}, received ${JSON.stringify(value)}`);
  }
  return values;
}

/** Returns the JSON schema of a configuration. */
export function configurationSchema(title: string, settings: readonly Setting[]): object {
  const properties = Object.fromEntries(
    settings.map(({ name, description, schema }) => [name, { description, ...schema }]),
  );
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title,
    type: "object",
    properties: { $schema: { type: "string" }, ...properties },
    additionalProperties: false,
  };
}

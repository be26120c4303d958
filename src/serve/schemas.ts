/** What a model takes and answers, as JSON Schema. */
import { keyOf } from "../table/answering.ts";
import type { ColumnDescription } from "../table/columns.ts";
import type { TargetDescription } from "../table/target.ts";

/** A JSON Schema (2020-12), as OpenAPI 3.1 uses it. */
export type Schema = Readonly<Record<string, unknown>>;

/** Categories that a description of a column lists. */
const MOST_EXAMPLES = 20;

const day = (milliseconds: number) => new Date(milliseconds).toISOString().slice(0, 10);

/** A cell that a column may have. */
export function exampleCell({ type, range, categories = [] }: ColumnDescription): unknown {
  if (type === "number") return range === undefined ? 0 : roundBetween(...range);
  if (type === "date") return range === undefined ? "2024-03-04" : day((range[0] + range[1]) / 2);
  if (type === "text") return "some words";
  return categories[0] ?? null;
}

/** A short number near the middle of a range. */
function roundBetween(low: number, high: number): number {
  const short = Number(((low + high) / 2).toPrecision(3));
  return short >= low && short <= high ? short : low;
}

/** The schema of a column's cells. */
function cellSchema(column: ColumnDescription): Schema {
  const { type, range, categories = [] } = column;
  const examples = [exampleCell(column)];
  if (type === "number") {
    const description = range && `A number; ${range[0]} to ${range[1]} in training.`;
    return { type: ["number", "null"], ...(description && { description }), examples };
  }
  if (type === "date") {
    const days = range && `; ${day(range[0])} to ${day(range[1])} in training`;
    return {
      type: ["string", "number", "null"],
      description: `A date as text, or milliseconds since 1970${days ?? ""}.`,
      examples,
    };
  }
  if (type === "boolean") {
    return {
      type: ["boolean", "string", "null"],
      description: `true or false, or ${categories.map((name) => JSON.stringify(name)).join(" and ")}.`,
      examples,
    };
  }
  if (type === "category") {
    return {
      type: ["string", "number", "boolean", "null"],
      description: `One of ${categories.length} categories; any other counts as unknown.`,
      examples: categories.slice(0, MOST_EXAMPLES),
    };
  }
  return { type: ["string", "null"], examples };
}

/** The schema of a record. */
export function recordSchema(columns: readonly ColumnDescription[]): Schema {
  return {
    type: "object",
    description:
      "A row. Missing fields and null are missing values. Other fields are ignored, but one that is nearly a missing field's name is refused.",
    properties: Object.fromEntries(columns.map((column) => [column.name, cellSchema(column)])),
  };
}

const numbersByName = (names: readonly string[], each: Schema): Schema => ({
  type: "object",
  properties: Object.fromEntries(names.map((name) => [name, each])),
  required: names,
});

/** The schema of the answer for a target. */
function targetSchema({ classes, quantiles }: TargetDescription): Schema {
  const names = classes?.map(keyOf);
  const properties = {
    value: classes === undefined ? { type: "number" } : { enum: classes },
    ...(names && { probabilities: numbersByName(names, { type: "number", minimum: 0, maximum: 1 }) }),
    ...(quantiles && { quantiles: numbersByName(quantiles.map(String), { type: "number" }) }),
  };
  return { type: "object", properties, required: Object.keys(properties) };
}

/** The schema of the answer for a row: of its target, or by the names of several targets. */
export function tableAnswerSchema(targets: readonly TargetDescription[]): Schema {
  if (targets.length === 1) return targetSchema(targets[0]);
  const properties = Object.fromEntries(targets.map((target) => [target.name, targetSchema(target)]));
  return { type: "object", properties, required: targets.map(({ name }) => name) };
}

/** The schema of a list of numbers of a fixed length. */
export const numbers = (length: number): Schema => ({
  type: "array",
  items: { type: "number" },
  minItems: length,
  maxItems: length,
});

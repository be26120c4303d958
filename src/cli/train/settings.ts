/** The settings of `myelin train` and `myelin search`, for the command line, `--config` and the JSON schema. */
import { READING, type ReadingValues } from "../reading.ts";
import { configurationSchema, type Setting } from "../settings.ts";

const data = "What to learn:";
const training = "How to train:";
const answers = "What to answer:";
const testing = "How to test:";

const strings = { type: "array", items: { type: "string" } } as const;

export const TRAIN_SETTINGS: readonly Setting[] = [
  {
    ...{ name: "target", value: "columns", heading: data, schema: strings },
    description: "column to predict; several are separated by commas",
  },
  {
    ...{ name: "output", short: "-o", value: "path", heading: data, schema: { type: "string" } },
    description: "file of the model (default: model.myelin)",
  },
  {
    ...{ name: "task", value: "name", heading: data },
    description: "what the target is, where it is not what it looks like",
    schema: { enum: ["classification", "regression"] },
  },
  {
    ...{ name: "drop", value: "columns", heading: data, schema: strings },
    description: "columns to leave out",
  },
  {
    ...{ name: "type", value: "column=type", heading: data },
    description:
      "type of a column, where it is not what it looks like: number, category, boolean, date, text; repeatable",
    schema: {
      type: "object",
      additionalProperties: { enum: ["number", "category", "boolean", "date", "text", "ignore"] },
    },
  },
  {
    ...{ name: "group", value: "column", heading: data, schema: { type: "string" } },
    description: "column whose rows of equal value are held out together",
  },
  {
    ...{ name: "time", value: "column", heading: data, schema: { type: "string" } },
    description: "column of the time: no network learns from rows later than those it is judged by",
  },
  {
    ...{ name: "weight", value: "column", heading: data, schema: { type: "string" } },
    description: "column with the weight of each row",
  },
  {
    ...{ name: "quality", value: "name", heading: training },
    description: "how much work (default: balanced)",
    schema: { enum: ["fast", "balanced", "best"] },
  },
  {
    ...{ name: "seconds", value: "number", heading: training },
    description: "the most seconds to train; what is trained by then is kept",
    schema: { type: "number", exclusiveMinimum: 0 },
  },
  {
    ...{ name: "networks", value: "number", heading: training },
    description: "the most networks; 1 answers fastest",
    schema: { type: "integer", minimum: 1 },
  },
  {
    ...{ name: "seed", value: "number", heading: training },
    description: "the same seed gives the same model (default: a new one)",
    schema: { type: "integer", minimum: 0 },
  },
  {
    ...{ name: "threads", value: "number", heading: training },
    description: "the most threads; they do not change the model",
    schema: { type: "integer", minimum: 1 },
  },
  {
    ...{ name: "kernel", value: "name", heading: training },
    description: "what computes",
    schema: { enum: ["auto", "native", "wasm", "typescript"] },
  },
  {
    ...{ name: "stream", heading: training, schema: { type: "boolean" } },
    description: "for tables larger than memory: learn from a sample, then from the rest block by block",
  },
  {
    ...{ name: "memory", value: "megabytes", heading: training },
    description: "with --stream: about how much memory to take (default: 1000)",
    schema: { type: "number", exclusiveMinimum: 0 },
  },
  {
    ...{ name: "metric", value: "name", heading: answers, schema: { type: "string" } },
    description: "metric to make best, such as accuracy, f1, f1_macro, rocAuc, meanAbsoluteError",
  },
  {
    ...{ name: "positive", value: "class", heading: answers, schema: { type: "string" } },
    description: "of two classes the one that f1, precision and recall are about",
  },
  {
    ...{ name: "threshold", value: "number|best", heading: answers },
    description: "the positive class is the answer above this probability",
    schema: { anyOf: [{ type: "number" }, { const: "best" }] },
  },
  {
    ...{ name: "quantiles", value: "shares", heading: answers },
    description: "for numbers: quantiles to answer, such as 0.05,0.5,0.95",
    schema: { type: "array", items: { type: "number" } },
  },
  {
    ...{ name: "holdout", value: "share", heading: testing },
    description:
      "share of the rows to keep out and test with, such as 0.2 (default: 0, as every row is already judged by networks that did not learn from it)",
    schema: { type: "number", minimum: 0, exclusiveMaximum: 1 },
  },
  {
    ...{ name: "test", value: "file", heading: testing, schema: { type: "string" } },
    description: "table to test with",
  },
  {
    ...{ name: "report", value: "page", heading: testing, schema: { type: "string" } },
    description: "HTML page to write about the model, such as report.html",
  },
  ...READING,
];

/** Settings of `myelin train` that a search does not have. */
const TRAIN_ONLY: readonly string[] = ["quality", "networks", "stream", "memory"];

export const SEARCH_SETTINGS: readonly Setting[] = [
  ...TRAIN_SETTINGS.filter(({ name }) => !TRAIN_ONLY.includes(name)),
  {
    ...{ name: "trials", value: "number", heading: training },
    description: "configurations to try (default: 24)",
    schema: { type: "integer", minimum: 1 },
  },
];

/** The settings as given. */
export interface TrainValues extends ReadingValues {
  readonly target?: readonly string[];
  readonly output?: string;
  readonly task?: "classification" | "regression";
  readonly drop?: readonly string[];
  readonly type?: Readonly<Record<string, "number" | "category" | "boolean" | "date" | "text" | "ignore">>;
  readonly group?: string;
  readonly time?: string;
  readonly weight?: string;
  readonly quality?: "fast" | "balanced" | "best";
  readonly seconds?: number;
  readonly networks?: number;
  readonly trials?: number;
  readonly seed?: number;
  readonly threads?: number;
  readonly kernel?: "auto" | "native" | "wasm" | "typescript";
  readonly stream?: boolean;
  readonly memory?: number;
  readonly metric?: string;
  readonly positive?: string;
  readonly threshold?: number | "best";
  readonly quantiles?: readonly number[];
  readonly holdout?: number;
  readonly test?: string;
  readonly report?: string;
}

/** A command that trains. */
export interface Training {
  readonly command: "train" | "search";
  readonly settings: readonly Setting[];
  /** What `--print-config` prints where nothing is given. */
  readonly defaults: TrainValues;
}

export const TRAIN: Training = {
  ...{ command: "train", settings: TRAIN_SETTINGS },
  defaults: { quality: "balanced", holdout: 0 },
};

export const SEARCH: Training = {
  ...{ command: "search", settings: SEARCH_SETTINGS },
  defaults: { trials: 24, holdout: 0 },
};

/** Returns the JSON schema of the file that `--config` takes. */
export const schemaOf = ({ command, settings }: Training) =>
  configurationSchema(`Settings of myelin ${command}`, settings);

/** What a service serves: a table model, or a network that takes lists of numbers. */
import { OptionError, show } from "../errors.ts";
import { Model, sessionOf } from "../model.ts";
import type { AnyTableModel } from "../table/insight/questions.ts";
import { usedColumns } from "../table/parts.ts";
import { isTableModel, partsOf } from "../table/tableModel.ts";
import { exampleCell, numbers, recordSchema, type Schema, tableAnswerSchema } from "./schemas.ts";

/** A model that can be served: a table model, or a network that takes lists of numbers. */
// biome-ignore lint/suspicious/noExplicitAny: networks with any metrics are served
export type ServedModel = AnyTableModel | Model<any>;

/** A model, as a service sees it. */
export interface Served {
  /** What is predicted, for a person. */
  readonly title: string;
  /** What a row is, in the words of an error message. */
  readonly rowName: string;
  readonly rowSchema: Schema;
  readonly answerSchema: Schema;
  /** A row that may be sent. */
  readonly example: unknown;
  /** Returns whether a value is one row. */
  isRow(value: unknown): boolean;
  /** Returns the answer for a row. */
  one(row: unknown): unknown;
  /** Returns the answers for rows. */
  many(rows: readonly unknown[]): readonly unknown[];
}

const isObject = (value: unknown): value is object =>
  value !== null && typeof value === "object" && !Array.isArray(value);

function servedTable(model: AnyTableModel, call: string): Served {
  const parts = partsOf(model, call);
  const columns = usedColumns(parts, parts.targets);
  return {
    title: `Predicts ${model.targets.map(({ name }) => show(name)).join(", ")}`,
    rowName: "a record",
    rowSchema: recordSchema(columns),
    answerSchema: tableAnswerSchema(model.targets),
    example: Object.fromEntries(columns.map((column) => [column.name, exampleCell(column)])),
    isRow: isObject,
    // A record whose every field is a list would count as columns.
    one: (row) => {
      const record = row as object;
      return Object.values(record).every(Array.isArray) ? model.predict([record])[0] : model.predict(record);
    },
    many: (rows) => model.predict(rows as object[]),
  };
}

function servedNetwork(model: Model, call: string): Served {
  const { columns, categories } = sessionOf(model, call).expected;
  return {
    title: `Predicts ${model.outputs} ${model.outputs === 1 ? "number" : "numbers"}`,
    rowName: `a list of ${columns} numbers`,
    rowSchema: numbers(columns),
    answerSchema: numbers(model.outputs),
    example: Array.from({ length: columns }, (_, at) => (at < columns - categories.length ? 0.5 : 0)),
    isRow: (value) => Array.isArray(value) && value.length > 0 && !Array.isArray(value[0]),
    one: (row) => model.predict(row as number[]),
    many: (rows) => model.predict(rows as number[][]),
  };
}

/** Returns what a service needs of a model; `call` begins the messages of errors. */
export function servedBy(model: ServedModel, call: string): Served {
  if (isTableModel(model)) return servedTable(model, call);
  if (model instanceof Model) return servedNetwork(model, call);
  throw new OptionError(
    `${call}: expected a TableModel or a Model, received ${show(model as unknown)}. Fix: pass what fitTable, loadTable or load returned`,
  );
}

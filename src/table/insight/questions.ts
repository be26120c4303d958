/** What the functions that look into a table model have in common: a target, its predictions, a column. */
import { OptionError, show } from "../../errors.ts";
import { unknownName } from "../../options.ts";
import type { ColumnAnswers } from "../answers.ts";
import type { ColumnDescription } from "../columns.ts";
import type { Frame } from "../frame.ts";
import type { TableParts, TrainedTarget } from "../parts.ts";
import type { TableModel } from "../tableModel.ts";
import type { ClassValue, TargetDescription } from "../target.ts";

/** A table model with any type of answers. */
// biome-ignore lint/suspicious/noExplicitAny: the functions that look into a model take every type of answer
export type AnyTableModel = TableModel<any>;

/** Returns the target that `target` names; it may be left out where the model has one. */
export function targetOf({ targets }: TableParts, target: unknown, call: string): TrainedTarget {
  const names = targets.map(({ description }) => description.name);
  if (target === undefined) {
    if (targets.length === 1) return targets[0];
    throw new OptionError(`${call}: target: expected one of ${names.map(show).join(", ")}, received none`);
  }
  if (typeof target !== "string")
    throw new OptionError(`${call}: target: expected the name of a target, received ${show(target)}`);
  const found = targets[names.indexOf(target)];
  if (found === undefined) throw unknownName(`${call}: target`, "target", target, names);
  return found;
}

/** Returns the columns that the networks of a target use, in the order of the table. */
export function usedColumns(
  { columns }: TableParts,
  { learned }: TrainedTarget,
): readonly ColumnDescription[] {
  const used = new Set(
    learned.parts.flatMap(({ preparation }) => preparation.steps.map(({ column }) => column)),
  );
  return columns.filter(({ name }) => used.has(name));
}

/** Returns the answers of the model for one of its targets, by row. */
export function answersFor(
  model: AnyTableModel,
  frame: Frame,
  { name }: TargetDescription,
): Required<ColumnAnswers> {
  const answers = model.predict(frame) as ColumnAnswers | Readonly<Record<string, ColumnAnswers>>;
  return (model.targets.length === 1 ? answers : answers[name as never]) as Required<ColumnAnswers>;
}

/** Returns predictions as [rows][outputs]: the numbers, or the probability of each class. */
export function predictionsFor(
  model: AnyTableModel,
  frame: Frame,
  description: TargetDescription,
): Float64Array {
  return flatten(answersFor(model, frame, description), description);
}

/** Returns answers in columns as [rows][outputs]. */
export function flatten(
  { value, probabilities }: Required<ColumnAnswers>,
  { classes }: TargetDescription,
): Float64Array {
  if (classes === undefined) return Float64Array.from(value as readonly number[]);
  const columns = classes.map((one) => probabilities[String(one)]);
  return Float64Array.from(
    { length: value.length * classes.length },
    (_, at) => columns[at % classes.length][Math.floor(at / classes.length)],
  );
}

/** Returns the number of the class that a caller names. */
export function readClass(classes: readonly ClassValue[], given: unknown, call: string): number {
  const found = classes.findIndex((one) => one === given || String(one) === given);
  if (found >= 0) return found;
  const names = classes.map(String);
  if (typeof given === "string") throw unknownName(`${call}: class`, "class", given, names);
  throw new OptionError(`${call}: class: expected one of ${names.join(", ")}, received ${show(given)}`);
}

/** A cell as text, for a person: `"Oslo"`, `41.5`, `2024-03-04`, `missing`. */
export function showCell(cell: unknown, isMissing: boolean): string {
  if (isMissing) return "missing";
  if (cell instanceof Date) return cell.toISOString().replace(/T00:00:00\.000Z$/, "");
  if (typeof cell === "number" && !Number.isInteger(cell)) return String(Number(cell.toPrecision(6)));
  return show(cell);
}

/** What the functions that look into a table model have in common: a target, its predictions, a column. */
import { OptionError, show } from "../../errors.ts";
import { unknownName } from "../../options.ts";
import { type Predictions, TargetPredictor } from "../answering.ts";
import type { ColumnDescription } from "../columns.ts";
import { everyRow, type Frame, toFrame } from "../frame.ts";
import { checkFrame, recordChecker, type TableParts, type TrainedTarget, usedColumns } from "../parts.ts";
import type { Pieces } from "../pieces.ts";
import type { RowName } from "../reading.ts";
import type { TableModel } from "../tableModel.ts";
import type { ClassValue } from "../target.ts";
import { typeFrame } from "../typedRows.ts";

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

/** What predicts one target of a model, from the columns that its networks use. */
export interface Question {
  readonly columns: readonly ColumnDescription[];
  /** Reads rows in memory; throws a DataError for a misspelt column. */
  read(rows: object, place?: string): Frame;
  /** The numbers, or the probability of each class: [rows][outputs]. */
  predict(frame: Frame): Float64Array;
  /** What `predict` does, in pieces. */
  predictPieces(frame: Frame): Pieces<Float64Array>;
  /** The quantiles beside them; `nameOf` names rows in errors. */
  predictAll(frame: Frame, nameOf?: RowName): Predictions;
}

/** Makes what predicts one target; `predict` runs no network of other targets or of quantiles. */
export function questionOf(parts: TableParts, target: TrainedTarget, call: string): Question {
  const columns = usedColumns(parts, [target]);
  const { quantiles: _, ...learned } = target.learned;
  const plain = new TargetPredictor({ ...target, learned }, columns);
  const predictBy = (predictor: TargetPredictor, frame: Frame, nameOf?: RowName) =>
    predictor.rows(typeFrame(columns, frame, call, nameOf), everyRow(frame.rows));
  const check = recordChecker(parts);
  return {
    columns,
    read(rows, place = call) {
      const frame = toFrame(rows, place);
      checkFrame(check, frame, place);
      return frame;
    },
    predict: (frame) => predictBy(plain, frame).values,
    *predictPieces(frame) {
      return (yield* plain.rowsPieces(typeFrame(columns, frame, call), everyRow(frame.rows))).values;
    },
    predictAll: (frame, nameOf) => predictBy(new TargetPredictor(target, columns), frame, nameOf),
  };
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

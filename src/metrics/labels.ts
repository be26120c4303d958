/** Labels of classes: strings or booleans that a caller passes instead of indices. */
import type { Matrix } from "../data/examples.ts";
import { DataError, OptionError, show } from "../errors.ts";

/** The label of a class. */
export type Label = string | boolean;

/** Targets or predictions: a matrix of numbers, or a label for each row. */
export type Labeled = Matrix | readonly Label[];

/** Targets and predictions with indices instead of labels. */
export interface Unlabeled {
  readonly targets: Matrix;
  readonly predictions: Matrix;
  /** The label of each class, if there are any. */
  readonly labels: readonly Label[] | undefined;
  /** Whether the predictions were labels. */
  readonly arePredicted: boolean;
}

const isLabel = (value: unknown): value is Label => typeof value === "string" || typeof value === "boolean";

const isLabeled = (given: unknown): given is readonly Label[] => Array.isArray(given) && isLabel(given[0]);

function readClasses(place: string, classes: unknown): readonly Label[] {
  const isList = Array.isArray(classes) && classes.length > 0 && classes.every(isLabel);
  if (isList && new Set(classes).size === classes.length) return classes;
  throw new OptionError(`${place}: classes: expected a list of different labels, received ${show(classes)}`);
}

/** Returns the labels that occur: false and true, or the strings in sorted order. */
function labelsIn(place: string, lists: readonly (readonly Label[])[]): readonly Label[] {
  if (lists.every(([first]) => typeof first === "boolean")) return [false, true];
  if (lists.length === 2) return [...new Set(lists.flat().filter(isLabel))].sort();
  throw new OptionError(
    `${place}: labels with numbers need "classes", the label of each class in order, like ["no", "yes"]`,
  );
}

/**
 * Replaces labels with indices into `classes`, or by default into the labels that occur. Numbers do not
 * change.
 */
export function readLabels(
  place: string,
  given: { readonly targets: Labeled; readonly predictions: Labeled },
  classes?: unknown,
): Unlabeled {
  const { targets, predictions } = given;
  const lists = [targets, predictions].filter(isLabeled);
  if (lists.length === 0 && classes === undefined) {
    return { targets, predictions, labels: undefined, arePredicted: false } as Unlabeled;
  }
  const labels = classes === undefined ? labelsIn(place, lists) : readClasses(place, classes);
  const indices = new Map(labels.map((label, index) => [label, index]));
  const replaced = (name: string, matrix: Labeled): Matrix => {
    if (!isLabeled(matrix)) return matrix as Matrix;
    return Array.from(matrix, (label, row) => {
      const index = indices.get(label);
      if (index !== undefined) return index;
      const expected = `one of ${labels.length} classes, ${labels.slice(0, 5).map(show).join(", ")}`;
      throw new DataError(`${name}: row ${row}: expected ${expected}, received ${show(label)}`);
    });
  };
  return {
    targets: replaced("targets", targets),
    predictions: replaced("predictions", predictions),
    labels,
    arePredicted: isLabeled(predictions),
  };
}

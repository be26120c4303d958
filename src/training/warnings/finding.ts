/** Findings of `diagnose` and of the warnings of `fit`: what keeps a model from learning, and their text. */
import { withText } from "../../textTable.ts";

/** Every cause that a diagnosis looks for. */
export type Cause =
  /** Data that training refuses: a value that is not finite, a row of another length, an unknown category. */
  | "refusedData"
  | "labelOutsideClasses"
  | "missingClass"
  | "contradictoryRows"
  /** Values that differ by less than the precision of 32-bit floats, so that training sees them as equal. */
  | "precisionLoss"
  | "constantColumn"
  | "unscaledColumn"
  | "unscaledTarget"
  | "outlier"
  | "targetOutOfRange"
  /** A layer whose output is the same for every input, such as softmax over one value. */
  | "constantOutput"
  /** A last layer that does not return what the loss expects: logits, or probabilities that sum to 1. */
  | "outputMismatch"
  | "linearStack"
  | "deadUnits"
  | "saturatedUnits"
  | "similarOutputs"
  | "vanishingGradients"
  | "explodingGradients"
  | "learningRateTooHigh"
  | "learningRateTooLow";

/** One cause that keeps a model from learning, its place and its fix. */
export interface Finding {
  readonly cause: Cause;
  /** The column of x, from 0. Of y for `unscaledTarget`, `targetOutOfRange`, labels and messages about y. */
  readonly column?: number;
  /** The layer in the list of layers, from 0. */
  readonly layer?: number;
  /** The row, or the first of several, from 0. */
  readonly row?: number;
  /** The class, from 0. */
  readonly class?: number;
  /** The share of rows or units that are affected, from 0 to 1. */
  readonly share?: number;
  /** What was found, with numbers. */
  readonly message: string;
  /** How to fix it. */
  readonly fix: string;
}

/** The result of `diagnose`. */
export interface Diagnosis {
  /** The findings, in the order in which they affect a training. */
  readonly findings: readonly Finding[];
  /** The first three findings of each cause, as text. */
  readonly text: string;
  toString(): string;
}

/** The number of findings of one cause that are shown in full, and of further places that are named. */
const SHOWN = 3;
const NAMED = 12;

/** Returns "column 7", or another place that distinguishes findings of one cause. */
function placeOf({ column, layer, row, class: category }: Finding): string {
  if (column !== undefined) return `column ${column}`;
  if (layer !== undefined) return `layer ${layer}`;
  return category === undefined ? `row ${row}` : `class ${category}`;
}

/** Groups findings by key, in the order in which the keys first occur. */
function groupBy(findings: readonly Finding[], keyOf: (finding: Finding) => string): Finding[][] {
  const keys = new Set(findings.map(keyOf));
  return [...keys].map((key) => findings.filter((finding) => keyOf(finding) === key));
}

/** Groups findings with the same cause and fix, x and y apart. `inWords` describes each group in one text. */
export const alike = (findings: readonly Finding[]) =>
  groupBy(findings, ({ cause, fix, message }) => cause + message[0] + fix);

/** Returns a diagnosis with its text. `checked` names what was checked. */
export function diagnosisOf(findings: readonly Finding[], checked: string): Diagnosis {
  const parts = groupBy(findings, ({ cause }) => cause).flatMap((own) => {
    const [{ cause }] = own;
    const shown = own.slice(0, SHOWN).map(({ message, fix }) => `${cause}: ${message}\n  → ${fix}`);
    const left = own.slice(SHOWN);
    if (left.length === 0) return shown;
    const places = left.slice(0, NAMED).map(placeOf).join(", ");
    return [...shown, `${cause}: ${left.length} more: ${places}${left.length > NAMED ? ", …" : ""}`];
  });
  const count = findings.length === 1 ? "1 finding" : `${findings.length || "no"} findings`;
  const text = [`${count} in ${checked}`, ...parts].join("\n");
  return withText({ findings }, text);
}

/** The number of further columns or classes that are named. */
const ALSO = 5;

/** Describes findings of one cause: the first in full, the columns or classes of the others, and the fix. */
export function inWords([first, ...others]: readonly Finding[], before = ". To fix it: "): string {
  const unit = first.class === undefined ? "column" : "class";
  const places = others.flatMap((one) => one[unit] ?? []);
  const units = places.length === 1 ? unit : unit === "class" ? "classes" : "columns";
  const left = places.length - ALSO;
  const named = places.slice(0, ALSO).join(", ") + (left > 0 ? ` and ${left} more` : "");
  const also = places.length > 0 ? `; likewise ${units} ${named}` : "";
  return `${first.message}${also}${before}${first.fix}`;
}

/** Formats a share: "33.3 %". */
export const percent = (share: number) => `${Number((100 * share).toPrecision(3))} %`;

/** Formats a count: "1 row", "2 rows". */
export const amount = (count: number, unit: string) => `${count} ${unit}${count === 1 ? "" : "s"}`;

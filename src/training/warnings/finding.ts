/** What keeps a model from learning: what `diagnose` finds and `fit` warns of, and how it is told. */

/** Every cause that a diagnosis looks for. */
export type Cause =
  /** Training would refuse the data: a value that is not finite, a row of another length, an unknown category. */
  | "refusedData"
  | "labelOutsideClasses"
  | "missingClass"
  | "contradictoryRows"
  /** Values that differ by less than 32-bit floats can tell, and that training therefore sees as equal. */
  | "precisionLoss"
  | "constantColumn"
  | "unscaledColumn"
  | "unscaledTarget"
  | "outlier"
  | "targetOutOfRange"
  /** A layer that gives the same whatever comes in, as softmax over one value does. */
  | "constantOutput"
  /** The last layer does not give what the loss takes: logits, or probabilities whose sum is 1. */
  | "outputMismatch"
  | "linearStack"
  | "deadUnits"
  | "saturatedUnits"
  | "similarOutputs"
  | "vanishingGradients"
  | "explodingGradients"
  | "learningRateTooHigh"
  | "learningRateTooLow";

/** One thing that keeps a model from learning, where it is, and what to do. */
export interface Finding {
  readonly cause: Cause;
  /** Of x; of y for `unscaledTarget`, `targetOutOfRange`, labels and where `message` begins with y. From 0. */
  readonly column?: number;
  /** The layer as written, from 0. */
  readonly layer?: number;
  /** The row, or the first of them, from 0. */
  readonly row?: number;
  /** The class, from 0. */
  readonly class?: number;
  /** The share of rows or of units that it concerns, from 0 to 1. */
  readonly share?: number;
  /** What was found, with figures. */
  readonly message: string;
  /** What to do about it. */
  readonly fix: string;
}

/** What `diagnose` gives. */
export interface Diagnosis {
  /** What was found, what comes first in a training first; empty where nothing was. */
  readonly findings: readonly Finding[];
  /** The same to be read: of each cause the first three. */
  readonly text: string;
  toString(): string;
}

/** Findings of a cause that are told at length, and places of others that are named. */
const SHOWN = 3;
const NAMED = 12;

/** "column 7", or what else tells one finding of a cause from another. */
function placeOf({ column, layer, row, class: category }: Finding): string {
  if (column !== undefined) return `column ${column}`;
  if (layer !== undefined) return `layer ${layer}`;
  return category === undefined ? `row ${row}` : `class ${category}`;
}

/** Findings with the same key together, in the order in which the keys come first. */
function groupBy(findings: readonly Finding[], keyOf: (finding: Finding) => string): Finding[][] {
  const keys = new Set(findings.map(keyOf));
  return [...keys].map((key) => findings.filter((finding) => keyOf(finding) === key));
}

/** Findings of one cause and one fix, all of x or all of y, together: `inWords` tells them as the same. */
export const alike = (findings: readonly Finding[]) =>
  groupBy(findings, ({ cause, fix, message }) => cause + message[0] + fix);

/** Findings with their text; `looked` says what was looked at. */
export function diagnosisOf(findings: readonly Finding[], looked: string): Diagnosis {
  const parts = groupBy(findings, ({ cause }) => cause).flatMap((own) => {
    const [{ cause }] = own;
    const told = own.slice(0, SHOWN).map(({ message, fix }) => `${cause}: ${message}\n  → ${fix}`);
    const left = own.slice(SHOWN);
    if (left.length === 0) return told;
    const places = left.slice(0, NAMED).map(placeOf).join(", ");
    return [...told, `${cause}: ${left.length} more: ${places}${left.length > NAMED ? ", …" : ""}`];
  });
  const count = findings.length === 1 ? "1 finding" : `${findings.length || "no"} findings`;
  const text = [`${count} in ${looked}`, ...parts].join("\n");
  return { findings, text, toString: () => text };
}

/** Columns or classes whose places are named besides the first. */
const ALSO = 5;

/** The first of the findings of a cause, the columns or classes of the others, and the fix. */
export function inWords([first, ...others]: readonly Finding[], before = ". To fix it: "): string {
  const unit = first.class === undefined ? "column" : "class";
  const places = others.flatMap((one) => one[unit] ?? []);
  const units = places.length === 1 ? unit : unit === "class" ? "classes" : "columns";
  const left = places.length - ALSO;
  const named = places.slice(0, ALSO).join(", ") + (left > 0 ? ` and ${left} more` : "");
  const also = places.length > 0 ? `; the same of ${units} ${named}` : "";
  return `${first.message}${also}${before}${first.fix}`;
}

/** A share, to be read. */
export const percent = (share: number) => `${Number((100 * share).toPrecision(3))} %`;

/** "1 row", "2 rows" */
export const amount = (count: number, unit: string) => `${count} ${unit}${count === 1 ? "" : "s"}`;

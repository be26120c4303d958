/** Warnings of what keeps a training from working: before its first step, and of figures that it watches. */
import type { Dataset, Examples, ExpectedInputs } from "../../data/examples.ts";
import type { Configuration } from "../../formats/configuration.ts";
import type { Problem } from "../../metrics/metric.ts";
import { takesWholeBatches } from "../../nn/program.ts";
import type { Finding } from "./finding.ts";
import { type Architecture, outputFindings, targetRange } from "./outputs.ts";
import { roundedColumns } from "./precision.ts";
import type { Profile } from "./profile.ts";
import { samplesOf } from "./rows.ts";
import { largeColumns, outlier, scalingOf, targetFindings } from "./scale.ts";
import { warnOnce } from "./warn.ts";

/** A training as warnings see it. */
export interface Warned {
  /** Of the data; undefined where the caller wants no warnings. */
  readonly profile: Profile | undefined;
  readonly batchSize: number;
  /** What all trainings of one call have in common: they warn once. */
  readonly scope: object;
}

/** Targets beyond what the last layer gives are in data as noise: more than this share of the rows is not. */
const OUT_OF_RANGE = 0.05;

/**
 * A column of this size does harm in a training that would do well without: at 16 the tables that the accuracy bench
 * trains lose nothing, at 22 the worst of them loses half of its R² with adam, and all of it with sgd.
 */
const HARMFUL = 20;

/** Columns whose places a warning names. */
const NAMED = 5;

/** MYELIN_UNSCALED_COLUMN for unscaledColumn */
const codeOf = (cause: string) => `MYELIN_${cause.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;

/** The first of the findings of a cause, and the columns or classes of the others. */
function inWords([first, ...others]: readonly Finding[]): string {
  const unit = first.class === undefined ? "column" : "class";
  const places = others.flatMap((one) => one[unit] ?? []);
  const more = places.length > NAMED ? ` and ${places.length - NAMED} more` : "";
  const units = unit === "class" ? "classes" : "columns";
  const also =
    places.length > 0
      ? `; the same of ${places.length > 1 ? units : unit} ${places.slice(0, NAMED).join(", ")}${more}`
      : "";
  return `${first.message}${also}. To fix it: ${first.mend}`;
}

/** A batch of a single row, which has no variance, where a layer takes figures over the batch. */
function singleRows(configuration: Configuration, rows: number, batchSize: number): string | undefined {
  const size = Math.min(batchSize, rows);
  const isAlways = size === 1;
  if ((!isAlways && rows % size !== 1) || !takesWholeBatches(configuration)) return undefined;
  const which = isAlways ? "every batch" : `the last batch of ${rows} rows at batchSize ${batchSize}`;
  const what =
    "its mean is the row itself and its variance 0, so that the layer gives every row the same and counts a variance of 0";
  const other = isAlways ? 32 : [size + 1, size - 1].find((one) => one > 1 && rows % one !== 1);
  return `batchNorm takes figures over a batch, and ${which} has one row: ${what}. To fix it: ${other === undefined ? "leave one row out" : `choose another batchSize, ${other} for instance`}, or use layerNorm()`;
}

/** Warns of a batch of one row, where `trainOnBatch` or a batch size makes one. */
export function warnOfSingleRows(
  call: string,
  configuration: Configuration,
  rows: number,
  batchSize: number,
  subjects: readonly object[],
): void {
  const text = singleRows(configuration, rows, batchSize);
  if (text !== undefined) warnOnce("MYELIN_BATCH_OF_ONE", `${call}: ${text}`, subjects);
}

/** Warns of everything in data, layers and batches that keeps this model from learning. */
export function warnBefore(call: string, model: Architecture, { profile, batchSize, scope }: Warned): void {
  if (profile === undefined) return;
  const { configuration } = model;
  const subjects = [model, profile.source, scope];
  const data = [
    ...profile.findings,
    ...profile.x.flatMap((column) => outlier("x", column)),
    ...largeColumns(profile.x, scalingOf(configuration), HARMFUL),
    ...targetFindings(profile.y),
  ];
  for (const cause of new Set(data.map((finding) => finding.cause))) {
    const own = data.filter((finding) => finding.cause === cause);
    warnOnce(codeOf(cause), `${call}: ${inWords(own)}. model.diagnose(data) tells more.`, subjects);
  }
  const outputs = outputFindings(model);
  const { targets, predictions } = model.problem;
  // Probabilities reach every target that their loss takes.
  const reaches = outputs.length > 0 || (predictions === "estimates" && targets !== "values");
  const range = reaches ? [] : targetRange(model, profile.targets);
  for (const one of [...outputs, ...range.filter(({ share = 0 }) => share > OUT_OF_RANGE)]) {
    const text = inWords([one]);
    // Another model has another fault on the same data.
    warnOnce(codeOf(one.cause), `${call}: ${text}.`, subjects, text);
  }
  warnOfSingleRows(call, configuration, profile.rows, batchSize, subjects);
}

/** Warns of columns that rounding to 32 bits changes, where a call makes its own rows of the caller's. */
export function warnOfPrecision(
  call: string,
  { expected, problem }: { readonly expected: ExpectedInputs; readonly problem: Problem },
  examples: Examples,
  all: Dataset,
  scope: object,
): void {
  const { x, y } = roundedColumns(samplesOf(examples, all), expected, problem);
  for (const own of [x, y].filter(({ length }) => length > 0)) {
    warnOnce(codeOf(own[0].cause), `${call}: ${inWords(own)}`, [examples.x, scope]);
  }
}

/** Warns of figures that a training watches and that are not a number, since nothing is ever better than that. */
export function warnOfMonitors(
  call: string,
  monitors: readonly string[],
  epoch: { readonly epoch: number },
  model: object,
  { profile, scope }: Pick<Warned, "profile" | "scope">,
): void {
  if (profile === undefined) return;
  for (const name of monitors) {
    if (!Number.isNaN((epoch as unknown as Record<string, number>)[name])) continue;
    const part = name.startsWith("validation") ? "validation" : "training";
    const why = profile.isConstant[part] ? `, as all rows of the ${part} have the same target` : "";
    const text = `${call}: ${name} is not a number in epoch ${epoch.epoch}${why}: early stopping and schedules that watch it count every such epoch as no better. To fix it: give the ${part} rows with other targets, or watch another figure, the loss for instance`;
    warnOnce("MYELIN_MONITOR_NOT_A_NUMBER", text, [model, scope], name);
  }
}

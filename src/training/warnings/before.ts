/** Warnings of what keeps a training from working: before its first step, and of figures that it watches. */
import type { Dataset, Examples, ExpectedInputs } from "../../data/examples.ts";
import type { Configuration } from "../../formats/configuration.ts";
import type { Problem } from "../../metrics/metric.ts";
import { takesWholeBatches } from "../../nn/program.ts";
import { alike, type Finding, inWords } from "./finding.ts";
import { type Architecture, outputFindings, targetRange } from "./outputs.ts";
import { roundedColumns } from "./precision.ts";
import type { Profile } from "./profile.ts";
import { samplesOf } from "./rows.ts";
import { scaleFindings, scalingOf } from "./scale.ts";
import { isNew, warn, warnOnce } from "./warn.ts";

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

/** MYELIN_UNSCALED_COLUMN for unscaledColumn */
const codeOf = (cause: string) => `MYELIN_${cause.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;

/** Whether a finding has not been told before, about its place, by the model, the data or the call. */
function isUntold(finding: Finding, { scope, others }: Subjects): boolean {
  const { cause, message, column, class: category, row, fix } = finding;
  const place = JSON.stringify([cause, message[0], column, category, fix]);
  const isNewToCall = isNew(place, [scope]);
  // Datasets of one call may each have a row that stands out; the same data may have another one later.
  return isNew(cause === "outlier" ? `${place} ${row}` : place, others) && isNewToCall;
}

/** What each thing is told once about. */
interface Subjects {
  readonly scope: object;
  readonly others: readonly object[];
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
  if (text === undefined) return;
  warnOnce(
    "MYELIN_BATCH_OF_ONE",
    `${call}: ${text}`,
    subjects,
    rows === 1 || batchSize === 1 ? "every" : "last",
  );
}

/** Warns of everything in data, layers and batches that keeps this model from learning. */
export function warnBefore(call: string, model: Architecture, { profile, batchSize, scope }: Warned): void {
  if (profile === undefined) return;
  const { configuration } = model;
  const subjects = [model, profile.source, scope];
  const data = [...profile.findings, ...scaleFindings(profile, scalingOf(configuration), HARMFUL)];
  const untold = data.filter((finding) => isUntold(finding, { scope, others: [model, profile.source] }));
  for (const findings of alike(untold)) {
    const [{ cause }] = findings;
    // A diagnosis does not see how the rows are split.
    const more = cause === "missingClass" ? "" : " diagnose(model, data) of myelin/insight tells more.";
    warn(codeOf(cause), `${call}: ${inWords(findings)}.${more}`);
  }
  const outputs = outputFindings(model);
  const { targets, predictions } = model.problem;
  // Probabilities reach every target that their loss takes.
  const reaches = outputs.length > 0 || (predictions === "estimates" && targets !== "values");
  const range = reaches ? [] : targetRange(model, profile.targets);
  // Another model has another fault on the same data: what the layer gives, before what the rows have.
  const told = (one: Finding) => (outputs.length > 0 ? one.message : one.message.split(", and ")[0]);
  for (const one of [...outputs, ...range.filter(({ share = 0 }) => share > OUT_OF_RANGE)]) {
    warnOnce(codeOf(one.cause), `${call}: ${inWords([one])}.`, subjects, told(one));
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
  for (const own of [x, y]) {
    const untold = own.filter((finding) => isUntold(finding, { scope, others: [examples.x] }));
    if (untold.length > 0) warn(codeOf(untold[0].cause), `${call}: ${inWords(untold)}.`);
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

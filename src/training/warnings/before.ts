/** Warnings before the first step of a training, and of monitored metrics that are NaN. */
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

/** What warnings need to know of a training. */
export interface Warned {
  /** Of the data; undefined where warnings are off. */
  readonly profile: Profile | undefined;
  readonly batchSize: number;
  /** The call: its trainings together warn of each cause once. */
  readonly scope: object;
}

/** Up to this share of the rows, targets out of the last layer's range may be noise. */
const OUT_OF_RANGE = 0.05;

/**
 * Columns above this size harm a training. At 16 the tables of the accuracy bench lose nothing; at 22 the
 * worst of them loses half of its R² with adam, and all of it with sgd.
 */
const HARMFUL = 20;

/** Returns MYELIN_UNSCALED_COLUMN for unscaledColumn. */
const codeOf = (cause: string) => `MYELIN_${cause.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;

/** Returns whether neither the model, the data nor the call has reported this finding at its place before. */
function isFirstReport(finding: Finding, { scope, others }: Subjects): boolean {
  const { cause, message, column, class: category, row, fix } = finding;
  const place = JSON.stringify([cause, message[0], column, category, fix]);
  const isNewToCall = isNew(place, [scope]);
  // Each dataset of a call may have an outlier of its own, and the same data may get another one later.
  return isNew(cause === "outlier" ? `${place} ${row}` : place, others) && isNewToCall;
}

/** The objects for which each finding is reported once. */
interface Subjects {
  readonly scope: object;
  readonly others: readonly object[];
}

/** Returns the text about batches of one row, if a layer normalizes over the batch. */
function singleRows(configuration: Configuration, rows: number, batchSize: number): string | undefined {
  const size = Math.min(batchSize, rows);
  const isAlways = size === 1;
  if ((!isAlways && rows % size !== 1) || !takesWholeBatches(configuration)) return undefined;
  const which = isAlways
    ? "every batch has one row"
    : `with ${rows} rows and batchSize ${batchSize} the last batch has one row`;
  const effect =
    "its variance is 0, so the layer returns the same values for any such row and its running variance shrinks";
  const other = isAlways ? 32 : [size + 1, size - 1].find((one) => one > 1 && rows % one !== 1);
  const choice = other === undefined ? "leave one row out" : `choose another batchSize, such as ${other}`;
  const fix = rows === 1 ? "pass at least 2 rows" : choice;
  return `batchNorm computes the mean and variance of each batch, but ${which}: ${effect}. To fix it: ${fix}, or use layerNorm()`;
}

/** Warns of batches of one row, from `trainOnBatch` or from the batch size. */
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

/** Warns of everything in the data, the layers and the batches that keeps this model from learning. */
export function warnBefore(call: string, model: Architecture, { profile, batchSize, scope }: Warned): void {
  if (profile === undefined) return;
  const { configuration } = model;
  const subjects = [model, profile.source, scope];
  const data = [...profile.findings, ...scaleFindings(profile, scalingOf(configuration), HARMFUL)];
  const subjectsOfData = { scope, others: [model, profile.source] };
  const fresh = data.filter((finding) => isFirstReport(finding, subjectsOfData));
  for (const findings of alike(fresh)) {
    const [{ cause }] = findings;
    // `diagnose` does not know how the rows are split.
    const more = cause === "missingClass" ? "" : " diagnose(model, data) of myelin/insight reports more.";
    warn(codeOf(cause), `${call}: ${inWords(findings)}.${more}`);
  }
  const outputs = outputFindings(model);
  const { targets, predictions } = model.problem;
  // Probabilities can reach every target that their loss takes.
  const reaches = outputs.length > 0 || (predictions === "estimates" && targets !== "values");
  const range = reaches ? [] : targetRange(model, profile.targets);
  // The key of a range leaves out the share of rows, but distinguishes models with other ranges.
  const keyOf = (one: Finding) => (outputs.length > 0 ? one.message : one.message.split(", but ")[0]);
  for (const one of [...outputs, ...range.filter(({ share = 0 }) => share > OUT_OF_RANGE)]) {
    warnOnce(codeOf(one.cause), `${call}: ${inWords([one])}.`, subjects, keyOf(one));
  }
  warnOfSingleRows(call, configuration, profile.rows, batchSize, subjects);
}

/** Warns of columns that rounding to 32 bits changes, for calls that copy the caller's rows. */
export function warnOfPrecision(
  call: string,
  { expected, problem }: { readonly expected: ExpectedInputs; readonly problem: Problem },
  examples: Examples,
  all: Dataset,
  scope: object,
): void {
  const { x, y } = roundedColumns(samplesOf(examples, all), expected, problem);
  for (const own of [x, y]) {
    const fresh = own.filter((finding) => isFirstReport(finding, { scope, others: [examples.x] }));
    if (fresh.length > 0) warn(codeOf(fresh[0].cause), `${call}: ${inWords(fresh)}.`);
  }
}

/** Warns of monitored metrics that are NaN, because no later epoch counts as better than NaN. */
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
    const why = profile.isConstant[part] ? `, because all ${part} rows have the same target` : "";
    const text = `${call}: ${name} is NaN in epoch ${epoch.epoch}${why}: early stopping and schedules that monitor it count such an epoch as no improvement. To fix it: add ${part} rows with other targets, or monitor another metric, such as the loss`;
    warnOnce("MYELIN_MONITOR_NOT_A_NUMBER", text, [model, scope], name);
  }
}

/** A warning after a training whose model is worse than one that looks at nothing. */
import { brief, isLarge } from "../../data/columns.ts";
import type { History } from "../history.ts";
import type { Profile } from "./profile.ts";
import { outlier } from "./scale.ts";
import { watchForStall } from "./stall.ts";
import type { Learner } from "./step.ts";
import { warnOnce } from "./warn.ts";

/** A training that has ended. */
export interface Ended {
  readonly history: History;
  /** Undefined where the caller wants no warnings. */
  readonly profile: Profile | undefined;
  readonly batchSize: number;
  /** What trainings of one call have in common. */
  readonly scope: object;
}

/** A loss this many times that of one prediction for all rows is far above it: R² is then -2. */
const FAR = 3;

/**
 * Steps and epochs that a training needs to get below: the loss of an epoch is a mean over its steps, the first of
 * which may be far off. After fewer, only a loss that has run away is told.
 */
const STEPS = 100;
const EPOCHS = 5;
const RUN_AWAY = 100;

/** Epochs whose median is the loss at the end: one bad epoch says little. */
const LAST = 3;

/** The loss with the weights that the model has now. */
function lossOf({ loss, epoch, bestEpoch }: History): number {
  if (bestEpoch !== undefined) return loss[epoch.indexOf(bestEpoch)];
  const last = loss.slice(-LAST).sort((a, b) => a - b);
  return last[Math.floor(last.length / 2)];
}

/** Rows that tell whether a loss may be far above the baseline; then all rows say whether it is. */
const ROWS = 128;

/** What to say of a training whose loss is far above that of one prediction for all rows. */
function farAbove(ended: Ended): string | undefined {
  const { history, profile, batchSize } = ended;
  if (profile?.baseline === undefined || history.loss.length === 0) return undefined;
  const { baseline: baselineOf, rows, x, y } = profile;
  const steps = history.loss.length * Math.ceil(rows / batchSize);
  const isShort = steps < STEPS || history.loss.length < EPOCHS;
  const most = isShort ? RUN_AWAY : FAR;
  const loss = lossOf(history);
  if (!(loss > (most / 2) * baselineOf(ROWS))) return undefined;
  const baseline = baselineOf(rows);
  const times = loss / baseline;
  // A loss of targets that are all alike has nothing to be measured by.
  if (!(times > most && baseline > 0)) return undefined;
  const [far] = [...x.flatMap((of) => outlier("x", of)), ...y.flatMap((of) => outlier("y", of))];
  const fix = far
    ? `${far.fix} (${far.message})`
    : [...x, ...y].some(isLarge)
      ? "scale the columns of x, and of y where it holds plain values"
      : `lower the learning rate, ${brief(history.learningRate.at(-1)!)} in the last epoch, or train for longer`;
  return `the loss at the end, ${brief(loss)}, is ${brief(times)} times that of the same prediction for every row, ${brief(baseline)}: the model has learned nothing. To fix it: ${fix}; diagnose(model, data) of myelin/insight looks for the cause`;
}

/**
 * Warns once of trainings of a call that ended far above the loss of one prediction for all rows. A search tries
 * settings that fail, too: with `isSearch` it warns only where all have.
 */
export function warnAfter(call: string, trainings: readonly Ended[], isSearch = false): void {
  const texts = trainings.flatMap((ended) => farAbove(ended) ?? []);
  if (texts.length === 0 || (isSearch && texts.length < trainings.length)) return;
  const which =
    trainings.length > 1 ? `${texts.length} of ${trainings.length} trainings failed; in one ` : "";
  warnOnce("MYELIN_WORSE_THAN_CONSTANT", `${call}: ${which}${texts[0]}.`, [trainings[0].scope], "");
}

/** Keeps what is needed to look back on a training that begins. Gives what does so when it has ended, and warns. */
export function watchTraining(
  learner: Learner,
  call: string,
  fit: Parameters<typeof watchForStall>[2] & Ended,
): () => void {
  const hasStalled = watchForStall(learner, call, fit);
  return () => {
    if (!hasStalled()) warnAfter(call, [fit]);
  };
}

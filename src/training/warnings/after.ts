/** Warns after a training whose model is far worse than a constant prediction. */
import { brief, isLarge } from "../../data/columns.ts";
import type { History } from "../history.ts";
import type { Profile } from "./profile.ts";
import { outlier } from "./scale.ts";
import { watchForStall } from "./stall.ts";
import type { Learner } from "./step.ts";
import { warnOnce } from "./warn.ts";

/** A training that has ended. */
export interface EndedTraining {
  readonly history: History;
  /** Undefined where warnings are off. */
  readonly profile: Profile | undefined;
  readonly batchSize: number;
  /** The call: the same object for all of its trainings. */
  readonly scope: object;
}

/** A final loss above this multiple of a constant prediction's is far above it. 3 means that R² is -2. */
const FAR = 3;

/**
 * A training needs this many steps and epochs to be judged by FAR, because the loss of an epoch averages its
 * first steps too. A shorter training is reported only above RUN_AWAY.
 */
const STEPS = 100;
const EPOCHS = 5;
const RUN_AWAY = 100;

/** The final loss is the median of this many epochs, so that one bad epoch does not count. */
const LAST = 3;

/** Returns the loss of the model's current weights. */
function finalLoss({ loss, epoch, bestEpoch }: History): number {
  if (bestEpoch !== undefined) return loss[epoch.indexOf(bestEpoch)];
  const last = loss.slice(-LAST).sort((a, b) => a - b);
  return last[Math.floor(last.length / 2)];
}

/** The number of rows for a first estimate of the baseline. Only a high loss is compared with all rows. */
const ROWS = 128;

/** Returns the text of the warning, or undefined where the final loss is not far above the baseline. */
function warningText(ended: EndedTraining): string | undefined {
  const { history, profile, batchSize } = ended;
  if (profile?.baseline === undefined || history.loss.length === 0) return undefined;
  const { baseline: baselineOf, rows, x, y } = profile;
  const steps = history.loss.length * Math.ceil(rows / batchSize);
  const isShort = steps < STEPS || history.loss.length < EPOCHS;
  const most = isShort ? RUN_AWAY : FAR;
  const loss = finalLoss(history);
  if (!(loss > (most / 2) * baselineOf(ROWS))) return undefined;
  const baseline = baselineOf(rows);
  const times = loss / baseline;
  // Equal targets have a baseline of 0, which no loss can be compared with.
  if (!(times > most && baseline > 0)) return undefined;
  const [far] = [...x.flatMap((of) => outlier("x", of)), ...y.flatMap((of) => outlier("y", of))];
  const fix = far
    ? `${far.fix} (${far.message})`
    : [...x, ...y].some(isLarge)
      ? "scale the columns of x, and those of y in a regression"
      : `lower the learning rate (${brief(history.learningRate.at(-1)!)} in the last epoch), or train for longer`;
  return `the final loss, ${brief(loss)}, is ${brief(times)} times the loss of a constant prediction, ${brief(baseline)}: the model has learned nothing. To fix it: ${fix}. diagnose(model, data) of myelin/insight looks for the cause`;
}

/**
 * Warns once if trainings of a call ended far above the loss of a constant prediction. A search tries
 * configurations that fail, so with `isSearch` it warns only if all trainings did.
 */
export function warnAfter(call: string, trainings: readonly EndedTraining[], isSearch = false): void {
  const texts = trainings.flatMap((ended) => warningText(ended) ?? []);
  if (texts.length === 0 || (isSearch && texts.length < trainings.length)) return;
  const which =
    trainings.length > 1 ? `${texts.length} of ${trainings.length} trainings failed; in one of them ` : "";
  warnOnce("MYELIN_WORSE_THAN_CONSTANT", `${call}: ${which}${texts[0]}.`, [trainings[0].scope], "");
}

/** Watches a training. Returns a function to call at its end, which warns of a stall or a high final loss. */
export function watchTraining(
  learner: Learner,
  call: string,
  fit: Parameters<typeof watchForStall>[2] & EndedTraining,
): () => void {
  const hasStalled = watchForStall(learner, call, fit);
  return () => {
    if (!hasStalled()) warnAfter(call, [fit]);
  };
}

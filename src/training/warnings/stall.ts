/** Warns after a training that learned nothing, if the cause is certain. */
import { brief } from "../../data/columns.ts";
import type { Dataset } from "../../data/examples.ts";
import { now } from "../../host.ts";
import type { Finding } from "./finding.ts";
import type { Profile } from "./profile.ts";
import { EPOCHS, rateFindings, trendOf } from "./rate.ts";
import { sampleRows } from "./rows.ts";
import { scaleFindings, scalingOf } from "./scale.ts";
import { type Learner, type Step, stepOf } from "./step.ts";
import { overflow, unitFindings } from "./units.ts";
import { warn } from "./warn.ts";

/** A layer with more than this share of dead or saturated units lets nothing through. */
const ALL = 0.99;

/**
 * The units are checked if the final loss is above this share of the baseline, estimated from BASELINE_ROWS
 * rows. The baseline of classes has equal probabilities; where one class is rare, predicting its share has
 * half that loss.
 */
const NEAR = 0.4;
const BASELINE_ROWS = 128;

/** A loss that rose by more than this share is described as risen. */
const RISEN = 0.01;

/** Returns whether a finding alone explains a stall. `isFirst`: the model was not trained before. */
function isCertain({ cause, share = 0 }: Finding, isFirst: boolean): boolean {
  if (cause === "deadUnits" || cause === "saturatedUnits") return share > ALL;
  // A model that was trained before may be as good as it can get.
  return cause === "learningRateTooHigh" || (cause === "learningRateTooLow" && isFirst);
}

/** Returns the findings about units and learning rate that alone explain a stall. */
function certainFindings(
  session: Learner,
  step: Step,
  { profile }: Pick<Started, "profile">,
  isFirst: boolean,
): Finding[] {
  if (overflow(step, session.layers).length > 0) return [];
  const units = unitFindings(step, session.layers);
  const isUnscaled = profile && scaleFindings(profile, scalingOf(session.configuration)).length > 0;
  return [...units, ...rateFindings(session, step, isUnscaled)].filter((finding) =>
    isCertain(finding, isFirst),
  );
}

const warningText = (call: string, loss: string, { message, fix }: Finding) =>
  `${call}: ${loss}: ${message}. To fix it: ${fix}. diagnose(model, data) of myelin/insight also checks the data.`;

/**
 * Returns the text about dead units behind a loss that fell, but hardly below the baseline: a network with
 * dead units alone still learns the mean of y.
 */
function deadUnitsText(
  session: Learner,
  call: string,
  rows: Dataset,
  last: number,
  { profile }: Started,
): string | undefined {
  const baseline = profile?.baseline?.(BASELINE_ROWS) ?? 0;
  if (!(last > NEAR * baseline && baseline > 0)) return undefined;
  const units = unitFindings(stepOf(session, call, rows), session.layers);
  const finding = units.find((one) => isCertain(one, false));
  const loss = `the final loss is ${brief(last)}, and that of a constant prediction about ${brief(baseline)}`;
  return finding && warningText(call, loss, finding);
}

/** Returns the text of the warning about a training that has ended, or undefined. */
function stallText(session: Learner, call: string, rows: Dataset, started: Started): string | undefined {
  const { history } = session;
  const trend = trendOf(history);
  // A loss of 0 cannot fall.
  if (history === undefined || trend === undefined || trend.last === 0) return undefined;
  if (!trend.hasStalled) return deadUnitsText(session, call, rows, trend.last, started);
  const { epoch } = history;
  const step = stepOf(session, call, rows);
  const certain = certainFindings(session, step, started, epoch[0] === 0);
  const { middle, half, last } = trend;
  const hasRisen = last > middle * (1 + RISEN);
  // Dead units can be the result of a rising loss, not its cause.
  const first = hasRisen && certain.find(({ cause }) => cause === "learningRateTooHigh");
  const finding = first || certain[0];
  if (finding === undefined) return undefined;
  const verb = hasRisen ? "rose" : "hardly changed";
  const change = `from ${brief(middle)} in epoch ${epoch[half]} to ${brief(last)} in epoch ${epoch.at(-1)}`;
  return warningText(call, `the loss ${verb} ${change}`, finding);
}

/** The maximum multiplications of a forward pass. Most of a check's time is then due to the parameters. */
const MOST_PRODUCTS = 2 ** 20;

/** A training is checked if it took this many times as long as the check. */
const WORTH_A_CHECK = 50;

/** The estimated seconds of a model's first check, for each parameter. */
const SECONDS_PER_PARAMETER = 3e-7;

/** A first check of up to this many seconds, as of a small network, follows even the shortest training. */
const SHORT_CHECK = 0.005;

/** The maximum parameters of a model in `fit`, where a check blocks the event loop for some 20 ms. */
const MOST_PARAMETERS = 2 ** 16;

/** The seconds that the last check of a model took. */
const durations = new WeakMap<Learner, number>();

function isWorthACheck(session: Learner): boolean {
  const known = durations.get(session);
  const expected = known ?? session.parameters * SECONDS_PER_PARAMETER;
  if (known === undefined && expected <= SHORT_CHECK) return true;
  const seconds = session.history?.seconds.reduce((sum, one) => sum + one, 0) ?? 0;
  return seconds >= WORTH_A_CHECK * expected;
}

/** A training that begins. */
interface Started {
  readonly warns: boolean;
  /** The number of epochs to come. */
  readonly left: number;
  readonly data: Dataset;
  /** Undefined where warnings are off. */
  readonly profile: Profile | undefined;
}

/**
 * Copies some rows of a training that begins, because the caller may change the data. Returns a function to
 * call at its end, which warns if it stalled and returns whether it warned.
 */
export function watchForStall(session: Learner, call: string, started: Started): () => boolean {
  const { warns, left, data } = started;
  const blocksTooLong = call === "fit" && session.parameters > MOST_PARAMETERS;
  if (!warns || blocksTooLong || left < EPOCHS) return () => false;
  const rows = sampleRows(data, session, MOST_PRODUCTS);
  return () => {
    if (!isWorthACheck(session)) return false;
    const start = now();
    const text = stallText(session, call, rows, started);
    durations.set(session, (now() - start) / 1000);
    if (text !== undefined) warn("MYELIN_STALLED", text);
    return text !== undefined;
  };
}

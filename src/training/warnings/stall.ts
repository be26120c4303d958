/** A warning after a training that has learnt nothing, only where the cause is certain. */
import { brief } from "../../data/columns.ts";
import type { Dataset } from "../../data/examples.ts";
import { now } from "../../host.ts";
import type { Finding } from "./finding.ts";
import type { Profile } from "./profile.ts";
import { EPOCHS, rateFindings, trendOf } from "./rate.ts";
import { sampled } from "./rows.ts";
import { scaleFindings, scalingOf } from "./scale.ts";
import { type Learner, type Step, stepOf } from "./step.ts";
import { overflow, unitFindings } from "./units.ts";
import { warn } from "./warn.ts";

/** The share of a layer's units from which on nothing gets through. */
const ALL = 0.99;

/**
 * The share of the loss of one prediction for all rows, by some of the rows, from which on the units are looked at: of
 * classes it is that of equal probabilities, and where one class is rare a network that gives its share has half of it.
 */
const NEAR = 0.4;
const BASELINE_ROWS = 128;

/** What a loss has risen by that one calls risen. */
const RISEN = 0.01;

/** Whether a finding alone keeps the loss where it is. */
function isCertain({ cause, share = 0 }: Finding, begins: boolean): boolean {
  if (cause === "deadUnits" || cause === "saturatedUnits") return share > ALL;
  // What has been trained before may have come as far as it can.
  return cause === "learningRateTooHigh" || (cause === "learningRateTooLow" && begins);
}

/** What a step on these rows shows of units and learning rate, if that alone keeps the loss where it is. */
function certainFindings(
  session: Learner,
  step: Step,
  { profile }: Pick<Begun, "profile">,
  begins: boolean,
): Finding[] {
  if (overflow(step, session.layers).length > 0) return [];
  const units = unitFindings(step, session.layers);
  const isUnscaled = profile && scaleFindings(profile, scalingOf(session.configuration)).length > 0;
  return [...units, ...rateFindings(session, step, isUnscaled)].filter((finding) =>
    isCertain(finding, begins),
  );
}

const inSentence = (call: string, loss: string, { message, fix }: Finding) =>
  `${call}: the loss ${loss}: ${message}. To fix it: ${fix}. diagnose(model, data) of myelin/insight looks at the data, too.`;

/**
 * What to say of a loss that has fallen, but hardly below that of one prediction for all rows: a network whose units
 * are all dead still learns the mean of y.
 */
function deathOf(
  session: Learner,
  call: string,
  rows: Dataset,
  last: number,
  { profile }: Begun,
): string | undefined {
  const baseline = profile?.baseline?.(BASELINE_ROWS) ?? 0;
  if (!(last > NEAR * baseline && baseline > 0)) return undefined;
  const units = unitFindings(stepOf(session, call, rows), session.layers);
  const finding = units.find((one) => isCertain(one, false));
  const loss = `at the end is ${brief(last)}, where the same prediction for every row has about ${brief(baseline)}`;
  return finding && inSentence(call, loss, finding);
}

/** What to say of the training that has ended, if there is something. */
function stallOf(session: Learner, call: string, rows: Dataset, begun: Begun): string | undefined {
  const { history } = session;
  const trend = trendOf(history);
  // A loss of 0 cannot fall.
  if (history === undefined || trend === undefined || trend.last === 0) return undefined;
  if (!trend.hasStalled) return deathOf(session, call, rows, trend.last, begun);
  const { epoch } = history;
  const step = stepOf(session, call, rows);
  const certain = certainFindings(session, step, begun, epoch[0] === 0);
  const { middle, half, last } = trend;
  const hasRisen = last > middle * (1 + RISEN);
  // Units that a rising loss has killed on its way are not what makes it rise.
  const first = hasRisen && certain.find(({ cause }) => cause === "learningRateTooHigh");
  const finding = first || certain[0];
  if (finding === undefined) return undefined;
  const verb = hasRisen ? "has risen" : "has hardly moved";
  const way = `from ${brief(middle)} in epoch ${epoch[half]} to ${brief(last)} in epoch ${epoch.at(-1)}`;
  return inSentence(call, `${verb}, ${way}`, finding);
}

/** Multiplications of a forward pass over the rows that are kept: the parameters then are most of a look's time. */
const MOST_PRODUCTS = 2 ** 20;

/** How much longer than a look a training takes that is looked back on. */
const WORTH_A_LOOK = 50;

/** What a look takes in seconds, for each parameter, about, until one has shown it. */
const SECONDS_A_PARAMETER = 3e-7;

/** A first look of so many seconds is taken at the shortest training, too: so it is with small networks. */
const SHORT_LOOK = 0.005;

/** The most parameters that are looked at where the event loop waits: it then does so for some 20 ms. */
const MOST_PARAMETERS = 2 ** 16;

/** The seconds that the last look at a model took. */
const looks = new WeakMap<Learner, number>();

function isWorthALook(session: Learner): boolean {
  const known = looks.get(session);
  const expected = known ?? session.parameters * SECONDS_A_PARAMETER;
  if (known === undefined && expected <= SHORT_LOOK) return true;
  const seconds = session.history?.seconds.reduce((sum, one) => sum + one, 0) ?? 0;
  return seconds >= WORTH_A_LOOK * expected;
}

/** The training that begins. */
interface Begun {
  readonly warns: boolean;
  /** Epochs to come. */
  readonly left: number;
  readonly data: Dataset;
  /** Undefined where the caller wants no warnings. */
  readonly profile: Profile | undefined;
}

/**
 * Keeps some rows of a training that begins, since the data may be the caller's own and change. Gives what looks
 * back on it when it has ended, and warns if it has stalled; it says whether it did.
 */
export function watchForStall(session: Learner, call: string, begun: Begun): () => boolean {
  const { warns, left, data } = begun;
  const holds = call === "fit" && session.parameters > MOST_PARAMETERS;
  if (!warns || holds || left < EPOCHS) return () => false;
  const rows = sampled(data, session, MOST_PRODUCTS);
  return () => {
    if (!isWorthALook(session)) return false;
    const start = now();
    const text = stallOf(session, call, rows, begun);
    looks.set(session, (now() - start) / 1000);
    if (text !== undefined) warn("MYELIN_STALLED", text);
    return text !== undefined;
  };
}

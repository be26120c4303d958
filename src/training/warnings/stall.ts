/** A warning after a training that has learnt nothing, only where the cause is certain. */
import { brief } from "../../data/columns.ts";
import type { Dataset } from "../../data/examples.ts";
import { now } from "../../host.ts";
import type { Finding } from "./finding.ts";
import { courseOf, EPOCHS, rateFindings } from "./rate.ts";
import { sampled } from "./rows.ts";
import { type Learner, stepOf } from "./step.ts";
import { overflow, unitFindings } from "./units.ts";
import { warn } from "./warn.ts";

/** The share of a layer's units from which on nothing gets through. */
const ALL = 0.99;

/** What a loss has risen by that one calls risen. */
const RISEN = 0.01;

/** Whether a finding alone keeps the loss where it is. */
function isCertain({ cause, share = 0 }: Finding, begins: boolean): boolean {
  if (cause === "deadUnits" || cause === "saturatedUnits") return share > ALL;
  // What has been trained before may have come as far as it can.
  return cause === "learningRateTooHigh" || (cause === "learningRateTooLow" && begins);
}

/** What a step on these rows shows of units and learning rate, if that alone keeps the loss where it is. */
function certainFindings(session: Learner, call: string, rows: Dataset, begins: boolean): Finding[] {
  const step = stepOf(session, call, rows);
  if (overflow(step, session.layers).length > 0) return [];
  const units = unitFindings(step, session.layers);
  return [...units, ...rateFindings(session, step)].filter((finding) => isCertain(finding, begins));
}

/** What to say of the training that has ended, if there is something. */
function stallOf(session: Learner, call: string, rows: Dataset): string | undefined {
  const { history } = session;
  const course = courseOf(history);
  // A loss of 0 cannot fall.
  if (history === undefined || course === undefined || !course.hasStalled || course.last === 0)
    return undefined;
  const { epoch } = history;
  const certain = certainFindings(session, call, rows, epoch[0] === 0);
  const { middle, half, last } = course;
  const hasRisen = last > middle * (1 + RISEN);
  // Units that a rising loss has killed on its way are not what makes it rise.
  const first = hasRisen && certain.find(({ cause }) => cause === "learningRateTooHigh");
  const finding = first || certain[0];
  if (finding === undefined) return undefined;
  const verb = hasRisen ? "has risen" : "has hardly moved";
  const way = `from ${brief(middle)} in epoch ${epoch[half]} to ${brief(last)} in epoch ${epoch.at(-1)}`;
  return `${call}: the loss ${verb}, ${way}: ${finding.message}. To mend it: ${finding.mend}. model.diagnose(data) looks at the data, too.`;
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
}

/**
 * Keeps some rows of a training that begins, since the data may be the caller's own and change. Gives what looks
 * back on it when it has ended, and warns if it has stalled; it says whether it did.
 */
export function watchForStall(session: Learner, call: string, { warns, left, data }: Begun): () => boolean {
  const holds = call === "fit" && session.parameters > MOST_PARAMETERS;
  if (!warns || holds || left < EPOCHS) return () => false;
  const rows = sampled(data, session, MOST_PRODUCTS);
  return () => {
    if (!isWorthALook(session)) return false;
    const start = now();
    const text = stallOf(session, call, rows);
    looks.set(session, (now() - start) / 1000);
    if (text !== undefined) warn("MYELIN_STALLED", text);
    return text !== undefined;
  };
}

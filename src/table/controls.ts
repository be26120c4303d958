/**
 * What a caller wants of the answers: the metric, the positive class, its threshold, class weights,
 * quantiles.
 */
import { OptionError, show, within } from "../errors.ts";
import { type Complete, isPlain, refuse, unknownName } from "../options.ts";
import { type MetricChoice, metricOf, readMetric } from "./metric.ts";
import type { ClassValue, Target, TargetDescription } from "./target.ts";

/** Options of the answers. With several targets each option holds for the targets that it fits. */
export interface AnswerOptions {
  /**
   * The metric that is to be best on rows not learned from: it decides the shares of the networks, the
   * threshold and the order of the leaderboard. The networks themselves always learn by log loss or squared
   * error, which are the defaults. Classes: `accuracy`, `averagePrecision`, `f1`, `logLoss`, `precision`,
   * `recall`, `rocAuc`, `topK`; numbers: `meanAbsoluteError`, `meanSquaredError`, `rootMeanSquaredError`,
   * `r2`.
   */
  readonly metric?: MetricChoice | undefined;
  /** Of two classes the one that precision, recall, f1 and the threshold are about; the second by default. */
  readonly positive?: ClassValue | undefined;
  /**
   * Of two classes: the positive one is the answer where its probability is above this number. `"best"` finds
   * the number for which the metric (f1, if `metric` is not one of the classes chosen) is best on rows not
   * learned from. By default the most probable class is the answer.
   */
  readonly threshold?: number | "best" | undefined;
  /**
   * How much an error on a row of each class counts, by the name of the class, 1 for those left out;
   * `"balanced"` is rows / (classes · rows of the class). The networks learn with these weights, and the
   * answer is the class with the largest weight · probability. The probabilities are corrected by the
   * weights: they keep saying how often the class occurs in rows like the table's.
   */
  readonly classWeight?: "balanced" | Readonly<Record<string, number>> | undefined;
  /**
   * Numbers: shares between 0 and 1, such as `[0.05, 0.5, 0.95]`. Each answer then has `quantiles`, by these
   * shares: a share of 0.05 of rows like the table's is at or below the first.
   */
  readonly quantiles?: readonly number[] | undefined;
}

/** The names of these options. */
export const ANSWER_OPTIONS = ["metric", "positive", "threshold", "classWeight", "quantiles"] as const;

/** These options, checked as far as they can be without the targets. */
export interface Controls {
  readonly metric: Complete | undefined;
  readonly positive: ClassValue | undefined;
  readonly threshold: number | "best" | undefined;
  readonly classWeight: unknown;
  readonly quantiles: readonly number[] | undefined;
}

/** More quantiles would take as many networks. */
const MOST_QUANTILES = 99;

/** Checks the options of the answers. */
export function readControls(options: AnswerOptions, place: string): Controls {
  const { metric, positive, threshold, classWeight, quantiles } = options;
  return {
    metric: metric === undefined ? undefined : readMetric(metric, `${place}: metric`),
    positive,
    threshold: readThreshold(threshold, `${place}: threshold`),
    classWeight,
    quantiles: readQuantiles(quantiles, `${place}: quantiles`),
  };
}

function readThreshold(given: unknown, place: string): Controls["threshold"] {
  if (given === undefined || given === "best") return given;
  if (typeof given === "number" && given >= 0 && given <= 1) return given;
  throw refuse(place, 'a probability from 0 to 1, or "best"', given);
}

function readQuantiles(given: unknown, place: string): readonly number[] | undefined {
  if (given === undefined) return undefined;
  if (!Array.isArray(given) || given.length === 0 || given.length > MOST_QUANTILES) {
    throw refuse(place, `a list of 1 to ${MOST_QUANTILES} shares between 0 and 1`, given);
  }
  const wrong = given.findIndex((share) => !(typeof share === "number" && share > 0 && share < 1));
  if (wrong >= 0) throw refuse(place, "shares above 0 and below 1", given[wrong]);
  if (new Set(given).size < given.length)
    throw new OptionError(`${place}: expected different shares, received one twice`);
  return (given as number[]).toSorted((a, b) => a - b);
}

const isBinary = ({ classes }: TargetDescription) => classes?.length === 2;

/** The error for an option that does not fit the target. */
function unfit(place: string, expected: string, { name, classes }: TargetDescription, fix: string) {
  const has =
    classes === undefined ? "numbers" : classes.length === 1 ? "one class" : `${classes.length} classes`;
  return new OptionError(
    `${place}: expected a target with ${expected}, received ${show(name)}, which has ${has}. Fix: ${fix}`,
  );
}

const LEAVE_OUT = "leave the option out";

function withMetric(metric: Complete, description: TargetDescription): TargetDescription {
  // A target of one class has nothing to measure.
  if (description.classes?.length === 1) return description;
  metricOf(metric, description);
  return { ...description, metric };
}

function withPositive(positive: unknown, description: TargetDescription, place: string): TargetDescription {
  const { classes = [] } = description;
  if (!isBinary(description)) throw unfit(`${place}: positive`, "two classes", description, LEAVE_OUT);
  const found = classes.find((name) => name === positive || String(name) === String(positive));
  if (found !== undefined) return { ...description, positive: found };
  throw unknownName(`${place}: positive`, "class", String(positive), classes.map(String));
}

function withThreshold(
  threshold: number | "best",
  description: TargetDescription,
  place: string,
): TargetDescription {
  if (!isBinary(description)) throw unfit(`${place}: threshold`, "two classes", description, LEAVE_OUT);
  return threshold === "best" ? description : { ...description, threshold };
}

function withClassWeight(
  given: unknown,
  description: TargetDescription,
  target: Target,
  place: string,
): TargetDescription {
  const { classes } = description;
  const here = `${place}: classWeight`;
  if (classes === undefined)
    throw unfit(here, "classes", description, "use sampleWeight, which has a weight for each row");
  if (given === "balanced") {
    const counts = new Array<number>(classes.length).fill(0);
    for (const row of target.rows) counts[target.values[row]]++;
    const classWeights = counts.map((count) => target.rows.length / (classes.length * count));
    return { ...description, classWeights };
  }
  if (!isPlain(given)) {
    throw refuse(here, `"balanced", or weights by the names of the classes, like { yes: 5 }`, given);
  }
  const names = classes.map(String);
  const weights = new Map<string, number>();
  for (const [name, weight] of Object.entries(given)) {
    if (!names.includes(name)) throw unknownName(here, "class", name, names);
    if (!(typeof weight === "number" && weight > 0 && Number.isFinite(weight))) {
      throw refuse(`${here}: ${show(name)}`, "a finite number above 0", weight);
    }
    weights.set(name, weight);
  }
  return { ...description, classWeights: names.map((name) => weights.get(name) ?? 1) };
}

function withQuantiles(
  quantiles: readonly number[],
  description: TargetDescription,
  place: string,
): TargetDescription {
  if (description.task === "regression") return { ...description, quantiles };
  const fix = 'leave the option out, or give task: "regression" if the classes are numbers';
  throw unfit(`${place}: quantiles`, "numbers", description, fix);
}

/**
 * The targets with what the options say of them. Throws an OptionError for an option that fits none of them,
 * with the reason why it does not fit the last.
 */
export function applyControls(targets: readonly Target[], controls: Controls, place: string): Target[] {
  let described = targets.slice();
  const apply = (change: (description: TargetDescription, target: Target) => TargetDescription) => {
    let fits = 0;
    let refusal: unknown;
    described = described.map((target) => {
      try {
        const description = change(target.description, target);
        fits++;
        return { ...target, description };
      } catch (error) {
        if (!(error instanceof OptionError)) throw error;
        refusal = error;
        return target;
      }
    });
    if (fits === 0) throw refusal;
  };
  const { metric, positive, threshold, classWeight, quantiles } = controls;
  if (positive !== undefined) apply((description) => withPositive(positive, description, place));
  if (threshold !== undefined) apply((description) => withThreshold(threshold, description, place));
  if (classWeight !== undefined)
    apply((description, target) => withClassWeight(classWeight, description, target, place));
  if (metric !== undefined) apply((description) => within(place, () => withMetric(metric, description)));
  if (quantiles !== undefined) apply((description) => withQuantiles(quantiles, description, place));
  return described;
}

/** Whether the threshold of a target is to be tuned. */
export const isTuned = ({ threshold }: Controls, description: TargetDescription) =>
  threshold === "best" && isBinary(description);

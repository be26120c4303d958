/** Findings about the learning rate, from the loss along the next step and from the history. */
import { brief } from "../../data/columns.ts";
import type { Configuration } from "../../formats/configuration.ts";
import { lossSum, predict } from "../../kernel/typescript/network.ts";
import type { ParameterArray } from "../../kernel/typescript/operations/arrays.ts";
import { views } from "../../kernel/typescript/operations.ts";
import * as optimizers from "../../nn/optimizers.ts";
import type { CompleteOptimizer } from "../../nn/program.ts";
import { initialize } from "../../nn/weights.ts";
import { complete, type Table } from "../../options.ts";
import type { History } from "../history.ts";
import { amount, type Finding } from "./finding.ts";
import { type Learner, type Step, updateOf } from "./step.ts";

/** One step may raise the loss by this share of its scale. The noise of a batch is smaller. */
const RISE = 0.5;

/**
 * Steps of 1, 10, 100, … times the length are tried. The rate is too low if the shortest step with half of
 * the best gain is at least this many times as long. At a good rate it is up to some hundred times as long,
 * and 1000 times at a rate for a long training.
 */
const TOO_SHORT = 10_000;

/** A step gains enough with this share of the best gain. Separable rows gain without limit. */
const ENOUGH = 0.5;

/** Replaces TOO_SHORT where the history shows that the loss hardly changes. */
const TOO_SHORT_STALLED = 1000;

/** The best step must gain this share of the scale: less may be rounding. */
const GAIN = 0.01;

/** No longer step is tried after one that raises the loss by this share of the scale. */
const LOSES = 1e-3;

/** The length of the longest step that is tried. */
const LONGEST = 1e9;

/** A history is judged from this many epochs on. */
export const EPOCHS = 10;

/** The final loss is the median of this many epochs, so that one bad epoch is not a rise. */
const LAST = 3;

/** A loss that fell by less than this share has hardly changed. */
const MOVED = 0.01;

/** A loss has risen if it exceeds its minimum by this share of max(scale, minimum). */
const RISEN = 0.25;

/** An epoch's loss may be this many times that of an untrained network. Above, the training went astray. */
const SPIKE = 10;

/** The losses of the history and of the rows may differ by this factor. Beyond it, weights or rows differ. */
const ALIKE = 10;

/** The trend of a history's losses. */
export interface LossTrend {
  readonly least: number;
  /** The final loss. */
  readonly last: number;
  /** The index at which the second half begins, and the loss there. */
  readonly half: number;
  readonly middle: number;
  /** Whether the loss did not fall notably in the second half. */
  readonly hasStalled: boolean;
  /** Whether it fell notably after the second epoch. In the first, a bias alone may learn all that it can. */
  readonly hasMoved: boolean;
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

/** Returns the trend of a loss, or undefined before EPOCHS epochs. */
export function trendOf(history: History | undefined): LossTrend | undefined {
  if (history === undefined || history.loss.length < EPOCHS) return undefined;
  const { loss } = history;
  const last = median(loss.slice(-LAST));
  const half = Math.floor(loss.length / 2);
  const middle = median(loss.slice(half - 1, half + LAST - 1));
  const falls = (from: number) => from - last >= MOVED * Math.max(Math.abs(from), Math.abs(last));
  const least = loss.reduce((low, value) => Math.min(low, value));
  return { least, last, half, middle, hasStalled: !falls(middle), hasMoved: falls(loss[1]) };
}

/** Returns the mean loss of the step's rows with other parameters. Overwrites the step's values. */
function lossWith({ plan, workspace, rows }: Step, parameters: ParameterArray): number {
  predict(plan, views(plan.operations, parameters), workspace);
  return lossSum(plan, workspace) / rows;
}

/** Returns the mean loss after the step as a function of the learning rate. Overwrites the step's values. */
function lossAfterStep(session: Learner, step: Step) {
  const { plan, before, gradient, number } = step;
  const slots = session.use().read("slots");
  return (learningRate: number): number => {
    const now = { learningRate, step: number };
    return lossWith(step, updateOf(plan, before, gradient, slots, now).after);
  };
}

/**
 * Finds a learning rate that is too high or too low. Overwrites the step's values. Where columns are not
 * scaled, no rate fits all of them, so the fix names none.
 */
export function rateFindings(session: Learner, step: Step, isUnscaled = false): Finding[] {
  const { learningRate, loss } = step;
  const { history } = session;
  if (learningRate === 0) return noRate(history);
  const untrained = lossWith(step, Float32Array.from(initialize(session.layers, session.seed)));
  /** The scale of the loss: how much a training can gain. */
  const scale = Math.max(Math.abs(loss), Math.abs(untrained));
  const lossAt = lossAfterStep(session, step);
  const after = lossAt(learningRate);
  if (!(after <= loss + RISE * scale)) {
    return [tooHigh(step, after, lossAt, lowerRate(session.configuration, learningRate), isUnscaled)];
  }
  const trend = trendOf(history);
  const lower = isUnscaled ? undefined : lowerRate(session.configuration, learningRate);
  const strayed = history && historyFinding(history, trend, step, { scale, untrained, lower });
  if (strayed !== undefined) return [strayed];
  // A loss that still falls is not too slow, however far it has to go.
  if (trend?.hasMoved) return [];
  const longer = longerSteps({ times: 1, loss: after }, scale, (times) => lossAt(learningRate * times));
  const gain = loss - Math.min(...longer.map((step) => step.loss));
  if (!(gain > GAIN * scale)) return [];
  const enough = longer.find((step) => loss - step.loss >= ENOUGH * gain)!;
  const tooShort = trend === undefined ? TOO_SHORT : TOO_SHORT_STALLED;
  return enough.times >= tooShort ? [tooLow(step, enough, after)] : [];
}

/** A step that is `times` as long as the next one, and the loss after it. */
interface Longer {
  readonly times: number;
  readonly loss: number;
}

/** Tries longer and longer steps until one raises the loss. */
function longerSteps(first: Longer, scale: number, lossAt: (times: number) => number): Longer[] {
  const steps = [first];
  let best = first.loss;
  for (let times = 10; times <= LONGEST; times *= 10) {
    const loss = lossAt(times);
    if (!(loss <= best + LOSES * scale)) break;
    steps.push({ times, loss });
    best = Math.min(best, loss);
  }
  return steps;
}

/** Losses to compare with, and a rate to try. */
interface Reference {
  readonly scale: number;
  readonly untrained: number;
  readonly lower: number | undefined;
}

/** Finds a history whose loss rose, or was far above that of an untrained network. */
function historyFinding(
  history: History,
  trend: LossTrend | undefined,
  { loss, learningRate }: Step,
  { scale, untrained, lower }: Reference,
): Finding | undefined {
  const end = history.loss.at(-1);
  if (end === undefined || !(loss <= ALIKE * end && end <= ALIKE * loss)) return undefined;
  const finding = (words: string): Finding => ({
    cause: "learningRateTooHigh",
    message: `${words}, at the learning rate ${learningRate}`,
    fix:
      lower === undefined
        ? SCALE_FIRST
        : `${useRate(lower)}, or lower it with a schedule, such as schedules.cosine()`,
  });
  if (trend !== undefined && trend.last > trend.least + RISEN * Math.max(scale, trend.least)) {
    return finding(
      `the loss of the last training rose from its minimum, ${brief(trend.least)}, to ${brief(trend.last)}`,
    );
  }
  const most = history.loss.reduce((high, value) => Math.max(high, value));
  if (!(most > SPIKE * untrained)) return undefined;
  const epoch = history.epoch[history.loss.indexOf(most)];
  return finding(
    `the loss was ${brief(most)} in epoch ${epoch} of the last training, but that of an untrained network is ${brief(untrained)}`,
  );
}

function noRate(history: History | undefined): Finding[] {
  // A schedule may have set other rates.
  if (history?.learningRate.some((rate) => rate > 0)) return [];
  const message = "the optimizer's learningRate is 0, so no step changes the weights";
  return [
    {
      cause: "learningRateTooLow",
      message,
      fix: "give the optimizer a learningRate, as in adam({ learningRate: 0.001 })",
    },
  ];
}

/** Returns the fix that names a rate. */
const useRate = (rate: number) =>
  `give the optimizer learningRate: ${brief(rate)}, or find a rate with findLearningRate`;

/** The fix where unscaled columns explain a step that is too long. */
const SCALE_FIRST = "scale the columns of x and y first, and leave the learning rate as it is until then";

/** Returns a lower rate to try: a tenth, but at most the optimizer's default. */
export function lowerRate({ optimizer: { type } }: Configuration, rate: number): number {
  const standard = complete(
    "optimizer",
    optimizers as Table<unknown>,
    type,
    "optimizer",
  ) as CompleteOptimizer;
  return Math.min(rate / 10, standard.learningRate);
}

/** The lowest rate to try, as a share of the first. If it raises the loss too, the optimizer's state does. */
const LOWEST = 1e-6;

function tooHigh(
  { learningRate, loss, rows }: Step,
  after: number,
  lossAt: (rate: number) => number,
  first: number,
  isUnscaled: boolean,
): Finding {
  let lower = first;
  while (lower > first * LOWEST && !(lossAt(lower) < loss)) lower /= 10;
  const lowered = lossAt(lower);
  const found = Number.isFinite(after) ? brief(after) : "a value that is not finite";
  const instead = lowered < loss && !isUnscaled ? `; at ${brief(lower)} it would be ${brief(lowered)}` : "";
  return {
    cause: "learningRateTooHigh",
    message: `one step at the learning rate ${learningRate} takes the loss of ${amount(rows, "row")} from ${brief(loss)} to ${found}${instead}`,
    fix: isUnscaled ? SCALE_FIRST : useRate(lowered < loss ? lower : first),
  };
}

function tooLow({ learningRate, loss, rows }: Step, enough: Longer, after: number): Finding {
  return {
    cause: "learningRateTooLow",
    message: `one step at the learning rate ${learningRate} takes the loss of ${amount(rows, "row")} from ${brief(loss)} to ${brief(after)}; a step ${brief(enough.times)} times as long would take it to ${brief(enough.loss)}`,
    // A tenth of what a single step allows, because a training takes many.
    fix: useRate((learningRate * enough.times) / 10),
  };
}

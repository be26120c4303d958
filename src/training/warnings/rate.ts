/** Whether the learning rate fits: by the loss along the step that comes next, and by the history. */
import { brief } from "../../data/columns.ts";
import type { Configuration } from "../../formats/configuration.ts";
import { lossSum, predict } from "../../kernel/typescript/network.ts";
import type { Values } from "../../kernel/typescript/operations/arrays.ts";
import { views } from "../../kernel/typescript/operations.ts";
import * as optimizers from "../../nn/optimizers.ts";
import type { CompleteOptimizer } from "../../nn/program.ts";
import { initialize } from "../../nn/weights.ts";
import { complete, type Table } from "../../options.ts";
import type { History } from "../history.ts";
import { amount, type Finding } from "./finding.ts";
import { type Learner, type Step, updateOf } from "./step.ts";

/** How much of what there is to lose one step may lose: noise of a batch never is that much. */
const RISE = 0.5;

/**
 * Of steps of 1, 10, 100 … times the length, the shortest that gains half of what the best does is at least this
 * many times as long where the rate is too low. At a fitting rate it is up to some hundred times as long, and
 * 1000 times where one means to train for long.
 */
const TOO_SHORT = 10_000;

/** A step gains enough with this share of the best one's gain: rows that can be told apart gain without end. */
const ENOUGH = 0.5;

/** The same where the history shows besides that the loss hardly moves. */
const TOO_SHORT_STALLED = 1000;

/** What the best step has to gain, as a share of what there is to lose: less may be rounding. */
const GAIN = 0.01;

/** From this share of what there is to lose on, a longer step loses, and no longer one is tried. */
const LOSES = 1e-3;

/** Longer steps are not tried. */
const LONGEST = 1e9;

/** A history tells from so many epochs on. */
export const EPOCHS = 10;

/** Epochs whose median is the loss at the end: one bad epoch is not a rise. */
const LAST = 3;

/** A loss that fell by less than this share has hardly moved. */
const MOVED = 0.01;

/** How far the loss has to be above its least, as a share of what there is to lose and of that least. */
const RISEN = 0.25;

/** How many times the loss of an untrained network an epoch's may be: above, its steps have led away. */
const SPIKE = 10;

/** How far apart losses of the history and of the rows may be. Further, weights or other rows come between. */
const ALIKE = 10;

/** What the losses of a history come to. */
export interface LossTrend {
  readonly least: number;
  /** At the end. */
  readonly last: number;
  /** Where the second half begins, among the epochs, and the loss there. */
  readonly half: number;
  readonly middle: number;
  /** Whether the loss has not fallen notably in the second half. */
  readonly hasStalled: boolean;
  /** Whether it has fallen notably since the second epoch: in the first, a bias may learn all that it can. */
  readonly hasMoved: boolean;
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

/** The course of a loss, if there are epochs enough. */
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

/** The mean loss of the step's rows with other parameters. Writes over the step's values. */
function lossWith({ plan, workspace, rows }: Step, parameters: Values): number {
  predict(plan, views(plan.operations, parameters), workspace);
  return lossSum(plan, workspace) / rows;
}

/** The mean loss after the step, were the learning rate another one. Writes over the step's values. */
function lossesOf(session: Learner, step: Step) {
  const { plan, before, gradient, number } = step;
  const slots = session.use().read("slots");
  return (learningRate: number): number => {
    const now = { learningRate, step: number };
    return lossWith(step, updateOf(plan, before, gradient, slots, now).after);
  };
}

/**
 * What is found of the learning rate. Writes over the step's values. Where columns are not scaled, no rate fits all of
 * them, and none is named.
 */
export function rateFindings(session: Learner, step: Step, isUnscaled = false): Finding[] {
  const { learningRate, loss } = step;
  const { history } = session;
  if (learningRate === 0) return noRate(history);
  const untrained = lossWith(step, Float32Array.from(initialize(session.layers, session.seed)));
  /** What there is to lose. */
  const scale = Math.max(Math.abs(loss), Math.abs(untrained));
  const lossAt = lossesOf(session, step);
  const after = lossAt(learningRate);
  if (!(after <= loss + RISE * scale)) {
    return [tooHigh(step, after, lossAt, lowerRate(session.configuration, learningRate), isUnscaled)];
  }
  const trend = trendOf(history);
  const lower = isUnscaled ? undefined : lowerRate(session.configuration, learningRate);
  const strayed = history && wayOff(history, trend, step, { scale, untrained, lower });
  if (strayed !== undefined) return [strayed];
  // What moves is not too slow, however long the way.
  if (trend?.hasMoved) return [];
  const longer = longerSteps({ times: 1, loss: after }, scale, (times) => lossAt(learningRate * times));
  const gain = loss - Math.min(...longer.map((step) => step.loss));
  if (!(gain > GAIN * scale)) return [];
  const enough = longer.find((step) => loss - step.loss >= ENOUGH * gain)!;
  const tooShort = trend === undefined ? TOO_SHORT : TOO_SHORT_STALLED;
  return enough.times >= tooShort ? [tooLow(step, enough, after)] : [];
}

/** A step so many times as long as the next one, and the loss after it. */
interface Longer {
  readonly times: number;
  readonly loss: number;
}

/** Longer and longer steps, until one loses. */
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
interface Found {
  readonly scale: number;
  readonly untrained: number;
  readonly lower: number | undefined;
}

/** A history that rises, or that was far above an untrained network's loss at some time. */
function wayOff(
  history: History,
  trend: LossTrend | undefined,
  { loss, learningRate }: Step,
  { scale, untrained, lower }: Found,
): Finding | undefined {
  const end = history.loss.at(-1);
  if (end === undefined || !(loss <= ALIKE * end && end <= ALIKE * loss)) return undefined;
  const finding = (words: string): Finding => ({
    cause: "learningRateTooHigh",
    message: `${words}, at the learning rate ${learningRate}`,
    fix:
      lower === undefined
        ? SCALE_FIRST
        : `${to(lower)}, or let a schedule lower it, schedules.cosine() for instance`,
  });
  if (trend !== undefined && trend.last > trend.least + RISEN * Math.max(scale, trend.least)) {
    return finding(
      `the loss of the last training has risen again, from ${brief(trend.least)} to ${brief(trend.last)}`,
    );
  }
  const most = history.loss.reduce((high, value) => Math.max(high, value));
  if (!(most > SPIKE * untrained)) return undefined;
  const epoch = history.epoch[history.loss.indexOf(most)];
  return finding(
    `the loss was ${brief(most)} in epoch ${epoch} of the last training, where an untrained network has ${brief(untrained)}`,
  );
}

function noRate(history: History | undefined): Finding[] {
  // A schedule may have had rates of its own.
  if (history?.learningRate.some((rate) => rate > 0)) return [];
  const message = "the optimizer's learningRate is 0: no step changes anything";
  return [
    {
      cause: "learningRateTooLow",
      message,
      fix: "give the optimizer a learningRate, adam({ learningRate: 0.001 }) for instance",
    },
  ];
}

/** The fix of a rate, which keeps below what a single step allows, since there are many. */
const to = (rate: number) =>
  `give the optimizer learningRate: ${brief(rate)}, or look for one with findLearningRate`;

/** What to do where columns explain that a step goes too far. */
const SCALE_FIRST = "scale the columns of x and y first, and leave the learning rate as it is until then";

/** A lower rate to try: a tenth, but no more than the default of the optimizer. */
export function lowerRate({ optimizer: { type } }: Configuration, rate: number): number {
  const standard = complete(
    "optimizer",
    optimizers as Table<unknown>,
    type,
    "optimizer",
  ) as CompleteOptimizer;
  return Math.min(rate / 10, standard.learningRate);
}

/** How much lower rates are tried. Where none of them lowers the loss, the optimizer's state leads away. */
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
  const found = Number.isFinite(after) ? brief(after) : "beyond all numbers";
  const instead = lowered < loss && !isUnscaled ? `; at ${brief(lower)} it would be ${brief(lowered)}` : "";
  return {
    cause: "learningRateTooHigh",
    message: `one step at the learning rate ${learningRate} takes the loss of ${amount(rows, "row")} from ${brief(loss)} to ${found}${instead}`,
    fix: isUnscaled ? SCALE_FIRST : to(lowered < loss ? lower : first),
  };
}

function tooLow({ learningRate, loss, rows }: Step, enough: Longer, after: number): Finding {
  return {
    cause: "learningRateTooLow",
    message: `a step ${brief(enough.times)} times as long as at the learning rate ${learningRate} would take the loss of ${amount(rows, "row")} from ${brief(loss)} to ${brief(enough.loss)}; this one takes it to ${brief(after)}`,
    fix: to((learningRate * enough.times) / 10),
  };
}

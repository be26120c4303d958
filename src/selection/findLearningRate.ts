/** findLearningRate: the learning rate range test. */
import { type Examples, examplesOf, type Matrix } from "../data/examples.ts";
import { DivergenceError, OptionError, withinMemory } from "../errors.ts";
import type { Network } from "../kernel/kernel.ts";
import { type Model, sessionOf } from "../model.ts";
import { toProgram } from "../nn/program.ts";
import { checkNames, completeOptions, number, readSize } from "../options.ts";
import { type Curve, curveSvg, curveText, write } from "../plot/curve.ts";
import { adviceOf } from "../training/advice.ts";
import { free, type Loaded } from "../training/data.ts";
import { readModel } from "../training/modelArgument.ts";
import { type FitOptions, readFitOptions } from "../training/options.ts";
import type { Session } from "../training/session.ts";
import { atEpoch } from "../training/training.ts";
import { warnBefore } from "../training/warnings/before.ts";

/** How to look for a learning rate; the others are `fit`'s. */
export interface FindLearningRateOptions
  extends Pick<FitOptions, "batchSize" | "sampleWeight" | "classWeight" | "threads" | "signal" | "warnings"> {
  /** The rate of the first step; 1e-7 by default. */
  readonly from?: number | undefined;
  /** The rate of the last step; 10 by default. */
  readonly to?: number | undefined;
  /** How many steps, at least 20; 100 by default. */
  readonly steps?: number | undefined;
  /** β of the exponential mean of the losses, from 0, which smooths nothing, to below 1; 0.98 by default. */
  readonly smoothing?: number | undefined;
}

/** The loss as the learning rate grows: a value for each step, up to where the loss diverged. */
export interface LearningRateCurve {
  readonly learningRates: readonly number[];
  /** The mean loss of the step's rows, before its update. */
  readonly losses: readonly number[];
  /** The exponential mean of the losses so far. */
  readonly smoothed: readonly number[];
  /**
   * The rate half-way through the longest fall of the smoothed loss, as fastai's `valley` has it; undefined
   * where it falls nowhere.
   */
  readonly suggestion: number | undefined;
  /** The rate at which the smoothed loss is lowest: a training with it is about to diverge. */
  readonly lowest: number | undefined;
  /** Whether the test ended early, since the loss was no longer finite or more than four times its best. */
  readonly diverged: boolean;
  /** The curve and what follows from it, as text. */
  readonly text: string;
  toString(): string;
  /** The curve as an SVG file. */
  svg(): string;
}

const CALL = "findLearningRate";
const range = {
  from: number({ default: 1e-7, above: 0 }),
  to: number({ default: 10, above: 0 }),
  smoothing: number({ default: 0.98, minimum: 0, below: 1 }),
};
const OF_FIT = ["batchSize", "sampleWeight", "classWeight", "threads", "signal", "warnings"];
const STEPS = 100;

/** The first tenth of the steps and the last five are left out of suggestions, as fastai does; this leaves 13. */
const LEAST_STEPS = 20;
const skipped = (steps: number) => Math.floor(steps / 10);
const SKIPPED_AT_END = 5;

function readOptions(given: FindLearningRateOptions) {
  checkNames(given, [...Object.keys(range), "steps", ...OF_FIT], CALL);
  const { from, to, smoothing, steps = STEPS, ...training } = given;
  const checked = completeOptions(range, { from, to, smoothing }, CALL);
  if (checked.from >= checked.to) {
    throw new OptionError(`${CALL}: to: expected more than from, ${checked.from}, received ${checked.to}`);
  }
  if (readSize(steps, `${CALL}: steps`) < LEAST_STEPS) {
    throw new OptionError(`${CALL}: steps: expected at least ${LEAST_STEPS}, received ${steps}`);
  }
  return { ...checked, steps, ...readFitOptions(CALL, training, OF_FIT) };
}

type Options = ReturnType<typeof readOptions>;

/** A network of its own that trains as the model's would. */
function copyOf({ kernel, configuration }: Session, original: Network): Network {
  return withinMemory(`${CALL}: a copy of the model does not fit in memory`, () => {
    const network = kernel.network(toProgram(configuration));
    try {
      for (const part of ["parameters", "slots"] as const) network.write(part, original.read(part));
      return network;
    } catch (error) {
      network.dispose();
      throw error;
    }
  });
}

/** The exponential mean of a list that grows, freed of the zero that it starts from. (Kingma and Ba, 2015.) */
class Smoothed {
  readonly values: number[] = [];
  readonly #share: number;
  #mean = 0;

  constructor(share: number) {
    this.#share = share;
  }

  add(value: number): number {
    this.#mean = this.#share * this.#mean + (1 - this.#share) * value;
    const smoothed = this.#mean / (1 - this.#share ** (this.values.length + 1));
    this.values.push(smoothed);
    return smoothed;
  }
}

/** The losses of steps whose learning rates grow, and whether they diverged. */
interface Measured {
  readonly learningRates: number[];
  readonly losses: number[];
  readonly smoothed: readonly number[];
  readonly diverged: boolean;
}

/** Takes one step after the other, each with a rate of its own, from where a training would start. */
function stepper(network: Network, { data, kernelData }: Loaded, session: Session, options: Options) {
  const { batchSize, threads } = options;
  let position = atEpoch(session.position);
  /** The mean loss of the step's rows, with the batches of a training; NaN where it diverged. */
  return async (learningRate: number): Promise<number> => {
    const from = { ...position, loss: 0 };
    // A run has a rate an epoch: a call for each step.
    const done = await network.start(kernelData, {
      from,
      steps: 1,
      batchSize,
      accumulate: 1,
      seed: session.seed,
      shuffle: true,
      learningRates: Float64Array.of(learningRate),
      ...(threads === undefined ? {} : { threads }),
    });
    if (done.diverged) return Number.NaN;
    position = done.position;
    // The sum of the epoch's losses is that of the step, since the run began at 0.
    const sum = done.losses.length > 0 ? done.losses[0] * data.rows : position.loss;
    return sum / Math.min(batchSize, data.rows - from.step * batchSize);
  };
}

async function measure(step: (learningRate: number) => Promise<number>, options: Options): Promise<Measured> {
  const { steps, from, to, smoothing, signal } = options;
  const smoothed = new Smoothed(smoothing);
  const [learningRates, losses]: number[][] = [[], []];
  let [best, diverged] = [Number.POSITIVE_INFINITY, false];
  for (let at = 0; at < steps && !diverged; at++) {
    const share = at / (steps - 1);
    const learningRate = from ** (1 - share) * to ** share;
    const loss = await step(learningRate);
    signal?.throwIfAborted();
    diverged = !Number.isFinite(loss);
    if (diverged) break;
    learningRates.push(learningRate);
    losses.push(loss);
    const now = smoothed.add(loss);
    // The first are means of few batches: a low one is no measure for those that follow.
    if (at < skipped(steps)) continue;
    best = Math.min(best, now);
    // As fastai has it, four times the best, if that is above zero.
    diverged = now > best + 3 * Math.abs(best);
  }
  return { learningRates, losses, smoothed: smoothed.values, diverged };
}

/**
 * A place in the longest falling sequence of values, of which some may be left out: with n of them that end at
 * place e, place e - n + ⌊n / 3⌋ + ⌊n / 6⌋.
 */
function valley(values: readonly number[]): number | undefined {
  /** Of the falling sequences of each length from 1, the highest end. */
  const ends: number[] = [];
  let place = 0;
  for (const [at, value] of values.entries()) {
    const shorter = ends.findIndex((end) => end <= value);
    if (shorter >= 0) ends[shorter] = value;
    else {
      ends.push(value);
      place = at;
    }
  }
  const { length } = ends;
  if (length < 2) return undefined;
  return Math.max(0, place - length + Math.floor(length / 3) + Math.floor(length / 6));
}

const least = (values: readonly number[]) => values.reduce((low, value) => Math.min(low, value), values[0]);
const most = (values: readonly number[]) => values.reduce((high, value) => Math.max(high, value), values[0]);
const short = (value: number) => write(value, 2);

/** What follows from the curve, without its ends. */
function suggestionsOf({ learningRates, smoothed }: Measured, steps: number) {
  const start = skipped(steps);
  const values = smoothed.slice(start, Math.max(start, smoothed.length - SKIPPED_AT_END));
  const rate = (place: number | undefined) =>
    place === undefined ? undefined : learningRates[start + place];
  const suggestion = rate(valley(values));
  const low = suggestion === undefined ? undefined : values.indexOf(least(values));
  return { suggestion, lowest: rate(low) };
}

type Suggestions = ReturnType<typeof suggestionsOf>;

/** What to draw. What rises above where the fall began, and half as much again, tells nothing more. */
function drawn({ learningRates, losses, smoothed }: Measured, { suggestion }: Suggestions): Curve {
  const low = least(smoothed);
  const high = most(smoothed.slice(0, smoothed.indexOf(low) + 1));
  const room = (high > low ? high - low : Math.abs(low)) / 2;
  const points = (values: readonly number[]) => values.map((y, at) => ({ x: learningRates[at], y }));
  return {
    title: "Learning rate range test",
    xLabel: "learning rate",
    yLabel: "smoothed loss",
    points: points(smoothed),
    raw: points(losses),
    top: Math.min(high + room, most(smoothed)),
    ...(suggestion !== undefined && { mark: { x: suggestion, name: `suggestion ${short(suggestion)}` } }),
  };
}

/** What follows from the curve, in words. */
function words({ learningRates, diverged }: Measured, found: Suggestions, rows: number): string[] {
  const { suggestion, lowest } = found;
  const last = short(learningRates[learningRates.length - 1]);
  const end = diverged ? `; at ${last} the loss had diverged` : "";
  return [
    `${learningRates.length} steps of ${rows === 1 ? "1 row" : `${rows} rows`}, from ${short(learningRates[0])} to ${last}${end}`,
    suggestion === undefined || lowest === undefined
      ? "no suggestion: the loss fell nowhere; try other rates, more steps or larger batches"
      : `suggestion ${short(suggestion)}; the loss was lowest at ${short(lowest)}`,
  ];
}

/**
 * The learning rate range test: trains a copy of the model on batches of the data with a rate that grows
 * exponentially, η = from (to / from)^(k / (steps - 1)) at step k, and gives the loss as it falls and then
 * diverges. The model stays as it is; it may be one that has learnt. (Smith, "Cyclical Learning Rates for
 * Training Neural Networks", 2017, section 3.3; smoothed and read as fastai's `lr_find`.)
 *
 * A suggestion is a place to start from, not the best rate: look at the curve. The event loop goes on
 * meanwhile, and the test takes the batches of `fit`, so equal seeds give equal curves.
 *
 * @example
 * ```ts
 * const curve = await findLearningRate(model, data, { batchSize: 5 });
 * console.log(String(curve)); // the curve, with the suggestion
 * const { suggestion = 0.01 } = curve;
 * const next = new Model({ inputs: 2, layers: [dense(1)], loss: "meanSquaredError", optimizer: sgd({ learningRate: suggestion }) });
 * ```
 *
 * @throws OptionError, DataError or ShapeError for bad input; StateError while a training of the model runs;
 * DivergenceError if the loss is not finite at the first step. The signal's reason if it aborts.
 */
export function findLearningRate(
  model: Model,
  data: Examples,
  options?: FindLearningRateOptions,
): Promise<LearningRateCurve>;
export function findLearningRate(
  model: Model,
  x: Matrix,
  y: Matrix,
  options?: FindLearningRateOptions,
): Promise<LearningRateCurve>;
export async function findLearningRate(model: Model, ...given: unknown[]): Promise<LearningRateCurve> {
  readModel(model, CALL);
  const [data, options] = examplesOf(CALL, given);
  const checked = readOptions(options === undefined ? {} : (options as FindLearningRateOptions));
  const session = sessionOf(model);
  const original = session.useAlone(CALL);
  const loaded = session.load(CALL, data, checked);
  const rows = Math.min(checked.batchSize, loaded.data.rows);
  let network: Network | undefined;
  let measured: Measured;
  try {
    session.checkRows(CALL, rows, true);
    checked.signal?.throwIfAborted();
    warnBefore(CALL, session, { ...checked, profile: loaded.profile });
    network = copyOf(session, original);
    measured = await measure(stepper(network, loaded, session, checked), checked);
  } finally {
    network?.dispose();
    free(loaded);
  }
  if (measured.losses.length === 0) {
    const text = `${CALL}: step 0: the loss is not a finite number; ${adviceOf(session, loaded, checked.from)}`;
    throw new DivergenceError(text, atEpoch(session.position).epoch, 0);
  }
  const found = suggestionsOf(measured, checked.steps);
  const curve = drawn(measured, found);
  const text = [curveText(curve), "", ...words(measured, found, rows)].join("\n");
  return { ...measured, ...found, text, toString: () => text, svg: () => curveSvg(curve) };
}

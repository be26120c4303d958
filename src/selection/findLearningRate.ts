/** findLearningRate: the learning rate range test. */
import { type Examples, examplesOf, type Matrix } from "../data/examples.ts";
import { DivergenceError, OptionError, withinMemory } from "../errors.ts";
import type { Network } from "../kernel/kernel.ts";
import { type Model, sessionOf } from "../model.ts";
import { toProgram } from "../nn/program.ts";
import { checkNames, completeOptions, number, readSize } from "../options.ts";
import type { Picture } from "../plot/picture.ts";
import { linesPicture } from "../plot/pictures/lines.ts";
import { withText } from "../textTable.ts";
import { divergenceAdvice } from "../training/advice.ts";
import { free, type Loaded } from "../training/data.ts";
import { readModel } from "../training/modelArgument.ts";
import { type FitOptions, readFitOptions } from "../training/options.ts";
import type { Session } from "../training/session.ts";
import { startOfNextEpoch } from "../training/trainableModel.ts";
import { warnBefore } from "../training/warnings/before.ts";

/** How to look for a learning rate. The inherited options are those of `fit`. */
export interface FindLearningRateOptions
  extends Pick<FitOptions, "batchSize" | "sampleWeight" | "classWeight" | "threads" | "signal" | "warnings"> {
  /** The rate of the first step; 1e-7 by default. */
  readonly from?: number | undefined;
  /** The rate of the last step; 10 by default. */
  readonly to?: number | undefined;
  /** The number of steps, at least 20; 100 by default. */
  readonly steps?: number | undefined;
  /** β of the exponential moving average of the losses, from 0 (no smoothing) to below 1; 0.98 by default. */
  readonly smoothing?: number | undefined;
}

/** The loss at growing learning rates: one value for each step until the loss diverged. */
export interface LearningRateCurve {
  readonly learningRates: readonly number[];
  /** The mean loss of each step's rows, before its update. */
  readonly losses: readonly number[];
  /** The exponential moving average of the losses. */
  readonly smoothed: readonly number[];
  /**
   * A rate in the middle of the longest descent of the smoothed loss, as in fastai's `valley`; undefined
   * where the loss never falls.
   */
  readonly suggestion: number | undefined;
  /** The rate with the lowest smoothed loss: a training at this rate is close to divergence. */
  readonly lowest: number | undefined;
  /** Whether the test stopped early: the loss was not finite, or above four times its minimum. */
  readonly diverged: boolean;
  /** The curve and the suggestion, as text. */
  readonly text: string;
  toString(): string;
  /** Returns the curve as the text of an SVG file. */
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

/** Suggestions ignore the first tenth of the steps and the last five, as in fastai; 13 of 20 remain. */
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

/** Returns a copy of the model's network that trains as the original would. */
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

/** The exponential moving average of a growing list, with bias correction. (Kingma and Ba, 2015.) */
class Smoothed {
  readonly values: number[] = [];
  readonly #beta: number;
  #mean = 0;

  constructor(beta: number) {
    this.#beta = beta;
  }

  add(value: number): number {
    this.#mean = this.#beta * this.#mean + (1 - this.#beta) * value;
    const smoothed = this.#mean / (1 - this.#beta ** (this.values.length + 1));
    this.values.push(smoothed);
    return smoothed;
  }
}

/** What the test measured. */
interface Measured {
  readonly learningRates: number[];
  readonly losses: number[];
  readonly smoothed: readonly number[];
  readonly diverged: boolean;
}

/**
 * Returns a function that takes the next step at a given rate, beginning where a training would. It resolves
 * to the mean loss of the step's rows, or NaN where the step diverged.
 */
function stepper(network: Network, { data, kernelData }: Loaded, session: Session, options: Options) {
  const { batchSize, threads } = options;
  let position = startOfNextEpoch(session.position);
  return async (learningRate: number): Promise<number> => {
    const from = { ...position, loss: 0 };
    // A run has one rate per epoch, so each step is a run of its own.
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
    // The epoch's sum of losses is the step's alone, because the run began at 0.
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
    // The first values average few batches, so they do not count as the minimum.
    if (at < skipped(steps)) continue;
    best = Math.min(best, now);
    // As in fastai: above four times the minimum, where the minimum is positive.
    diverged = now > best + 3 * Math.abs(best);
  }
  return { learningRates, losses, smoothed: smoothed.values, diverged };
}

/**
 * Returns an index in the longest strictly decreasing subsequence: for length n and an end at index e, the
 * index e - n + ⌊n / 3⌋ + ⌊n / 6⌋.
 */
function valley(values: readonly number[]): number | undefined {
  /** The highest last value of a decreasing subsequence of each length, from 1 on. */
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
/** Formats a rate with two digits, and an exponent below 0.001. */
function short(value: number): string {
  const rounded = Number(value.toPrecision(2));
  return rounded !== 0 && Math.abs(rounded) < 0.001 ? rounded.toExponential() : String(rounded);
}

/** Returns the suggestion and the rate of the lowest loss, from the curve without its ends. */
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

/** Returns the plot, which cuts the divergence at half a descent above the start of the descent. */
function drawn({ learningRates, losses, smoothed }: Measured, { suggestion }: Suggestions): Picture {
  const low = least(smoothed);
  const high = most(smoothed.slice(0, smoothed.indexOf(low) + 1));
  const room = (high > low ? high - low : Math.abs(low)) / 2;
  const points = (values: readonly number[]) => values.map((y, at) => [learningRates[at], y] as const);
  return linesPicture({
    title: "Learning rate range test",
    description: "The loss at growing learning rates, smoothed and as it was measured.",
    xLabel: "learning rate",
    yLabel: "loss",
    lines: [
      { name: "smoothed loss", points: points(smoothed) },
      { name: "loss of each step", points: points(losses), style: "pale" },
    ],
    isLog: true,
    top: Math.min(high + room, most(smoothed)),
    mark: suggestion === undefined ? undefined : { x: suggestion, label: `suggestion ${short(suggestion)}` },
  });
}

/** Returns the lines of text below the curve. */
function words({ learningRates, diverged }: Measured, found: Suggestions, rows: number): string[] {
  const { suggestion, lowest } = found;
  const last = short(learningRates[learningRates.length - 1]);
  const end = diverged ? `; at ${last} the loss had diverged` : "";
  return [
    `${learningRates.length} steps of ${rows === 1 ? "1 row" : `${rows} rows`}, from ${short(learningRates[0])} to ${last}${end}`,
    suggestion === undefined || lowest === undefined
      ? "no suggestion: the loss never fell; try other rates, more steps or larger batches"
      : `suggestion ${short(suggestion)}; the loss was lowest at ${short(lowest)}`,
  ];
}

/**
 * Runs a learning rate range test: trains a copy of the model on batches of the data at a rate that grows
 * exponentially, η = from (to / from)^(k / (steps - 1)) at step k. Returns the loss, which falls and then
 * diverges. The model, which may be trained already, does not change. (Smith, "Cyclical Learning Rates for
 * Training Neural Networks", 2017, section 3.3; smoothing and suggestion as in fastai's `lr_find`.)
 *
 * The suggestion is a starting point, not the best rate: look at the curve. The event loop stays free. The
 * batches are those of `fit`, so equal seeds give equal curves.
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
    const text = `${CALL}: step 0: the loss is not a finite number; ${divergenceAdvice(session, loaded, checked.from)}`;
    throw new DivergenceError(text, startOfNextEpoch(session.position).epoch, 0);
  }
  const found = suggestionsOf(measured, checked.steps);
  const picture = drawn(measured, found);
  const text = [picture.terminal({ height: 18 }), "", ...words(measured, found, rows)].join("\n");
  return withText({ ...measured, ...found, svg: () => picture.svg() }, text);
}

/**
 * Rows that are not in the sample: once the networks have learned from the sample, they continue on the other
 * rows, block by block.
 */

import { DataError, show } from "../errors.ts";
import { now } from "../host.ts";
import { sessionOf } from "../model.ts";
import { uniform } from "../random.ts";
import { readFitOptions } from "../training/options.ts";
import { type ModelTraining, trainTogether } from "../training/trainMany.ts";
import { type ColumnDescription, cellReader, type TypedColumn } from "./columns.ts";
import type { Frame } from "./frame.ts";
import type { Encoded } from "./learner/encoded.ts";
import { scaledTarget } from "./learner/encoded.ts";
import type { Trained } from "./learner/train.ts";
import { eachRow, PURPOSE, type Sample, Table } from "./sample.ts";
import { readTargets, type Target, type TargetDescription } from "./target.ts";
import { typeColumn } from "./typeColumn.ts";

/**
 * Rows of the stream in a block, as a share of the sample, and as many of the sample are learned from beside
 * them.
 */
const BLOCK_SHARE = 4;
const LEARNING_RATE = 5e-4;
const BATCH_SIZE = 64;

/** How the networks continue on the rows that are not in the sample. */
export interface StreamOptions {
  readonly columns: readonly ColumnDescription[];
  /** The column of the weights of the rows. */
  readonly weights: string | undefined;
  readonly seed: number;
  readonly threads: number | undefined;
  readonly signal: AbortSignal | undefined;
  /** Ends the training when it aborts, after the current block. */
  readonly stop?: AbortSignal | undefined;
  readonly place: string;
}

/** Reads the cells of a block as the columns of the sample are read; what cannot be read is missing. */
function typeBlock(columns: readonly ColumnDescription[], frame: Frame): Map<string, TypedColumn> {
  const typed = new Map<string, TypedColumn>();
  for (const description of columns) {
    const { name, type } = description;
    const cells = frame.cells.get(name);
    if (type === "ignore" || cells === undefined) continue;
    if (type === "text") {
      typed.set(name, { ...typeColumn(name, cells, "text"), description });
      continue;
    }
    const read = cellReader(description);
    const values = new Float64Array(frame.rows);
    for (let row = 0; row < frame.rows; row++) values[row] = read(cells[row]) ?? Number.NaN;
    typed.set(name, { description, values });
  }
  return typed;
}

/**
 * The targets of a block, and how many cells cannot be read or have a class that the sample does not have;
 * they are NaN, as missing ones are.
 */
function targetsOf(
  description: TargetDescription,
  cells: ArrayLike<unknown>,
  place: string,
): { readonly values: Float64Array; readonly refused: number } {
  try {
    return { values: readTargets(description, cells, place), refused: 0 };
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    const values = new Float64Array(cells.length).fill(Number.NaN);
    let refused = 0;
    for (let row = 0; row < cells.length; row++) {
      try {
        values[row] = readTargets(description, [cells[row]], place)[0];
      } catch (refusal) {
        if (!(refusal instanceof DataError)) throw refusal;
        refused++;
      }
    }
    return { values, refused };
  }
}

/** What became of the rows that are not in the sample. */
export interface Continued {
  /** Rows that networks learned from; 0 if no network became better. */
  readonly learned: number;
  /** Networks that kept what they learned, of all. */
  readonly better: number;
  readonly networks: number;
  /** Rows with a target that cannot be read, or with a class that the sample does not have. */
  readonly refused: number;
  /** Whether the time was over before the rows were. */
  readonly isCut: boolean;
}

/**
 * Makes the function that trains networks further, on all rows that are not in the sample: they come in the
 * order of the source, in blocks, each of which is shuffled and learned from once, together with as many rows
 * of the sample, so that a sorted source does not make the networks forget. The optimizer continues from
 * block to block, and its rate falls to 0 with the rows or with the time until `until`, whichever is over
 * first. A network keeps what it learned only if it is better on the rows of the sample that it is validated
 * on.
 */
export function streamer({ again, frame, rows, numbers }: Sample, options: StreamOptions) {
  return async (
    trained: readonly Trained[],
    encoded: readonly Encoded[],
    target: Target,
    until: number,
  ): Promise<Continued> => {
    const networks = trained.length;
    let isCut = now() >= until;
    if (again === undefined || networks === 0 || isCut)
      return { learned: 0, better: 0, networks, refused: 0, isCut };
    const size = Math.max(BATCH_SIZE, Math.floor(frame.rows / BLOCK_SHARE));
    const before = trained.map(({ model, fold }) => ({
      weights: model.getWeights(),
      loss: model.evaluate(encoded[fold].validation),
    }));
    const draw = uniform(options.seed, { purpose: PURPOSE, index: 1 });
    const known = new Set(numbers);
    const begun = now();
    let block = new Block();
    let [read, learned, refused] = [0, 0, 0];
    /** Trains on the block; returns whether there is time for another one. */
    const train = async (): Promise<boolean> => {
      const full = block;
      block = new Block();
      full.isText = frame.isText;
      const share = Math.max(read / (rows - known.size), (now() - begun) / (until - begun));
      const rate = LEARNING_RATE * Math.max(0.02, 1 - share);
      read += full.rows;
      const one = await trainBlock(full, trained, encoded, target, rate, draw, until, options);
      learned += one.learned;
      refused += one.refused;
      isCut ||= one.isCut;
      return !isCut;
    };
    const onCut = () => {
      isCut = true;
    };
    const limits = { signal: options.signal, until, onCut };
    await eachRow(again(), options.place, limits, (row, cellOf, names) => {
      if (known.has(row) || options.stop?.aborted) return undefined;
      block.numbers.push(row);
      block.set(block.rows, cellOf, names);
      return block.rows < size ? undefined : train();
    });
    if (block.rows > 0 && !isCut && !options.stop?.aborted) await train();
    let better = 0;
    for (const [at, { model, fold }] of trained.entries()) {
      const { weights, loss } = before[at];
      const { loss: after } = model.evaluate(encoded[fold].validation);
      if (after < loss.loss) better++;
      else model.setWeights(weights);
    }
    return { learned: better === 0 ? 0 : learned, better, networks, refused, isCut };
  };
}

/** Rows of the source that are learned from together. */
class Block extends Table {
  /** The number that each row has in the source. */
  readonly numbers: number[] = [];
}

/** Trains all networks on one block. */
async function trainBlock(
  block: Block,
  trained: readonly Trained[],
  encoded: readonly Encoded[],
  { description }: Target,
  learningRate: number,
  draw: () => number,
  until: number,
  { columns, weights: weightName, threads, signal, place }: StreamOptions,
): Promise<Pick<Continued, "learned" | "refused" | "isCut">> {
  const frame = block.frame();
  const cells = frame.cells.get(description.name);
  if (cells === undefined) return { learned: 0, refused: 0, isCut: false };
  const { values, refused } = targetsOf(description, cells, place);
  const known = Uint32Array.from(values.keys()).filter((row) => !Number.isNaN(values[row]));
  if (known.length === 0) return { learned: 0, refused, isCut: false };
  const typed = typeBlock(columns, frame);
  const given = weightName === undefined ? undefined : frame.cells.get(weightName);
  const { classWeights } = description;
  const weightOf = (row: number) => {
    const own = given === undefined ? 1 : Number(given[row]);
    if (!(own >= 0 && Number.isFinite(own)))
      throw new DataError(
        `${place}: sampleWeight: row ${block.numbers[row]}: expected a number of at least 0, received ${show(given?.[row])}`,
      );
    return own * (classWeights === undefined ? 1 : classWeights[values[row]]);
  };
  const isWeighted = given !== undefined || classWeights !== undefined;
  const lessons = encoded.map(({ preparation, center, scale, training, weights: old }) => {
    const { inputs } = preparation;
    const more = Math.min(known.length, training.y.length);
    const from = Math.floor(draw() * (training.y.length - more + 1));
    const x = new Float32Array((known.length + more) * inputs);
    preparation.encode(typed, known, x);
    x.set(training.x.subarray(from * inputs, (from + more) * inputs), known.length * inputs);
    const y = new Float32Array(known.length + more);
    for (const [at, row] of known.entries()) y[at] = scaledTarget(values[row], center, scale);
    y.set(training.y.subarray(from, from + more), known.length);
    if (!isWeighted) return { x, y, weights: undefined };
    const weights = new Float32Array(known.length + more).fill(1);
    for (const [at, row] of known.entries()) weights[at] = weightOf(row);
    if (old !== undefined) weights.set(old.subarray(from, from + more), known.length);
    return { x, y, weights };
  });
  const options = lessons.map(({ weights }) =>
    readFitOptions(place, {
      ...{ epochs: 1, batchSize: BATCH_SIZE, warnings: false, schedule: () => learningRate },
      ...(weights && { sampleWeight: weights }),
    }),
  );
  const examples = lessons.map(({ x, y }) => ({ x, y }));
  const trainings = trained.map(
    ({ model, fold }): ModelTraining => ({ model, examples: examples[fold], options: options[fold] }),
  );
  const stepsOf = () => trained.reduce((sum, { model }) => sum + sessionOf(model, place).position.steps, 0);
  const before = stepsOf();
  const left = (until - now()) / 1000;
  if (left <= 0) return { learned: 0, refused, isCut: true };
  await trainTogether(place, trainings, {
    ...{ signal, threads, onProgress: undefined },
    ...(left < Number.POSITIVE_INFINITY && { budget: { seconds: left } }),
  });
  // The rows come shuffled: a network that was stopped has learned from the same share of them as of its steps.
  const planned = trained.reduce((sum, { fold }) => sum + Math.ceil(examples[fold].y.length / BATCH_SIZE), 0);
  const share = (stepsOf() - before) / planned;
  return { learned: Math.floor(share * known.length), refused, isCut: share < 1 };
}

/**
 * Rows that do not fit in memory: a sample of them is learned from as usual, then the networks continue on
 * the other rows, block by block.
 */
import { DataError, OptionError, show } from "../errors.ts";
import { now } from "../host.ts";
import { refuse } from "../options.ts";
import { uniform } from "../random.ts";
import { readFitOptions } from "../training/options.ts";
import { type ModelTraining, trainTogether } from "../training/trainMany.ts";
import { type ColumnDescription, cellReader, type TypedColumn, typeColumn } from "./columns.ts";
import { checkRecord, Frame, type TableRecord } from "./frame.ts";
import type { Encoded } from "./learner/encoded.ts";
import type { Trained } from "./learner/train.ts";
import { Preparation } from "./preparation.ts";
import { readTargets, type Target, type TargetDescription } from "./target.ts";

/** Rows that come one after the other, or a function that begins anew. */
export type TableStream =
  | AsyncIterable<TableRecord | Frame>
  | (() => AsyncIterable<TableRecord | Frame> | Iterable<TableRecord | Frame>);

type Rows = AsyncIterable<unknown> | Iterable<unknown>;

/** The purpose of these draws, beside those of `random.ts`. */
const PURPOSE = 35;
/** Rows from which the size of a row is estimated; no sample is smaller. */
const FIRST_ROWS = 1000;
/** Bytes of a cell as it came: a number or a short text, with its place in a list. */
const CELL_BYTES = 64;
/**
 * Arrays of encoded rows that are in memory together: of five folds, each in JavaScript, scaled, and in the
 * kernel.
 */
const COPIES = 15;
/**
 * Rows of the stream in a block, as a share of the sample, and as many of the sample are learned from beside
 * them.
 */
const BLOCK_SHARE = 4;
const LEARNING_RATE = 5e-4;
const BATCH_SIZE = 64;

/** A sample of rows, and the way to the others. */
export interface Sample {
  readonly frame: Frame;
  /** All rows of the source. */
  readonly rows: number;
  /** The numbers of the rows in the sample. */
  readonly numbers: ReadonlySet<number>;
  /** Begins anew; undefined where the source can be read once only. */
  readonly again: (() => Rows) | undefined;
}

/** Checks the option `memory`. */
export function readMemory(given: unknown, place: string): number | undefined {
  if (given === undefined) return undefined;
  if (typeof given === "number" && given >= 1 && Number.isFinite(given)) return given;
  throw refuse(`${place}: memory`, "a number of bytes", given);
}

/** What begins a source, and whether it can begin anew: an iterator that is its own iterable cannot. */
export function openStream(source: unknown): { readonly first: Rows; readonly again: Sample["again"] } {
  if (typeof source === "function") return { first: source() as Rows, again: source as () => Rows };
  const stream = source as Partial<AsyncIterable<unknown> & Iterable<unknown>>;
  const iterator = stream[Symbol.asyncIterator]?.() ?? stream[Symbol.iterator]?.();
  const isOnce = (iterator as unknown) === source;
  const first: Rows = isOnce
    ? (source as Rows)
    : { [Symbol.asyncIterator]: () => iterator as AsyncIterator<unknown> };
  return { first, again: isOnce ? undefined : () => source as Rows };
}

/** Whether a value is rows that come one after the other. */
export const isStream = (source: unknown): boolean =>
  typeof source === "function" ||
  (source !== null &&
    typeof source === "object" &&
    !Array.isArray(source) &&
    !(source instanceof Frame) &&
    (Symbol.asyncIterator in source || Symbol.iterator in source));

/** Cells of rows by column, each written at its place. */
class Table {
  readonly cells = new Map<string, unknown[]>();
  rows = 0;
  isText = false;

  /** Writes a row at a place, which is at most the number of rows. */
  set(place: number, read: (name: string) => unknown, names: Iterable<string>): void {
    this.rows = Math.max(this.rows, place + 1);
    for (const column of this.cells.values()) column[place] = undefined;
    for (const name of names) {
      let column = this.cells.get(name);
      if (column === undefined) {
        column = new Array<unknown>(this.rows).fill(undefined);
        this.cells.set(name, column);
      }
      column[place] = read(name);
    }
  }

  frame(): Frame {
    return new Frame(this.cells, this.rows, this.isText);
  }
}

/** Calls a function with each row of a source: its number, its names and how its cells are read. */
async function eachRow(
  source: Rows,
  place: string,
  visit: (
    row: number,
    read: (name: string) => unknown,
    names: Iterable<string>,
    isText: boolean,
  ) => void | Promise<void>,
): Promise<number> {
  let row = 0;
  for await (const piece of source as AsyncIterable<unknown>) {
    if (piece instanceof Frame) {
      for (let at = 0; at < piece.rows; at++) {
        const wait = visit(row++, (name) => piece.cells.get(name)?.[at], piece.cells.keys(), piece.isText);
        if (wait !== undefined) await wait;
      }
      continue;
    }
    checkRecord(piece, row, place);
    const wait = visit(row++, (name) => piece[name], Object.keys(piece), false);
    if (wait !== undefined) await wait;
  }
  return row;
}

/** The bytes that a row of the sample takes while networks learn from it. */
function bytesOf(frame: Frame): number {
  const columns = Array.from(frame.cells, ([name, cells]) => typeColumn(name, cells, undefined)).filter(
    ({ description }) => description.type !== "ignore",
  );
  const rows = Uint32Array.from({ length: frame.rows }, (_, row) => row);
  const { inputs } = Preparation.fit(columns, rows);
  return CELL_BYTES * frame.cells.size + Float32Array.BYTES_PER_ELEMENT * COPIES * inputs;
}

/**
 * Reads all rows of a source, and keeps as many of them as the memory allows: a uniform sample (algorithm R;
 * Vitter, "Random Sampling with a Reservoir", 1985).
 */
export async function sampleRows(
  source: unknown,
  memory: number,
  seed: number,
  place: string,
): Promise<Sample> {
  const { first, again } = openStream(source);
  const draw = uniform(seed, { purpose: PURPOSE, index: 0 });
  const table = new Table();
  const numbers: number[] = [];
  let most = FIRST_ROWS;
  const rows = await eachRow(first, place, (row, read, names, isText) => {
    if (row === FIRST_ROWS) {
      const bytes = bytesOf(table.frame());
      most = Math.floor(memory / bytes);
      if (most < FIRST_ROWS) {
        throw new OptionError(
          `${place}: memory: expected at least ${Math.ceil(FIRST_ROWS * bytes)} bytes, which ${FIRST_ROWS} rows of this table take, received ${memory}`,
        );
      }
    }
    const at = row < most ? row : Math.floor(draw() * (row + 1));
    if (at >= most) return;
    table.isText ||= isText;
    table.set(at, read, names);
    numbers[at] = row;
  });
  const frame = table.frame();
  return { frame, rows, numbers: new Set(numbers), again };
}

/** How the networks continue on the rows that are not in the sample. */
export interface StreamOptions {
  readonly columns: readonly ColumnDescription[];
  /** The column of the weights of the rows. */
  readonly weights: string | undefined;
  readonly seed: number;
  readonly threads: number | undefined;
  readonly signal: AbortSignal | undefined;
  /** Ends the training when it aborts, after the block at hand. */
  readonly stop?: AbortSignal | undefined;
  /** When to end, in milliseconds of the clock. */
  readonly until: number;
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

/** The targets of a block; NaN for a class that the sample does not have. */
function targetsOf(description: TargetDescription, cells: ArrayLike<unknown>, place: string): Float64Array {
  try {
    return readTargets(description, cells, place);
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    const values = new Float64Array(cells.length).fill(Number.NaN);
    for (let row = 0; row < cells.length; row++) {
      try {
        values[row] = readTargets(description, [cells[row]], place)[0];
      } catch (refusal) {
        if (!(refusal instanceof DataError)) throw refusal;
      }
    }
    return values;
  }
}

/**
 * Makes the function that trains networks further, on all rows that are not in the sample: they come in the
 * order of the source, in blocks, each of which is shuffled and learned from once, together with as many rows
 * of the sample, so that a sorted source does not make the networks forget. The optimizer continues from
 * block to block, and its rate falls to 0. A network keeps what it learned only if it is better on the rows
 * of the sample that it is validated on.
 *
 * The function returns the rows that it learned from.
 */
export function streamer(sample: Sample, options: StreamOptions) {
  const { again, frame, rows, numbers } = sample;
  return async (
    trained: readonly Trained[],
    encoded: readonly Encoded[],
    target: Target,
  ): Promise<number> => {
    if (again === undefined || numbers.size === rows || trained.length === 0) return 0;
    const size = Math.max(BATCH_SIZE, Math.floor(frame.rows / BLOCK_SHARE));
    const before = trained.map(({ model, fold }) => ({
      weights: model.getWeights(),
      loss: model.evaluate(encoded[fold].validation),
    }));
    const draw = uniform(options.seed, { purpose: PURPOSE, index: 1 });
    let block = new Table();
    let learned = 0;
    const isOver = () => now() > options.until || options.stop?.aborted === true;
    const train = async () => {
      const full = block;
      block = new Table();
      full.isText = frame.isText;
      const rate = LEARNING_RATE * Math.max(0.02, 1 - learned / (rows - numbers.size));
      learned += await trainBlock(full.frame(), trained, encoded, target, rate, draw, options);
    };
    await eachRow(again(), options.place, (row, read, names) => {
      if (numbers.has(row) || isOver()) return undefined;
      block.set(block.rows, read, names);
      return block.rows < size ? undefined : train();
    });
    if (block.rows > 0 && !isOver()) await train();
    for (const [at, { model, fold }] of trained.entries()) {
      const { weights, loss } = before[at];
      const { loss: after } = model.evaluate(encoded[fold].validation);
      if (!(after < loss.loss)) model.setWeights(weights);
    }
    return learned;
  };
}

/** Trains all networks on one block. */
async function trainBlock(
  frame: Frame,
  trained: readonly Trained[],
  encoded: readonly Encoded[],
  { description }: Target,
  learningRate: number,
  draw: () => number,
  { columns, weights: weightName, threads, signal, place }: StreamOptions,
): Promise<number> {
  const cells = frame.cells.get(description.name);
  if (cells === undefined) return 0;
  const values = targetsOf(description, cells, place);
  const known = Uint32Array.from(values.keys()).filter((row) => !Number.isNaN(values[row]));
  if (known.length === 0) return 0;
  const typed = typeBlock(columns, frame);
  const given = weightName === undefined ? undefined : frame.cells.get(weightName);
  const { classWeights } = description;
  const weightOf = (row: number) => {
    const own = given === undefined ? 1 : Number(given[row]);
    if (!(own >= 0 && Number.isFinite(own)))
      throw new DataError(
        `${place}: sampleWeight: expected a number of at least 0, received ${show(given?.[row])}`,
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
    for (const [at, row] of known.entries()) y[at] = (values[row] - center) / scale;
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
  await trainTogether(place, trainings, { signal, threads, onProgress: undefined });
  return known.length;
}

/** A small network that learns what a portfolio answers. */
import type { pauser } from "../abort.ts";
import { DataError, show } from "../errors.ts";
import { allocate } from "../memory.ts";
import { uniform } from "../random.ts";
import { outputsOf, type Predictions, type TargetPredictor } from "./answering.ts";
import type { TypedColumn } from "./columns.ts";
import { everyRow } from "./frame.ts";
import { type EncodedRows, scalingOf } from "./learner/encoded.ts";
import type { Part, TableNetwork } from "./learner/learned.ts";
import { student } from "./learner/members.ts";
import { type StageRows, type TrainOptions, trainStage } from "./learner/train.ts";
import type { TrainedTarget } from "./parts.ts";
import { Preparation } from "./preparation.ts";

/** The share of a copy's cells that come from another row. */
const SWAPPED = 0.3;
/** The purpose of the draws of `compact`, beside those of `random.ts`. */
export const COPIES = 34;

/** Columns by name. */
export type Typed = ReadonlyMap<string, TypedColumn>;
/** Yields to the event loop when a pause is due; throws if the signal aborted. */
export type Pause = ReturnType<typeof pauser>;

/** Which of the given rows do what. */
export interface Split {
  readonly training: Uint32Array;
  /** Says when the training ends. */
  readonly validation: Uint32Array;
  /** Both models are scored on it. */
  readonly test: Uint32Array;
}

/**
 * The training rows, then copies of them in which each cell is taken from another training row with a
 * probability of 0.3: what the portfolio answers there says what it does between the rows, at no cost of
 * labels (after Bucilă, Caruana and Niculescu-Mizil, "Model Compression", 2006).
 */
async function withCopies(
  columns: Typed,
  training: Uint32Array,
  { samples, seed, pause }: Pick<Lesson, "samples" | "seed" | "pause">,
): Promise<{ readonly copies: Typed; readonly total: number }> {
  const rows = training.length;
  const total = rows * Math.max(2, Math.ceil(samples / rows));
  const copied = new Map<string, TypedColumn>();
  let index = 1;
  for (const [name, { description, values, texts }] of columns) {
    const draw = uniform(seed, { purpose: COPIES, index: index++ });
    const copies = new Float64Array(total);
    const copiedTexts = texts && new Array<string>(total);
    for (let row = 0; row < total; row++) {
      if (row % PIECE === 0) await pause();
      const isSwapped = row >= rows && draw() < SWAPPED;
      const source = training[isSwapped ? Math.floor(draw() * rows) : row % rows];
      copies[row] = values[source];
      if (texts && copiedTexts) copiedTexts[row] = texts[source];
    }
    copied.set(name, { description, values: copies, ...(copiedTexts && { texts: copiedTexts }) });
  }
  return { copies: copied, total };
}

/** Rows that are computed before the next pause is due. */
const PIECE = 256;

/** Pieces of rows, with a pause before each. */
async function* piecesOf(rows: Uint32Array, pause: Pause): AsyncGenerator<readonly [Uint32Array, number]> {
  for (let start = 0; start < rows.length; start += PIECE) {
    await pause();
    yield [rows.subarray(start, start + PIECE), start];
  }
}

/** The predictions of some rows. */
export async function answersOf(
  predictor: TargetPredictor,
  columns: Typed,
  rows: Uint32Array,
  pause: Pause,
): Promise<Predictions> {
  const { description } = predictor;
  const [outputs, levels] = [outputsOf(description), description.quantiles?.length ?? 0];
  const values = new Float64Array(rows.length * outputs);
  const quantiles = levels === 0 ? undefined : new Float64Array(rows.length * levels);
  for await (const [piece, start] of piecesOf(rows, pause)) {
    const found = predictor.rows(columns, piece);
    values.set(found.values, start * outputs);
    if (found.quantiles !== undefined) quantiles?.set(found.quantiles, start * levels);
  }
  return { values, quantiles };
}

/** Encodes some rows: [rows][inputs]. */
async function encodeRows(preparation: Preparation, columns: Typed, rows: Uint32Array, pause: Pause) {
  const { inputs } = preparation;
  const x = allocate(rows.length * inputs, () => `${rows.length} encoded rows of ${inputs} inputs`);
  for await (const [piece, start] of piecesOf(rows, pause))
    preparation.encode(columns, piece, x.subarray(start * inputs));
  return x;
}

/** What a student learns from. */
export interface Lesson {
  readonly columns: Typed;
  readonly dealt: Split;
  readonly units: number;
  readonly samples: number;
  readonly seed: number;
  readonly training: TrainOptions;
  readonly pause: Pause;
}

/** Trains a network, and one for each quantile, on what the teacher answers. */
export async function distill(
  { description, learned, ...rest }: TrainedTarget,
  teacher: TargetPredictor,
  { columns, dealt, units, samples, seed, training, pause }: Lesson,
): Promise<TrainedTarget> {
  const isClassification = description.task === "classification";
  const outputs = outputsOf(description);
  const preparation = Preparation.fit(columns.values(), dealt.training);
  await pause();
  const { copies, total } = await withCopies(columns, dealt.training, { samples, seed, pause });
  const all = everyRow(total);
  const taught = await answersOf(teacher, copies, all, pause);
  const checked = await answersOf(teacher, columns, dealt.validation, pause);
  const { center, scale } = isClassification ? { center: 0, scale: 1 } : scalingOf(taught.values);
  await pause();
  const x = await encodeRows(preparation, copies, all, pause);
  const validationX = await encodeRows(preparation, columns, dealt.validation, pause);
  const levels = description.quantiles?.length ?? 0;
  /** What the network of a number has to answer: -1 is the value itself, others are quantiles. */
  const rowsOf = (level: number): StageRows => {
    const take = ({ values, quantiles }: typeof taught): EncodedRows["y"] => {
      if (level < 0) return Float32Array.from(values, (value) => (value - center) / scale);
      const own = quantiles as Float64Array;
      return Float32Array.from(
        { length: own.length / levels },
        (_, row) => (own[row * levels + level] - center) / scale,
      );
    };
    return {
      training: { x, y: take(taught) },
      validation: { x: validationX, y: take(checked) },
      ...{ weights: undefined, scales: undefined },
    };
  };
  const member = student(units);
  const planned = Array.from({ length: 1 + levels }, (_, at) => {
    return { member, bag: at, fold: at, seed: (seed + 15_485_863 * (at + 1)) % 2 ** 53 };
  });
  const { inputs, lookups } = preparation;
  const shape = { inputs, lookups, outputs, task: description.task };
  const trained = await trainStage(
    planned,
    ({ bag }) => rowsOf(bag - 1),
    () => shape,
    training,
  );
  if (trained.length < planned.length) {
    for (const { model } of trained) model.dispose();
    throw new DataError(
      `compact: target ${show(description.name)}: the small network did not learn. Fix: give another seed, or more rows`,
    );
  }
  const part: Part = { preparation, center, scale };
  const [network, ...ofLevels] = trained.map(({ model, bag }): TableNetwork => {
    return { model, part: 0, bag: Math.max(0, bag - 1) };
  });
  return {
    ...rest,
    description,
    learned: {
      ...{ parts: [part], networks: [network], temperature: 1, range: learned.range },
      bags: [{ name: member.name, weight: 1, loss: Number.NaN }],
      ...{ prior: learned.prior, priorWeight: 0 },
      ...(learned.quantiles && {
        quantiles: {
          levels: learned.quantiles.levels,
          shifts: learned.quantiles.levels.map(() => 0),
          networks: ofLevels,
        },
      }),
    },
  };
}

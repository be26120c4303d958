/** compact: a table model with one small network that answers as a portfolio does. */
import { DataError, show } from "../errors.ts";
import { now } from "../host.ts";
import { checkNames, readSize, refuse } from "../options.ts";
import { permutation, uniform } from "../random.ts";
import { outputsOf, TargetPredictor } from "./answering.ts";
import { writeTable } from "./bytes.ts";
import type { ColumnDescription, TypedColumn } from "./columns.ts";
import { decideAll } from "./decision.ts";
import { collectFrame, type Frame, type TableSource } from "./frame.ts";
import { baselineOf } from "./honest.ts";
import type { EncodedRows } from "./learner/encoded.ts";
import { disposeNetworks, type Part, type TableNetwork } from "./learner/learned.ts";
import { student } from "./learner/members.ts";
import { type StageRows, type TrainOptions, trainStage } from "./learner/train.ts";
import type { ModelChange, Sizes, TableParts, TrainedTarget } from "./parts.ts";
import { Preparation } from "./preparation.ts";
import { RUN_OPTIONS, type RunOptions, readRunOptions } from "./runOptions.ts";
import { scoreTarget } from "./scores.ts";
import { partsOf, TableModel, typeFrame, usedColumns } from "./tableModel.ts";
import { readTargets } from "./target.ts";

/** How to make a small model; the seed is by default the model's. */
export interface CompactOptions extends RunOptions {
  /** Units of the two hidden layers; 64 by default. */
  readonly units?: number | undefined;
  /** About how many rows to learn from, perturbed copies of the given rows included; 40,000 by default. */
  readonly samples?: number | undefined;
}

const CALL = "compact";
const OPTIONS: readonly (keyof CompactOptions)[] = ["units", "samples", ...RUN_OPTIONS];

const UNITS = 64;
const SAMPLES = 40_000;
/** All copies are in memory, and their answers are computed in one go. */
const MOST_SAMPLES = 2_000_000;
const FEWEST_ROWS = 20;
/** The share of a copy's cells that come from another row. */
const SWAPPED = 0.3;
/** The purpose of these draws, beside those of `random.ts`. */
const PURPOSE = 34;

/** Which of the given rows do what. */
interface Split {
  readonly training: Uint32Array;
  /** Says when the training ends. */
  readonly validation: Uint32Array;
  /** Both models are scored on it. */
  readonly test: Uint32Array;
}

function split(rows: number, seed: number): Split {
  const order = new Uint32Array(rows);
  permutation(seed, { purpose: PURPOSE, index: 0 }, order);
  const [first, second] = [Math.round(0.2 * rows), Math.round(0.3 * rows)];
  return {
    test: order.slice(0, first).sort(),
    validation: order.slice(first, second).sort(),
    training: order.slice(second).sort(),
  };
}

type Typed = ReadonlyMap<string, TypedColumn>;

/**
 * The training rows, then copies of them in which each cell is taken from another training row with a
 * probability of 0.3: what the portfolio answers there says what it does between the rows, at no cost of
 * labels (after Bucilă, Caruana and Niculescu-Mizil, "Model Compression", 2006).
 */
function withCopies(columns: Typed, training: Uint32Array, samples: number, seed: number): Typed {
  const rows = training.length;
  const total = rows * Math.max(2, Math.ceil(samples / rows));
  const copied = new Map<string, TypedColumn>();
  let index = 1;
  for (const [name, { description, values, texts }] of columns) {
    const draw = uniform(seed, { purpose: PURPOSE, index: index++ });
    const source = new Uint32Array(total);
    for (let row = 0; row < total; row++) {
      const isSwapped = row >= rows && draw() < SWAPPED;
      source[row] = training[isSwapped ? Math.floor(draw() * rows) : row % rows];
    }
    copied.set(name, {
      description,
      values: Float64Array.from(source, (row) => values[row]),
      ...(texts && { texts: Array.from(source, (row) => texts[row]) }),
    });
  }
  return copied;
}

/** Rows of one table, all of them. */
function everyRow(columns: Typed): Uint32Array {
  const [first] = columns.values();
  return Uint32Array.from({ length: first.values.length }, (_, row) => row);
}

/**
 * Makes a model that answers like another one and is small: one network (and one for each quantile) learns
 * what the portfolio answers, for 70 % of the given rows and for copies of them with cells from other rows.
 * Its probabilities, threshold and quantiles are those of the portfolio, as well as it has learned them. The
 * rows need no target.
 *
 * `changes` of the result says what was lost: the scores of both models on 20 % of the rows, which the small
 * one did not learn from (if they have the target; with the rows that `fitTable` had, the portfolio's score
 * there is too good), how often both agree, and the sizes and times of both. The given model stays as it is.
 *
 * @example
 * ```ts
 * const small = await compact(await fitTable(rows, { target: "species" }), rows);
 * small.changes.at(-1); // { call: "compact", before: { species: { accuracy: 0.985, … } }, after: …, bytes: … }
 * ```
 *
 * @throws OptionError for anything but a table model, or an unknown option; DataError for fewer than 20 rows,
 * or a cell that cannot be read as its column's type.
 */
export async function compact<Reply>(
  model: TableModel<Reply>,
  rows: TableSource,
  options: CompactOptions = {},
): Promise<TableModel<Reply>> {
  const parts = partsOf(model, CALL);
  checkNames(options, OPTIONS, CALL);
  const units = readSize(options.units ?? UNITS, `${CALL}: units`);
  const samples = readSize(options.samples ?? SAMPLES, `${CALL}: samples`);
  if (samples > MOST_SAMPLES) throw refuse(`${CALL}: samples`, `at most ${MOST_SAMPLES}`, samples);
  const { seed, ...run } = readRunOptions(CALL, options, () => parts.seed);
  const training: TrainOptions = { ...run, seconds: undefined, onProgress: undefined };
  const frame = await collectFrame(rows, CALL, { signal: run.signal });
  if (frame.rows < FEWEST_ROWS)
    throw new DataError(`${CALL}: expected at least ${FEWEST_ROWS} rows, received ${frame.rows}`);
  const used = usedColumns(parts);
  const lacking = used.find(({ name }) => !frame.cells.has(name));
  if (lacking !== undefined)
    throw new DataError(
      `${CALL}: expected the columns of the model, received none named ${show(lacking.name)}`,
    );
  const columns = typeFrame(used, frame, CALL);
  const dealt = split(frame.rows, seed);
  const targets: TrainedTarget[] = [];
  const scores: ReturnType<typeof compare>[] = [];
  try {
    for (const target of parts.targets) {
      const teacher = new TargetPredictor(target, used);
      const small =
        target.learned.networks.length === 0 && target.learned.quantiles === undefined
          ? { ...target }
          : await distill(target, teacher, { columns, dealt, units, samples, seed, training });
      targets.push(small);
      scores.push(compare(target, teacher, small, columns, frame, dealt.test, used));
    }
  } catch (error) {
    for (const { learned } of targets) disposeNetworks(learned);
    throw error;
  }
  const scored = targets.map((target, at) => withScores(target, scores[at]));
  const by = <Value>(read: (one: (typeof scores)[0]) => Value) =>
    Object.fromEntries(scores.map((one) => [one.name, read(one)]));
  const made = (change: ModelChange): TableParts => ({
    ...{ columns: parts.columns, targets: scored, seed, rows: frame.rows, notes: parts.notes },
    changes: [...(parts.changes ?? []), change],
    background: parts.background,
  });
  const change: ModelChange = {
    ...{ call: CALL, rows: frame.rows, scoredRows: dealt.test.length },
    ...{ before: by(({ before }) => before), after: by(({ after }) => after) },
    agreement: by(({ agreement }) => agreement),
    parameters: { before: parametersOf(parts.targets), after: parametersOf(scored) },
  };
  const bytes = sizesOf(writeTable(parts, CALL).length, (sizes) => made({ ...change, bytes: sizes }));
  const microseconds = {
    before: timeOf(parts.targets, used, columns),
    after: timeOf(scored, used, columns),
  };
  return new TableModel<Reply>(made({ ...change, bytes, microseconds }));
}

/** The sizes of both files; the second one holds them itself. */
function sizesOf(before: number, made: (sizes: Sizes) => TableParts): Sizes {
  let after = before;
  for (let round = 0; round < 4; round++) after = writeTable(made({ before, after }), CALL).length;
  return { before, after };
}

/** A target with the scores of its network; the loss of the only bag is among them. */
function withScores(
  target: TrainedTarget,
  { after: scores, baseline }: Pick<ReturnType<typeof compare>, "after" | "baseline">,
): TrainedTarget {
  const { learned } = target;
  const { logLoss, rootMeanSquaredError } = scores;
  const loss = logLoss ?? (rootMeanSquaredError === undefined ? Number.NaN : rootMeanSquaredError ** 2);
  return {
    ...{ ...target, scores, baseline },
    learned: { ...learned, bags: learned.bags.map((bag) => ({ ...bag, loss })) },
  };
}

const parametersOf = (targets: readonly TrainedTarget[]) =>
  targets.reduce((sum, { learned: { networks, quantiles } }) => {
    const all = [...networks, ...(quantiles?.networks ?? [])];
    return sum + all.reduce((own, { model }) => own + model.parameters, 0);
  }, 0);

/** Answers that are timed. */
const TIMED = 200;

/** Microseconds for one row: the fastest of three rounds. */
function timeOf(
  targets: readonly TrainedTarget[],
  used: readonly ColumnDescription[],
  columns: Typed,
): number {
  const predictors = targets.map((target) => new TargetPredictor(target, used));
  const values = used.map(({ name }) => columns.get(name) as TypedColumn);
  const rows = values[0]?.values.length ?? 1;
  const row = new Float64Array(used.length);
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 3; round++) {
    const begun = now();
    for (let time = 0; time < TIMED; time++) {
      const at = time % rows;
      for (let column = 0; column < used.length; column++) row[column] = values[column].values[at];
      const texts = values.map((column) => column.texts?.[at]);
      for (const predictor of predictors) predictor.answer(predictor.one(row, texts), 0);
    }
    best = Math.min(best, now() - begun);
  }
  return (1000 * best) / TIMED;
}

/** What a student learns from. */
interface Lesson {
  readonly columns: Typed;
  readonly dealt: Split;
  readonly units: number;
  readonly samples: number;
  readonly seed: number;
  readonly training: TrainOptions;
}

/** Trains a network, and one for each quantile, on what the teacher answers. */
async function distill(
  { description, learned, ...rest }: TrainedTarget,
  teacher: TargetPredictor,
  { columns, dealt, units, samples, seed, training }: Lesson,
): Promise<TrainedTarget> {
  const isClassification = description.task === "classification";
  const outputs = outputsOf(description);
  const preparation = Preparation.fit(columns.values(), dealt.training);
  const copies = withCopies(columns, dealt.training, samples, seed);
  const all = everyRow(copies);
  const taught = teacher.rows(copies, all);
  const checked = teacher.rows(columns, dealt.validation);
  const { center, scale } = isClassification ? { center: 0, scale: 1 } : spreadOf(taught.values);
  const x = preparation.encode(copies, all);
  const validationX = preparation.encode(columns, dealt.validation);
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
    throw new DataError(`${CALL}: target ${show(description.name)}: the small network did not learn`);
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

function spreadOf(values: Float64Array): { center: number; scale: number } {
  const center = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - center) ** 2, 0);
  const stddev = Math.sqrt(squares / values.length);
  return { center, scale: stddev > 0 ? stddev : 1 };
}

/** The share of the variance of some answers that others explain; 1 where neither differs. */
function explainedShare(answers: Float64Array, others: Float64Array): number {
  const squares = squaresOf(answers, others);
  return squares === 0 ? 1 : 1 - squares / squaresOf(answers, meansOf(answers));
}

/** The scores of both models on rows that the small one did not learn from, and how often they agree. */
function compare(
  target: TrainedTarget,
  teacher: TargetPredictor,
  small: TrainedTarget,
  columns: Typed,
  frame: Frame,
  test: Uint32Array,
  used: readonly ColumnDescription[],
) {
  const { description } = target;
  const { name } = description;
  const pupil = new TargetPredictor(small, used);
  const [old, recent] = [teacher.rows(columns, test), pupil.rows(columns, test)];
  const agreement =
    description.classes === undefined
      ? explainedShare(old.values, recent.values)
      : shareOf(decideAll(description, old.values), decideAll(description, recent.values));
  const cells = frame.cells.get(name);
  const values = cells === undefined ? undefined : readTargets(description, cells, CALL);
  const known = test.filter((row) => values !== undefined && !Number.isNaN(values[row]));
  if (values === undefined || known.length === 0)
    return { name, before: {}, after: {}, agreement, baseline: {} };
  const targets = Float64Array.from(known, (row) => values[row]);
  const scores = (predictor: TargetPredictor) => {
    const { values: own, quantiles } = predictor.rows(columns, known);
    const { quantiles: levels } = description;
    return scoreTarget(
      description,
      targets,
      own,
      levels && quantiles && { quantiles: { levels, values: quantiles } },
    );
  };
  const baseline = baselineOf(description, targets, target.learned.prior);
  return { name, before: scores(teacher), after: scores(pupil), agreement, baseline };
}

const squaresOf = (a: Float64Array, b: Float64Array) =>
  a.reduce((sum, value, at) => sum + (value - b[at]) ** 2, 0);

const meansOf = (values: Float64Array) =>
  new Float64Array(values.length).fill(values.reduce((sum, value) => sum + value, 0) / values.length);

const shareOf = (a: Uint32Array, b: Uint32Array) =>
  a.reduce((count, value, at) => count + Number(value === b[at]), 0) / a.length;

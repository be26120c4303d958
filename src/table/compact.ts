/** compact: a table model with one small network that answers as a portfolio does. */
import { pauser } from "../abort.ts";
import { DataError, show } from "../errors.ts";
import { now } from "../host.ts";
import { checkNames, readSize, refuse } from "../options.ts";
import { permutation } from "../random.ts";
import { outputsOf, type Predictions, pick, TargetPredictor } from "./answering.ts";
import { writeTable } from "./bytes.ts";
import type { ColumnDescription, TypedColumn } from "./columns.ts";
import { decideAll } from "./decision.ts";
import { answersOf, COPIES, distill, type Pause, type Split, type Typed } from "./distill.ts";
import { collectFrame, everyRow, type Frame, type TableSource } from "./frame.ts";
import { baselineOf } from "./honest.ts";
import { disposeNetworks } from "./learner/learned.ts";
import type { TrainOptions } from "./learner/train.ts";
import {
  checkFrame,
  type ModelChange,
  recordChecker,
  type Sizes,
  type TableParts,
  type TrainedTarget,
  usedColumns,
} from "./parts.ts";
import { RUN_OPTIONS, type RunOptions, readRunOptions } from "./runOptions.ts";
import { type Scores, scoreTarget } from "./scores.ts";
import { partsOf, TableModel } from "./tableModel.ts";
import { readTargets, type TargetDescription } from "./target.ts";
import { typeFrame } from "./typedRows.ts";

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

function split(rows: number, seed: number): Split {
  const order = new Uint32Array(rows);
  permutation(seed, { purpose: COPIES, index: 0 }, order);
  const [first, second] = [Math.round(0.2 * rows), Math.round(0.3 * rows)];
  return {
    test: order.slice(0, first).sort(),
    validation: order.slice(first, second).sort(),
    training: order.slice(second).sort(),
  };
}

/**
 * Makes a model that answers like another one and is small: one network (and one for each quantile) learns
 * what the portfolio answers, for 70 % of the given rows and for copies of them with cells from other rows.
 * Its probabilities, threshold and quantiles are those of the portfolio, as well as it has learned them. The
 * rows need no target.
 *
 * `changes` of the result says what was lost: the scores of both models on 20 % of the rows (those that have
 * the target), how often both agree there, and the sizes and times of both. The small network is not trained
 * on these rows. If `fitTable` had them, the portfolio was, and both scores are too good: `evaluate` with
 * other rows says how good the model is on new ones. The given model stays as it is.
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
  const used = usedColumns(parts, parts.targets);
  checkFrame(recordChecker(parts), frame, CALL);
  const lacking = used.find(({ name }) => !frame.cells.has(name));
  if (lacking !== undefined)
    throw new DataError(
      `${CALL}: expected the columns of the model, received none named ${show(lacking.name)}. Fix: give records with all of its columns, missing values as null`,
    );
  const columns = typeFrame(used, frame, CALL);
  const dealt = split(frame.rows, seed);
  const pause = pauser(run.signal);
  const targets: TrainedTarget[] = [];
  const scores: Comparison[] = [];
  try {
    for (const target of parts.targets) {
      const teacher = new TargetPredictor(target, used);
      const small =
        target.learned.networks.length === 0 && target.learned.quantiles === undefined
          ? { ...target }
          : await distill(target, teacher, { columns, dealt, units, samples, seed, training, pause });
      targets.push(small);
      const pupil = new TargetPredictor(small, used);
      scores.push(
        await compare(teacher, pupil, target.learned.prior, { columns, frame, rows: dealt.test, pause }),
      );
    }
    const scored = targets.map((target, at) => withScores(target, scores[at]));
    const by = <Value>(read: (one: Comparison) => Value) =>
      Object.fromEntries(scores.map((one) => [one.name, read(one)]));
    const made = (change: ModelChange): TableParts => ({
      ...{ columns: parts.columns, targets: scored, seed, rows: frame.rows, notes: parts.notes },
      changes: [...(parts.changes ?? []), change],
      background: parts.background,
    });
    const change: ModelChange = {
      ...{ call: CALL, rows: frame.rows, scoredRows: Math.min(...scores.map((one) => one.scoredRows)) },
      ...{ before: by(({ before }) => before), after: by(({ after }) => after) },
      agreement: by(({ agreement }) => agreement),
      parameters: { before: parametersOf(parts.targets), after: parametersOf(scored) },
    };
    const bytes = await sizesOf(
      writeTable(parts, CALL).length,
      (sizes) => made({ ...change, bytes: sizes }),
      pause,
    );
    const microseconds = {
      before: await timeOf(parts.targets, used, columns, pause),
      after: await timeOf(scored, used, columns, pause),
    };
    return new TableModel<Reply>(made({ ...change, bytes, microseconds }));
  } catch (error) {
    for (const { learned } of targets) disposeNetworks(learned);
    throw error;
  }
}

/** The sizes of both files; the second one holds them itself. */
async function sizesOf(before: number, made: (sizes: Sizes) => TableParts, pause: Pause): Promise<Sizes> {
  let after = before;
  for (let round = 0; round < 4; round++) {
    await pause();
    after = writeTable(made({ before, after }), CALL).length;
  }
  return { before, after };
}

/** A target with the scores of its network; the loss of the only bag is among them. */
function withScores(
  target: TrainedTarget,
  { after: scores, baseline }: Pick<Comparison, "after" | "baseline">,
): TrainedTarget {
  const { outOfFold: _, learned, ...rest } = target;
  const { logLoss, rootMeanSquaredError } = scores;
  const loss = logLoss ?? (rootMeanSquaredError === undefined ? Number.NaN : rootMeanSquaredError ** 2);
  return {
    ...{ ...rest, scores, baseline },
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
async function timeOf(
  targets: readonly TrainedTarget[],
  used: readonly ColumnDescription[],
  columns: Typed,
  pause: Pause,
): Promise<number> {
  const predictors = targets.map((target) => new TargetPredictor(target, used));
  const values = used.map(({ name }) => columns.get(name) as TypedColumn);
  const rows = values[0]?.values.length ?? 1;
  const row = new Float64Array(used.length);
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 3; round++) {
    await pause();
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

/** The share of the variance of some answers that others explain. */
const explainedShare = (
  { name, task, reason }: TargetDescription,
  answers: Float64Array,
  others: Float64Array,
) => scoreTarget({ name, task, reason }, answers, others).r2 ?? 0;

/** What is compared: the given rows, and those of them that the small model was not trained on. */
interface Compared {
  readonly columns: Typed;
  readonly frame: Frame;
  readonly rows: Uint32Array;
  readonly pause: Pause;
}

/** How a small model compares with its teacher, for one target. */
interface Comparison {
  readonly name: string;
  readonly scoredRows: number;
  readonly before: Scores;
  readonly after: Scores;
  readonly baseline: Scores;
  readonly agreement: number;
}

/** Scores both models, and measures how often they agree. */
async function compare(
  teacher: TargetPredictor,
  pupil: TargetPredictor,
  prior: readonly number[],
  { columns, frame, rows, pause }: Compared,
): Promise<Comparison> {
  const { description } = teacher;
  const { name, quantiles: levels } = description;
  const old = await answersOf(teacher, columns, rows, pause);
  const recent = await answersOf(pupil, columns, rows, pause);
  const agreement =
    description.classes === undefined
      ? explainedShare(description, old.values, recent.values)
      : shareOf(decideAll(description, old.values), decideAll(description, recent.values));
  const cells = frame.cells.get(name);
  const values = cells === undefined ? undefined : readTargets(description, cells, CALL);
  const known = everyRow(rows.length).filter((at) => values !== undefined && !Number.isNaN(values[rows[at]]));
  if (values === undefined || known.length === 0)
    return { name, scoredRows: 0, before: {}, after: {}, agreement, baseline: {} };
  const targets = Float64Array.from(known, (at) => values[rows[at]]);
  const scoresOf = (found: Predictions) => {
    const quantiles = found.quantiles && pick(found.quantiles, known, levels?.length ?? 0);
    return scoreTarget(
      description,
      targets,
      pick(found.values, known, outputsOf(description)),
      levels && quantiles ? { quantiles: { levels, values: quantiles } } : {},
    );
  };
  return {
    ...{ name, scoredRows: known.length, before: scoresOf(old), after: scoresOf(recent), agreement },
    baseline: baselineOf(description, targets, prior),
  };
}

const shareOf = (a: Uint32Array, b: Uint32Array) =>
  a.reduce((count, value, at) => count + Number(value === b[at]), 0) / a.length;

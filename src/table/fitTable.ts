/** fitTable: rows in, a trained table model out. */
import type { RowSplit } from "../data/folds.ts";
import { DataError, OptionError, show } from "../errors.ts";
import { now } from "../host.ts";
import type { KernelChoice } from "../kernel/choose.ts";
import { checkNames, readSize, unknownName } from "../options.ts";
import { freshSeed, readSeed } from "../seed.ts";
import { readBoolean, readSignal, readThreads } from "../training/options.ts";
import { readOnProgress } from "../training/trainMany.ts";
import type { Answer, AnswerFor, FieldOf, QuantileAnswer } from "./answers.ts";
import { readBackgroundSize, takeBackground } from "./background.ts";
import { categoryName, parseNumber } from "./cells.ts";
import { type ColumnType, inferColumnType, readGivenTypes, type TypedColumn, typeColumn } from "./columns.ts";
import { ANSWER_OPTIONS, type AnswerOptions, applyControls, isTuned, readControls } from "./controls.ts";
import { dealRows } from "./folds.ts";
import { collectFrame, concatenate, type Frame, type TableSource } from "./frame.ts";
import { scoreLearned } from "./honest.ts";
import { disposeNetworks, learnPrior } from "./learner/learned.ts";
import { countNetworks, learn } from "./learner/portfolio.ts";
import { FOLDS, limit, portfolio, QUALITIES, type Quality } from "./learner/portfolios.ts";
import { priorQuantiles } from "./learner/quantiles.ts";
import type { TrainedTarget } from "./parts.ts";
import { Progress, type TableProgress } from "./progress.ts";
import { isStream, readMemory, type Sample, sampleRows, streamer, type TableStream } from "./stream.ts";
import { TableModel } from "./tableModel.ts";
import { readTarget, readTask, type Target, type Task } from "./target.ts";

/** How to fit a table. Only `target` is needed. */
export interface FitTableOptions extends AnswerOptions {
  /** The column to predict, or several. */
  readonly target: string | readonly string[];
  /** `"classification"` or `"regression"`; by default what the target looks like. */
  readonly task?: Task | undefined;
  /** Types of columns by name, where they are not what they look like: `{ zip: "category", id: "ignore" }`. */
  readonly columns?: Readonly<Record<string, ColumnType>> | undefined;
  /** How much work: `"fast"`, `"balanced"` (the default) or `"best"`. */
  readonly quality?: Quality | undefined;
  /** The most networks; by default as many as the quality has. One network answers fastest. */
  readonly networks?: number | undefined;
  /**
   * Rows to validate with, in place of folds: all networks learn from all of the other rows, and these rows decide
   * when each stops and how they are blended. The scores are of these rows.
   */
  readonly validation?: TableSource | undefined;
  /**
   * About how many bytes the training may take, for rows that do not fit in memory: an async iterable, or a function
   * that returns an iterable, of records or of blocks of a reader. A uniform sample of the rows is learned from as
   * usual; then, if the source can be read again, the networks continue on all other rows, block by block. The scores
   * are of rows of the sample.
   */
  readonly memory?: number | undefined;
  /** The most seconds to train; what has been trained by then is kept. */
  readonly budget?: { readonly seconds: number } | undefined;
  /** The column, or a list of a value for each row, whose rows of equal value are held out together. */
  readonly groups?: string | readonly (string | number)[] | undefined;
  /** The column of the time of each row: no network learns from rows later than those that it is validated on. */
  readonly time?: string | undefined;
  /** The column, or a list, of a weight for each row, at least 0. */
  readonly sampleWeight?: string | readonly number[] | Float32Array | Float64Array | undefined;
  /** What folds, weights and shuffles follow from. */
  readonly seed?: number | undefined;
  /**
   * Training rows that the model keeps, and its file with it, for `explain` to compare with: from 0 to 64, by default
   * 64. With 0 no row is kept.
   */
  readonly background?: number | undefined;
  /** The most threads; they change no bit of the result. */
  readonly threads?: number | undefined;
  readonly kernel?: KernelChoice | undefined;
  /** Stops the training: `fitTable` rejects with the signal's reason. `budget` keeps what has been trained. */
  readonly signal?: AbortSignal | undefined;
  /** Called some times a second with how many networks have been trained. */
  readonly onProgress?: ((progress: TableProgress) => void) | undefined;
  /** Whether to show progress on standard error: the networks trained and about how long the rest takes. */
  readonly verbose?: boolean | undefined;
}

/** The names of the options. */
export const FIT_TABLE_OPTIONS: readonly (keyof FitTableOptions)[] = [
  ...(["target", "task", "columns", "quality", "networks", "budget", "groups", "time"] as const),
  ...([
    "memory",
    "sampleWeight",
    "background",
    "validation",
    "seed",
    "threads",
    "kernel",
    "signal",
    "onProgress",
    "verbose",
  ] as const),
  ...ANSWER_OPTIONS,
];

const CALL = "fitTable";
/** With fewer rows nothing can be held out that tells anything. */
const FEWEST_ROWS = 10;

/** The names of the target's columns. */
export function readTargetNames(given: unknown, frame: Frame, call: string): string[] {
  const names = typeof given === "string" ? [given] : given;
  if (!Array.isArray(names) || names.length === 0) {
    throw new OptionError(
      `${call}: target: expected the name of a column, or a list of names, received ${show(given)}`,
    );
  }
  for (const name of names) {
    if (typeof name !== "string")
      throw new OptionError(`${call}: target: expected the name of a column, received ${show(name)}`);
    if (!frame.cells.has(name)) throw unknownName(`${call}: target`, "column", name, frame.names);
  }
  if (new Set(names).size < names.length)
    throw new OptionError(`${call}: target: expected different columns`);
  return names;
}

function columnNamed(option: string, name: string, frame: Frame, call: string): ArrayLike<unknown> {
  const cells = frame.cells.get(name);
  if (cells === undefined) throw unknownName(`${call}: ${option}`, "column", name, frame.names);
  return cells;
}

function listOf(option: string, given: unknown, frame: Frame, call: string): ArrayLike<unknown> {
  if (typeof given === "string") return columnNamed(option, given, frame, call);
  const list = given as ArrayLike<unknown> | null;
  if (list === null || typeof list !== "object" || list.length !== frame.rows) {
    throw new OptionError(
      `${call}: ${option}: expected a column's name, or a list of ${frame.rows} values, received ${show(given)}`,
    );
  }
  return list;
}

/** The weights of all rows; a list has those of the caller's rows, and rows to validate with then count alike. */
function readWeights(given: unknown, own: Frame, all: Frame): Float64Array | undefined {
  if (given === undefined) return undefined;
  const list = listOf("sampleWeight", given, typeof given === "string" ? all : own, CALL);
  return Float64Array.from({ length: all.rows }, (_, row) => {
    if (row >= list.length) return 1;
    const cell = list[row];
    const weight =
      typeof cell === "string" ? parseNumber(cell) : typeof cell === "number" ? cell : Number.NaN;
    if (Number.isFinite(weight) && weight >= 0) return weight;
    throw new DataError(
      `${CALL}: sampleWeight: row ${row}: expected a number of at least 0, received ${show(list[row])}`,
    );
  });
}

/** The group of each row, from a column's name or a list. */
export function readGroups(given: unknown, frame: Frame, call: string): string[] | undefined {
  if (given === undefined) return undefined;
  return Array.from(listOf("groups", given, frame, call), (group, row) => {
    const name = categoryName(group);
    if (name !== undefined) return name;
    throw new DataError(`${call}: groups: row ${row}: expected a name or a number, received ${show(group)}`);
  });
}

/** The time of each row, from a column's name. */
export function readTimes(given: unknown, frame: Frame, call: string): Float64Array | undefined {
  if (given === undefined) return undefined;
  if (typeof given !== "string")
    throw new OptionError(`${call}: time: expected a column's name, received ${show(given)}`);
  const cells = columnNamed("time", given, frame, call);
  const type = inferColumnType(cells);
  if (type !== "date" && type !== "number") {
    throw new DataError(
      `${call}: time: expected dates or numbers in column ${show(given)}, received ${type === "ignore" ? "neither" : type}`,
    );
  }
  const { values } = typeColumn(given, cells, type);
  const row = values.findIndex(Number.isNaN);
  if (row < 0) return values;
  throw new DataError(`${call}: time: row ${row} of column ${show(given)} has no time`);
}

function readQuality(given: unknown): Quality {
  if (given === undefined) return "balanced";
  if (QUALITIES.includes(given as Quality)) return given as Quality;
  throw new OptionError(`${CALL}: quality: expected "fast", "balanced" or "best", received ${show(given)}`);
}

function readSeconds(budget: unknown): number | undefined {
  if (budget === undefined) return undefined;
  checkNames(budget, ["seconds"], `${CALL}: budget`);
  const { seconds } = budget as { seconds?: unknown };
  if (typeof seconds === "number" && seconds > 0) return seconds;
  throw new OptionError(`${CALL}: budget: seconds: expected a number above 0, received ${show(seconds)}`);
}

/** Types every column but the targets; what has one value only is left out. */
export function typeColumns(
  frame: Frame,
  targets: readonly string[],
  given: unknown,
  leftOut: ReadonlyMap<string, string>,
  call: string,
): TypedColumn[] {
  const types = readGivenTypes(given, frame, call);
  const columns: TypedColumn[] = [];
  for (const [name, cells] of frame.cells) {
    if (targets.includes(name)) continue;
    const reason = leftOut.get(name);
    const type = Object.hasOwn(types, name) ? types[name] : undefined;
    const column = typeColumn(name, cells, reason === undefined ? type : "ignore");
    const { distinct, missing } = column.description;
    const found =
      reason ??
      (column.description.type !== "ignore" && distinct < 2 && missing === 0
        ? "it has one value"
        : undefined);
    columns.push(found === undefined ? column : ignored(column, found));
  }
  return columns;
}

function ignored({ description: { name, missing, distinct } }: TypedColumn, reason: string): TypedColumn {
  return { description: { name, type: "ignore", missing, distinct, reason }, values: new Float64Array(0) };
}

/**
 * Trains a model of a table: it finds out what each column is, prepares it, trains a portfolio of networks over
 * folds, and weighs them by their predictions of rows that they did not learn from.
 *
 * @example
 * ```ts
 * const model = await fitTable(rows, { target: "species", quality: "fast" });
 * model.predict({ island: "Biscoe", billLength: 46.1 }).value; // "Gentoo"
 * ```
 *
 * @throws OptionError for an unknown option or column, with the nearest name; DataError for rows that cannot be
 * learned from, with the row and the column.
 */
export function fitTable<Row extends object, const Name extends FieldOf<Row>, const Level extends number>(
  rows: readonly Row[],
  options: FitTableOptions & { readonly target: Name; readonly quantiles: readonly Level[] },
): Promise<TableModel<QuantileAnswer<Level>>>;
export function fitTable<Row extends object, const Name extends FieldOf<Row>>(
  rows: readonly Row[],
  options: FitTableOptions & { readonly target: Name },
): Promise<TableModel<AnswerFor<Row, Name>>>;
export function fitTable<Row extends object, const Name extends FieldOf<Row>>(
  rows: readonly Row[],
  options: FitTableOptions & { readonly target: readonly Name[] },
): Promise<TableModel<{ readonly [Field in Name]: AnswerFor<Row, Field> }>>;
export function fitTable(
  rows: TableSource | TableStream,
  options: FitTableOptions & { readonly target: string },
): Promise<TableModel>;
export function fitTable(
  rows: TableSource | TableStream,
  options: FitTableOptions,
): Promise<TableModel<Readonly<Record<string, Answer>>>>;
export async function fitTable(given: unknown, options: FitTableOptions): Promise<TableModel<never>> {
  checkNames(options, FIT_TABLE_OPTIONS, CALL);
  const { target, task, columns: types, sampleWeight, groups, time, kernel } = options;
  const quality = readQuality(options.quality);
  const seed = options.seed === undefined ? freshSeed() : readSeed(options.seed, `${CALL}: seed`);
  const signal = readSignal(options.signal, CALL);
  const threads = readThreads(options.threads, CALL);
  const seconds = readSeconds(options.budget);
  const controls = readControls(options, CALL);
  const onProgress = readOnProgress<TableProgress>(CALL, options.onProgress);
  const verbose = readBoolean(options.verbose ?? false, `${CALL}: verbose`);
  const { networks } = options;
  const most = networks === undefined ? undefined : readSize(networks, `${CALL}: networks`);
  const kind = readTask(task, CALL);
  const kept = readBackgroundSize(options.background, CALL);
  const sample = await readSample(given, options, seed);
  const own = sample?.frame ?? (await collectFrame(typeof given === "function" ? given() : given, CALL));
  if (own.rows === 0) throw new DataError(`${CALL}: expected rows, received none`);
  const names = readTargetNames(target, own, CALL);
  const validation = await readValidation(options, names);
  const frame = validation === undefined ? own : concatenate(own, validation);
  const leftOut = new Map<string, string>();
  if (typeof sampleWeight === "string") leftOut.set(sampleWeight, "it has the weights of the rows");
  if (typeof groups === "string") leftOut.set(groups, "it has the groups of the rows");
  const weights = readWeights(sampleWeight, own, frame);
  const folding = {
    folds: FOLDS,
    seed,
    groups: readGroups(groups, frame, CALL),
    times: readTimes(time, frame, CALL),
  };
  const columns = typeColumns(frame, names, types, leftOut, CALL);
  const used = new Map(
    columns
      .filter(({ description }) => description.type !== "ignore")
      .map((column) => [column.description.name, column]),
  );
  const notes = columns.flatMap(({ description: { name, type, reason } }) =>
    type === "ignore" ? [`column ${show(name)} is left out: ${reason}`] : [],
  );
  const read = names.map((name) => {
    const cells = frame.cells.get(name) as ArrayLike<unknown>;
    return readTarget({ name, cells, isText: frame.isText }, kind, CALL);
  });
  const works = applyControls(read, controls, CALL).map((target) => {
    const { name, classes } = target.description;
    const without = frame.rows - target.rows.length;
    if (without > 0) notes.push(`${without} rows without ${show(name)} are left out`);
    const cannot = whyNot(target, own.rows);
    if (cannot !== undefined) notes.push(cannot);
    const isSingle = classes?.length === 1;
    const folds =
      cannot !== undefined
        ? []
        : validation === undefined
          ? dealRows(target, folding, CALL)
          : [splitOff(target, own.rows)];
    const bags = limit(portfolio(quality, target.description.task), most);
    return { target, folds, bags, isTuned: !isSingle && isTuned(controls, target.description) };
  });
  const begun = now();
  const stream = sample && {
    columns: columns.map(({ description }) => description),
    weights: typeof sampleWeight === "string" ? sampleWeight : undefined,
    ...{ seed, threads, signal, place: CALL },
    until: seconds === undefined ? Number.POSITIVE_INFINITY : begun + 1000 * seconds,
  };
  if (sample !== undefined) notes.push(noteOf(sample));
  const progress = new Progress(
    works.map(({ target, folds, bags }) => countNetworks(target, bags, folds.length)),
    { onProgress, verbose, seconds },
  );
  const trained: TrainedTarget[] = [];
  try {
    for (const { target, folds, bags, isTuned } of works) {
      const learned =
        folds.length === 0
          ? learnPrior(target, weights)
          : await learn(used, target, {
              bags,
              folds,
              seed,
              kernel,
              threads,
              signal,
              seconds: seconds && Math.max(1e-3, seconds * progress.share()),
              onProgress: progress.report,
              weights,
              isTuned,
              afterwards: sample && stream && streamer(sample, stream),
            });
      progress.end();
      const { quantiles } = target.description;
      const complete =
        quantiles !== undefined && learned.quantiles === undefined
          ? priorQuantiles(learned, target, weights)
          : learned;
      trained.push(scoreLearned(target, complete, isTuned, weights));
    }
  } catch (error) {
    for (const { learned } of trained) disposeNetworks(learned);
    throw error;
  } finally {
    progress.close();
  }
  const steps = trained.flatMap(({ learned }) =>
    learned.parts.flatMap(({ preparation }) => preparation.steps),
  );
  const background = takeBackground(used, new Set(steps.map(({ column }) => column)), own.rows, kept, seed);
  return new TableModel({
    columns: columns.map(({ description }) => description),
    targets: trained,
    seed,
    rows: sample === undefined || sample.again === undefined ? own.rows : sample.rows,
    notes,
    background,
  });
}

/** A sample of rows that do not fit in memory, if the caller says how much memory there is. */
async function readSample(
  given: unknown,
  { memory, groups, time, sampleWeight }: FitTableOptions,
  seed: number,
): Promise<Sample | undefined> {
  const bytes = readMemory(memory, CALL);
  if (bytes === undefined) return undefined;
  if (!isStream(given)) {
    throw new OptionError(
      `${CALL}: memory: expected an async iterable of rows, or a function that returns one; received rows that are in memory`,
    );
  }
  for (const [name, value] of Object.entries({ groups, time })) {
    if (value === undefined) continue;
    throw new OptionError(
      `${CALL}: ${name}: expected none beside memory, because rows that come later cannot be kept out of folds; received both`,
    );
  }
  if (sampleWeight !== undefined && typeof sampleWeight !== "string")
    throw new OptionError(`${CALL}: sampleWeight: expected a column's name beside memory, received a list`);
  return sampleRows(given, bytes, seed, CALL);
}

function noteOf({ frame, rows, again }: Sample): string {
  if (frame.rows === rows) return `all ${rows} rows fit in the memory that was given`;
  return again === undefined
    ? `a sample of ${frame.rows} of ${rows} rows was learned from, because the source can be read only once. Fix: give a function that returns the rows`
    : `${frame.rows} of ${rows} rows were learned from in memory, the others block by block`;
}

/** Why nothing can be learned of a target. */
function whyNot({ description, rows }: Target, learnable: number): string | undefined {
  const { name, classes } = description;
  if (classes?.length === 1)
    return `${show(name)} has one class, ${show(classes[0])}, which is always the answer`;
  const count = rows.filter((row) => row < learnable).length;
  if (count >= FEWEST_ROWS) return undefined;
  return `${count} rows are too few to learn from: the answer is always the mean or the commonest class`;
}

/** The rows that the caller validates with. */
async function readValidation(
  { validation, groups, time }: FitTableOptions,
  targets: readonly string[],
): Promise<Frame | undefined> {
  if (validation === undefined) return undefined;
  for (const [name, value] of Object.entries({ groups, time })) {
    if (value === undefined) continue;
    throw new OptionError(
      `${CALL}: ${name}: expected none beside validation, which takes the place of folds; received both`,
    );
  }
  const frame = await collectFrame(validation, `${CALL}: validation`);
  if (frame.rows === 0) throw new DataError(`${CALL}: validation: expected rows, received none`);
  for (const name of targets) {
    if (!frame.cells.has(name)) throw unknownName(`${CALL}: validation`, "target", name, frame.names);
  }
  return frame;
}

/** The rows before `learnable` to learn from, the others to validate with. */
function splitOff({ description, rows }: Target, learnable: number): RowSplit {
  const heldOut = rows.filter((row) => row >= learnable);
  if (heldOut.length > 0) return { training: rows.filter((row) => row < learnable), heldOut };
  throw new DataError(
    `${CALL}: validation: expected rows with a value of the target ${show(description.name)}, received none`,
  );
}

/** fitTable: rows in, a trained table model out. */
import { DataError, OptionError, show } from "../errors.ts";
import type { KernelChoice } from "../kernel/choose.ts";
import { checkNames, readSize, unknownName } from "../options.ts";
import { freshSeed, readSeed } from "../seed.ts";
import { readSignal, readThreads } from "../training/options.ts";
import type { Answer, AnswerFor, FieldOf } from "./answers.ts";
import { readBackgroundSize, takeBackground } from "./background.ts";
import { categoryName, parseNumber } from "./cells.ts";
import { type ColumnType, inferColumnType, readGivenTypes, type TypedColumn, typeColumn } from "./columns.ts";
import { dealRows } from "./folds.ts";
import { collectFrame, type Frame, type TableSource } from "./frame.ts";
import { type Learned, learnPrior } from "./learner/learned.ts";
import { learn } from "./learner/portfolio.ts";
import { FOLDS, limit, portfolio, QUALITIES, type Quality } from "./learner/portfolios.ts";
import type { TrainedTarget } from "./parts.ts";
import { scoreTarget } from "./scores.ts";
import { TableModel } from "./tableModel.ts";
import { readTarget, readTask, type Target, type Task } from "./target.ts";

/** How to fit a table. Only `target` is needed. */
export interface FitTableOptions {
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
  /** The most seconds to train. */
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
  /** Stops the training. */
  readonly signal?: AbortSignal | undefined;
  /** Called some times a second with the networks that are trained. */
  readonly onProgress?: ((progress: { finished: number; total: number }) => void) | undefined;
}

/** The names of the options. */
export const FIT_TABLE_OPTIONS: readonly (keyof FitTableOptions)[] = [
  ...(["target", "task", "columns", "quality", "networks", "budget", "groups", "time"] as const),
  ...(["sampleWeight", "background", "seed", "threads", "kernel", "signal", "onProgress"] as const),
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

function readWeights(given: unknown, frame: Frame): Float64Array | undefined {
  if (given === undefined) return undefined;
  const list = listOf("sampleWeight", given, frame, CALL);
  return Float64Array.from({ length: frame.rows }, (_, row) => {
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
export function fitTable<Row extends object, const Name extends FieldOf<Row>>(
  rows: readonly Row[],
  options: FitTableOptions & { readonly target: Name },
): Promise<TableModel<AnswerFor<Row, Name>>>;
export function fitTable<Row extends object, const Name extends FieldOf<Row>>(
  rows: readonly Row[],
  options: FitTableOptions & { readonly target: readonly Name[] },
): Promise<TableModel<{ readonly [Field in Name]: AnswerFor<Row, Field> }>>;
export function fitTable(
  rows: TableSource,
  options: FitTableOptions & { readonly target: string },
): Promise<TableModel>;
export function fitTable(
  rows: TableSource,
  options: FitTableOptions,
): Promise<TableModel<Readonly<Record<string, Answer>>>>;
export async function fitTable(rows: unknown, options: FitTableOptions): Promise<TableModel<never>> {
  checkNames(options, FIT_TABLE_OPTIONS, CALL);
  const { target, task, columns: types, groups, time, sampleWeight, kernel, onProgress } = options;
  const quality = readQuality(options.quality);
  const seed = options.seed === undefined ? freshSeed() : readSeed(options.seed, `${CALL}: seed`);
  const signal = readSignal(options.signal, CALL);
  const threads = readThreads(options.threads, CALL);
  const seconds = readSeconds(options.budget);
  const { networks } = options;
  const most = networks === undefined ? undefined : readSize(networks, `${CALL}: networks`);
  const kind = readTask(task, CALL);
  const kept = readBackgroundSize(options.background, CALL);
  const frame = await collectFrame(rows, CALL);
  if (frame.rows === 0) throw new DataError(`${CALL}: expected rows, received none`);
  const names = readTargetNames(target, frame, CALL);
  const leftOut = new Map<string, string>();
  if (typeof sampleWeight === "string") leftOut.set(sampleWeight, "it has the weights of the rows");
  if (typeof groups === "string") leftOut.set(groups, "it has the groups of the rows");
  const weights = readWeights(sampleWeight, frame);
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
  const trained: TrainedTarget[] = [];
  for (const name of names) {
    const cells = frame.cells.get(name) as ArrayLike<unknown>;
    const read = readTarget({ name, cells, isText: frame.isText }, kind, CALL);
    const without = frame.rows - read.rows.length;
    if (without > 0) notes.push(`${without} rows without ${show(name)} are left out`);
    const { classes } = read.description;
    const cannot =
      classes?.length === 1
        ? `${show(name)} has one class, ${show(classes[0])}, which is always the answer`
        : read.rows.length < FEWEST_ROWS
          ? `${read.rows.length} rows are too few to learn from: the answer is always the mean or the commonest class`
          : undefined;
    if (cannot !== undefined) notes.push(cannot);
    const learned =
      cannot !== undefined
        ? learnPrior(read, weights)
        : await learn(used, read, {
            bags: limit(portfolio(quality, read.description.task), most),
            folds: dealRows(read, folding, CALL),
            seed,
            kernel,
            threads,
            signal,
            seconds,
            onProgress,
            weights,
          });
    trained.push(scored(read, learned));
  }
  const steps = trained.flatMap(({ learned }) =>
    learned.parts.flatMap(({ preparation }) => preparation.steps),
  );
  const background = takeBackground(used, new Set(steps.map(({ column }) => column)), frame.rows, kept, seed);
  return new TableModel({
    columns: columns.map(({ description }) => description),
    targets: trained,
    seed,
    rows: frame.rows,
    notes,
    background,
  });
}

/** A target with the scores of its out-of-fold predictions, and those of the prior on the same rows. */
function scored(target: Target, { outOfFold, ...learned }: Learned): TrainedTarget {
  const { description, values } = target;
  const { rows, predictions } = outOfFold;
  const targets = Float64Array.from(rows, (row) => values[row]);
  const outputs = description.classes?.length ?? 1;
  const prior = Float64Array.from({ length: rows.length * outputs }, (_, at) => learned.prior[at % outputs]);
  return {
    description,
    learned,
    scores: scoreTarget(description, targets, predictions),
    baseline: scoreTarget(description, targets, prior),
  };
}

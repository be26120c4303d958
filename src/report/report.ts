// report: one page about a model, for a person to read, forward and print.

import { pauser } from "../abort.ts";
import type { Examples } from "../data/examples.ts";
import { OptionError, show } from "../errors.ts";
import { Model } from "../model.ts";
import { checkNames } from "../options.ts";
import type { Theme } from "../plot/colors.ts";
import { readSeed } from "../seed.ts";
import type { TableRows } from "../table/frame.ts";
import type { AnyTableModel } from "../table/insight/questions.ts";
import { TableModel } from "../table/tableModel.ts";
import { readSignal } from "../training/options.ts";
import { readOnProgress } from "../training/trainMany.ts";
import { Pictures } from "./markup.ts";
import { networkSections } from "./networkReport.ts";
import { writeReport } from "./page.ts";
import type { ReportRun } from "./run.ts";
import { tableSections } from "./tableReport.ts";
import { shorten } from "./words.ts";

/** How far a report has come. */
export interface ReportProgress {
  /** What is done now: "importance of price". */
  readonly step: string;
  /** Steps that are done. */
  readonly finished: number;
  /** All steps. */
  readonly total: number;
}

/** What every report takes. */
export interface ReportOptions {
  /** The title; by default what is predicted. */
  readonly title?: string | undefined;
  /** A sentence below the title, such as where the data is from and who made the report. */
  readonly subtitle?: string | undefined;
  /** Decides which rows are drawn and shuffled; the model's seed by default. */
  readonly seed?: number | undefined;
  /** The command or the code that repeats the training; by default code with what the model knows. */
  readonly command?: string | undefined;
  /** The date of the report; now by default. */
  readonly date?: Date | undefined;
  /** The colors: "light", "dark", or "auto", which follows the reader's system; "auto" by default. */
  readonly theme?: Theme | undefined;
  /** Stops the report: the call rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Is called before each step. */
  readonly onProgress?: ((progress: ReportProgress) => void) | undefined;
}

/** What a report about a table model takes. */
export interface TableReportOptions extends ReportOptions {
  /** The rows that the model was fitted to: records, columns or a frame. */
  readonly rows?: TableRows | undefined;
  /** Rows that the model never saw, with their target. */
  readonly test?: TableRows | undefined;
  /**
   * The number of each row of `test` in the table that readers have, as `splitTable` gives them; by default its
   * place in `test`. The page names rows with large errors by it.
   */
  readonly testRows?: readonly number[] | Uint32Array | undefined;
  /** The number of rows with large errors that are shown with their cells; 8 by default, 0 shows none. */
  readonly examples?: number | undefined;
}

/** What a report about a network takes. */
export interface NetworkReportOptions extends ReportOptions {
  /** Rows to measure the model on, best those that it did not learn from. */
  readonly data?: Examples | undefined;
}

const CALL = "report";
const SHARED = [
  ...(["title", "subtitle", "seed", "command", "date", "theme", "signal", "onProgress"] as const),
] satisfies readonly (keyof ReportOptions)[];
const MOST_EXAMPLES = 100;

/**
 * Returns a self-contained HTML page about a model: what it predicts, how good it is on rows that it never
 * saw, beside always answering the mean or the commonest class, the pictures of its task, which columns
 * matter, where it errs most, its data and limits, and how to repeat it. The page loads nothing, prints, and
 * follows the reader's light or dark colors.
 *
 * Of a table model: `rows` are those that it was fitted to, `test` others that it never saw. Both may be left
 * out. Scores and pictures of a model that `fitTable` has just made are of rows that its networks did not
 * learn from; those of a loaded model need `test` for that. Of more than a few thousand rows the report reads
 * a sample, drawn with `seed`, and says so. It pauses for the event loop between its predictions.
 *
 * Of a `Model`: layers, curves of the last training, weights, and with `data` its scores.
 *
 * @example
 * ```ts
 * const html = await report(model, { rows, title: "Penguins" });
 * html.startsWith("<!doctype html>"); // true
 * ```
 *
 * @throws OptionError for an unknown option or another model; DataError if `test` rows lack the target or
 * have cells that cannot be read.
 */
export async function report(model: AnyTableModel, options?: TableReportOptions): Promise<string>;
export async function report(model: Model, options?: NetworkReportOptions): Promise<string>;
export async function report(
  model: AnyTableModel | Model,
  options: TableReportOptions & NetworkReportOptions = {},
): Promise<string> {
  const isTable = model instanceof TableModel;
  if (!isTable && !(model instanceof Model)) {
    throw new OptionError(
      `${CALL}: expected a TableModel or a Model, received ${show(model)}. Fix: pass what fitTable, loadTable, new Model or load returned`,
    );
  }
  checkNames(options, [...SHARED, ...(isTable ? ["rows", "test", "testRows", "examples"] : ["data"])], CALL);
  const { title, subtitle, command } = options;
  for (const [name, value] of Object.entries({ title, subtitle, command })) {
    if (value !== undefined && typeof value !== "string")
      throw new OptionError(`${CALL}: ${name}: expected a text, received ${show(value)}`);
  }
  const theme = readTheme(options.theme);
  const examples = readExamples(options.examples);
  const date = readDate(options.date);
  const signal = readSignal(options.signal, CALL);
  const onProgress = readOnProgress<ReportProgress>(CALL, options.onProgress);
  signal?.throwIfAborted();
  const pause = pauser(signal);
  const run: ReportRun = {
    seed: options.seed === undefined ? model.seed : readSeed(options.seed, `${CALL}: seed`),
    ...{ command, date, pause },
    pictures: new Pictures(theme),
    step: async (step, finished, total) => {
      signal?.throwIfAborted();
      onProgress?.({ step, finished, total });
      await pause();
    },
  };
  const { rows, test, testRows, data } = options;
  const made = isTable
    ? await tableSections(model, { rows, test, testRows, examples }, run)
    : await networkSections(model, data, run);
  const page = writeReport(made.sections, {
    title: shorten(title ?? made.title, 200),
    subtitle: subtitle ?? made.subtitle,
    ...{ theme, language: "en" },
  });
  return run.pictures.fill(page, pause);
}

function readTheme(given: unknown): Theme {
  if (given === undefined) return "auto";
  const found = (["auto", "light", "dark"] as const).find((name) => name === given);
  if (found !== undefined) return found;
  throw new OptionError(`${CALL}: theme: expected one of "auto", "light", "dark", received ${show(given)}`);
}

function readExamples(given: unknown): number {
  if (given === undefined) return 8;
  if (Number.isInteger(given) && (given as number) >= 0 && (given as number) <= MOST_EXAMPLES)
    return given as number;
  throw new OptionError(
    `${CALL}: examples: expected a whole number from 0 to ${MOST_EXAMPLES}, received ${show(given)}`,
  );
}

function readDate(given: unknown): Date {
  if (given === undefined) return new Date();
  if (given instanceof Date && !Number.isNaN(given.getTime())) return given;
  throw new OptionError(`${CALL}: date: expected a Date, received ${show(given)}`);
}

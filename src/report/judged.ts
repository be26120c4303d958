// Rows with their targets and predictions, for the pictures and the rows with the largest errors.

import { TargetPredictor } from "../table/answering.ts";
import { decideAll } from "../table/decision.ts";
import type { Frame } from "../table/frame.ts";
import { everyRow } from "../table/frame.ts";
import { baselineOf } from "../table/honest.ts";
import {
  checkFrame,
  recordChecker,
  type TableParts,
  type TrainedTarget,
  usedColumns,
} from "../table/parts.ts";
import type { Pieces } from "../table/pieces.ts";
import { type Scores, scoreTarget } from "../table/scores.ts";
import { readTargets } from "../table/target.ts";
import { typeFrame } from "../table/typedRows.ts";
import { drawRows, type RowSource } from "./source.ts";

/** Where rows come from: held out by the caller, by the folds, or rows that the model may have learned from. */
export type Origin = "test" | "outOfFold" | "given";

/** Rows that are judged. */
export interface Judged {
  readonly origin: Origin;
  /** The number of rows that these are drawn from; their own number if they are all. */
  readonly of: number;
  /** Their numbers in the table that readers have. */
  readonly places: Uint32Array;
  /** Numbers, or the numbers of classes. */
  readonly targets: Float64Array;
  /** [rows][outputs] */
  readonly predictions: Float64Array;
  /** The classes that are answered. */
  readonly decisions: Uint32Array | undefined;
  /** [rows][quantiles] */
  readonly quantiles: Float64Array | undefined;
  /** The cells of the rows; undefined if the table was not given. */
  readonly frame: Frame | undefined;
}

/** The scores of rows that were given, beside those of always the mean or the commonest class. */
export interface GivenScores {
  readonly scores: Scores;
  readonly baseline: Scores;
}

/** The most rows that are judged. */
const MOST_ROWS = 5000;
/** The most multiplications for what is measured at a time: a few seconds, by the kernel. */
const MOST_MULTIPLICATIONS = { native: 3e10, wasm: 1e10, typescript: 2e9 } as const;
const FEWEST_ROWS = 100;
/** What predicts all of its rows many times pauses at least this often. */
const LEAST_PAUSES = 30;

/** Returns the parameters of the networks of a target; an answer takes about one multiplication for each. */
export const parametersOf = ({ learned: { networks, quantiles } }: TrainedTarget): number =>
  [...networks, ...(quantiles?.networks ?? [])].reduce((sum, { model }) => sum + model.parameters, 0);

/** Networks that answer together. */
export interface Work {
  readonly parameters: number;
  readonly kernel: keyof typeof MOST_MULTIPLICATIONS;
}

/** Returns how much work an answer for a target is. */
export const workOf = (target: TrainedTarget): Work => ({
  parameters: parametersOf(target),
  kernel: target.learned.networks[0]?.model.kernel.name ?? "native",
});

/** Returns the number of rows that may be predicted so many times each. */
export function affordable({ parameters, kernel }: Work, times: number, most = MOST_ROWS): number {
  const atOnce = MOST_MULTIPLICATIONS[kernel] / (times > 1 ? LEAST_PAUSES : 1);
  const rows = Math.min(MOST_MULTIPLICATIONS[kernel] / Math.max(1, times), atOnce) / Math.max(1, parameters);
  return Math.round(Math.min(most, Math.max(FEWEST_ROWS, rows)));
}

/** Does pieces, with a pause wherever one is due. */
export async function paused<Result>(pieces: Pieces<Result>, pause: () => Promise<void>): Promise<Result> {
  for (;;) {
    await pause();
    const { done, value } = pieces.next();
    if (done) return value;
  }
}

/** Predicts rows that the caller gives; undefined if none of them has the target. */
export async function judgeRows(
  parts: TableParts,
  target: TrainedTarget,
  source: RowSource,
  origin: "test" | "given",
  { seed, pause, call }: { seed: number; pause: () => Promise<void>; call: string },
): Promise<Judged | undefined> {
  const { description } = target;
  const places = drawRows(source.count, affordable(workOf(target), 1), seed);
  const taken = source.take(places);
  checkFrame(recordChecker(parts), taken, call);
  const cells = taken.cells.get(description.name);
  if (cells === undefined) return undefined;
  const all = readTargets(description, cells, call);
  const known = everyRow(taken.rows).filter((row) => !Number.isNaN(all[row]));
  if (known.length === 0) return undefined;
  const frame = known.length === taken.rows ? taken : taken.take(known);
  const columns = usedColumns(parts, [target]);
  const typed = typeFrame(columns, frame, call);
  const predictor = new TargetPredictor(target, columns);
  const { values: predictions, quantiles } = await paused(
    predictor.rowsPieces(typed, everyRow(frame.rows)),
    pause,
  );
  return {
    origin,
    of: places.length < source.count ? source.count : known.length,
    places: Uint32Array.from(known, (at) => source.numberOf(places[at])),
    targets: Float64Array.from(known, (at) => all[at]),
    predictions,
    decisions: description.classes && decideAll(description, predictions),
    quantiles,
    frame,
  };
}

/** Returns the scores of judged rows. */
export function scoresOf({ description, learned }: TrainedTarget, judged: Judged): GivenScores {
  const { targets, predictions, decisions, quantiles: values } = judged;
  const levels = description.quantiles;
  const quantiles = levels && values && { levels, values };
  return {
    scores: scoreTarget(description, targets, predictions, { decisions, quantiles }),
    baseline: baselineOf(description, targets, learned.prior),
  };
}

/**
 * Returns the out-of-fold rows that a model of `fitTable` still has in memory, with their cells if `source` is
 * the table that it was fitted to.
 */
export function outOfFoldRows(
  { description, outOfFold }: TrainedTarget,
  source: RowSource | undefined,
  call: string,
): Judged | undefined {
  if (outOfFold === undefined || outOfFold.rows.length === 0) return undefined;
  const { rows: places, of, targets, predictions, quantiles } = outOfFold;
  return {
    ...{ origin: "outOfFold", of, places, targets, predictions, quantiles },
    decisions: outOfFold.decisions ?? (description.classes && decideAll(description, predictions)),
    frame: source && sameRows(source),
  };

  /** The rows, if they have the targets that the model learned. */
  function sameRows(table: RowSource): Frame | undefined {
    if ((places.at(-1) ?? 0) >= table.count) return undefined;
    const frame = table.take(places);
    const cells = frame.cells.get(description.name);
    if (cells === undefined) return undefined;
    try {
      const found = readTargets(description, cells, call);
      return found.every((value, row) => value === targets[row]) ? frame : undefined;
    } catch {
      // A table with targets that cannot be read is another one.
      return undefined;
    }
  }
}

/** Splits: the rows that models are trained on, and the held-out rows that they are measured on. */
import type { Dataset, Examples } from "../../data/examples.ts";
import { type Folding, foldRows, type RowSplit } from "../../data/folds.ts";
import { holdOut, takeRows } from "../../data/split.ts";
import { within } from "../../errors.ts";
import type { Problem } from "../../metrics/metric.ts";
import { sessionOf } from "../../model.ts";
import type { Complete } from "../../options.ts";
import { classesOf } from "../../training/data.ts";
import type { NamedMetric } from "../../training/metrics.ts";
import type { Evaluation, Session } from "../../training/session.ts";
import { warnOfPrecision } from "../../training/warnings/before.ts";
import type { CheckedCandidate } from "./candidates.ts";

/** Training rows and held-out rows, copied once for all candidates. */
export interface Split {
  readonly rows: RowSplit;
  readonly training: Dataset;
  /** Returns the weights of the training rows: always the same array for the same argument. */
  weights(ofAll: Float32Array): Float32Array;
  /** Measures a model on the held-out rows, which are checked once for all models with equal `loadKey`. */
  measure(session: Session, metrics: readonly NamedMetric[]): Evaluation;
}

function toSplit(data: Dataset, rows: RowSplit): Split {
  const known = new Map<Float32Array, Float32Array>();
  const prepared = new Map<string, Dataset>();
  const heldOut = takeRows(data, rows.heldOut);
  return {
    rows,
    training: takeRows(data, rows.training),
    measure(session, metrics) {
      const held = prepared.get(session.loadKey) ?? session.prepare(heldOut, metrics);
      prepared.set(session.loadKey, held);
      return session.measure(held, metrics);
    },
    weights(ofAll) {
      const weights = known.get(ofAll) ?? Float32Array.from(rows.training, (row) => ofAll[row]);
      known.set(ofAll, weights);
      return weights;
    },
  };
}

/** A single split in place of folds. */
export interface Holdout {
  /** The share of the rows that is held out. */
  readonly share: number;
  /** Draws the held-out rows; without it they are the last ones. */
  readonly seed: number | undefined;
}

/** How to split data. */
interface Splitting {
  readonly folding: Folding;
  /** Replaces the folds. */
  readonly holdout?: Holdout | undefined;
  /** Metrics of the call, which check the targets too. */
  readonly metrics?: readonly Complete[] | undefined;
}

/** Reads the data for all candidates, and splits it. `data` is as the first candidate's model reads it. */
export function splitData(
  call: string,
  candidates: readonly CheckedCandidate[],
  examples: Examples,
  { folding, holdout, metrics = [] }: Splitting,
): { readonly data: Dataset; readonly splits: readonly Split[] } {
  const { data, problem } = readData(call, candidates, examples, metrics);
  const rows = within(call, () => {
    if (holdout === undefined) return foldRows(data, folding);
    return [holdOut(data.rows, { ...holdout, classOf: classesOf(data, problem) })];
  });
  return { data, splits: rows.map((split) => toSplit(data, split)) };
}

/** Reads the data as every candidate's model does. Returns what the first reads, and its problem. */
function readData(
  call: string,
  candidates: readonly CheckedCandidate[],
  examples: Examples,
  metrics: readonly Complete[],
) {
  const read = new Map<string, { readonly data: Dataset; readonly problem: Problem }>();
  for (const { make, options } of candidates) {
    const model = make();
    try {
      const session = sessionOf(model);
      if (read.has(session.loadKey)) continue;
      const data = within(call, () => {
        const all = session.read(examples);
        // Here errors name the caller's rows. Later the metrics see one fold only, whose rows count from 0.
        for (const { metric } of session.createMetrics(metrics)) metric.check?.(all.y, all.rows);
        return all;
      });
      if (options.warnings) warnOfPrecision(call, session, examples, data, options.scope);
      read.set(session.loadKey, { data, problem: session.problem });
    } finally {
      model.dispose();
    }
  }
  const [first] = read.values();
  return first;
}

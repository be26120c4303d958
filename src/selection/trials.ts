/** Trials: one model for each candidate and split, all trained in one call and then measured. */
import { pauser } from "../abort.ts";
import { within } from "../errors.ts";
import { readWeights } from "../metrics/columns.ts";
import { type Model, sessionOf } from "../model.ts";
import type { Complete } from "../options.ts";
import type { Evaluation } from "../training/session.ts";
import {
  type ManyHistory,
  type ManyProgress,
  type ModelTraining,
  trainTogether,
} from "../training/trainMany.ts";
import type { CheckedCandidate } from "./trials/candidates.ts";
import type { Split } from "./trials/splits.ts";

/** A model that was trained on the training rows of a split and measured on the others. */
export interface Trial {
  readonly model: Model;
  readonly history: ManyHistory;
  /** All values are NaN where the training diverged. */
  readonly evaluation: Evaluation;
}

/** How to train and measure trials. */
export interface TrialOptions {
  readonly splits: readonly Split[];
  /** Replaces the candidates' own `epochs`. */
  readonly epochs?: number | undefined;
  /** Metrics to measure besides the model's own. */
  readonly metrics?: readonly Complete[];
  readonly signal: AbortSignal | undefined;
  readonly threads: number | undefined;
  readonly onProgress: ((progress: ManyProgress) => void) | undefined;
}

/**
 * Trains a model for each candidate and split, all in one call, and measures each. Returns the results of
 * `keep`, [candidates][splits]. Models that `keep` does not return are no longer referenced.
 */
export async function runTrials<Kept>(
  call: string,
  candidates: readonly CheckedCandidate[],
  trials: TrialOptions,
  keep: (trial: Trial) => Kept,
): Promise<Kept[][]> {
  const { splits, metrics = [], signal } = trials;
  const trainings = candidates.flatMap((candidate) => trainingsOf(candidate, trials));
  const measures = trainings.map(({ model }) => {
    const session = sessionOf(model);
    return within(call, () => [...session.metrics, ...session.createMetrics(metrics)]);
  });
  const histories = await trainTogether(call, trainings, { ...trials, isSearch: true }).catch((error) => {
    for (const { model } of trainings) model.dispose();
    throw error;
  });
  const pause = pauser(signal);
  const kept: Kept[][] = candidates.map(() => []);
  for (const [at, measured] of measures.entries()) {
    const { model } = trainings.shift()!;
    const history = histories[at];
    const evaluation =
      history.error === undefined
        ? splits[at % splits.length].measure(sessionOf(model), measured)
        : unmeasured(measured.map(({ name }) => name));
    kept[Math.floor(at / splits.length)].push(keep({ model, history, evaluation }));
    await pause();
  }
  return kept;
}

/** Returns the trainings of a candidate, one for each split. */
function trainingsOf(
  { make, options, sampleWeight, place }: CheckedCandidate,
  { splits, epochs }: TrialOptions,
): ModelTraining[] {
  const weights = within(place, () => readWeights(sampleWeight, countRows(splits)));
  return splits.map((split) => ({
    model: make(),
    examples: split.training,
    options: {
      ...options,
      ...(epochs !== undefined && { epochs }),
      sampleWeight: weights && split.weights(weights),
      rowNumbers: split.rows.training,
    },
  }));
}

/** The number of all rows. */
const countRows = ([{ rows }]: readonly Split[]) => rows.training.length + rows.heldOut.length;

const unmeasured = (names: readonly string[]) =>
  Object.fromEntries(["loss", ...names].map((name) => [name, Number.NaN])) as unknown as Evaluation;

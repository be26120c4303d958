/** crossValidate: measures a model on rows that it was not trained on. */
import type { Examples } from "../data/examples.ts";
import { momentsOf } from "../data/moments.ts";
import type { DivergenceError } from "../errors.ts";
import type { Model } from "../model.ts";
import type { MetricList } from "../training/history.ts";
import type { Evaluation } from "../training/session.ts";
import type { ManyHistory, ManyProgress } from "../training/trainMany.ts";
import {
  type Candidate,
  checkArguments,
  readCandidate,
  readShared,
  type SharedOptions,
} from "./trials/candidates.ts";
import { splitData } from "./trials/splits.ts";
import { runTrials } from "./trials.ts";

/** How to cross-validate. */
export interface CrossValidateOptions extends SharedOptions {
  /** Called with the number of models that have been trained. */
  readonly onProgress?: ((progress: ManyProgress) => void) | undefined;
}

/** One fold: the model that was trained on all other folds, and its evaluation on this one. */
export interface Fold<List extends MetricList = MetricList> {
  /** The numbers of the held-out rows. */
  readonly rows: Uint32Array<ArrayBuffer>;
  /** Loss and metrics on the held-out rows; all NaN where the training diverged. */
  readonly evaluation: Evaluation<List>;
  readonly model: Model<List>;
  readonly history: ManyHistory<List>;
  /** The error of a training that diverged. */
  readonly error?: DivergenceError;
}

/** The result of a cross-validation. */
export interface CrossValidation<List extends MetricList = MetricList> {
  readonly folds: readonly Fold<List>[];
  /** The mean over the folds of the loss and of each metric. */
  readonly mean: Evaluation<List>;
  /** The standard deviation over the folds; the divisor is the number of folds, as in scikit-learn. */
  readonly stddev: Evaluation<List>;
  /** The same seed gives the same folds and models again. */
  readonly seed: number;
}

/**
 * Splits the rows into folds and trains one model for each fold on the rows of all other folds, all models at
 * once on all cores. Measures each model's loss and metrics on the fold that was held out.
 *
 * Folds have equal sizes as far as possible, and the seed draws their rows. With `stratify` each fold gets
 * its share of every class; a class with fewer rows than folds is an error, where scikit-learn warns. With
 * `groups` no group is in two folds. The definitions are those of scikit-learn's `KFold`, `StratifiedKFold`
 * and `GroupKFold`. A fold whose training diverges has an `error`, and its values and their means are NaN.
 *
 * @example
 * ```ts
 * const { mean, stddev, folds } = await crossValidate(
 *   {
 *     model: { inputs: 2, layers: [dense(8), tanh(), dense(1)], loss: "meanSquaredError", optimizer: "adam" },
 *     fit: { epochs: 20 },
 *   },
 *   data,
 *   { folds: 4, seed: 1 },
 * );
 * const text = `${mean.loss} ± ${stddev.loss}`;
 * const together = ensemble(folds.map(({ model }) => model));
 * ```
 *
 * @throws OptionError, DataError or ShapeError for bad input, including more folds than rows or groups. The
 * signal's reason if it aborts.
 */
export async function crossValidate<const List extends MetricList = MetricList>(
  candidate: Candidate<List>,
  data: Examples,
  options: CrossValidateOptions = {},
): Promise<CrossValidation<List>> {
  const call = "crossValidate";
  checkArguments(call, data, options);
  const shared = readShared<ManyProgress>(call, options);
  const checked = readCandidate(call, candidate as Candidate, shared);
  const { splits } = splitData(call, [checked], data, { folding: shared });
  const [trials] = await runTrials(call, [checked], { ...shared, splits }, (trial) => trial);
  const folds = trials.map(({ model, history, evaluation }, at) => ({
    rows: splits[at].rows.heldOut,
    evaluation,
    model,
    history,
    ...(history.error && { error: history.error }),
  }));
  const all: CrossValidation = {
    folds,
    ...overFolds(folds.map(({ evaluation }) => evaluation)),
    seed: shared.seed,
  };
  return all as CrossValidation<List>;
}

/** Returns mean and standard deviation over the folds, for the loss and each metric. */
function overFolds(evaluations: readonly Evaluation[]): Pick<CrossValidation, "mean" | "stddev"> {
  const names = Object.keys(evaluations[0]) as (keyof Evaluation)[];
  const moments = names.map((name) =>
    momentsOf(evaluations.map((evaluation) => evaluation[name] ?? Number.NaN)),
  );
  const pick = (which: "mean" | "stddev") =>
    Object.fromEntries(names.map((name, at) => [name, moments[at][which]])) as unknown as Evaluation;
  return { mean: pick("mean"), stddev: pick("stddev") };
}

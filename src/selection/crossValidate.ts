/** crossValidate: how well a model does on rows that it has not learnt from. */
import type { Examples } from "../data/examples.ts";
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
import { momentsOf, runTrials } from "./trials.ts";

/** How to cross-validate. */
export interface CrossValidateOptions extends SharedOptions {
  /** Told how many of the folds' models have been trained. */
  readonly onProgress?: ((progress: ManyProgress) => void) | undefined;
}

/** One fold: the model that learnt from all others, and how it does on this one. */
export interface Fold<List extends MetricList = MetricList> {
  /** The numbers of the rows that were held out. */
  readonly rows: Uint32Array<ArrayBuffer>;
  /** Loss and metrics of the rows held out; NaN throughout where the training has an error. */
  readonly evaluation: Evaluation<List>;
  readonly model: Model<List>;
  /** How the training went. */
  readonly history: ManyHistory<List>;
  /** Why the training ended early. */
  readonly error?: DivergenceError;
}

/** What a cross-validation gives. */
export interface CrossValidation<List extends MetricList = MetricList> {
  readonly folds: readonly Fold<List>[];
  /** The mean over the folds of the loss and of each metric. */
  readonly mean: Evaluation<List>;
  /** Their standard deviation, divided by the number of folds as scikit-learn's is. */
  readonly stddev: Evaluation<List>;
  /** The same again gives the same folds and the same models. */
  readonly seed: number;
}

/**
 * Deals the rows out to folds and trains a model for each, on all other rows: all at once, on all cores. What
 * the model measures, its loss and its metrics, is measured on the rows that were held out.
 *
 * Folds are of equal size as far as possible, their rows drawn by the seed. With `stratify` each has its share
 * of every class, and a class with fewer rows than folds is an error, where scikit-learn warns. With `groups`
 * no group is in two folds. All by the definitions of scikit-learn's `KFold`, `StratifiedKFold` and
 * `GroupKFold`. A fold whose training diverges has an `error`, and the figures are NaN then.
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
 * @throws OptionError, DataError or ShapeError for bad input, more folds than rows or groups among it. The
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

/** Mean and standard deviation of everything that was measured. */
function overFolds(evaluations: readonly Evaluation[]): Pick<CrossValidation, "mean" | "stddev"> {
  const names = Object.keys(evaluations[0]) as (keyof Evaluation)[];
  const moments = names.map((name) =>
    momentsOf(evaluations.map((evaluation) => evaluation[name] ?? Number.NaN)),
  );
  const pick = (which: "mean" | "stddev") =>
    Object.fromEntries(names.map((name, at) => [name, moments[at][which]])) as unknown as Evaluation;
  return { mean: pick("mean"), stddev: pick("stddev") };
}

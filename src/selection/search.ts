/** search: finds the best options of a model and its training. */
import type { Dataset, Examples } from "../data/examples.ts";
import { momentsOf } from "../data/moments.ts";
import { OptionError, show, within } from "../errors.ts";
import type { MetricChoice } from "../formats/configuration.ts";
import * as metrics from "../metrics/table.ts";
import { type Model, sessionOf } from "../model.ts";
import { type Choice, type Complete, complete, create, type Table } from "../options.ts";
import { readBoolean, readSplit } from "../training/options.ts";
import { type ManyHistory, type ManyProgress, trainTogether } from "../training/trainMany.ts";
import { byScore, type Result, rowsAsText, type SearchRow } from "./search/rows.ts";
import { type AnyPoint, type Point, readSpace, type Space } from "./search/space.ts";
import * as strategies from "./search/strategies.ts";
import {
  type Candidate,
  type CheckedCandidate,
  type CheckedShared,
  checkArguments,
  readCandidate,
  readShared,
  type SharedOptions,
} from "./trials/candidates.ts";
import { type Holdout, type Split, splitData } from "./trials/splits.ts";
import { runTrials } from "./trials.ts";

/** The progress of a search: how many models of the current round have been trained. */
export interface SearchProgress extends ManyProgress {
  /** The number of the round, from 1. */
  readonly round: number;
  readonly rounds: number;
}

/** How to search. */
export interface SearchOptions<P> extends SharedOptions {
  /** Returns the model and its training for a point of the space. */
  readonly build: (point: P) => Candidate;
  /** Chooses the points and the epochs of each; `"grid"` by default. */
  readonly strategy?: Choice<typeof strategies> | undefined;
  /** Ranks the configurations by its value on the held-out rows; by default the loss. */
  readonly metric?: MetricChoice | undefined;
  /** Replaces the folds: the share of the rows, between 0 and 1, that is held out, as in `fit`. */
  readonly validationSplit?: number | undefined;
  /** Whether `validationSplit` draws its rows by the seed, the default, or takes the last ones. */
  readonly validationShuffle?: boolean | undefined;
  /** Whether to train the best configuration on all rows at the end; false by default. */
  readonly refit?: boolean | undefined;
  /** Called with the number of the round's models that have been trained. */
  readonly onProgress?: ((progress: SearchProgress) => void) | undefined;
}

/** The result of a search. */
export interface SearchResult<P = AnyPoint> {
  /** One row for each configuration, the best first. */
  readonly rows: readonly SearchRow<P>[];
  /** The first row. It has an error only where all rows have one. */
  readonly best: SearchRow<P>;
  /** The rows as a table of text. */
  readonly text: string;
  /** The same seed gives the same rows again. */
  readonly seed: number;
  /** With `refit`, the best configuration trained on all rows; missing where its row has an error. */
  readonly model?: Model;
  /** The history of that training. */
  readonly history?: ManyHistory;
}

const CALL = "search";
const OWN_OPTIONS = ["build", "strategy", "metric", "validationSplit", "validationShuffle", "refit"];

/**
 * Trains configurations, the points of a space, and ranks them by their results on held-out rows. All models
 * of a round are trained in one call of `trainMany`, on all cores; models of a fold share its rows.
 *
 * `space` has a list of values or a {@link range} for each name. `build` turns a point into any options of a
 * model and of `fit`. A configuration that diverges is a row with an `error`; a configuration that cannot be
 * built is an error before any training. With the strategy `halving`, rows are sorted by the last round that
 * they reached, then by score.
 *
 * @example
 * ```ts
 * const { best, text, model } = await search(
 *   { learningRate: [0.1, 0.01], units: [4, 8] },
 *   data,
 *   {
 *     build: ({ learningRate, units }) => ({
 *       model: {
 *         inputs: 2,
 *         layers: [dense(units), tanh(), dense(1)],
 *         loss: "meanSquaredError",
 *         optimizer: adam({ learningRate }),
 *       },
 *       fit: { epochs: 20 },
 *     }),
 *     folds: 4,
 *     refit: true,
 *     seed: 1,
 *   },
 * );
 * best.point.units; // 4 or 8
 * ```
 *
 * @throws OptionError, DataError or ShapeError for bad input, including an empty space, before any training.
 * The signal's reason if it aborts.
 */
export async function search<const S extends Space>(
  space: S,
  data: Examples,
  options: SearchOptions<Point<S>>,
): Promise<SearchResult<Point<S>>> {
  checkArguments(CALL, data, options, OWN_OPTIONS);
  const plan = readPlan(space, options as unknown as SearchOptions<AnyPoint>);
  const { data: all, splits } = splitData(CALL, plan.candidates, data, {
    folding: plan.shared,
    holdout: plan.holdout,
    metrics: plan.metric && [plan.metric],
  });
  const results = await runRounds(plan, splits);
  const rows = results.map((result, at) => ({ rank: at + 1, ...result.row }));
  const best = results[0];
  return {
    rows: rows as unknown as SearchRow<Point<S>>[],
    best: rows[0] as unknown as SearchRow<Point<S>>,
    text: rowsAsText(rows, plan.scoreName),
    seed: plan.shared.seed,
    ...(plan.refit && best.row.error === undefined && (await refit(plan, best, all))),
  };
}

/** The checked options of a search. */
interface Plan {
  readonly shared: CheckedShared<SearchProgress>;
  readonly holdout: Holdout | undefined;
  readonly refit: boolean;
  readonly strategy: strategies.Strategy;
  readonly points: readonly AnyPoint[];
  readonly candidates: readonly CheckedCandidate[];
  readonly metric: Complete | undefined;
  /** The name of the metric that the score is of, or "loss". */
  readonly scoreName: string;
  readonly smallerIsBetter: boolean;
}

function readPlan(given: unknown, options: SearchOptions<AnyPoint>): Plan {
  const {
    build,
    strategy: choice = strategies.grid(),
    metric: metricChoice,
    validationSplit,
    validationShuffle = true,
    refit = false,
  } = options;
  const space = readSpace(given, `${CALL}: space`);
  if (typeof build !== "function") {
    throw new OptionError(`${CALL}: build: expected a function of a point, received ${show(build)}`);
  }
  if (validationSplit !== undefined) checkAlone(options);
  const shared = readShared<SearchProgress>(CALL, options);
  const table = strategies as Table<strategies.Strategy>;
  const strategy = within(CALL, () =>
    create("strategy", table, complete("strategy", table, choice, "strategy")),
  );
  const points = within(CALL, () => strategy.points(space, shared.seed));
  const [{ epochs }] = strategy.rounds(points.length);
  const candidates = points.map((point, at) => readPoint(at, point, build, shared, epochs));
  const metric =
    metricChoice === undefined
      ? undefined
      : complete("metric", metrics as Table<unknown>, metricChoice, `${CALL}: metric`);
  return {
    shared,
    holdout:
      validationSplit === undefined
        ? undefined
        : {
            share: readSplit(validationSplit, `${CALL}: validationSplit`),
            seed: readBoolean(validationShuffle, `${CALL}: validationShuffle`) ? shared.seed : undefined,
          },
    refit: readBoolean(refit, `${CALL}: refit`),
    strategy,
    points,
    candidates,
    metric,
    scoreName: metric?.type ?? "loss",
    ...checkModels(candidates, metric),
  };
}

function checkAlone(options: SearchOptions<AnyPoint>): void {
  for (const name of ["folds", "stratify", "groups"] as const) {
    if (options[name] === undefined) continue;
    throw new OptionError(`${CALL}: expected validationSplit or ${name}, received both`);
  }
}

/** Builds the candidate of a point. Errors name the point. */
function readPoint(
  at: number,
  point: AnyPoint,
  build: SearchOptions<AnyPoint>["build"],
  shared: CheckedShared<SearchProgress>,
  epochs: number | undefined,
): CheckedCandidate {
  const values = Object.entries(point).map(([name, value]) => `${name} ${show(value)}`);
  const place = `${CALL}: configuration ${at} (${values.join(", ")})`;
  const candidate = build({ ...point });
  const checked = readCandidate(place, candidate, shared);
  if (epochs !== undefined && candidate.fit?.epochs !== undefined) {
    throw new OptionError(
      `${place}: fit: epochs: the strategy sets the epochs. Fix: leave epochs out of fit`,
    );
  }
  return checked;
}

/** Checks that each model can be created and measured. Returns whether smaller scores are better. */
function checkModels(
  candidates: readonly CheckedCandidate[],
  metric: Complete | undefined,
): Pick<Plan, "smallerIsBetter"> {
  let smallerIsBetter = true;
  for (const { make, place } of candidates) {
    const model = make();
    try {
      if (metric === undefined) continue;
      const [scored] = within(place, () => sessionOf(model).createMetrics([metric]));
      smallerIsBetter = scored.metric.smallerIsBetter === true;
    } finally {
      model.dispose();
    }
  }
  return { smallerIsBetter };
}

/** A row with the index of its candidate. */
interface Ranked {
  readonly at: number;
  readonly row: Result;
}

/** Runs all rounds. Returns the last round first, then the candidates that dropped out, the latest first. */
async function runRounds(plan: Plan, splits: readonly Split[]): Promise<Ranked[]> {
  const rounds = plan.strategy.rounds(plan.points.length);
  const better = byScore(plan.smallerIsBetter);
  let active: readonly number[] = plan.points.map((_, at) => at);
  const left: Ranked[] = [];
  for (const [index, { epochs }] of rounds.entries()) {
    const ranked = await runRound(plan, splits, active, index, rounds.length, epochs);
    ranked.sort((a, b) => better(a.row, b.row));
    const next = rounds[index + 1]?.candidates ?? ranked.length;
    const goOn = ranked.slice(0, next).filter(({ row }) => index + 1 === rounds.length || !row.error);
    left.unshift(...ranked.filter((entry) => index + 1 === rounds.length || !goOn.includes(entry)));
    active = goOn.map(({ at }) => at);
    if (active.length === 0) break;
  }
  const hasScore = ({ row }: Ranked) => !Number.isNaN(row.score);
  return [...left.filter(hasScore), ...left.filter((entry) => !hasScore(entry))];
}

async function runRound(
  { shared, candidates, points, metric, scoreName }: Plan,
  splits: readonly Split[],
  active: readonly number[],
  round: number,
  rounds: number,
  epochs: number | undefined,
): Promise<Ranked[]> {
  const { onProgress, signal, threads } = shared;
  const trials = await runTrials(
    CALL,
    active.map((at) => candidates[at]),
    {
      splits,
      epochs,
      metrics: metric === undefined ? [] : [metric],
      signal,
      threads,
      onProgress: onProgress && ((progress) => onProgress({ ...progress, round: round + 1, rounds })),
    },
    ({ model, evaluation, history }) => {
      model.dispose();
      return { score: evaluation[scoreName as "loss"], error: history.error };
    },
  );
  return trials.map((ofCandidate, index) => {
    const at = active[index];
    const scores = ofCandidate.map(({ score }) => score);
    const { mean: score, stddev } = momentsOf(scores);
    const error = ofCandidate.find((trial) => trial.error)?.error;
    const trained = epochs ?? candidates[at].options.epochs;
    const row = { point: points[at], score, stddev, scores, epochs: trained, round: round + 1 };
    return { at, row: { ...row, ...(error && { error }) } };
  });
}

/** Trains the best configuration on all rows. */
async function refit(
  { candidates, shared: { signal, threads } }: Plan,
  { at, row }: Ranked,
  all: Dataset,
): Promise<{ readonly model: Model; readonly history: ManyHistory }> {
  const { make, options } = candidates[at];
  const model = make();
  const training = { model, examples: all, options: { ...options, epochs: row.epochs } };
  const [history] = await trainTogether(CALL, [training], { signal, threads, onProgress: undefined });
  return { model, history };
}

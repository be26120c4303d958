/** search: which options of models and trainings do best. */
import type { Dataset, Examples } from "../data/examples.ts";
import { OptionError, show, within } from "../errors.ts";
import type { Metric } from "../formats/configuration.ts";
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
import { momentsOf, runTrials } from "./trials.ts";

/** How far a search has come: models of the round that have been trained, and of how many. */
export interface SearchProgress extends ManyProgress {
  /** The round, from 1. */
  readonly round: number;
  readonly rounds: number;
}

/** How to search. */
export interface SearchOptions<P> extends SharedOptions {
  /** Makes a model, and a way to train it, of a point of the space. */
  readonly build: (point: P) => Candidate;
  /** Which points are tried, and for how long: `"grid"` by default. */
  readonly strategy?: Choice<typeof strategies> | undefined;
  /** What decides, measured on the rows held out; by default the loss. */
  readonly metric?: Metric | undefined;
  /**
   * Instead of folds: the share of the rows, above 0 and below 1, that is held out, as `fit` does it with the
   * seed of the search.
   */
  readonly validationSplit?: number | undefined;
  /** Whether `validationSplit` draws its rows; true by default. With false it takes the last ones. */
  readonly validationShuffle?: boolean | undefined;
  /** Whether the best configuration is trained on all rows in the end; false by default. */
  readonly refit?: boolean | undefined;
  /** Told how many of a round's models have been trained. */
  readonly onProgress?: ((progress: SearchProgress) => void) | undefined;
}

/** What a search gives. */
export interface SearchResult<P = AnyPoint> {
  /** A row for each configuration, the best first. */
  readonly rows: readonly SearchRow<P>[];
  /** The first row. It has an error only where all have one. */
  readonly best: SearchRow<P>;
  /** The rows as text. */
  readonly text: string;
  /** The same again gives the same rows. */
  readonly seed: number;
  /** With `refit`, the best configuration trained on all rows; not where its row has an error. */
  readonly model?: Model;
  /** How that training went. */
  readonly history?: ManyHistory;
}

const CALL = "search";
const OWN_OPTIONS = ["build", "strategy", "metric", "validationSplit", "validationShuffle", "refit"];

/**
 * Tries configurations, points of a space, and says which does best on rows that it has not learnt from. All
 * models of a round are trained in one call of `trainMany`, on all cores; models of a fold share its rows.
 *
 * `space` has a list of values or a {@link range} for each name, and `build` makes of a point whatever is to
 * be tried: any option of a model or of `fit`. A configuration that diverges is a row with an `error`; one
 * that cannot be built is an error before anything is trained. With the strategy `halving` rows are in the
 * order of the rounds that they reached, then of their scores.
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
 * @throws OptionError, DataError or ShapeError for bad input, an empty space among it; nothing is trained
 * then. The signal's reason if it aborts.
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

/** A search whose options are checked. */
interface Plan {
  readonly shared: CheckedShared<SearchProgress>;
  readonly holdout: Holdout | undefined;
  readonly refit: boolean;
  readonly strategy: strategies.Strategy;
  readonly points: readonly AnyPoint[];
  readonly candidates: readonly CheckedCandidate[];
  readonly metric: Complete | undefined;
  /** What the score is a figure of. */
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

/** Makes the candidate of a point; errors say which one it is. */
function readPoint(
  at: number,
  point: AnyPoint,
  build: SearchOptions<AnyPoint>["build"],
  shared: CheckedShared<SearchProgress>,
  epochs: number | undefined,
): CheckedCandidate {
  const told = Object.entries(point).map(([name, value]) => `${name} ${show(value)}`);
  const place = `${CALL}: configuration ${at} (${told.join(", ")})`;
  const candidate = build({ ...point });
  const checked = readCandidate(place, candidate, shared);
  if (epochs !== undefined && candidate.fit?.epochs !== undefined) {
    throw new OptionError(`${place}: fit: epochs: the strategy says how many; leave them out`);
  }
  return checked;
}

/** Checks that each model can be made and measured, and says which scores are the better ones. */
function checkModels(
  candidates: readonly CheckedCandidate[],
  metric: Complete | undefined,
): Pick<Plan, "smallerIsBetter"> {
  let smallerIsBetter = true;
  for (const { make, place } of candidates) {
    const model = make();
    try {
      if (metric === undefined) continue;
      const [{ figure }] = within(place, () => sessionOf(model).measuresOf([metric]));
      smallerIsBetter = figure.smallerIsBetter === true;
    } finally {
      model.dispose();
    }
  }
  return { smallerIsBetter };
}

/** A row, with the number of its candidate. */
interface Ranked {
  readonly at: number;
  readonly row: Result;
}

/** Runs all rounds: those that go on first, then those that did not, the last of them first. */
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

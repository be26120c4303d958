/** The arithmetic of bench/tables: errors with their standard errors, and figures over tables and learners. */
import { expect, test } from "vitest";

interface Kind {
  readonly task: string;
  readonly classes: readonly string[];
}

interface Scores {
  scoresOf(
    kind: Kind,
    predictions: readonly (number | readonly number[])[],
    targets: readonly number[],
  ): { error: number; standardError: number; accuracy?: number };
  measureOf(kind: Kind): string;
  honestError(kind: Kind, scores: Readonly<Record<string, number>>): number;
}

interface Report {
  readLines(text: string): { lines: object[]; run?: { date: string }; flights?: object };
  compare(lines: readonly object[], table: string, learner: string): Readonly<Record<string, unknown>>;
  summarize(lines: readonly object[], tables: readonly string[], learner: string): Record<string, number>;
  sections(lines: readonly object[], tables: readonly object[]): string;
}

// A name that is computed keeps bench/, which is plain JavaScript, out of the type check.
const load = (file: string) => import(new URL(`../../bench/tables/${file}`, import.meta.url).href);
const { scoresOf, measureOf, honestError }: Scores = await load("scores.js");
const { readLines, compare, summarize, sections }: Report = await load("report.js");

const regression = { task: "regression", classes: [] };
const two = { task: "classification", classes: ["no", "yes"] };
const three = { task: "classification", classes: ["a", "b", "c"] };

test("the error of numbers is the root of the mean square, its standard error that of the delta method", () => {
  // Squares 9, 1, 1, 9: mean 5, deviation sqrt(64 / 3).
  const { error, standardError, accuracy } = scoresOf(regression, [3, 1, 4, 0], [0, 2, 3, 3]);
  expect(error).toBeCloseTo(Math.sqrt(5), 12);
  expect(standardError).toBeCloseTo(Math.sqrt(64 / 3) / 2 / (2 * Math.sqrt(5)), 12);
  expect(accuracy).toBeUndefined();
});

test("the error of three classes is the log loss of probabilities that are made to sum to 1", () => {
  const predictions = [
    [0.5, 0.25, 0.25],
    [0.2, 0.2, 0.6],
    [2, 1, 1],
  ];
  const { error, standardError, accuracy } = scoresOf(three, predictions, [0, 1, 0]);
  const losses = [Math.log(2), Math.log(5), -Math.log(1 / 3)];
  expect(error).toBeCloseTo((losses[0] + losses[1] + losses[2]) / 3, 12);
  const squares = losses.map((loss) => (loss - error) ** 2);
  expect(standardError).toBeCloseTo(Math.sqrt((squares[0] + squares[1] + squares[2]) / 2 / 3), 12);
  expect(accuracy).toBeCloseTo(2 / 3, 12);
});

test("a probability of zero costs no infinite loss", () => {
  const predictions = [
    [1, 0, 0],
    [1, 0, 0],
  ];
  expect(scoresOf(three, predictions, [0, 1]).error).toBeCloseTo(-Math.log(1e-15) / 2, 6);
});

test("the error of two classes is 1 - AUC, equal values counting half, with DeLong's standard error", () => {
  const second = [0.9, 0.6, 0.6, 0.4, 0.2];
  const targets = [1, 1, 0, 1, 0];
  const predictions = second.map((value) => [1 - value, value]);
  const { error, standardError, accuracy } = scoresOf(two, predictions, targets);
  // By pairs: positives 0.9, 0.6, 0.4 against negatives 0.6, 0.2.
  const positive = [1, 0.75, 0.5];
  const negative = [1.5 / 3, 1];
  const variance = (values: readonly number[]) => {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  };
  expect(error).toBeCloseTo(0.25, 12);
  expect(standardError).toBeCloseTo(Math.sqrt(variance(positive) / 3 + variance(negative) / 2), 12);
  expect(accuracy).toBeCloseTo(3 / 5, 12);
});

test("predictions that are too few or not finite are refused", () => {
  expect(() => scoresOf(regression, [1], [1, 2])).toThrow("expected 2 predictions, received 1");
  expect(() => scoresOf(regression, [1, Number.NaN], [1, 2])).toThrow("finite");
});

test("the honest error is by the measure of the table", () => {
  const scores = { rootMeanSquaredError: 3, logLoss: 0.5, rocAuc: 0.9 };
  expect([regression, two, three].map(measureOf)).toEqual(["RMSE", "1 - AUC", "log loss"]);
  expect(honestError(regression, scores)).toBe(3);
  expect(honestError(two, scores)).toBeCloseTo(0.1, 12);
  expect(honestError(three, scores)).toBe(0.5);
});

/** Lines of a learner on a table, a seed for each error. */
const linesOf = (table: string, learner: string, errors: readonly number[], rest: object = {}) =>
  errors.map((error, seed) => {
    const about = { table, rows: 100, measure: "RMSE", seed, learner, version: "1" };
    return { ...about, error, standardError: 1, seconds: 1, ...rest };
  });

const made = [
  ...linesOf("a", "LightGBM", [10, 30], { accuracy: 0.8, seconds: 1 }),
  ...linesOf("a", "CatBoost", [14, 18], { accuracy: 0.7, seconds: 10 }),
  ...linesOf("a", "linear", [40, 40], { accuracy: 0.5 }),
  ...linesOf("a", "Myelin fast", [12, 12], { accuracy: 0.75, seconds: 4, honest: 13 }),
  ...linesOf("b", "LightGBM", [4]),
  ...linesOf("b", "linear", [3]),
  // The second seed has no rival, so it does not count.
  ...linesOf("b", "Myelin fast", [6, 1000], { seconds: 100, honest: 8.5 }),
];

test("an error is divided by the best boosted library's, both means over the seeds", () => {
  expect(compare(made, "a", "Myelin fast")).toMatchObject({
    seeds: [0, 1],
    best: "CatBoost",
    bestError: 16,
    ratio: 12 / 16,
    overLinear: 12 / 40,
    seconds: 4,
    timedSeconds: 10,
    apart: 1,
  });
  expect(compare(made, "a", "Myelin fast").accuracyDifference).toBeCloseTo(-0.05, 12);
  expect(compare(made, "b", "Myelin fast")).toMatchObject({ seeds: [0], best: "LightGBM", ratio: 1.5 });
  expect(compare(made, "a", "Myelin best")).toBeUndefined();
  expect(compare(made, "c", "Myelin fast")).toBeUndefined();
});

test("figures over tables: the geometric mean, the worst, wins, and time where CatBoost has one", () => {
  const found = summarize(made, ["a", "b", "c"], "Myelin fast");
  expect(found.tables).toBe(2);
  expect(found.geometricMean).toBeCloseTo(Math.sqrt(0.75 * 1.5), 12);
  expect(found.worst).toBe(1.5);
  expect(found.wins).toBe(1);
  expect(found.accuracyDifference).toBeCloseTo(-0.05, 12);
  expect(found.worstOverLinear).toBe(2);
  expect(found.timeOverTimed).toBeCloseTo(0.4, 12);
  // 1 and 2.5 standard errors apart.
  expect([found.honest, found.honestOf]).toEqual([1, 2]);
});

test("a file of results counts the latest line for a learner, a table and a seed", () => {
  const text = [
    { date: "2026-01-01", machine: {} },
    ...linesOf("a", "LightGBM", [1, 2]),
    { date: "2026-01-02", machine: {} },
    ...linesOf("a", "LightGBM", [3]),
    { date: "2026-01-02", flights: { rows: 5 } },
  ];
  const { lines, run, flights } = readLines(`${text.map((line) => JSON.stringify(line)).join("\n")}\n`);
  expect(lines).toMatchObject([
    { seed: 0, error: 3 },
    { seed: 1, error: 2 },
  ]);
  expect(run?.date).toBe("2026-01-02");
  expect(flights).toEqual({ rows: 5 });
});

test("the report has a line for each table that was measured", () => {
  const text = sections(made, [{ name: "a" }, { name: "b" }, { name: "c", isFresh: true }]);
  expect(text).toMatch(/^\| a +\| +100 \| +RMSE \| +16.00 CatBoost \| +0.750 \|/m);
  expect(text).toMatch(
    /^\| Myelin fast +\| +2 \| +1.061 \| +1.500 \| +1 \| +-5.00 \| +2.000 \| +0.400 \| +1 of 2 \|$/m,
  );
  expect(text).not.toMatch(/^\| c /m);
});

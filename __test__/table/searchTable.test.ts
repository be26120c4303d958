/** searchTable: what it tries, keeps, returns and refuses. */
import { beforeAll, describe, expect, test } from "vitest";
import { fitTable, searchTable, TableModel } from "../../src/table/index.ts";
import { countTrials, roundsOf } from "../../src/table/learner/halving.ts";

const rows = Array.from({ length: 90 }, (_, i) => {
  const [size, age] = [((i * 37) % 90) / 9, (i * 53) % 40];
  return { size, age, kind: ["flat", "house"][i % 2], price: 50 * size - age + (i % 2) * 30 + (i % 7) };
});
const options = { target: "price", trials: 7, seed: 3 } as const;
const find = () => searchTable(rows, options);
let found: Awaited<ReturnType<typeof find>>;
beforeAll(async () => {
  found = await find();
});

describe("rounds of successive halving", () => {
  test("halve the kinds, but keep three", () => {
    expect(roundsOf(24, 5)).toEqual([24, 12, 6, 3, 3]);
    expect(roundsOf(7, 5)).toEqual([7, 4, 3, 3, 3]);
    expect(roundsOf(2, 5)).toEqual([2, 2, 2, 2, 2]);
    expect(countTrials(24, 5)).toBe(48);
  });
});

describe("a search", () => {
  test("has a row for each kind, by folds and loss", () => {
    const { trials } = found;
    expect(trials.map(({ rank }) => rank)).toEqual(trials.map((_, at) => at + 1));
    expect(trials.filter(({ configuration }) => configuration === undefined)).toHaveLength(4);
    expect(trials.filter(({ configuration }) => configuration !== undefined)).toHaveLength(7);
    const folds = trials.map((trial) => trial.folds);
    expect(folds).toEqual([5, 5, 5, 5, 5, 5, 5, 2, 1, 1, 1]);
    for (const [at, { loss }] of trials.entries()) {
      if (at > 0 && folds[at] === folds[at - 1]) expect(loss).toBeGreaterThanOrEqual(trials[at - 1].loss);
    }
  });

  test("weighs only what has all folds, as the model does", () => {
    const { trials, model } = found;
    for (const { folds, weight } of trials) if (folds < 5) expect(weight).toBe(0);
    expect(trials.reduce((sum, { weight }) => sum + weight, 0)).toBeLessThanOrEqual(1 + 1e-12);
    expect(model.leaderboard).toHaveLength(7);
    for (const { name, weight } of model.leaderboard)
      expect(trials.find((trial) => trial.name === name)?.weight).toBe(weight);
  });

  test("has the networks of fitTable among its own, and a blend no worse than any of them", async () => {
    const model = await fitTable(rows, { target: "price", seed: 3 });
    const losses = new Map(found.model.leaderboard.map(({ name, loss }) => [name, loss]));
    for (const { name, loss } of model.leaderboard) expect(losses.get(name)).toBe(loss);
    const { rootMeanSquaredError = Number.NaN } = found.model.scores;
    expect(rootMeanSquaredError ** 2).toBeLessThanOrEqual(Math.min(...losses.values()) * (1 + 1e-9));
  });

  test("is a table of text", () => {
    const lines = found.text.split("\n");
    expect(lines).toHaveLength(12);
    expect(lines[0]).toMatch(/^rank +loss +folds +weight +name +units +activation +learningRate/);
    expect(String(found)).toBe(found.text);
  });

  test("gives a model that is saved and loaded as any", () => {
    const bytes = found.model.toBytes();
    const loaded = TableModel.fromBytes(bytes);
    expect(loaded.predict(rows)).toEqual(found.model.predict(rows));
    expect(loaded.leaderboard).toEqual(found.model.leaderboard);
  });

  test("gives the same bits for the same seed, with any number of threads", async () => {
    const again = await searchTable(rows, { ...options, threads: 1 });
    expect(again.trials).toEqual(found.trials);
    expect(again.model.toBytes()).toEqual(found.model.toBytes());
  });
});

test("classes with weights, quantiles of numbers and a single trial are searched", async () => {
  const classes = await searchTable(rows, {
    ...{ target: "kind", trials: 1, seed: 1 },
    classWeight: "balanced",
  });
  expect(classes.trials).toHaveLength(5);
  expect(classes.trials.every(({ folds, loss }) => folds === 5 && loss > 0)).toBe(true);
  const numbers = await searchTable(rows, { ...options, trials: 1, quantiles: [0.1, 0.9] });
  expect(Object.keys(numbers.model.predict(rows[0]).quantiles)).toEqual(["0.1", "0.9"]);
});

describe("a search that ends early", () => {
  test("by control.stop() in a round keeps the networks of fitTable", async () => {
    const counts: number[] = [];
    const { model, trials } = await searchTable(rows, {
      ...options,
      onProgress: ({ finished, total }, control) => {
        counts.push(total);
        if (finished > 20) control.stop();
      },
    });
    expect(new Set(counts)).toEqual(new Set([20 + 20]));
    expect(model.leaderboard.map(({ name }) => name).some((name) => name.startsWith("trial"))).toBe(false);
    const whole = await fitTable(rows, { target: "price", seed: 3 });
    expect(model.predict(rows)).toEqual(whole.predict(rows));
    expect(trials.filter(({ configuration }) => configuration).every(({ folds }) => folds <= 1)).toBe(true);
  });

  test("by a budget has a model all the same", async () => {
    const { model, trials, text } = await searchTable(rows, { ...options, budget: { seconds: 0.01 } });
    expect(Number.isFinite(model.predict(rows[0]).value)).toBe(true);
    expect(trials.filter(({ folds, configuration }) => folds === 5 && configuration)).toEqual([]);
    expect(text).not.toBe("");
  });

  test("by its signal rejects with the reason", async () => {
    const reason = new Error("enough");
    const controller = new AbortController();
    const ending = searchTable(rows, {
      ...{ ...options, signal: controller.signal },
      onProgress: ({ finished }) => {
        if (finished > 20) controller.abort(reason);
      },
    });
    await expect(ending).rejects.toBe(reason);
  });
});

test("wrong options are refused before any training", async () => {
  const fails = (given: object) => expect(searchTable(rows, { ...options, ...given } as never)).rejects;
  await fails({ target: ["price", "kind"] }).toThrow(
    "searchTable: target: expected the name of one column, received",
  );
  await fails({ trials: 0 }).toThrow("searchTable: trials: expected");
  await fails({ trial: 3 }).toThrow('Did you mean "trials"?');
  await fails({ quality: "fast" }).toThrow('searchTable: unknown option "quality"');
  await fails({ budget: { seconds: 0 } }).toThrow("budget: seconds: expected a number above 0");
});

test("rows that tell nothing are answered with the mean", async () => {
  const { model, trials, text } = await searchTable(rows.slice(0, 5), options);
  expect(trials).toEqual([]);
  expect(text).toMatch(/^nothing was tried/);
  const mean = rows.slice(0, 5).reduce((sum, { price }) => sum + price / 5, 0);
  expect(model.predict(rows[0]).value).toBeCloseTo(mean, 9);
});

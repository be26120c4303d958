import { afterEach, beforeEach, describe, expect, expectTypeOf, test, vi } from "vitest";
import { Model, type PredictOptions } from "../../src/index.ts";
import { fitTable, TableModel } from "../../src/table/index.ts";
import type { TableProgress } from "../../src/table/progress.ts";
import { calibrate, conformalShift, pinballLoss } from "../../src/table/quantiles.ts";

/** Numbers from 0 to 1 that follow from a seed. */
function uniform(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Claims, of which about one in eight is a fraud, more often where the amount is high and the shop new. */
function claims(rows: number, seed = 1) {
  const draw = uniform(seed);
  return Array.from({ length: rows }, () => {
    const amount = 1000 * draw();
    const shop = draw() < 0.5 ? "new" : "old";
    const chance = 0.4 * (amount / 1000) ** 2 + (shop === "new" ? 0.15 : 0);
    return { amount, shop, kind: draw() < chance * 0.5 ? "fraud" : "sound" };
  });
}

/** Waiting times whose spread grows with the queue; their quantiles are known. */
function waits(rows: number, seed = 1) {
  const draw = uniform(seed);
  return Array.from({ length: rows }, () => {
    const queue = 10 * draw();
    return { queue, hour: Math.floor(24 * draw()), wait: 20 + 2 * queue + (1 + queue) * (draw() - 0.5) };
  });
}

const fast = { quality: "fast", seed: 1, networks: 5 } as const;

describe("metric", () => {
  test("orders the leaderboard, decides the blend, and is among the scores", async () => {
    const rows = claims(400);
    const model = await fitTable(rows, { target: "kind", metric: "rocAuc", ...fast, networks: 10 });
    const { leaderboard } = model;
    expect(leaderboard.map(({ score }) => score)).toEqual(
      leaderboard.map(({ score }) => score).toSorted((a, b) => (b as number) - (a as number)),
    );
    expect(model.scores.rocAuc).toBeGreaterThanOrEqual(
      Math.max(...leaderboard.map(({ score }) => score ?? 0)),
    );
    expect(model.summary()).toMatch(/log loss +rocAuc/);
    const copy = TableModel.fromBytes(model.toBytes());
    expect(copy.leaderboard).toEqual(leaderboard);
    expect(copy.targets).toEqual(model.targets);
    model.dispose();
    copy.dispose();
  });

  test("of numbers is computed in doubles", async () => {
    const rows = waits(200).map(({ wait, ...row }) => ({ ...row, wait: 1e9 + wait }));
    const model = await fitTable(rows, { target: "wait", metric: "meanAbsoluteError", ...fast });
    expect(model.scores.meanAbsoluteError).toBeLessThan(8);
    const [{ score, loss }] = model.leaderboard;
    expect(score).toBeLessThanOrEqual(Math.sqrt(loss));
    model.dispose();
  });

  test("is refused where it is none for the target", async () => {
    const rows = claims(60);
    await expect(fitTable(rows, { target: "amount", metric: "f1" })).rejects.toThrow(
      /fitTable: metric: expected one for numbers.*rootMeanSquaredError/,
    );
    await expect(fitTable(rows, { target: "kind", metric: "r2" })).rejects.toThrow(
      /fitTable: metric: expected one for classes/,
    );
    // @ts-expect-error a metric that is not there
    await expect(fitTable(rows, { target: "kind", metric: "rocAux" })).rejects.toThrow(
      /Did you mean "rocAuc"/,
    );
    await expect(fitTable(rows, { target: "kind", metric: { type: "f1", threshold: 0.3 } })).rejects.toThrow(
      /threshold.*beside metric/,
    );
  });
});

describe("positive and threshold", () => {
  const rows = claims(600);

  test('"best" finds a threshold with a better f1 than the most probable class has', async () => {
    const [plain, tuned] = await Promise.all([
      fitTable(rows, { target: "kind", positive: "fraud", ...fast }),
      fitTable(rows, { target: "kind", positive: "fraud", threshold: "best", ...fast }),
    ]);
    const [{ threshold = 1 }] = tuned.targets;
    expect(threshold).toBeLessThan(0.5);
    expect(tuned.scores.f1).toBeGreaterThan((plain.scores.f1 as number) + 0.1);
    expect(tuned.scores.logLoss).toBe(plain.scores.logLoss);
    for (const answer of tuned.predict(rows))
      expect(answer.value).toBe(answer.probabilities.fraud > threshold ? "fraud" : "sound");
    expect(tuned.summary()).toContain('the answer is "fraud" where its probability is above');
    const other = claims(600, 2);
    expect(tuned.evaluate(other).recall).toBeGreaterThan(plain.evaluate(other).recall as number);
    const copy = TableModel.fromBytes(tuned.toBytes());
    expect(copy.predict(rows)).toEqual(tuned.predict(rows));
    expect(copy.toBytes()).toEqual(tuned.toBytes());
    for (const model of [plain, tuned, copy]) model.dispose();
  });

  test("a number is taken as it is", async () => {
    const model = await fitTable(rows, { target: "kind", positive: "sound", threshold: 0.9, ...fast });
    const answers = model.predict(rows.slice(0, 50));
    for (const { value, probabilities } of answers)
      expect(value).toBe(probabilities.sound > 0.9 ? "sound" : "fraud");
    expect(model.evaluate(rows).precision).toBeGreaterThan(0.85);
    expect(model.predict({ amount: [1, 999], shop: ["old", "new"] }).value[1]).toBe("fraud");
    model.dispose();
  });

  test("are refused with the reason", async () => {
    await expect(fitTable(rows, { target: "kind", positive: "frauds" })).rejects.toThrow(
      /Did you mean "fraud"/,
    );
    await expect(fitTable(rows, { target: "amount", threshold: "best" })).rejects.toThrow(
      /threshold: expected a target with two classes, received "amount", which has numbers\. Fix: leave the option out/,
    );
    await expect(fitTable(rows, { target: "kind", threshold: 2 })).rejects.toThrow(/from 0 to 1, or "best"/);
  });
});

describe("classWeight", () => {
  const rows = claims(800);

  test("moves the answers and leaves the probabilities honest", async () => {
    const [plain, balanced, named] = await Promise.all([
      fitTable(rows, { target: "kind", positive: "fraud", ...fast }),
      fitTable(rows, { target: "kind", positive: "fraud", classWeight: "balanced", ...fast }),
      fitTable(rows, { target: "kind", positive: "fraud", classWeight: { fraud: 3 }, ...fast }),
    ]);
    expect(balanced.scores.recall).toBeGreaterThan((plain.scores.recall as number) + 0.3);
    expect(balanced.targets[0].classWeights?.[0]).toBeGreaterThan(2);
    expect(named.targets[0].classWeights).toEqual([3, 1]);
    const share = rows.filter(({ kind }) => kind === "fraud").length / rows.length;
    for (const model of [plain, balanced, named]) {
      const { fraud } = model.predict({
        amount: rows.map((row) => row.amount),
        shop: rows.map((row) => row.shop),
      }).probabilities;
      const mean = fraud.reduce((sum, value) => sum + value, 0) / rows.length;
      expect(Math.abs(mean - share)).toBeLessThan(0.04);
      expect(model.scores.logLoss).toBeLessThan((plain.scores.logLoss as number) * 1.05);
    }
    const copy = TableModel.fromBytes(balanced.toBytes());
    expect(copy.predict(rows)).toEqual(balanced.predict(rows));
    for (const model of [plain, balanced, named, copy]) model.dispose();
  });

  test("names its classes", async () => {
    await expect(fitTable(rows, { target: "kind", classWeight: { frauds: 2 } })).rejects.toThrow(
      /classWeight: unknown class.*Did you mean "fraud"/,
    );
    await expect(fitTable(rows, { target: "kind", classWeight: { fraud: 0 } })).rejects.toThrow(/above 0/);
    await expect(fitTable(rows, { target: "amount", classWeight: "balanced" })).rejects.toThrow(
      /sampleWeight/,
    );
  });
});

describe("validation", () => {
  test("takes the place of folds, and nothing is learned from it", async () => {
    const rows = waits(200);
    // The opposite of the truth: had the networks learned from these rows, they would answer them.
    const wrong = waits(100, 9).map((row) => ({ ...row, wait: 60 - row.wait }));
    const model = await fitTable(rows, { target: "wait", validation: wrong, ...fast, networks: 2 });
    expect(model.rows).toBe(200);
    const right = await fitTable(rows, { target: "wait", validation: waits(100, 9), ...fast, networks: 2 });
    expect(right.scores.rootMeanSquaredError).toBeLessThan(4);
    expect(model.scores.rootMeanSquaredError).toBeGreaterThan(6);
    const evaluated = right.evaluate(waits(100, 9)).rootMeanSquaredError as number;
    expect(right.scores.rootMeanSquaredError).toBeCloseTo(evaluated, 5);
    model.dispose();
    right.dispose();
  });

  test("is checked", async () => {
    const rows = waits(50);
    const other = rows.map(({ wait: _, ...rest }) => rest);
    await expect(fitTable(rows, { target: "wait", validation: other })).rejects.toThrow(
      /validation: expected the columns of the rows, received none of the name "wait"/,
    );
    await expect(fitTable(rows, { target: "wait", validation: [] })).rejects.toThrow(
      /validation: expected rows/,
    );
    await expect(fitTable(rows, { target: "wait", validation: rows, groups: "hour" })).rejects.toThrow(
      /groups: expected none beside validation/,
    );
  });
});

describe("quantiles", () => {
  test("cover what they say on new rows, never cross, and are kept by the file", async () => {
    const model = await fitTable(waits(1500), { target: "wait", quantiles: [0.9, 0.1, 0.5], ...fast });
    expectTypeOf(model.predict({ queue: 1 }).quantiles["0.1"]).toEqualTypeOf<number>();
    const rows = waits(2000, 5);
    const { coverage = {}, intervalCoverage, pinballLoss: loss } = model.evaluate(rows);
    for (const level of [0.1, 0.5, 0.9]) {
      expect(Math.abs(coverage[level] - level)).toBeLessThan(0.04);
      expect(Math.abs((model.scores.coverage?.[level] as number) - level)).toBeLessThan(0.03);
    }
    expect(intervalCoverage).toBeGreaterThan(0.75);
    // With the true quantiles: the spread is uniform over 1 + queue.
    const truth = Float64Array.from(
      rows.flatMap(({ queue }) => [0.1, 0.5, 0.9].map((q) => 20 + 2 * queue + (1 + queue) * (q - 0.5))),
    );
    const targets = Float64Array.from(rows, ({ wait }) => wait);
    expect(loss).toBeLessThan(1.1 * pinballLoss(targets, { levels: [0.1, 0.5, 0.9], values: truth }));
    const answers = model.predict(rows);
    const width = ({ quantiles }: (typeof answers)[0]) => quantiles["0.9"] - quantiles["0.1"];
    for (const { quantiles } of answers) {
      expect(quantiles["0.1"]).toBeLessThanOrEqual(quantiles["0.5"]);
      expect(quantiles["0.5"]).toBeLessThanOrEqual(quantiles["0.9"]);
    }
    // A constant width would cover as much on average.
    expect(width(model.predict({ queue: 9, hour: 3 }))).toBeGreaterThan(
      3 * width(model.predict({ queue: 1, hour: 3 })),
    );
    const columns = model.predict({ queue: rows.map((row) => row.queue), hour: rows.map((row) => row.hour) });
    expect(Array.from(columns.quantiles["0.9"])).toEqual(answers.map(({ quantiles }) => quantiles["0.9"]));
    const copy = TableModel.fromBytes(model.toBytes());
    expect(copy.predict(rows.slice(0, 20))).toEqual(answers.slice(0, 20));
    expect(rows.slice(0, 20).map((row) => model.predict(row))).toEqual(answers.slice(0, 20));
    expect(copy.summary()).toBe(model.summary());
    expect(model.summary()).toMatch(/at or below quantile 0.1/);
    model.dispose();
    copy.dispose();
  });

  test("are those of the targets where nothing can be learned", async () => {
    const rows = [1, 2, 3, 4, 5].map((wait) => ({ queue: wait, wait }));
    const model = await fitTable(rows, {
      target: "wait",
      task: "regression",
      quantiles: [0.25, 0.75],
      seed: 1,
    });
    expect(model.predict({ queue: 3 }).quantiles).toEqual({ "0.25": 1, "0.75": 5 });
    model.dispose();
  });

  test("are refused for classes and for what is no share", async () => {
    const rows = claims(60);
    await expect(fitTable(rows, { target: "kind", quantiles: [0.5] })).rejects.toThrow(
      /quantiles: expected a target with numbers, received "kind", which has 2 classes\. Fix: /,
    );
    await expect(fitTable(rows, { target: "amount", quantiles: [0.1, undefined as never] })).rejects.toThrow(
      "quantiles: expected shares above 0 and below 1, received undefined",
    );
    await expect(fitTable(rows, { target: "amount", quantiles: [5, 95] })).rejects.toThrow(
      /above 0 and below 1/,
    );
    await expect(fitTable(rows, { target: "amount", quantiles: [] })).rejects.toThrow(/1 to 99/);
  });

  test("a conformal shift is an order statistic of the residuals", () => {
    const targets = Float64Array.from({ length: 9 }, (_, at) => at + 1);
    const zeros = new Float64Array(9);
    expect(conformalShift(0.9, targets, zeros, undefined, 100)).toBe(9);
    expect(conformalShift(0.91, targets, zeros, undefined, 100)).toBe(100);
    expect(conformalShift(0.1, targets, zeros, undefined, 100)).toBe(1);
    expect(conformalShift(0.09, targets, zeros, undefined, 100)).toBe(-100);
    for (const level of [0.05, 0.1, 0.3, 0.5, 0.75, 0.9, 0.95]) {
      const equal = conformalShift(level, targets, zeros, new Float64Array(9).fill(3), 100);
      expect(equal).toBe(conformalShift(level, targets, zeros, undefined, 100));
    }
    const twice = Float64Array.from({ length: 9 }, (_, at) => (at === 0 ? 1000 : 1));
    expect(conformalShift(0.5, targets, zeros, twice, 100)).toBe(1);
  });

  test("a new row is covered with the probability that the shift promises", () => {
    const draw = uniform(3);
    let covered = 0;
    const trials = 4000;
    for (let trial = 0; trial < trials; trial++) {
      const targets = Float64Array.from({ length: 19 }, draw);
      covered += Number(draw() <= conformalShift(0.9, targets, new Float64Array(19), undefined, 1));
    }
    expect(Math.abs(covered / trials - 0.9)).toBeLessThan(0.02);
  });

  test("calibrated rows are sorted and within the range", () => {
    const values = Float64Array.of(5, 1, 3, -9, 2, 99);
    calibrate(values, [0, 1, 0], [0, 10]);
    expect(Array.from(values)).toEqual([2, 3, 5, 0, 3, 10]);
  });
});

describe("progress", () => {
  test("counts the networks of all targets", async () => {
    const seen: { finished: number; total: number; seconds: number }[] = [];
    const rows = waits(60);
    const model = await fitTable(rows, {
      ...{ target: ["wait", "queue"], quantiles: [0.5], onProgress: (progress) => seen.push(progress) },
      ...fast,
    });
    const last = seen.at(-1);
    expect(last).toMatchObject({ finished: 20, total: 20 });
    expect(last?.seconds).toBeGreaterThan(0);
    const counts = seen.map(({ finished }) => finished);
    expect(counts).toEqual(counts.toSorted((a, b) => a - b));
    model.dispose();
  });

  test.each([
    ["accuracy of classes", { target: "long" }, "accuracy", 0.8, 1],
    ["the metric that was chosen", { target: "long", metric: "rocAuc" }, "rocAuc", 0.8, 1],
    ["accuracy with weights of classes", { target: "long", classWeight: { yes: 5 } }, "accuracy", 0.8, 1],
    ["the error of numbers in their unit", { target: "wait" }, "rootMeanSquaredError", 0, 60],
  ] as const)("has the %s so far, near that of the model", async (_, given, metric, low, high) => {
    const seen: TableProgress[] = [];
    const rows = waits(200).map(({ queue, hour, wait }) => {
      return { queue, hour, ...(given.target === "wait" ? { wait } : { long: wait > 30 ? "yes" : "no" }) };
    });
    const onProgress = (progress: TableProgress) => seen.push(progress);
    const model = await fitTable(rows as Record<string, unknown>[], { ...given, ...fast, onProgress });
    const { score } = seen.at(-1) as TableProgress;
    expect(score).toMatchObject({ target: given.target, metric });
    expect(score?.value).toBeGreaterThan(low);
    expect(score?.value).toBeLessThanOrEqual(high);
    const own = model.scores[metric] as number;
    expect(Math.abs((score?.value as number) - own)).toBeLessThan(0.2 * own);
    model.dispose();
  });

  test("leaves the model as it is", async () => {
    const given = { target: "wait", quality: "fast", seed: 1 } as const;
    const rows = waits(60);
    const [plain, followed] = [
      await fitTable(rows, given),
      await fitTable(rows, { ...given, onProgress: () => undefined }),
    ];
    expect(followed.predict(rows)).toEqual(plain.predict(rows));
  });

  test("is shown on standard error", async () => {
    const write = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    const model = await fitTable(waits(60), { target: "wait", verbose: true, ...fast });
    const text = write.mock.calls.map(([line]) => line).join("");
    write.mockRestore();
    expect(text).toMatch(/network 5\/5 .*root mean squared error \d/);
    expect(text).toMatch(/finished 5 of 5 networks/);
    model.dispose();
  });

  test("ends where its control stops the training, and what has been trained is kept", async () => {
    let stopped = 0;
    const model = await fitTable(waits(300), {
      ...{ target: "wait", quality: "fast", seed: 1, threads: 1, quantiles: [0.5] },
      onProgress({ finished }, control) {
        if (finished === 0) return;
        if (stopped === 0) stopped = finished;
        control.stop();
      },
    });
    const { rootMeanSquaredError = Number.NaN } = model.scores;
    expect(stopped).toBeGreaterThan(0);
    const trained = model.leaderboard.filter(({ loss }) => !Number.isNaN(loss));
    // The second stage was never begun.
    expect(trained.length).toBeLessThan(model.leaderboard.length);
    expect(Number.isFinite(rootMeanSquaredError)).toBe(true);
    expect(Number.isFinite(model.predict({ queue: 3 }).value)).toBe(true);
    model.dispose();
  });

  test("does not count networks that were stopped, and tells what was kept", async () => {
    const write = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    const seen: number[] = [];
    const model = await fitTable(waits(300), {
      ...{ target: "wait", quality: "fast", seed: 1, threads: 1, quantiles: [0.5], verbose: true },
      onProgress({ finished }, control) {
        seen.push(finished);
        if (finished > 0) control.stop();
      },
    });
    const text = write.mock.calls.map(([line]) => line).join("");
    write.mockRestore();
    expect(seen.at(-1)).toBeLessThan(10);
    expect(text).toMatch(/stopped early, kept [1-5] of 15 networks\n/);
    expect(text).not.toMatch(/finished 15/);
    model.dispose();
  });

  test("a control that stops at once leaves the mean", async () => {
    const model = await fitTable(waits(300), {
      ...{ target: "wait", quality: "fast", seed: 1 },
      onProgress: (_, control) => control.stop(),
    });
    expect(model.leaderboard.length).toBeGreaterThan(0);
    expect(Number.isFinite(model.predict({ queue: 3 }).value)).toBe(true);
    model.dispose();
  });

  test("what a budget leaves no time for is left out, and an abort rejects", async () => {
    const model = await fitTable(waits(3000), {
      target: "wait",
      budget: { seconds: 0.3 },
      seed: 1,
      quantiles: [0.5],
    });
    expect(Number.isFinite(model.predict({ queue: 3 }).value)).toBe(true);
    model.dispose();
    const controller = new AbortController();
    const training = fitTable(waits(3000), {
      ...{ target: "wait", seed: 1, signal: controller.signal },
      onProgress: () => controller.abort(new Error("enough")),
    });
    await expect(training).rejects.toThrow("enough");
    await expect(
      // @ts-expect-error not a function
      fitTable(waits(60), { target: "wait", onProgress: 3 }),
    ).rejects.toThrow(/onProgress: expected a function/);
  });
});

/** What of a file's description is changed here. */
interface Description {
  readonly targets: {
    readonly description: Record<string, unknown>;
    quantiles: { readonly shifts: number[]; readonly networks: Record<string, unknown>[] } | undefined;
  }[];
  changes?: unknown;
}

/** A model's bytes with its description changed. */
function edited(bytes: Uint8Array, change: (table: Description) => void): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const length = Number(view.getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  const table = JSON.parse(header.__metadata__["myelin-table"]);
  change(table);
  header.__metadata__["myelin-table"] = JSON.stringify(table);
  let text = JSON.stringify(header);
  while (new TextEncoder().encode(text).length % 8 !== 0) text += " ";
  const head = new TextEncoder().encode(text);
  const made = new Uint8Array(8 + head.length + bytes.length - 8 - length);
  new DataView(made.buffer).setBigUint64(0, BigInt(head.length), true);
  made.set(head, 8);
  made.set(bytes.subarray(8 + length), 8 + head.length);
  return made;
}

describe("the file of a model with options", () => {
  test("is checked field by field", async () => {
    const kinds = await fitTable(claims(60), {
      target: "kind",
      threshold: 0.4,
      classWeight: "balanced",
      ...fast,
    });
    const numbers = await fitTable(waits(60), { target: "wait", quantiles: [0.1, 0.9], ...fast });
    const [ofKinds, ofNumbers] = [kinds.toBytes(), numbers.toBytes()];
    kinds.dispose();
    numbers.dispose();
    expect(() => TableModel.fromBytes(edited(ofKinds, () => undefined)).dispose()).not.toThrow();
    const wrong: [Uint8Array, (table: Description) => void, RegExp][] = [
      [
        ofKinds,
        ({ targets: [{ description }] }) => (description.threshold = 2),
        /threshold: expected a number from 0 to 1/,
      ],
      [
        ofKinds,
        ({ targets: [{ description }] }) => (description.positive = "theft"),
        /positive: expected one of two/,
      ],
      [
        ofKinds,
        ({ targets: [{ description }] }) => (description.classWeights = [1, 0]),
        /classWeights: entry 1/,
      ],
      [
        ofKinds,
        ({ targets: [{ description }] }) => (description.classWeights = [1, 1, 1]),
        /one weight for each class/,
      ],
      [
        ofKinds,
        ({ targets: [{ description }] }) => (description.metric = { type: "r2" }),
        /metric: expected one for classes/,
      ],
      [ofKinds, ({ targets: [{ description }] }) => (description.metric = "bogus"), /unknown metric/],
      [ofKinds, ({ targets: [{ description }] }) => (description.quantiles = [0.5]), /quantiles/],
      [ofNumbers, ({ targets: [{ description }] }) => (description.quantiles = [0.9, 0.1]), /ascending/],
      [ofNumbers, ({ targets: [{ quantiles }] }) => quantiles?.shifts.pop(), /a shift for each quantile/],
      [ofNumbers, ({ targets: [target] }) => (target.quantiles = undefined), /a shift for each quantile/],
      [
        ofNumbers,
        ({ targets: [{ quantiles }] }) => Object.assign(quantiles?.networks[0] ?? {}, { bag: 7 }),
        /no part or quantile/,
      ],
      [
        ofNumbers,
        ({ targets: [{ quantiles }] }) => Object.assign(quantiles?.networks[0] ?? {}, { number: 99 }),
        /./,
      ],
      [ofNumbers, (table) => (table.changes = [{ call: "guess" }]), /changes: entry 0/],
    ];
    for (const [bytes, change, message] of wrong)
      expect(() => TableModel.fromBytes(edited(bytes, change))).toThrow(message);
  });

  test("a rare class does no harm to what is tuned", async () => {
    const rows = claims(120).map((row, at) => ({ ...row, kind: at === 50 ? "fraud" : "sound" }));
    const model = await fitTable(rows, {
      ...{
        target: "kind",
        positive: "fraud",
        threshold: "best",
        metric: "f1",
        classWeight: "balanced",
        ...fast,
      },
    });
    const [{ value, probabilities }] = model.predict(rows.slice(0, 1));
    expect(["fraud", "sound"]).toContain(value);
    expect(probabilities.fraud).toBeGreaterThanOrEqual(0);
    expect(probabilities.fraud).toBeLessThan(0.5);
    expect(Number.isFinite(model.scores.logLoss)).toBe(true);
    model.dispose();
  });
});

describe("a fitTable that fails leaves no network behind", () => {
  const { dispose, predict } = Model.prototype;
  const made = new Set<Model>();
  beforeEach(() => {
    made.clear();
    // Networks of numbers start from the data, which asks for the values of their layers.
    Model.prototype.predict = function (this: Model, x: Float32Array, options?: PredictOptions) {
      if (options?.layer !== undefined) made.add(this);
      return predict.call(this, x, options);
    } as typeof predict;
    Model.prototype.dispose = function (this: Model) {
      made.delete(this);
      return dispose.call(this);
    };
  });
  afterEach(() => {
    Object.assign(Model.prototype, { dispose, predict });
  });
  const given = { target: "wait", seed: 1, threads: 1 } as const;

  test("while the networks train", async () => {
    let most = 0;
    const onProgress = ({ finished }: TableProgress) => {
      most = Math.max(most, made.size);
      if (finished > 0) throw new Error("enough");
    };
    await expect(fitTable(waits(200), { ...given, onProgress })).rejects.toThrow("enough");
    expect(most).toBeGreaterThan(0);
    expect(made.size).toBe(0);
  });

  test("while the networks train, and a promise of onProgress rejects", async () => {
    const onProgress = async ({ finished }: TableProgress) => {
      if (finished > 0) throw new Error("enough");
    };
    await expect(fitTable(waits(200), { ...given, onProgress })).rejects.toThrow("enough");
    expect(made.size).toBe(0);
  });

  test("while they are blended, or their quantiles calibrated", async () => {
    let [calls, most] = [0, 0];
    const { predict: noted } = Model.prototype;
    for (const allowed of [0, 22]) {
      // The 40 rows that validate a fold: nothing before the blend predicts so many.
      Model.prototype.predict = function (this: Model, x: Float32Array, options?: PredictOptions) {
        most = Math.max(most, made.size);
        if (x.length === 40 * this.inputs && ++calls > allowed) throw new Error("enough");
        return noted.call(this, x, options);
      } as typeof predict;
      const fit = fitTable(waits(200), { ...given, quantiles: [0.1, 0.9] });
      await expect(fit).rejects.toThrow("enough");
      expect(made.size).toBe(0);
    }
    expect(most).toBeGreaterThan(0);
  });
});

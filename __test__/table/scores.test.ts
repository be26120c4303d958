// The scores of table models: weighted as scikit-learn's, defined for any rows, and within the target's range.
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { baselineOf } from "../../src/table/honest.ts";
import { fitTable, importance, type Scores } from "../../src/table/index.ts";
import { metricOf } from "../../src/table/metric.ts";
import { scoreTarget } from "../../src/table/scores.ts";
import type { TargetDescription } from "../../src/table/target.ts";
import { handmade } from "./handmade.ts";

interface Case {
  readonly name: string;
  readonly task: "regression" | "classification";
  readonly classes?: number;
  readonly targets: number[];
  readonly predictions: number[];
  readonly weights?: number[];
  readonly levels?: number[];
  readonly quantiles?: number[];
  readonly coverage?: Record<string, number>;
  readonly scores: Record<string, number | null>;
}

const { cases }: { cases: Case[] } = JSON.parse(
  readFileSync(new URL("../fixtures/scores/cases.json", import.meta.url), "utf8"),
);

const named = (count: number) => Array.from({ length: count }, (_, at) => `class ${at}`);

const describeTarget = (classes: number | undefined, more: Partial<TargetDescription> = {}) =>
  ({
    ...{ name: "y", reason: "", task: classes === undefined ? "regression" : "classification" },
    ...(classes !== undefined && { classes: named(classes) }),
    ...more,
  }) as TargetDescription;

test("the R² of the mean is 0 for any numbers", () => {
  const number = fc.double({ min: -1e6, max: 1e6, noNaN: true });
  fc.assert(
    fc.property(fc.array(number, { minLength: 2, maxLength: 400 }), (values) => {
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      fc.pre(values.some((value) => Math.abs(value - mean) > 1e-3 * (1 + Math.abs(mean))));
      expect(baselineOf(describeTarget(undefined), Float64Array.from(values), [mean]).r2).toBe(0);
    }),
  );
});

describe("the scores are scikit-learn's", () => {
  test.each(cases.map((one) => [one.name, one] as const))("of %s", (_, one) => {
    const { classes, targets, predictions, weights, levels, quantiles } = one;
    // With a positive class, precision, recall and f1 are scored.
    const description = describeTarget(classes, classes === 2 ? { positive: "class 1" } : {});
    const given = {
      ...(weights && { weights: Float64Array.from(weights) }),
      ...(levels && quantiles && { quantiles: { levels, values: Float64Array.from(quantiles) } }),
    };
    const [wanted, answers] = [Float64Array.from(targets), Float64Array.from(predictions)];
    const scores = scoreTarget(description, wanted, answers, given) as Record<string, number>;
    const chosen = (type: string) =>
      scoreTarget({ ...description, metric: { type, average: "macro" } }, wanted, answers, given);
    for (const [metric, value] of Object.entries(one.scores)) {
      const found = Object.hasOwn(scores, metric)
        ? scores[metric]
        : (chosen(metric) as Record<string, number>)[metric];
      if (value === null) expect(found, metric).toBeUndefined();
      else expect(found, metric).toBeCloseTo(value, one.task === "regression" ? 12 : 6);
    }
    for (const [level, share] of Object.entries(one.coverage ?? {}))
      expect((scores as Scores).coverage?.[level]).toBeCloseTo(share, 12);
  });
});

/** Every metric of the table of metrics that fits a target, with each of its averages. */
const CLASS_METRICS = ["accuracy", "logLoss", "topK", "rocAuc", "averagePrecision"].map((type) => ({ type }));
const AVERAGED = ["precision", "recall", "f1"].flatMap((type) =>
  ["macro", "micro", "weighted"].map((average) => ({ type, average, threshold: null })),
);
const RANKED = ["rocAuc", "averagePrecision"].map((type) => ({ type, average: "weighted" }));
const NUMBER_METRICS = ["meanSquaredError", "rootMeanSquaredError", "meanAbsoluteError", "r2"];

const complete = (metric: { type: string }) => ({
  ...(metric.type === "accuracy" && { threshold: null }),
  ...(metric.type === "topK" && { k: 1 }),
  ...(["rocAuc", "averagePrecision"].includes(metric.type) && { average: "macro" }),
  ...metric,
});

const expectNumbers = (scores: Scores) => {
  for (const [metric, value] of Object.entries(scores)) {
    for (const one of typeof value === "number" ? [value] : Object.values(value as object))
      expect(one, metric).toSatisfy(Number.isFinite);
  }
};

/** Weights of any size, many of them 0; or none. */
const weightsOf = (rows: number) =>
  fc.option(
    fc.array(fc.oneof(fc.constant(0), fc.constantFrom(1, 1e-300, 1e300), fc.double({ min: 0, max: 5 })), {
      minLength: rows,
      maxLength: rows,
    }),
    { nil: undefined },
  );

const toWeights = (weights: number[] | undefined) => ({
  ...(weights && {
    weights: Float64Array.from(weights.map((weight) => (Number.isNaN(weight) ? 0 : weight))),
  }),
});

describe("no score is NaN or infinite", () => {
  test("of numbers: equal ones, one row, the largest, rows without a weight", () => {
    const value = fc.oneof(
      fc.constantFrom(0, 0.1, -3, 1e100, -1e100),
      fc.double({ min: -1e9, max: 1e9, noNaN: true }),
    );
    const arbitrary = fc.integer({ min: 1, max: 12 }).chain((rows) =>
      fc.tuple(
        fc.oneof(
          fc.array(value, { minLength: rows, maxLength: rows }),
          value.map((one) => new Array<number>(rows).fill(one)),
        ),
        fc.array(value, { minLength: rows, maxLength: rows }),
        weightsOf(rows),
      ),
    );
    fc.assert(
      fc.property(arbitrary, ([targets, predictions, weights]) => {
        for (const type of NUMBER_METRICS) {
          const description = describeTarget(undefined, { metric: { type }, quantiles: [0.5, 0.9] });
          const quantiles = {
            levels: [0.5, 0.9],
            values: Float64Array.from(predictions.flatMap((at) => [at, at + 1])),
          };
          const scores = scoreTarget(
            description,
            Float64Array.from(targets),
            Float64Array.from(predictions),
            {
              ...{ quantiles, ...toWeights(weights) },
            },
          );
          expectNumbers(scores);
          expect(Object.keys(scores)).toEqual(expect.arrayContaining(["r2", "rootMeanSquaredError", type]));
        }
      }),
    );
  });

  test("of classes: one of them, one row, probabilities of 0 and 1, rows without a weight", () => {
    const arbitrary = fc
      .tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 10 }))
      .chain(([count, rows]) => {
        const row = fc.oneof(
          // All certainty in one class.
          fc
            .nat({ max: count - 1 })
            .map((one) => Array.from({ length: count }, (_, at) => Number(at === one))),
          fc
            .array(fc.double({ min: 0.01, max: 1, noNaN: true }), { minLength: count, maxLength: count })
            .map((shares) => shares.map((share) => share / shares.reduce((a, b) => a + b))),
        );
        return fc.tuple(
          fc.constant(count),
          fc.array(fc.nat({ max: count - 1 }), { minLength: rows, maxLength: rows }),
          fc.array(row, { minLength: rows, maxLength: rows }),
          weightsOf(rows),
        );
      });
    fc.assert(
      fc.property(arbitrary, ([count, targets, predictions, weights]) => {
        const score = (more: Partial<TargetDescription>) =>
          scoreTarget(
            describeTarget(count, more),
            Float64Array.from(targets),
            Float64Array.from(predictions.flat()),
            toWeights(weights),
          );
        const metrics =
          count === 1
            ? []
            : [...CLASS_METRICS, ...AVERAGED, ...RANKED].filter(({ type }) => type !== "topK" || count > 2);
        const all = metrics.map((metric) => score({ metric: complete(metric) }));
        if (count === 2) all.push(score({ positive: "class 0", threshold: 1 }), score({ threshold: 0 }));
        for (const scores of [score({}), ...all]) {
          expectNumbers(scores);
          expect(Object.keys(scores)).toEqual(expect.arrayContaining(["accuracy", "logLoss"]));
        }
      }),
    );
  });

  test("of a model of one number, or one class", async () => {
    const rows = Array.from({ length: 30 }, (_, at) => ({ x: at % 7, n: 0.1, c: "only" }));
    const number = await fitTable(rows, {
      target: "n",
      quality: "fast",
      networks: 1,
      seed: 1,
      task: "regression",
    });
    expect(number.scores).toEqual({ rootMeanSquaredError: 0, meanAbsoluteError: 0, r2: 1 });
    expect(number.evaluate([{ x: 1, n: 0.2 }]).r2).toBe(0);
    expect(number.evaluate([{ x: 1, n: 0.1 }]).r2).toBe(1);
    const one = await fitTable(rows, { target: "c", quality: "fast", networks: 1, seed: 1 });
    expect(one.scores).toEqual({ accuracy: 1, logLoss: 0 });
    for (const model of [number, one]) model.dispose();
  });
});

/** Rows of two kinds: those that count are easy, those that count little have a random target. */
let state = 1;
const draw = () => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return state / 2 ** 32;
};
const mixed = Array.from({ length: 200 }, (_, at) => {
  const x = draw();
  const isEasy = at % 2 === 0;
  const coin = draw() < 0.5;
  return {
    x,
    w: isEasy ? 1 : 0.001,
    y: (isEasy ? x > 0.5 : coin) ? "yes" : "no",
    z: isEasy ? x : Number(coin),
  };
});

describe("sampleWeight", () => {
  test("weighs the scores of the rows that the networks did not learn from", async () => {
    const options = { quality: "fast", networks: 5, seed: 1, columns: { w: "ignore", z: "ignore" } } as const;
    const weights = mixed.map(({ w }) => w);
    const alike = await fitTable(mixed, { ...options, target: "y" });
    const weighted = await fitTable(mixed, { ...options, target: "y", sampleWeight: weights });
    expect(weighted.scores.accuracy).toBeGreaterThan((alike.scores.accuracy as number) + 0.1);
    const numbers = await fitTable(mixed, {
      ...{ ...options, target: "z", columns: { w: "ignore", y: "ignore" }, sampleWeight: weights },
    } as const);
    expect(numbers.scores.r2).toBeGreaterThan(0.7);
    // The baseline is of the same weights: half of the easy rows are of each class.
    expect(weighted.summary()).toMatch(/accuracy .* 0\.5\d*\n/);
    for (const model of [alike, weighted, numbers]) model.dispose();
  });

  const model = handmade([{ weight: [[1]], bias: [0] }]);
  const rows = [
    { "column 0": 1, answer: 1, w: 3 },
    { "column 0": 2, answer: 4, w: 1 },
    { "column 0": 3, answer: 5, w: 0 },
  ];

  test("of evaluate is a column or a list, for rows and for a stream", async () => {
    const expected = { rootMeanSquaredError: 1, meanAbsoluteError: 0.5, r2: 1 - 4 / 6.75 };
    expect(model.evaluate(rows, { sampleWeight: "w" })).toEqual(expected);
    expect(model.evaluate(rows, { sampleWeight: Float32Array.of(3, 1, 0) })).toEqual(expected);
    async function* stream() {
      yield* rows;
    }
    expect(await model.evaluate(stream(), { sampleWeight: "w" })).toEqual(expected);
    expect(model.evaluate(rows).meanAbsoluteError).toBeCloseTo(4 / 3, 12);
    // A row that weighs 2 counts as two rows.
    const twice = [...rows, rows[0]];
    expect(model.evaluate(twice).r2).toBeCloseTo(
      model.evaluate(rows, { sampleWeight: [2, 1, 1] }).r2 as number,
      12,
    );
  });

  test("of evaluate is checked", async () => {
    const evaluate = (options: object) => () => model.evaluate(rows, options);
    expect(evaluate({ sampleWeights: "w" })).toThrow(
      /unknown option "sampleWeights". Did you mean "sampleWeight"/,
    );
    expect(evaluate({ sampleWeight: "v" })).toThrow(/evaluate: sampleWeight: unknown column "v"/);
    expect(evaluate({ sampleWeight: [1] })).toThrow("a list of 3 values");
    expect(evaluate({ sampleWeight: [1, -1, 1] })).toThrow(
      "row 1: expected a number of at least 0, received -1",
    );
    async function* stream() {
      yield* rows;
    }
    expect(() => model.evaluate(stream(), { sampleWeight: [1, 1, 1] })).toThrow(
      "a column's name for a stream",
    );
  });

  test("of importance weighs its score", () => {
    const { score } = importance(model, rows, { sampleWeight: "w", seed: 1 });
    expect(score).toBe(1);
    expect(importance(model, rows, { seed: 1 }).score).not.toBe(1);
  });

  test("weighs a metric of decisions", () => {
    const description = describeTarget(2, { metric: { type: "accuracy", threshold: null } });
    const { value } = metricOf(description.metric as never, description);
    const [targets, predictions] = [Float64Array.of(0, 1), Float64Array.of(0.4, 0.6, 0.6, 0.4)];
    expect(value(targets, predictions, Float64Array.of(3, 1))).toBe(0);
  });
});

test("no answer is beyond the range of the training's targets", async () => {
  const rows = Array.from({ length: 120 }, (_, at) => ({
    x: at % 10,
    y: at % 10 < 5 ? 0.1 : 0.7 + (at % 3) * 1e-9,
  }));
  for (let seed = 0; seed < 3; seed++) {
    const model = await fitTable(rows, {
      target: "y",
      task: "regression",
      quality: "fast",
      networks: 10,
      seed,
    });
    const [low, high] = [0.1, 0.7 + 2e-9];
    const answers = Array.from(
      { length: 400 },
      (_, at) => model.predict({ x: (at - 100) / 20 }).value as number,
    );
    for (const answer of answers) {
      expect(answer).toBeGreaterThanOrEqual(low);
      expect(answer).toBeLessThanOrEqual(high);
    }
    model.dispose();
  }
});

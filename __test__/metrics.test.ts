/** Metrics: equal to scikit-learn's values, consistent with the loss, and refused if not defined. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { DataError, losses, metrics, OptionError, ShapeError } from "../src/index.ts";
import type { MetricEntry, Problem } from "../src/metrics/index.ts";
import * as entries from "../src/metrics/table.ts";
import type { Loss } from "../src/nn/losses.ts";
import { type Complete, complete, create, type Table } from "../src/options.ts";
import { nameOf, targetsFor, values, variants } from "./programs.ts";

interface Report {
  readonly precision: number;
  readonly recall: number;
  readonly "f1-score": number;
  readonly support: number;
}

interface Case {
  readonly name: string;
  readonly problem: Problem;
  readonly targets: number[];
  readonly predictions: number[];
  readonly weights?: number[];
  readonly figures: readonly { readonly metric: Complete; readonly value: number | null }[];
  readonly best?: readonly { readonly metric: Complete; readonly value: number }[];
  readonly confusion?: number[][];
  readonly report?: Readonly<Record<string, Report>>;
}

const read = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8");
const cases: Case[] = JSON.parse(read("fixtures/metrics/cases.json")).cases;

const table = entries as Table<MetricEntry>;
const createMetric = (metric: unknown, problem: Problem) =>
  create("metric", table, complete("metric", table, metric, "metric"))(problem);

/** Compares within 32-bit precision. Log loss is clipped at 2^-23 here, at 2^-52 in scikit-learn. */
function expectValue(actual: number, expected: number | null): void {
  if (expected === null) expect(actual).toBeNaN();
  else expect(Math.abs(actual - expected)).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(expected)));
}

describe.each(cases.map((entry) => [entry.name, entry] as const))(
  "values equal scikit-learn's: %s",
  (_, reference) => {
    const { problem, targets, predictions, weights } = reference;
    const rows = predictions.length / problem.outputs;
    const arrays = [predictions, targets, weights].map((list) => list && Float32Array.from(list));

    test.each(reference.figures.map(({ metric, value }) => [nameOf(metric), metric, value] as const))(
      "%s",
      (_, metric, expected) => {
        const created = createMetric(metric, problem);
        created.check?.(arrays[1]!, rows);
        expectValue(created.value(arrays[0]!, arrays[1]!, rows, arrays[2]), expected);
        const { outputs, ...meaning } = problem;
        const given = { ...meaning, outputs, ...(weights && { sampleWeight: weights }) };
        const columns = targets.length / rows;
        const inRows = Array.from({ length: rows }, (_, row) =>
          targets.slice(row * columns, (row + 1) * columns),
        );
        expectValue(metrics.measure(metric as never, inRows, arrays[0]!, given), expected);
      },
    );

    test.each((reference.best ?? []).map(({ metric, value }) => [nameOf(metric), metric, value] as const))(
      "%s at its best threshold",
      (_, metric, expected) => {
        const options = { metric: metric as never, ...(weights && { sampleWeight: weights }) };
        const threshold = metrics.bestThreshold(targets, predictions, options);
        const created = createMetric({ ...metric, threshold }, problem);
        expectValue(created.value(arrays[0]!, arrays[1]!, rows, arrays[2]), expected);
      },
    );

    const { confusion, report } = reference;
    if (confusion === undefined) return;

    test("the confusion matrix and the report", () => {
      const options = {
        outputs: problem.outputs,
        ...(problem.outputs === 1 && problem.predictions === "logits" && { threshold: 0 }),
        ...(weights && { sampleWeight: weights }),
      };
      const columns = targets.length / rows;
      const y = Array.from({ length: rows }, (_, row) => targets.slice(row * columns, (row + 1) * columns));
      const matrix = metrics.confusionMatrix(y, arrays[0]!, options);
      const { classes, accuracy, macro, weighted, text } = metrics.classificationReport(
        y,
        arrays[0]!,
        options,
      );
      const present = classes.map((scores) => scores.class);
      expect(present.map((row) => present.map((column) => matrix[row][column]))).toEqual(confusion);
      expectValue(
        accuracy,
        (report!.accuracy as unknown as number | undefined) ?? report!["micro avg"].precision,
      );
      const pairs = [
        ...classes.map((scores) => [scores, report![scores.class]] as const),
        [macro, report!["macro avg"]] as const,
        [weighted, report!["weighted avg"]] as const,
      ];
      for (const [scores, expected] of pairs) {
        expectValue(scores.precision, expected.precision);
        expectValue(scores.recall, expected.recall);
        expectValue(scores.f1, expected["f1-score"]);
        expectValue(scores.support, expected.support);
      }
      expect(text.split("\n")).toHaveLength(classes.length + 4);
    });
  },
);

/** Problems with each meaning of predictions that a loss gives, and predictions and targets for them. */
const problems = Object.values(losses as unknown as Table<Loss>).flatMap((entry) =>
  variants("loss", losses as unknown as Table<Loss>, entry, 2).flatMap((configuration) =>
    [1, 2, 4].map((outputs) => {
      const loss = create("loss", losses as unknown as Table<Loss>, configuration);
      const isSigned = ["logits", "scores"].includes(loss.meaning.predictions);
      const predictions = values(7, 50 * outputs, isSigned ? -1 : 0, 1);
      return {
        name: `${nameOf(configuration)}, ${outputs} outputs`,
        problem: { ...loss.meaning, outputs },
        predictions,
        targets: targetsFor(loss, 50, outputs, 8),
      };
    }),
  ),
);

/** Returns the metric's value, or undefined if it is not defined for this problem or these targets. */
function valueIfDefined(metric: Complete, { problem, predictions, targets }: (typeof problems)[number]) {
  try {
    const created = createMetric(metric, problem);
    created.check?.(targets, 50);
    return created.value(predictions, targets, 50);
  } catch (error) {
    if (error instanceof OptionError || error instanceof DataError) return undefined;
    throw error;
  }
}

describe("each metric", () => {
  const list = Object.values(table).map((entry) => [entry.type, entry] as const);

  test.each(list)("%s returns a number for the targets of some loss", (_, entry) => {
    const [metric] = variants("metric", table, entry, 1);
    const results = problems.map((problem) => valueIfDefined(metric, problem));
    expect(
      results.filter((result) => result !== undefined && Number.isFinite(result)).length,
    ).toBeGreaterThan(0);
  });

  test.each(list)("%s has no option without an effect", (_, entry) => {
    const all = variants("metric", table, entry, 4);
    for (const name of Object.keys(entry.options)) {
      const changes = all.some((one) =>
        all
          .filter((other) => one[name] !== other[name])
          .some((other) =>
            problems.some((problem) => {
              const [a, b] = [one, other].map((metric) => valueIfDefined(metric, problem));
              return a !== undefined && b !== undefined && a !== b;
            }),
          ),
      );
      expect(`${name}: ${changes}`).toBe(`${name}: true`);
    }
  });

  test.each(list)("%s with equal weights equals the unweighted value", (_, entry) => {
    for (const metric of variants("metric", table, entry)) {
      for (const problem of problems) {
        const plain = valueIfDefined(metric, problem);
        if (plain === undefined) continue;
        const { predictions, targets } = problem;
        const weighted = createMetric(metric, problem.problem).value(
          predictions,
          targets,
          50,
          new Float32Array(50).fill(2),
        );
        expect(
          Math.abs(weighted - plain) <= 1e-12 * Math.max(1, Math.abs(plain)) || Object.is(weighted, plain),
        ).toBe(true);
      }
    }
  });
});

describe("accuracy depends on the loss", () => {
  const accuracy = (problem: Problem, predictions: number[], targets: number[]) =>
    createMetric("accuracy", problem).value(
      Float32Array.from(predictions),
      Float32Array.from(targets),
      predictions.length / problem.outputs,
    );

  test("and splits probabilities at 0.5, logits and scores at 0", () => {
    const predictions = [0.2, 0.4, 0.6];
    const outputs = 1;
    expect(
      accuracy({ targets: "probabilities", predictions: "estimates", outputs }, predictions, [0, 0, 1]),
    ).toBe(1);
    expect(
      accuracy({ targets: "probabilities", predictions: "logits", outputs }, predictions, [1, 1, 1]),
    ).toBe(1);
    expect(accuracy({ targets: "signs", predictions: "scores", outputs }, [-2, 0.1, 3], [-1, 1, 1])).toBe(1);
    expect(accuracy({ targets: "values", predictions: "estimates", outputs }, predictions, [0, 0, 1])).toBe(
      1,
    );
  });

  test("and takes the first of equal outputs", () => {
    const problem = { targets: "labels", predictions: "estimates", outputs: 3 } as const;
    expect(accuracy(problem, [1, 1, 1, 0, 1, 1], [0, 1])).toBe(1);
    const created = createMetric({ type: "topK", k: 1 }, problem);
    expect(created.value(Float32Array.of(1, 1, 1, 0, 1, 1), Float32Array.of(0, 1), 2)).toBe(1);
  });
});

test("log loss of logits is finite for any distance", () => {
  const one = createMetric("logLoss", { targets: "probabilities", predictions: "logits", outputs: 1 });
  expect(one.value(Float32Array.of(1000, -1000), Float32Array.of(0, 0), 2)).toBe(500);
  const labels = createMetric("logLoss", { targets: "labels", predictions: "logits", outputs: 2 });
  expect(labels.value(Float32Array.of(1000, -1000), Float32Array.of(1), 1)).toBe(2000);
});

describe("a metric that is not defined for the problem is refused", () => {
  const labels = { targets: "labels", predictions: "logits", outputs: 3 } as const;
  const plain = { targets: "values", predictions: "estimates", outputs: 1 } as const;
  const signs = { targets: "signs", predictions: "scores", outputs: 1 } as const;
  test.each([
    [
      "r2",
      labels,
      'metric r2: expected predictions that are estimates, one for each target, received targets of the kind "labels"',
    ],
    ["meanSquaredError", signs, "metric meanSquaredError: expected predictions that are estimates"],
    ["logLoss", signs, "metric logLoss: expected probabilities or logits"],
    [{ type: "topK", k: 2 }, plain, "metric topK: expected classes, with an output for each"],
    [{ type: "topK", k: 4 }, labels, "metric topK: k: expected at most the 3 classes, received 4"],
    [
      "precision",
      labels,
      'metric precision: expected 2 classes for the average "binary" (or average "macro"',
    ],
    ["topK", labels, "metric topK: k is missing"],
    ["acuracy", labels, 'metric: unknown metric "acuracy". Did you mean "accuracy"?'],
    [
      { type: "f1", average: "macr" },
      labels,
      'metric f1: average: unknown word "macr". Did you mean "macro"?',
    ],
    [
      { type: "f1", average: 1 },
      labels,
      'metric f1: average: expected one of "binary", "macro", "micro", "weighted", received 1',
    ],
  ] as [unknown, Problem, string][])("%j", (metric, problem, message) => {
    expect(() => createMetric(metric, problem)).toThrow(OptionError);
    expect(() => createMetric(metric, problem)).toThrow(message);
  });

  test.each([
    [1, [0, 1, 2.5], "y: row 2: expected a class, 0 or 1, received 2.5"],
    [2, [0, 1, 1, 1], "y: row 1: expected a one-hot row of classes, with one 1 and zeros"],
  ] as const)("plain values of %d outputs that are no classes", (outputs, targets, message) => {
    const created = createMetric("accuracy", { targets: "values", predictions: "estimates", outputs });
    const check = () => created.check?.(Float32Array.from(targets), targets.length / outputs);
    expect(check).toThrow(DataError);
    expect(check).toThrow(message);
  });
});

describe("metrics of existing predictions", () => {
  test("recognize classes by their form", () => {
    const rows = [
      [0.1, 0.2, 0.7],
      [0.3, 0.6, 0.1],
    ];
    expect(metrics.measure("accuracy", [2, 0], rows)).toBe(0.5);
    expect(metrics.measure("accuracy", Uint8Array.of(2, 0), rows)).toBe(0.5);
    expect(metrics.measure("accuracy", [2, 0], Float32Array.from(rows.flat()))).toBe(0.5);
    expect(
      metrics.measure("accuracy", Uint8Array.of(2, 0), Float32Array.from(rows.flat()), { outputs: 3 }),
    ).toBe(0.5);
    expect(
      metrics.measure(
        "accuracy",
        [
          [0, 0, 1],
          [1, 0, 0],
        ],
        rows,
      ),
    ).toBe(0.5);
    expect(metrics.measure("accuracy", [1, 0], [0.7, 0.8])).toBe(0.5);
    expect(metrics.measure("accuracy", [1, 0], [0.7, 0.8], { predictions: "logits" })).toBe(0.5);
    expect(metrics.measure("accuracy", [1, 0], [0.7, -0.8], { predictions: "logits" })).toBe(1);
    expect(
      metrics.measure(
        "r2",
        [
          [1, 2],
          [3, 5],
        ],
        [
          [1, 2],
          [3, 5],
        ],
      ),
    ).toBe(1);
    expect(
      metrics.confusionMatrix(
        [
          [0, 1],
          [1, 0],
        ],
        [1, 1],
      ),
    ).toEqual([
      [0, 1],
      [0, 1],
    ]);
    expect(metrics.confusionMatrix([0, 1], [0, 1], { classes: 3 })).toEqual([
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 0],
    ]);
  });

  const { measure, confusionMatrix, classificationReport } = metrics;
  test.each([
    [
      () => measure("accuracy", [1, 0], [1]),
      ShapeError,
      "targets have 2 rows and predictions 1: expected the same number",
    ],
    [
      () => measure("accuracy", [3], [[1, 0, 0]]),
      DataError,
      "row 0: expected a class, a whole number from 0 to 2, received 3",
    ],
    [
      () => measure("accuracy", [[0, 1]], [[1, 0, 0]]),
      ShapeError,
      'targets: expected rows of 3 for the kind "values", received rows of 2',
    ],
    [
      () => measure("accuracy", [1], [1], { sampleWeight: [-1] }),
      DataError,
      "sampleWeight: row 0: expected at least 0, received -1",
    ],
    [
      () => measure("accuracy", [1], [1], { sampleWeight: [0] }),
      DataError,
      "sampleWeight: all weights are 0",
    ],
    [
      () => measure("accuracy", [1], [1], { sampleWeight: [1, 2] }),
      ShapeError,
      "sampleWeight: expected 1 weights, received 2",
    ],
    [
      () => measure("accuracy", [1], [1], { predictions: "logit" as never }),
      OptionError,
      'Did you mean "logits"?',
    ],
    [
      () => measure("accuracy", [1], [1], { target: "labels" } as never),
      OptionError,
      'Did you mean "targets"?',
    ],
    [
      () => measure("accuracy", [1], [Number.NaN]),
      DataError,
      "predictions: row 0, column 0: expected a finite number",
    ],
    [
      () => confusionMatrix([0, 1], [0.5, -0.25]),
      DataError,
      'predictions: row 1: expected indices of classes, or probabilities from 0 to 1, received -0.25. Fix: for other scores pass a "threshold", 0 for logits',
    ],
    [
      () => confusionMatrix(["no"], [0.5]),
      OptionError,
      'confusionMatrix: labels with numbers need "classes", the label of each class in order',
    ],
    [
      () => confusionMatrix(["no"], ["maybe"], { classes: ["no", "yes"] }),
      DataError,
      'predictions: row 0: expected one of 2 classes, "no", "yes", received "maybe"',
    ],
    [
      () => confusionMatrix(["no"], ["no"], { classes: ["no", "no"] }),
      OptionError,
      "confusionMatrix: classes: expected a list of different labels, received an array of 2",
    ],
    [
      () => confusionMatrix([0], [0], { classes: null as never }),
      OptionError,
      "confusionMatrix: classes: expected a list of different labels, received null",
    ],
    [
      () => measure("accuracy", ["a", 1] as never, ["a", "b"]),
      DataError,
      'targets: row 1: expected one of 2 classes, "a", "b", received 1',
    ],
    [
      () => measure("accuracy", ["a"], ["a"], { classes: 2 as never }),
      OptionError,
      "measure: classes: expected a list of different labels, received 2",
    ],
    [
      () => measure(metrics.f1({ threshold: 0.3, average: "macro" }), [0], [[1, 0]]),
      OptionError,
      "metric f1: expected a threshold only with outputs that are yes or no each",
    ],
    [
      () =>
        metrics.bestThreshold(
          [0, 1],
          [
            [1, 0],
            [0, 1],
          ],
        ),
      ShapeError,
      "bestThreshold: expected one number as the prediction of each row, and one target",
    ],
    [
      () => metrics.bestThreshold([0, 2], [0.1, 0.2]),
      DataError,
      "y: row 1: expected a class, 0 or 1, received 2",
    ],
    [
      () => metrics.bestThreshold([0, 1], [0.1, 0.2], { metric: "rocAuc" as never }),
      OptionError,
      'bestThreshold: metric: unknown metric "rocAuc". Expected one of: accuracy, f1, precision, recall',
    ],
    [
      () => metrics.bestThreshold([0, 1], [0.1, 0.2], { metric: metrics.f1({ threshold: 0.5 }) }),
      OptionError,
      "bestThreshold: metric: expected no threshold, because that is the result, received 0.5",
    ],
    [
      () => confusionMatrix([-1], [0]),
      DataError,
      "targets: row 0: expected the index of a class, received -1",
    ],
    [
      () => confusionMatrix([2], [0], { classes: 2 }),
      OptionError,
      "classes: expected at least 3, received 2",
    ],
    [
      () => classificationReport([1], [0], { names: ["a"] }),
      OptionError,
      "names: expected a name for each of 2 classes, received an array of 1",
    ],
  ] as [() => unknown, new (message: string) => Error, string][])(
    "case %#: a clear error",
    (call, kind, message) => {
      expect(call).toThrow(kind);
      expect(call).toThrow(message);
    },
  );

  test("use one threshold in every function, 0.5 by default", () => {
    const [y, predictions] = [
      [0, 1, 1, 0],
      [0.2, 0.45, 0.9, 0.6],
    ];
    const of = (options: object) => {
      const [[, falsePositives], [falseNegatives, right]] = confusionMatrix(y, predictions, options);
      const [, yes] = classificationReport(y, predictions, options).classes;
      const precision = right / (right + falsePositives);
      const recall = right / (right + falseNegatives);
      expect(yes).toMatchObject({ precision, recall });
      expect(measure(metrics.precision(options), y, predictions)).toBe(precision);
      expect(measure(metrics.recall(options), y, predictions)).toBe(recall);
      expect(measure(metrics.f1(options), y, predictions)).toBe(yes.f1);
      expect(measure(metrics.accuracy(options), y, predictions)).toBe(
        classificationReport(y, predictions, options).accuracy,
      );
      return [precision, recall];
    };
    expect(of({})).toEqual([0.5, 0.5]);
    expect(of({ threshold: 0.5 })).toEqual([0.5, 0.5]);
    expect(of({ threshold: 0.4 })).toEqual([2 / 3, 1]);
    const threshold = metrics.bestThreshold(y, predictions);
    expect(threshold).toBeCloseTo(0.325);
    expect(of({ threshold })).toEqual([2 / 3, 1]);
  });

  test("find best thresholds also below and above all predictions", () => {
    expect(metrics.bestThreshold([1, 1], [0.25, 0.5])).toBe(0.125);
    expect(metrics.bestThreshold([1, 1], [-3, 0])).toBe(-4);
    expect(metrics.bestThreshold([0, 0], [0.25, 0.5], { metric: "accuracy" })).toBe(0.5);
    expect(metrics.bestThreshold([false, true], [0.25, 0.5])).toBe(0.375);
    expect(metrics.bestThreshold(["no", "yes"], [0.25, 0.5], { classes: ["no", "yes"] })).toBe(0.375);
  });

  test("accept labels: strings, in sorted order or in that of classes, and booleans", () => {
    const [y, predictions] = [
      ["dog", "cat", "emu", "dog"],
      ["dog", "emu", "emu", "cat"],
    ];
    const sorted = [
      [0, 0, 1],
      [1, 1, 0],
      [0, 0, 1],
    ];
    expect(confusionMatrix(y, predictions)).toEqual(sorted);
    expect(confusionMatrix(y, predictions, { classes: ["emu", "dog", "cat"] })).toEqual([
      [1, 0, 0],
      [0, 1, 1],
      [1, 0, 0],
    ]);
    expect(measure("accuracy", y, predictions)).toBe(0.5);
    const { classes, macro } = classificationReport(y, predictions);
    expect(classes.map(({ name }) => name)).toEqual(["cat", "dog", "emu"]);
    expect(measure(metrics.f1({ average: "macro" }), y, predictions)).toBeCloseTo(macro.f1, 12);
    const outputs = [
      [0.1, 0.8, 0.1],
      [0.2, 0.3, 0.5],
      [0.3, 0.1, 0.6],
      [0.9, 0, 0.1],
    ];
    const order = { classes: ["cat", "dog", "emu"] };
    expect(confusionMatrix(y, outputs, order)).toEqual(sorted);
    expect(measure("accuracy", y, outputs, order)).toBe(0.5);
    expect(confusionMatrix([false, true, true], [true, true, false])).toEqual([
      [0, 1],
      [1, 1],
    ]);
    expect(confusionMatrix([false, true, true], [0.2, 0.9, 0.4])).toEqual([
      [1, 0],
      [1, 1],
    ]);
    expect(measure("precision", [false, true, true], [0.2, 0.9, 0.6])).toBe(1);
    expect(measure("recall", ["no", "yes", "yes"], ["no", "yes", "no"])).toBe(0.5);
    expect(classificationReport([false, true], [true, true]).classes.map(({ name }) => name)).toEqual([
      "false",
      "true",
    ]);
  });

  test("include a report as a text table", () => {
    const { text } = classificationReport([0, 1, 1, 2], [0, 1, 2, 2], { names: ["red", "green", "blue"] });
    expect(text).toBe(
      [
        "          precision  recall     f1  support",
        "     red      1.000   1.000  1.000        1",
        "   green      1.000   0.500  0.667        2",
        "    blue      0.500   1.000  0.667        1",
        "accuracy                     0.750        4",
        "   macro      0.833   0.833  0.778        4",
        "weighted      0.875   0.750  0.750        4",
      ].join("\n"),
    );
  });
});

/** Inspecting a model: explain, checkGradients, importance, attributions, partialDependence. */

import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  batchNorm,
  DataError,
  dense,
  embedding,
  type LayerWeights,
  Model,
  OptionError,
  relu,
  ShapeError,
  StateError,
  sgd,
  sigmoid,
  softmax,
  tanh,
  xor,
} from "../src/index.ts";
import {
  attributions,
  checkGradients,
  explain,
  importance,
  partialDependence,
} from "../src/insight/index.ts";
import { createLayer } from "../src/nn/layers.ts";
import type { Program } from "../src/nn/program.ts";
import { expectNear, flatten, kernelNames, PARITY } from "./kernels.ts";
import { anyProgram, draws, optionsOf, rowsFor, tablePrograms } from "./programs.ts";
import { data, failureOf, makeModel } from "./samples.ts";

/** Returns a model of a program. The layers of a program are valid layers of a model. */
function modelOf(program: Program, kernel: (typeof kernelNames)[number]): Model {
  const optimizer = { ...program.optimizer, learningRate: 0.05 };
  return new Model(optionsOf(program, { optimizer, kernel, seed: 5 }));
}

/** Returns whether a layer draws noise, which `predict` and `gradients` omit. */
const isNoisy = ({ layers }: Program) =>
  layers.some((layer) =>
    createLayer(layer)
      .operations()
      .some(({ kind }) => kind === "noise"),
  );

/** Returns whether `predict` uses other statistics than a step does. */
const isMeasured = ({ layers }: Program) =>
  layers.some((layer) =>
    createLayer(layer)
      .operations()
      .some(({ kind }) => kind === "standardize"),
  );

/** A small version of the article's network: 2-3-1 with ReLU, and weights that are easy to compute with. */
const weights: LayerWeights[] = [
  {
    weight: [
      [1, 2],
      [-1, 1],
      [0.5, -3],
    ],
    bias: [0, 0.5, 0],
  },
  {},
  { weight: [[2, -1, 3]], bias: [0.25] },
];

function article(kernel: (typeof kernelNames)[number] = "typescript", learningRate = 0.5): Model {
  const model = new Model({
    inputs: 2,
    layers: [dense(3), relu(), dense(1)],
    loss: "meanSquaredError",
    optimizer: sgd({ learningRate }),
    kernel,
    seed: 1,
  });
  model.setWeights(weights);
  return model;
}

describe("explain", () => {
  test("returns the values of the article's step, as computed by hand", () => {
    const found = explain(article(), [[1, 0.5]], [4]);
    const [first, bent, last] = found.layers;
    expect(first.output).toEqual([[2, 0, -1]]);
    expect(bent.output).toEqual([[2, 0, 0]]);
    expect(found.predictions).toEqual([[4.25]]);
    expect(found.loss).toBe(0.0625);
    expect(last.operations[0].gradient).toEqual([[0.5]]);
    expect(last.gradients).toEqual({ weight: [[1, 0, 0]], bias: [0.5] });
    expect(last.inputGradient).toEqual([[1, -0.5, 1.5]]);
    expect(bent.inputGradient[0].map((value) => value + 0)).toEqual([1, 0, 0]);
    expect(first.gradients).toEqual({
      weight: [
        [1, 0.5],
        [0, 0],
        [0, 0],
      ],
      bias: [1, 0, 0],
    });
    expect(found.inputGradient).toEqual([[1, 2]]);
    expect(last.updated).toEqual({ weight: [[1.5, -1, 3]], bias: [0] });
    expect(first.updated).toEqual({
      weight: [
        [0.5, 1.75],
        [-1, 1],
        [0.5, -3],
      ],
      bias: [-0.5, 0.5, 0],
    });
  });

  test("prints them with the formulas", () => {
    const text = String(explain(article(), [[1, 0.5]], [4]));
    for (const line of [
      "y₁ = W₁₁ x₁ + W₁₂ x₂ + b₁ = 1 · 1 + 2 · 0.5 + 0 = 2",
      "y₃ = relu(-1) = 0",
      "E = meanSquaredError(p, t) = 0.0625",
      "∂E/∂W₁₁ = g₁ x₁ = 0.5 · 2 = 1",
      "∂E/∂x₂ = W₁₂ g₁ = (-1) · 0.5 = -0.5",
      "∂E/∂x₃ = g₃ relu′(-1) = 1.5 · 0 = 0",
      "weight₁₁   gradient 1           2 → 1.5",
    ]) {
      expect(text).toContain(line);
    }
    expect(text).toBe(explain(article(), [[1, 0.5]], [4]).text);
  });

  test("shortens the text of wide networks, and says how much is omitted", () => {
    const model = makeModel({ layers: [dense(64), relu(), dense(1)] });
    const lines = explain(model, data).text.split("\n");
    expect(lines.length).toBeLessThan(100);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(160);
    expect(lines).toContain("  … and 61 more units");
  });

  const check = (program: Program, rows: number, seed: number) => {
    const examples = rowsFor(program, rows, seed);
    for (const kernel of kernelNames) {
      const model = modelOf(program, kernel);
      const before = model.getWeights();
      const found = explain(model, examples);
      expect(model.getWeights()).toEqual(before);
      const noisy = isNoisy(program);
      if (!noisy) {
        const { loss, layers } = model.gradients(examples);
        expectNear([found.loss], [loss]);
        expectNear(flatten(found.layers.map(({ gradients }) => gradients)), flatten(layers));
        if (!isMeasured(program)) expectNear(flatten(found.predictions), model.predict(examples));
      }
      const { loss } = model.fitSync(examples, { batchSize: rows, shuffle: false });
      // What is explained is not rounded, but training is.
      const tolerance = program.precision === "bfloat16" ? 5e-3 : PARITY;
      expectNear([found.loss], [loss[0]], tolerance);
      const updated = found.layers.map((layer) => layer.updated);
      expectNear(flatten(updated), flatten(model.getWeights()), tolerance);
    }
  };

  describe("matches both kernels", () => {
    test.each(tablePrograms)("%s", (_, program) => check(program, 5, 3));

    test("for random programs", () => {
      const small = fc.tuple(anyProgram, fc.constantFrom(1, 2, 5, 17), fc.nat(1_000_000));
      fc.assert(
        fc.property(small, ([program, rows, seed]) => check(program, rows, seed)),
        {
          ...draws,
          numRuns: 40,
        },
      );
    });
  });
});

describe("checkGradients", () => {
  test.each(kernelNames)("passes for the programs of the tables, kernel %s", (kernel) => {
    for (const [, program] of tablePrograms) {
      const found = checkGradients(modelOf(program, kernel), rowsFor(program, 5), { samples: 3 });
      expect(found.passes, found.text).toBe(true);
    }
  });

  test("reports no error at the kink of ReLU", () => {
    const model = article();
    model.setWeights([
      {
        weight: [
          [1, 2],
          [-1, 1],
          [0.5, -3],
        ],
        bias: [-2, 0, 0],
      },
      {},
      weights[2],
    ]);
    const found = checkGradients(model, [[1, 0.5]], [4]);
    expect(found.kinks).toBeGreaterThan(0);
    expect(found.passes).toBe(true);
    expect(found.text).toContain("agree");
  });

  test("names the value with the largest difference if 32 bits are too few for the tolerance", () => {
    const found = checkGradients(makeModel(), data, { tolerance: 1e-12 });
    expect(found.passes).toBe(false);
    expect(found.worst?.parameter).toMatch(/^[02]\.(weight|bias)$/);
    expect(found.worst?.index.length).toBeGreaterThan(0);
    expect(found.text).toContain("DIFFER");
  });

  test("checks the given number of values of each array", () => {
    expect(checkGradients(makeModel(), data, { samples: 2 }).checked).toBe(2 + 2 + 2 + 1);
    expect(checkGradients(makeModel(), data).checked).toBe(16 + 8 + 8 + 1);
  });
});

interface Case {
  readonly name: string;
  readonly weights: LayerWeights[];
  readonly importance: Record<string, { readonly means: number[]; readonly deviations: number[] }>;
  readonly dependence: { column: number; points: number; grid: number[]; means: number[] }[];
}

const { x, y, cases, repeats } = JSON.parse(
  readFileSync(new URL("fixtures/insight/cases.json", import.meta.url), "utf8"),
) as { x: number[][]; y: number[]; cases: Case[]; repeats: number };

/** Returns the network of a case of scikit-learn. */
function modelOfCase({ weights: own }: Case, kernel: (typeof kernelNames)[number]): Model {
  const layers = own.length === 1 ? [dense(1)] : [dense(8), relu(), dense(1)];
  const model = new Model({ inputs: 3, layers, loss: "meanSquaredError", optimizer: "sgd", kernel, seed: 1 });
  model.setWeights(own.length === 1 ? own : [own[0], {}, own[1]]);
  return model;
}

const onBoth = cases.flatMap((one) => kernelNames.map((kernel) => [one.name, kernel, one] as const));

describe("importance", () => {
  test.each(onBoth)("equals scikit-learn's: %s, kernel %s", (_, kernel, one) => {
    const model = modelOfCase(one, kernel);
    for (const [metric, { means, deviations }] of Object.entries(one.importance)) {
      const isLoss = metric === "meanSquaredError";
      const options = { repeats, ...(isLoss ? {} : { metric: metric as "r2" }) };
      const { columns } = importance(model, x, y, options);
      for (const [at, { mean, stddev }] of columns.entries()) {
        // The permutations differ, so means of 2000 differ by some standard errors.
        const spread = (5 * deviations[at] * Math.SQRT2) / Math.sqrt(repeats);
        expect(Math.abs(mean - means[at])).toBeLessThan(spread + 1e-6);
        expect(Math.abs(stddev / deviations[at] - 1)).toBeLessThan(0.15);
      }
    }
  });

  test("follows from the seed, and its text is sorted and uses the columns' names", () => {
    const model = modelOfCase(cases[0], "typescript");
    const columns = ["first", "second", "third"];
    const found = importance(model, x, y, { seed: 3, columns });
    expect(importance(model, x, y, { seed: 3, columns })).toEqual({
      ...found,
      toString: expect.any(Function),
    });
    expect(importance(model, x, y, { seed: 4 }).columns).not.toEqual(found.columns);
    expect(importance(model, { x, y }).columns).toEqual(importance(model, x, y, { seed: 1 }).columns);
    expect(found.columns.map(({ name }) => name)).toEqual(columns);
    expect(found.columns[0].values).toHaveLength(5);
    expect(found.score).toBeCloseTo(model.evaluate(x, y).loss);
    const order = found.columns.toSorted((a, b) => b.mean - a.mean).map(({ name }) => name);
    const lines = String(found).split("\n").slice(1);
    expect(lines.map((line) => line.split(" ")[0])).toEqual(order);
  });
});

describe("partialDependence", () => {
  test.each(onBoth)("equals scikit-learn's: %s, kernel %s", (_, kernel, one) => {
    const model = modelOfCase(one, kernel);
    for (const { column, points, grid, means } of one.dependence) {
      const found = partialDependence(model, x, column, { points });
      expectNear(found.grid, grid);
      expectNear(found.means.flat(), means);
    }
  });

  test("takes each category once, and rows with several outputs", () => {
    const layers = [embedding({ column: 0, categories: 4, units: 2 }), dense(3)];
    const model = new Model({ inputs: 2, layers, loss: "meanSquaredError", optimizer: "sgd", seed: 1 });
    const rows = [
      [0, 1],
      [3, 2],
      [3, 1.5],
      [1, 0],
    ];
    const { grid, means } = partialDependence(model, rows, 0, { points: 2 });
    expect(grid).toEqual([0, 1, 3]);
    const predictions = model.predict(rows.map(([, value]) => [3, value]));
    const mean = (at: number) => predictions.reduce((sum, row) => sum + row[at], 0) / rows.length;
    expectNear(means[2], [mean(0), mean(1), mean(2)]);
  });
});

describe("attributions", () => {
  const bending = [
    ["mean squared error", [dense(8), tanh(), dense(2)], "meanSquaredError"],
    ["sigmoid with its loss", [dense(8), tanh(), dense(2), sigmoid()], "binaryCrossentropy"],
    ["softmax with its loss", [dense(8), tanh(), dense(2), softmax()], "categoricalCrossentropy"],
    ["running statistics", [dense(8), batchNorm(), tanh(), dense(2)], "meanSquaredError"],
  ] as const;

  test.each(bending)("sum to the difference from the baseline's prediction: %s", (_, layers, loss) => {
    for (const kernel of kernelNames) {
      const model = new Model({ inputs: 3, layers, loss, optimizer: sgd(), kernel, seed: 2 });
      if (layers.length === 4 && loss === "meanSquaredError") {
        model.fitSync(
          x,
          y.map((value) => [value, -value]),
          { epochs: 2 },
        );
      }
      const baseline = [0.5, -1, 0.25];
      for (const output of [0, 1]) {
        const found = attributions(model, x, { baseline, output, steps: 200 });
        const sums = found.map((row) => row.reduce((sum, value) => sum + value, 0));
        const start = model.predict(baseline)[output];
        const ends = model.predict(x).map((row) => row[output] - start);
        for (const [at, sum] of sums.entries()) expect(Math.abs(sum - ends[at])).toBeLessThan(1e-3);
      }
    }
  });

  test("are w (x - baseline) for a linear model, in the form of x", () => {
    const model = modelOfCase(cases[0], "native");
    const [weight] = (cases[0].weights[0] as { weight: number[][] }).weight;
    expectNear(
      attributions(model, x[0]),
      weight.map((value, at) => value * x[0][at]),
    );
    const baseline = [1, 2, 3];
    const expected = x.map((row) => row.map((value, at) => weight[at] * (value - baseline[at])));
    expectNear(attributions(model, x, { baseline }).flat(), expected.flat());
    expect(attributions(model, Float32Array.from(x.flat()))).toBeInstanceOf(Float32Array);
  });

  test("are 0 for a category, which must be that of the baseline", () => {
    const layers = [embedding({ column: 0, categories: 4, units: 2 }), dense(1)];
    const model = new Model({ inputs: 2, layers, loss: "meanSquaredError", optimizer: "sgd", seed: 1 });
    const found = attributions(model, [3, 2]);
    expect(found[0]).toBe(0);
    expect(found[1]).toBeCloseTo(model.predict([3, 2])[0] - model.predict([3, 0])[0], 5);
    expect(() => attributions(model, [3, 2], { baseline: [1, 0] })).toThrow(
      new DataError(
        "attributions: x: row 0, column 0: expected the baseline's category, 1, received 3: no path leads from one category to another",
      ),
    );
  });
});

describe("every option has an effect", () => {
  const bent = makeModel({ layers: [dense(8), tanh(), dense(1)] });
  const [first] = x;
  const row = first.slice(0, 2);
  const pairs: readonly (readonly [string, (isGiven: boolean) => unknown])[] = [
    ["step of checkGradients", (is) => checkGradients(bent, data, is ? { step: 0.01 } : {}).worst],
    [
      "tolerance of checkGradients",
      (is) => checkGradients(bent, data, is ? { tolerance: 1e-15 } : {}).passes,
    ],
    ["metric of importance", (is) => importance(bent, data, is ? { metric: "r2" } : {}).score],
    ["steps of attributions", (is) => attributions(bent, row, is ? { steps: 1 } : {})],
    ["baseline of attributions", (is) => attributions(bent, row, is ? { baseline: [1, 1] } : {})],
    [
      "percentiles of partialDependence",
      (is) => partialDependence(bent, data, 0, { points: 5, ...(is && { percentiles: [0, 1] }) }).grid,
    ],
  ];
  test.each(pairs)("%s", (_, call) => {
    expect(call(true)).not.toEqual(call(false));
    expect(call(false)).toEqual(call(false));
  });
});

describe("bad input is refused", () => {
  const model = makeModel({ layers: [dense(2)], loss: "meanSquaredError" });
  const one = makeModel();
  const cases: readonly (readonly [string, () => unknown, new (message: string) => Error, string])[] = [
    ["no rows", () => explain(one, [], []), DataError, "x: expected at least 1 row, received none"],
    [
      "a missing column",
      () => importance(one, [[1]], [1]),
      ShapeError,
      "x: row 0: expected 2 inputs, received 1",
    ],
    [
      "an unknown option",
      () => importance(one, data, { repeat: 3 } as object),
      OptionError,
      'importance: unknown option "repeat". Did you mean "repeats"? Expected one of: repeats, seed, metric, columns',
    ],
    [
      "an unknown column",
      () => partialDependence(one, data, "secnd", { columns: ["first", "second"] }),
      OptionError,
      'partialDependence: unknown column "secnd". Did you mean "second"? Expected one of: first, second',
    ],
    [
      "a name without names of columns",
      () => partialDependence(one, data, "first"),
      OptionError,
      'partialDependence: column: expected a number, received "first". Fix: pass the names as the option columns, or give the column\'s number',
    ],
    [
      "a column after the last",
      () => partialDependence(one, data, 2),
      OptionError,
      "partialDependence: column: expected a name or a whole number from 0 to 1, received 2",
    ],
    [
      "a missing name",
      () => importance(one, data, { columns: ["first"] }),
      ShapeError,
      "importance: columns: expected a name for each of 2 inputs, received 1",
    ],
    [
      "one point",
      () => partialDependence(one, data, 0, { points: 1 }),
      OptionError,
      "partialDependence: points: expected at least 2, received 1",
    ],
    [
      "percentiles in the wrong order",
      () => partialDependence(one, data, 0, { percentiles: [0.9, 0.1] }),
      OptionError,
      "partialDependence: percentiles: expected two shares from 0 to 1, the lower first, received an array of 2",
    ],
    [
      "an unknown output",
      () => attributions(model, [1, 2], { output: 2 }),
      OptionError,
      "attributions: output: expected a whole number from 0 to 1, received 2",
    ],
    [
      "no output, with several to choose from",
      () => attributions(model, [1, 2]),
      OptionError,
      "attributions: output: expected a whole number from 0 to 1, received none",
    ],
    [
      "more rows than the limit",
      () => explain(one, xor({ examples: 513, seed: 1 })),
      DataError,
      "explain: expected at most 512 rows, received 513. Fix: pass a few rows, because every value of each is kept",
    ],
    [
      "more steps than the limit",
      () => attributions(one, [1, 2], { steps: 1e6 }),
      OptionError,
      "attributions: steps: expected at most 1000, received 1000000",
    ],
    [
      "a baseline with another number of inputs",
      () => attributions(one, [1, 2], { baseline: [1] }),
      ShapeError,
      "attributions: baseline: expected 2 inputs in a row, received 1",
    ],
    [
      "a step of 0",
      () => checkGradients(one, data, { step: 0 }),
      OptionError,
      "checkGradients: step: expected a finite number of at least 1e-8 and at most 0.1, received 0",
    ],
  ];

  test.each(cases)("%s", (_, call, type, message) => {
    expect(call).toThrow(type);
    expect(call).toThrow(message);
  });

  test("and so is a model that is training", async () => {
    const busy = makeModel();
    const training = busy.fit(data, { epochs: 50 });
    for (const call of [
      () => explain(busy, data),
      () => checkGradients(busy, data),
      () => importance(busy, data),
      () => attributions(busy, [1, 2]),
      () => partialDependence(busy, data, 0),
    ]) {
      expect(await failureOf(call)).toBeInstanceOf(StateError);
    }
    await training;
  });
});

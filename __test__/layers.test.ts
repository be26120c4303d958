/** What is specific to single layers. The suites that run every entry of the tables test the rest. */

import { describe, expect, test } from "vitest";
import {
  adam,
  batchNorm,
  DataError,
  dense,
  dropout,
  embedding,
  gaussianNoise,
  type Layer,
  type LayerWeights,
  type Loss,
  layerNorm,
  linear,
  Model,
  residual,
  sgd,
  tanh,
} from "../src/index.ts";
import { diagnose, explain } from "../src/insight/index.ts";
import { besideDefinition, expectNear, flatten, kernelNames } from "./kernels.ts";
import { values } from "./programs.ts";

const WIDTH = 20_000;

/**
 * Returns the noise of each value of a row, step by step, read from the weights: from zero, a step at
 * learning rate 1 leaves the layer's output in each weight. `row` is the row's index in a batch of four.
 */
function noiseOf(kernel: (typeof kernelNames)[number], layer: Layer, input: number, given = {}): number[][] {
  const { seed = 1, steps = 1, row = 0, width = WIDTH } = given as Record<string, number>;
  const layers = [layer, dense(1, { useBias: false, weightInitializer: "zeros" })];
  const optimizer = sgd({ learningRate: 1 });
  const model = new Model({ inputs: width, layers, loss: "meanSquaredError", optimizer, seed, kernel });
  const zeros = model.getWeights();
  const x = new Float32Array(4 * width).fill(input);
  const y = [0, 0, 0, 0].with(row, 2);
  return Array.from({ length: steps }, () => {
    model.setWeights(zeros);
    model.fitSync(x, y, { batchSize: 4, shuffle: false });
    return flatten(model.getWeights());
  });
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const correlation = (left: readonly number[], right: readonly number[]) => {
  const [a, b] = [left, right].map((values) => {
    const middle = mean(values);
    return values.map((value) => value - middle);
  });
  const product = (u: readonly number[], v: readonly number[]) => mean(u.map((value, at) => value * v[at]));
  return product(a, b) / Math.sqrt(product(a, a) * product(b, b));
};

describe.each(kernelNames)("noise on the %s kernel", (kernel) => {
  test.each([0.1, 0.5, 0.9])("drops a share of %d and scales the rest", (rate) => {
    const all = noiseOf(kernel, dropout({ rate }), 1, { steps: 3 });
    for (const factors of all) {
      const kept = factors.filter((factor) => factor !== 0);
      // Four standard deviations of a binomial share.
      const bound = 4 * Math.sqrt((rate * (1 - rate)) / WIDTH);
      expect(Math.abs(kept.length / WIDTH - (1 - rate))).toBeLessThan(bound);
      expectNear(
        kept,
        kept.map(() => 1 / (1 - rate)),
        1e-6,
      );
    }
  });

  test("with a rate of 0 has no effect", () => {
    expect(new Set(noiseOf(kernel, dropout({ rate: 0 }), 1)[0])).toEqual(new Set([1]));
  });

  test("is normal: mean, standard deviation, and the shares beyond one, two and three standard deviations", () => {
    const draws = noiseOf(kernel, gaussianNoise({ stddev: 0.5 }), 0, { steps: 5 }).flat();
    const share = (bound: number) =>
      draws.filter((value) => Math.abs(value) > bound / 2).length / draws.length;
    const bound = (probability: number) => 4 * Math.sqrt((probability * (1 - probability)) / draws.length);
    expect(Math.abs(mean(draws))).toBeLessThan((4 * 0.5) / Math.sqrt(draws.length));
    const variance = mean(draws.map((value) => value ** 2));
    expect(Math.abs(variance / 0.25 - 1)).toBeLessThan(4 * Math.sqrt(2 / draws.length));
    for (const [deviations, probability] of [
      [1, 0.317311],
      [2, 0.0455],
      [3, 0.0026998],
    ]) {
      expect(Math.abs(share(deviations) - probability)).toBeLessThan(bound(probability));
    }
  });

  test.each([
    ["dropout", dropout(), 1],
    ["gaussianNoise", gaussianNoise(), 0],
  ] as const)("of %s differs by seed, step, row and feature, and by nothing else", (_, layer, input) => {
    const base = noiseOf(kernel, layer, input, { steps: 2 });
    expect(noiseOf(kernel, layer, input, { steps: 2 })).toEqual(base);
    const others = [
      base[1],
      ...[{ seed: 2 }, { row: 1 }, { row: 2 }, { row: 3 }].map(
        (given) => noiseOf(kernel, layer, input, given)[0],
      ),
      [...base[0].slice(1), base[0][0]],
      [...base[0].slice(16), ...base[0].slice(0, 16)],
    ];
    // Independent draws have a correlation of at most four times 1 / √n.
    for (const other of others) {
      expect(Math.abs(correlation(base[0], other))).toBeLessThan(4 / Math.sqrt(WIDTH));
    }
    expectNear(noiseOf(kernel, layer, input, { width: 37 })[0], base[0].slice(0, 37));
  });

  test("differs between layers", () => {
    // Two layers that drop the same values would keep half of them.
    const both = { type: "residual", layers: [dropout()] } as const;
    const factors = noiseOf(kernel, both, 1)[0].map((factor) => factor - 1);
    const layers = noiseOf(kernel, { type: "residual", layers: [dropout(), dropout()] }, 1)[0];
    const kept = (values: readonly number[]) => values.filter((value) => value > 0.5).length / WIDTH;
    expect(Math.abs(kept(factors) - 0.5)).toBeLessThan(0.02);
    expect(Math.abs(kept(layers.map((factor) => factor - 1)) - 0.25)).toBeLessThan(0.02);
  });

  test("is absent outside of training", () => {
    const make = (layers: Layer[]) =>
      new Model({ inputs: 3, layers, loss: "meanSquaredError", optimizer: "sgd", seed: 4, kernel });
    const [noisy, plain] = [make([dropout(), dense(2), gaussianNoise({ stddev: 2 })]), make([dense(2)])];
    noisy.setWeights([{}, plain.getWeights()[0], {}]);
    const [x, y] = [Float32Array.from({ length: 30 }, (_, at) => at / 30), new Float32Array(20)];
    expect(noisy.predict(x)).toEqual(plain.predict(x));
    expect(noisy.evaluate(x, y)).toEqual(plain.evaluate(x, y));
    expect(noisy.gradients(x, y).loss).toEqual(plain.gradients(x, y).loss);
    expect(noisy.gradients(x, y).layers[1]).toEqual(plain.gradients(x, y).layers[0]);
  });
});

test.each([
  ["dropout", dropout({ rate: 0.3 }), 1],
  ["gaussianNoise", gaussianNoise(), 0],
] as const)("the kernels draw the same for %s", (_, layer, input) => {
  for (const [actual, expected] of besideDefinition(kernelNames, (kernel) =>
    noiseOf(kernel, layer, input, { steps: 2 }).flat(),
  )) {
    expectNear(actual, expected, 1e-6);
    const zeros = (values: readonly number[]) => values.flatMap((value, at) => (value === 0 ? [at] : []));
    expect(zeros(actual)).toEqual(zeros(expected));
  }
});

const block = residual([layerNorm(), dense(4, { activation: "tanh" }), residual([dense(4)])]);
const make = (kernel: (typeof kernelNames)[number], layers: Layer[], given = {}) => {
  const loss: Loss = "meanSquaredError";
  return new Model({ inputs: 3, layers, loss, optimizer: sgd({ momentum: 0.9 }), seed: 3, kernel, ...given });
};

describe.each(kernelNames)("a residual on the %s kernel", (kernel) => {
  const model = () => make(kernel, [dense(4), block, tanh(), dense(1)]);

  test("adds the output of its layers to its input", () => {
    const made = make(kernel, [residual([dense(3)])]);
    const { weight, bias } = (made.getWeights()[0].layers as { weight: number[][]; bias: number[] }[])[0];
    const x = [0.5, -1, 2];
    const expected = weight.map((row, at) => x[at] + row.reduce((sum, w, k) => sum + w * x[k], bias[at]));
    expectNear(made.predict(x), expected);
  });

  test("has the weights of its layers in a list", () => {
    const weights = model().getWeights();
    expect(weights).toMatchObject([
      { weight: {}, bias: {} },
      {
        layers: [
          { weight: [1, 1, 1, 1], bias: [0, 0, 0, 0] },
          { weight: {} },
          { layers: [{ weight: {}, bias: [0, 0, 0, 0] }] },
        ],
      },
      {},
      { bias: [0] },
    ]);
    const other = model();
    const changed = structuredClone(weights) as never[];
    (changed[1] as { layers: { bias: number[] }[] }).layers[0].bias[2] = 7;
    other.setWeights(changed);
    expect(other.getWeights()).toEqual(changed);
  });

  test("can be restored from JSON, and continues to train with the same bits", () => {
    const trained = model();
    const [x, y] = [Float32Array.from({ length: 30 }, (_, at) => (at % 7) / 7), new Float32Array(10).fill(1)];
    trained.fitSync(x, y, { epochs: 2, batchSize: 4 });
    const copy = Model.fromJSON(JSON.stringify(trained), { kernel });
    expect(copy.toJSON()).toEqual(trained.toJSON());
    for (const either of [trained, copy]) either.fitSync(x, y, { epochs: 2, batchSize: 4 });
    expect(copy.toJSON()).toEqual(trained.toJSON());
  });

  test("shows its layers in the summary", () => {
    const lines = model()
      .summary()
      .split("\n")
      .map((line) => line.trim().split(/\s+/));
    expect(lines.slice(2, 7)).toEqual([
      ["1", "residual", "4", "4", "48"],
      ["1.0", "layerNorm", "4", "4", "8"],
      ["1.1", "dense", "4", "4", "20"],
      ["1.2", "residual", "4", "4", "20"],
      ["1.2.0", "dense", "4", "4", "20"],
    ]);
    expect(model().parameters).toBe(16 + 48 + 5);
  });
});

describe.each(kernelNames)("an embedding on the %s kernel", (kernel) => {
  const layers = [
    embedding({ column: 2, categories: 4, units: 2 }),
    embedding({ column: 0, categories: 3, units: 3 }),
  ];

  test("replaces the number of a category by its values", () => {
    const made = make(kernel, layers);
    const [last, first] = made.getWeights().map(({ weight }) => weight as number[][]);
    expect([last.length, last[0].length, first.length, first[0].length]).toEqual([4, 2, 3, 3]);
    const rows = [
      [2, 0.5, 3],
      [0, -0.5, 0],
    ];
    expectNear(
      made.predict(rows).flat(),
      rows.flatMap(([a, value, b]) => [...first[a], value, ...last[b]]),
    );
  });

  test("trains the values of the categories that occur, and no others", () => {
    const made = make(kernel, [...layers, dense(1)], { optimizer: sgd({ learningRate: 0.1 }) });
    const before = made.getWeights().map(({ weight }) => weight as number[][]);
    made.fitSync(
      [
        [2, 0.5, 3],
        [2, -0.5, 1],
      ],
      [1, 0],
    );
    const after = made.getWeights().map(({ weight }) => weight as number[][]);
    const changed = [0, 1].map((layer) =>
      after[layer].flatMap((row, category) => (`${row}` === `${before[layer][category]}` ? [] : [category])),
    );
    expect(changed).toEqual([[1, 3], [2]]);
  });

  const inside = "expected a category, a whole number from 0 to 3, received";
  test.each([
    ["one after the last", 4, `x: row 1, column 2: ${inside} 4`],
    ["a negative one", -1, `x: row 1, column 2: ${inside} -1`],
    ["a half", 0.5, `x: row 1, column 2: ${inside} 0.5`],
  ])(
    "refuses an invalid category number in every call, without any change: %s",
    async (_, value, message) => {
      const made = make(kernel, [...layers, dense(1)]);
      const before = made.toJSON();
      const x = [
        [0, 0, 0],
        [0, 0, value],
      ];
      const y = [1, 2];
      const calls = [
        () => made.fitSync(x, y),
        () => made.predict(x),
        () => made.predict(Float32Array.from(x.flat())),
        () => made.evaluate(x, y),
        () => made.gradients(x, y),
      ];
      for (const call of calls) {
        expect(call).toThrow(DataError);
        expect(call).toThrow(message);
      }
      expect(() => made.predict([0, 0, value])).toThrow(`x: row 0, column 2: ${inside} ${value}`);
      await expect(made.fit(x, y)).rejects.toThrow(message);
      expect(made.toJSON()).toEqual(before);
    },
  );
});

describe.each(kernelNames)("batchNorm on the %s kernel", (kernel) => {
  const rows = (count: number) =>
    Array.from({ length: count }, (_, row) => [row % 7, (row % 3) - 1, row / count]);
  const statistics = (weights: LayerWeights) => flatten([weights.runningMean, weights.runningVar]);
  const model = (given = {}) => make(kernel, [batchNorm(), dense(1)], given);

  test("predicts with running statistics, which only training changes", () => {
    const made = model();
    const before = made.getWeights();
    expect(before[0]).toEqual({
      weight: [1, 1, 1],
      bias: [0, 0, 0],
      runningMean: [0, 0, 0],
      runningVar: [1, 1, 1],
    });
    const [x, y] = [rows(20), new Float32Array(20)];
    const { layers } = made.gradients(x, y);
    expect(Object.keys(layers[0])).toEqual(["weight", "bias"]);
    made.predict(x);
    made.evaluate(x, y);
    expect(made.getWeights()).toEqual(before);
    made.fitSync(x, y, { batchSize: 20 });
    const columns = [0, 1, 2].map((column) => x.map((row) => row[column]));
    const variance = (values: number[]) =>
      values.reduce((sum, value) => sum + (value - mean(values)) ** 2, 0) / (values.length - 1);
    expectNear(statistics(made.getWeights()[0]), [
      ...columns.map((values) => 0.1 * mean(values)),
      ...columns.map((values) => 0.9 + 0.1 * variance(values)),
    ]);
  });

  test("keeps its running statistics out of updates by the optimizer", () => {
    const optimizer = adam({ learningRate: 0.1, weightDecay: 1 });
    const made = make(kernel, [batchNorm({ momentum: 0 }), dense(1)], { optimizer });
    made.fitSync(rows(20), new Float32Array(20), { epochs: 3, batchSize: 4 });
    expect(statistics(made.getWeights()[0])).toEqual([0, 0, 0, 1, 1, 1]);
    expect(made.getWeights()[0].weight).not.toEqual([1, 1, 1]);
  });

  test("accepts a last batch of one row: outputs are the bias, and the running variance stays", () => {
    const made = make(kernel, [batchNorm()], { optimizer: sgd({ learningRate: 0 }) });
    made.setWeights([{ ...made.getWeights()[0], bias: [1, 2, 3] }]);
    const { loss } = made.fitSync([[5, 6, 7]], [[0, 0, 0]], { batchSize: 4 });
    expectNear(loss, [14 / 3]);
    expectNear(statistics(made.getWeights()[0]), [0.5, 0.6, 0.7, 1, 1, 1]);
  });

  test("computes the gradient of a whole batch, for any number of threads", () => {
    for (const count of [511, 512, 513, 1500]) {
      const [x, y] = [rows(count), new Float32Array(count).fill(1)];
      const optimizer = sgd({ learningRate: 1 });
      const [made, other] = [model({ optimizer }), model({ optimizer })];
      const { layers } = made.gradients(x, y);
      const before = made.getWeights();
      made.fitSync(x, y, { batchSize: count, threads: 1 });
      other.fitSync(x, y, { batchSize: count, threads: 2 });
      expect(made.getWeights()).toEqual(other.getWeights());
      const [weight, after] = [before, made.getWeights()].map((all) => flatten(all[1]));
      const gradient = flatten(layers[1]);
      expectNear(
        after,
        weight.map((value, at) => value - gradient[at]),
        1e-5,
      );
    }
  });

  test("can be restored from JSON, and continues to train with the same bits", () => {
    const [x, y] = [rows(20), new Float32Array(20).fill(1)];
    const made = model();
    made.fitSync(x, y, { epochs: 2, batchSize: 8 });
    const copy = Model.fromJSON(JSON.stringify(made), { kernel });
    for (const either of [made, copy]) either.fitSync(x, y, { epochs: 2, batchSize: 8 });
    expect(copy.toJSON()).toEqual(made.toJSON());
  });

  test("refuses a negative running variance", () => {
    const made = model();
    const weights = made.getWeights();
    weights[0].runningVar = [1, -1, 1];
    expect(() => made.setWeights(weights)).toThrow(
      "setWeights: layer 0 (batchNorm): runningVar: value 1: expected at least 0, received -1",
    );
  });
});

describe.each(kernelNames)("linear on the %s kernel", (kernel) => {
  const stacks: Layer[][] = [
    [dense(5), tanh(), dense(1)],
    [dense(5, { activation: "linear" }), tanh(), dense(1)],
    ["linear", dense(5), linear(), tanh(), dense(1), linear()],
  ];
  const make = (layers: Layer[]) =>
    new Model({ inputs: 2, layers, loss: "meanSquaredError", optimizer: adam(), seed: 2, kernel });
  const x = values(1, 80, -1, 1);
  const y = values(2, 40, -1, 1);

  test("equals no activation, to the bit: predictions, gradients, training, files", () => {
    const outcomes = stacks.map((layers) => {
      const model = make(layers);
      const { loss, layers: gradients } = model.gradients(x, y);
      model.fitSync(x, y, { epochs: 3 });
      const copies = [
        Model.fromJSON(model.toJSON(), { kernel }),
        Model.fromBytes(model.toBytes(), { kernel }),
      ];
      for (const copy of copies) expect(copy.predict(x)).toEqual(model.predict(x));
      return [loss, flatten(gradients), flatten(model.getWeights()), model.predict(x)];
    });
    expect(outcomes[1]).toEqual(outcomes[0]);
    expect(outcomes[2]).toEqual(outcomes[0]);
  });

  test("is explained, and diagnose does not count it as a nonlinear activation", () => {
    const model = make([dense(5, { activation: "linear" }), dense(1)]);
    expect(String(explain(model, [[1, 2]], [1]))).toContain("yᵢ = linear(xᵢ)");
    expect(diagnose(model, x, y).findings.map(({ cause }) => cause)).toContain("linearStack");
  });
});

import { describe, expect, test } from "vitest";
import { dense, Model, type ModelOptions, relu, StateError, sgd } from "../src/index.ts";
import { flatten, kernelNames } from "./kernels.ts";
import { data, failureOf, makeModel, rows } from "./samples.ts";

describe.each(kernelNames)("a model on the %s kernel", (kernel) => {
  const make = (options: Partial<ModelOptions> = {}) => makeModel({ kernel, ...options });

  test("reports its kernel, and the reason", () => {
    expect(make().kernel).toEqual({ name: kernel, reason: expect.stringMatching(/.+/) });
  });

  test("has its sizes", () => {
    expect(make()).toMatchObject({ inputs: 2, outputs: 1, parameters: 2 * 8 + 8 + 8 + 1, seed: 7 });
  });

  test("is the same from builders, plain objects and bare names", () => {
    const built = make({ layers: [dense(8), relu(), dense(1)], loss: "meanSquaredError", optimizer: sgd() });
    const plain = make({
      layers: [{ type: "dense", units: 8 }, { type: "relu" }, { type: "dense", units: 1 }],
      loss: { type: "meanSquaredError" },
      optimizer: { type: "sgd" },
    });
    const named = make({ layers: [dense(8), "relu", dense(1)], optimizer: "sgd" });
    expect(plain.toJSON()).toEqual(built.toJSON());
    expect(named.toJSON()).toEqual(built.toJSON());
  });

  test("does not change when the caller's objects change later", () => {
    const layers = [dense(8), relu(), dense(1)];
    const model = make({ layers });
    const before = model.toJSON();
    layers.pop();
    Object.assign(layers[0], { units: 3 });
    expect(model.toJSON()).toEqual(before);
  });

  test("starts with the weights of its seed", () => {
    expect(make({ seed: 1 }).getWeights()).toEqual(make({ seed: 1 }).getWeights());
    expect(make({ seed: 1 }).getWeights()).not.toEqual(make({ seed: 2 }).getWeights());
    // A seed has 53 bits, and all of them count.
    expect(make({ seed: 1 }).getWeights()).not.toEqual(make({ seed: 1 + 2 ** 32 }).getWeights());
  });

  test("trains with the same bits from the same seed", () => {
    const trained = (seed: number) => {
      const model = make({ seed });
      model.fitSync(data, { epochs: 3 });
      return model.toJSON();
    };
    expect(trained(1)).toEqual(trained(1));
    expect(trained(1).weights).not.toEqual(trained(2).weights);
  });

  test("without a seed, draws one, keeps it and shows it", () => {
    const [first, second] = [make({ seed: undefined }), make({ seed: undefined })];
    expect(first.seed).not.toBe(second.seed);
    expect(first.summary()).toContain(`seed ${first.seed}`);
    expect(make({ seed: first.seed }).getWeights()).toEqual(first.getWeights());
  });

  describe("predicts in the form of its input:", () => {
    const model = make();
    const flat = model.predict(data.x);

    test("a flat Float32Array for a flat array", () => {
      expect(flat).toBeInstanceOf(Float32Array);
      expect(flat).toHaveLength(50);
      expect(model.predict(Float64Array.from(data.x))).toEqual(flat);
    });

    test("a flat Float32Array for a dataset", () => {
      expect(model.predict(data)).toEqual(flat);
      expect(model.predict({ ...data, x: data.x })).toEqual(flat);
    });

    test("rows for rows", () => {
      const predictions = model.predict(rows.x);
      expect(predictions).toHaveLength(50);
      expect(predictions.every((row) => Array.isArray(row) && row.length === 1)).toBe(true);
      expect(predictions.flat()).toEqual(Array.from(flat));
      expect(model.predict(rows.x.map((row) => Float32Array.from(row)))).toEqual(predictions);
    });

    test("one row for one row", () => {
      expect(model.predict(rows.x[3])).toEqual([flat[3]]);
    });

    test("rows of several outputs for rows", () => {
      const wide = make({ layers: [dense(3)] });
      const predictions = wide.predict(rows.x.slice(0, 2));
      expect(predictions.map((row) => row.length)).toEqual([3, 3]);
      expect(Array.from(wide.predict(data.x).subarray(0, 6))).toEqual(predictions.flat());
    });
  });

  test("computes W x + b and the activation, as computed by hand", () => {
    const model = make({ layers: [dense(2, { activation: "relu" }), dense(1)] });
    model.setWeights([
      {
        weight: [
          [1, 2],
          [-3, 0.5],
        ],
        bias: [0.25, 1],
      },
      { weight: [[2, -1]], bias: [0.5] },
    ]);
    // relu(1 + 4 + 0.25) = 5.25 and relu(-3 + 1 + 1) = 0; then 2 · 5.25 - 0 + 0.5.
    expect(model.predict([1, 2])).toEqual([11]);
  });

  test("evaluates to the mean loss over the rows", () => {
    const model = make({ layers: [dense(3)] });
    const y = rows.x.map(([first, second]) => [first, second, first * second]);
    const byHand = model
      .predict(rows.x)
      .flatMap((row, index) => row.map((value, output) => (value - y[index][output]) ** 2));
    const mean = byHand.reduce((sum, value) => sum + value, 0) / byHand.length;
    expect(model.evaluate(rows.x, y).loss).toBeCloseTo(mean, 5);
    expect(model.evaluate({ x: rows.x, y })).toEqual(model.evaluate(rows.x, y));
  });

  test("returns gradients of a batch in the form of its weights, and changes nothing", () => {
    const model = make();
    model.fitSync(data);
    const before = model.toJSON();
    const { loss, layers } = model.gradients(data);
    expect(model.toJSON()).toEqual(before);
    expect(loss).toBeCloseTo(model.evaluate(data).loss, 5);
    expect(layers.map(Object.keys)).toEqual([["weight", "bias"], [], ["weight", "bias"]]);
    expect(layers[0].weight).toHaveLength(8);
    expect(model.gradients(rows.x, rows.y)).toEqual({ loss, layers });
  });

  test("returns weights as [outputs][inputs] and bias as [outputs], and accepts them", () => {
    const layers = [dense(3, { activation: "tanh", useBias: false }), relu(), dense(2)];
    const model = make({ layers });
    const weights = model.getWeights();
    expect(weights.map(Object.keys)).toEqual([["weight"], [], ["weight", "bias"]]);
    expect((weights[0].weight as number[][]).map((row) => row.length)).toEqual([2, 2, 2]);
    expect(weights[2].bias).toEqual([0, 0]);
    const other = make({ layers, seed: 8 });
    other.setWeights(weights);
    expect(other.getWeights()).toEqual(weights);
    expect(other.predict(data)).toEqual(model.predict(data));
  });

  test("returns copies of its weights and copies the caller's", () => {
    const model = make();
    const weights = model.getWeights();
    const before = structuredClone(weights);
    (weights[0].bias as number[])[0] = 9;
    expect(model.getWeights()).toEqual(before);
    model.setWeights(weights);
    (weights[0].bias as number[])[0] = 10;
    expect(flatten(model.getWeights())).toContain(9);
  });

  test("accepts weights in typed arrays", () => {
    const model = make({ layers: [dense(1)] });
    // The types require lists, but a typed array of the right length is accepted.
    const weights = [{ weight: [Float32Array.of(1, 2)], bias: Float64Array.of(3) }];
    model.setWeights(weights as unknown as Parameters<Model["setWeights"]>[0]);
    expect(model.getWeights()).toEqual([{ weight: [[1, 2]], bias: [3] }]);
  });

  test("prints its layers as a table", () => {
    const [kernelLine, ...table] = make().summary().split("\n").reverse();
    expect(table.reverse().join("\n")).toMatchInlineSnapshot(`
      "   layer  inputs  outputs  parameters
      0  dense       2        8          24
      1  relu        8        8           0
      2  dense       8        1           9
      33 parameters, loss meanSquaredError, optimizer sgd, seed 7"
    `);
    expect(kernelLine).toMatch(new RegExp(`^kernel ${kernel} \\(.+\\)$`));
  });

  test("can be disposed twice, and then refuses every call", async () => {
    const model = make();
    const weights = model.getWeights();
    const json = model.toJSON();
    model.dispose();
    model.dispose();
    const uses = [
      () => model.predict([0, 1]),
      () => model.evaluate(data),
      () => model.gradients(data),
      () => model.getWeights(),
      () => model.setWeights(weights),
      () => model.toJSON(),
      () => model.fit(data),
      () => model.fitSync(data),
      () => model.epochs(data).next(),
    ];
    for (const use of uses) {
      const error = await failureOf(use);
      expect(error).toBeInstanceOf(StateError);
      expect((error as Error).message).toBe("model: the model has been disposed. Fix: make a new one");
    }
    expect(Model.fromJSON(json, { kernel }).getWeights()).toEqual(weights);
  });

  test("is disposed at the end of a `using` block", () => {
    const model = make();
    model[Symbol.dispose]();
    expect(() => model.predict([0, 1])).toThrow(StateError);
  });
});

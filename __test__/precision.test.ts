/** The option `precision` of a model. */
import { describe, expect, test } from "vitest";
import {
  adam,
  type Dataset,
  dense,
  dropout,
  Model,
  type ModelOptions,
  OptionError,
  relu,
  sgd,
  trainMany,
} from "../src/index.ts";
import { bfloat16 } from "../src/kernel/typescript/operations/rounded.ts";
import { expectNear, flatten, kernelNames } from "./kernels.ts";
import { values } from "./programs.ts";

const [inputs, outputs, rows] = [19, 9, 45];
const data: Dataset = { x: values(1, rows * inputs), y: values(2, rows * outputs), inputs, outputs, rows };

const make = (options: Partial<ModelOptions> = {}) =>
  new Model({
    inputs,
    layers: [dense(40), relu(), dropout({ rate: 0.1 }), dense(24), relu(), dense(outputs)],
    loss: "meanSquaredError",
    optimizer: adam({ learningRate: 0.01 }),
    precision: "bfloat16",
    seed: 3,
    ...options,
  });

const run = { epochs: 2, batchSize: 13 };
const weightsOf = (model: Model) => flatten(model.getWeights());

describe("bfloat16 rounds", () => {
  test("to the nearest value of 8 bits, halves to the even one, and small values to 0", () => {
    for (const [value, expected] of [
      [1, 1],
      [257, 256],
      [258, 258],
      [259, 260],
      [-257, -256],
      [257.001, 258],
      [1 + 2 ** -8, 1],
      [1 + 3 * 2 ** -8, 1 + 2 ** -6],
      [2 ** -56, 2 ** -56],
      [2 ** -56 * 0.999, 0],
      [-1e-30, 0],
      [3.4e38, Number.POSITIVE_INFINITY],
      [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY],
      [Number.NaN, Number.NaN],
    ]) {
      expect([value, bfloat16(value)]).toEqual([value, expected]);
    }
    expect(Object.is(bfloat16(-0), 0)).toBe(true);
  });

  test("as by division, any value", () => {
    for (const value of values(5, 3000, -1000, 1000)) {
      const unit = 2 ** (Math.floor(Math.log2(Math.abs(value))) - 7);
      const quotient = value / unit;
      const low = Math.floor(quotient);
      const rest = quotient - low;
      const up = rest > 0.5 || (rest === 0.5 && low % 2 !== 0);
      expect(bfloat16(value)).toBe((low + (up ? 1 : 0)) * unit);
    }
  });
});

describe.each(kernelNames)("precision: bfloat16 on the %s kernel", (kernel) => {
  test("rounds both factors of wide products in a step, and the gradient of biases has none", () => {
    // 257 and 259 become 256 and 260; all sums are exact.
    const layers = [dense(8, { weightInitializer: "zeros" })];
    const step = (precision: "bfloat16" | "float32", units: number) => {
      const model = make({
        kernel,
        inputs: 1,
        layers: [{ ...layers[0], units }],
        optimizer: sgd({ learningRate: 1 }),
        precision,
      });
      const y = new Float32Array(2 * units).fill(-259 * units);
      model.fitSync(Float32Array.of(257, 1), y, { batchSize: 2 });
      return weightsOf(model).map((value) => -value);
    };
    const bias = 2 * 259;
    expect(step("float32", 8)).toEqual([...Array(8).fill(259 * 258), ...Array(8).fill(bias)]);
    expect(step("bfloat16", 8)).toEqual([...Array(8).fill(260 * 257), ...Array(8).fill(bias)]);
    expect(step("bfloat16", 7)).toEqual(step("float32", 7));
  });

  test("changes a training, and nothing else", () => {
    const [rounded, exact] = [make({ kernel }), make({ kernel, precision: "float32" })];
    expect(rounded.predict(data)).toEqual(exact.predict(data));
    expect(rounded.evaluate(data)).toEqual(exact.evaluate(data));
    expect(rounded.gradients(data)).toEqual(exact.gradients(data));
    const losses = [rounded, exact].map((model) => model.fitSync(data, run).loss);
    expect(losses[0]).not.toEqual(losses[1]);
    expectNear(losses[0], losses[1], 0.01);
    exact.setWeights(rounded.getWeights());
    expect(rounded.predict(data)).toEqual(exact.predict(data));
    expect(rounded.evaluate(data)).toEqual(exact.evaluate(data));
    expect(rounded.gradients(data)).toEqual(exact.gradients(data));
  });

  test("computes validation losses with the weights as they are", () => {
    const model = make({ kernel });
    const history = model.fitSync(data, { ...run, validationData: data });
    expect(history.validationLoss.at(-1)).toBeCloseTo(model.evaluate(data).loss, 12);
  });

  test("trains like the definition, within the precision", () => {
    const [model, definition] = [make({ kernel }), make({ kernel: "typescript" })];
    for (const one of [model, definition]) one.fitSync(data, run);
    expectNear(weightsOf(model), weightsOf(definition), 2e-3);
  });

  test.each([{ threads: 1 }, { threads: 2 }, { threads: 3 }])("gives the same bits with %j", (options) => {
    const [model, other] = [make({ kernel }), make({ kernel })];
    model.fitSync(data, run);
    other.fitSync(data, { ...run, ...options });
    expect(weightsOf(other)).toEqual(weightsOf(model));
  });

  test("is saved, and a loaded model continues with the same bits", () => {
    const model = make({ kernel });
    model.fitSync(data, run);
    const copies = [
      Model.fromBytes(model.toBytes({ optimizerState: true }), { kernel }),
      Model.fromJSON(JSON.parse(JSON.stringify(model)), { kernel }),
    ];
    model.fitSync(data, run);
    for (const copy of copies) {
      expect(copy.toJSON().precision).toBe("bfloat16");
      copy.fitSync(data, run);
      expect(copy.toJSON()).toEqual(model.toJSON());
    }
  });

  test("gives the same bits in calls of trainOnBatch and in trainMany as in fit", async () => {
    const options = { batchSize: 15, shuffle: false };
    const [one, many, online] = [make({ kernel }), make({ kernel }), make({ kernel })];
    one.fitSync(data, options);
    await trainMany([many], data, options);
    expect(weightsOf(many)).toEqual(weightsOf(one));
    for (let start = 0; start < rows; start += 15) {
      const x = data.x.slice(start * inputs, (start + 15) * inputs);
      const y = data.y.slice(start * outputs, (start + 15) * outputs);
      online.trainOnBatch({ x, y });
    }
    expectNear(weightsOf(online), weightsOf(one), 2e-3);
  });
});

test("precision is float32 by default, also in files without it", () => {
  const { precision, ...before } = make({ precision: undefined }).toJSON();
  expect(precision).toBe("float32");
  expect(Model.fromJSON(before as never).toJSON().precision).toBe("float32");
});

test("an unknown precision is refused with the known ones", () => {
  expect(() => make({ precision: "int8" as never })).toThrow(
    new OptionError('model: precision: unknown word "int8". Expected one of: float32, bfloat16'),
  );
  expect(() => make({ precision: "bf16" as never })).toThrow('"bf16". Did you mean "bfloat16"? Expected');
  expect(() => make({ precision: 16 as never })).toThrow(
    'model: precision: expected one of "float32", "bfloat16", received 16',
  );
});

test("summary shows bfloat16", () => {
  expect(make().summary()).toContain(", optimizer adam, precision bfloat16, seed 3");
  expect(make({ precision: "float32" }).summary()).toContain(", optimizer adam, seed 3");
});

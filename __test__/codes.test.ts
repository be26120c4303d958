/** Inputs that are categories or piecewise-linear numbers, which the native kernel takes as codes in training. */
import { describe, expect, test } from "vitest";
import { adam, dense, dropout, embedding, Model, scale } from "../src/index.ts";
import { expectNear, flatten, kernelNames } from "./kernels.ts";

const [rows, inputs] = [300, 40];

/** One category of 12, one of 9, a number in 16 pieces, two plain numbers and the number of a category. */
function table(): { x: Float32Array; y: Float32Array } {
  const [x, y] = [new Float32Array(rows * inputs), new Float32Array(rows)];
  for (let row = 0; row < rows; row++) {
    const at = row * inputs;
    const [first, second] = [(row * 7) % 12, (row * 5) % 9];
    x[at + first] = 1;
    x[at + 12 + second] = 0.5;
    const place = ((row * 37) % 100) / 6;
    for (let piece = 0; piece < 16; piece++) x[at + 21 + piece] = Math.min(1, Math.max(0, place - piece)) * 2;
    for (let number = 0; number < 2; number++) x[at + 37 + number] = Math.sin(row * (number + 2));
    x[at + 39] = row % 4;
    y[row] = Math.cos(first) + second / 9 + place / 20;
  }
  return { x, y };
}

const networks = {
  "a first layer": [dense(32), "tanh", dropout({ rate: 0.2 }), dense(1)],
  "a network that small batches have code for": [dense(8), "tanh", dense(1)],
  "a scale before it": [scale({ learningRateFactor: 6 }), dense(32), "silu", dense(1)],
  "an embedding and a scale before it": [
    embedding({ column: 39, categories: 4, units: 2 }),
    scale({ learningRateFactor: 6 }),
    dense(80),
    "mish",
    dropout({ rate: 0.2 }),
    dense(1),
  ],
} as const;

describe.each(Object.entries(networks))("inputs as codes, %s", (_name, layers) => {
  const trained = (kernel: (typeof kernelNames)[number], threads?: number, batchSize = 32) => {
    const options = { inputs, loss: "meanSquaredError", seed: 3, kernel } as const;
    const model = new Model({ ...options, layers: [...layers], optimizer: adam() });
    const { loss } = model.fitSync(table(), { epochs: 8, batchSize, ...(threads && { threads }) });
    const weights = flatten(model.getWeights().map((layer) => Object.values(layer).map(flatten)));
    model.dispose();
    return { loss, weights };
  };

  test("train as the definition does, on every kernel", () => {
    const expected = trained("typescript");
    expect(expected.loss.at(-1)).toBeLessThan(expected.loss[0]);
    for (const kernel of kernelNames) {
      const actual = trained(kernel);
      expectNear(actual.loss, expected.loss, 1e-4);
      expectNear(actual.weights, expected.weights, 1e-3);
    }
  });

  test.each([1, 2, 3, 4, 5, 6])("train on a last batch of %i rows", (left) => {
    const batchSize = rows - left;
    const expected = trained("typescript", undefined, batchSize);
    for (const kernel of kernelNames) {
      const actual = trained(kernel, undefined, batchSize);
      expectNear(actual.loss, expected.loss, 1e-5);
      expectNear(actual.weights, expected.weights, 1e-4);
    }
  });

  test("give the same bits on any number of threads", () => {
    const expected = trained("native", 1);
    for (const threads of [2, 3]) {
      expect(trained("native", threads)).toEqual(expected);
    }
  });

  test.each(kernelNames)(
    "give the same bits in a training that is cut, with a validation, on %s",
    (kernel) => {
      const options = { inputs, loss: "meanSquaredError", optimizer: "adam", seed: 3, kernel } as const;
      const data = table();
      const fit = {
        batchSize: 32,
        validationData: { x: data.x.slice(-260 * inputs), y: data.y.slice(-260) },
      };
      const whole = new Model({ ...options, layers: [...layers] });
      const expected = whole.fitSync(data, { ...fit, epochs: 5 });
      let model = new Model({ ...options, layers: [...layers] });
      const losses: number[] = [];
      for (const epochs of [2, 3]) {
        losses.push(...model.fitSync(data, { ...fit, epochs }).validationLoss);
        const saved = model.toBytes({ optimizerState: true });
        model.dispose();
        model = Model.fromBytes(saved, { kernel }) as typeof model;
      }
      expect(losses).toEqual(expected.validationLoss);
      expect(model.getWeights()).toEqual(whole.getWeights());
      const { loss } = model.evaluate(fit.validationData);
      expect(Math.abs(loss - losses[losses.length - 1])).toBeLessThan(1e-5);
      for (const one of [model, whole]) one.dispose();
    },
  );
});

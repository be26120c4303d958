/** From the article: without a nonlinear layer, any stack of layers equals one linear map. */
import { describe, expect, test } from "vitest";
import { type Dataset, dense, type Layer, Model, relu, sgd, xor } from "../src/index.ts";
import { expectNear, kernelNames } from "./kernels.ts";

function accuracy(model: Model, { x, y }: Dataset): number {
  const right = model.predict(x).filter((value, row) => value >= 0.5 === (y[row] === 1));
  return right.length / y.length;
}

describe.each(kernelNames)("on the %s kernel", (kernel) => {
  const make = (layers: Layer[]) =>
    new Model({
      inputs: 2,
      layers,
      loss: "meanSquaredError",
      optimizer: sgd({ learningRate: 0.05 }),
      seed: 1,
      kernel,
    });
  const data = xor({ examples: 1000, seed: 1 });

  test("two dense layers equal one with W = W2 W1 and b = W2 b1 + b2", () => {
    const stack = make([dense(8, { biasInitializer: "uniform" }), dense(1, { biasInitializer: "uniform" })]);
    const [first, second] = stack.getWeights() as { weight: number[][]; bias: number[] }[];
    const [outer] = second.weight;
    const combine = (values: number[]) => outer.reduce((sum, weight, unit) => sum + weight * values[unit], 0);
    const one = make([dense(1)]);
    one.setWeights([
      {
        weight: [[0, 1].map((input) => combine(first.weight.map((row) => row[input])))],
        bias: [combine(first.bias) + second.bias[0]],
      },
    ]);
    expectNear(stack.predict(data), one.predict(data));
  });

  test("no stack of linear layers learns XOR, and one ReLU between them is enough", () => {
    const accuracyOf = (layers: Layer[]) => {
      const model = make(layers);
      model.fitSync(data, { epochs: 200, batchSize: 5 });
      return accuracy(model, data);
    };
    const ofTheMajority =
      Math.max(...[0, 1].map((label) => data.y.filter((value) => value === label).length)) / 1000;
    expect(accuracyOf([dense(16), dense(16), dense(1)])).toBeLessThan(ofTheMajority + 0.1);
    expect(accuracyOf([dense(16), relu(), dense(1)])).toBeGreaterThan(0.95);
  });
});

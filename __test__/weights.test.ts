import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { configure } from "../src/formats/configuration.ts";
import { dense, initializers, type Layer, relu } from "../src/index.ts";
import { type LayerShape, shapes } from "../src/nn/program.ts";
import { fromLayers, initialize, toLayers } from "../src/nn/weights.ts";
import { flatten } from "./kernels.ts";

const shapesOf = (inputs: number, layers: Layer[]) =>
  shapes(configure({ inputs, layers, loss: "meanSquaredError", optimizer: "sgd" }));
const initial = (layers: LayerShape[], seed = 1) => toLayers(layers, initialize(layers, seed));

const layer = fc.oneof(
  fc
    .record({ units: fc.integer({ min: 1, max: 5 }), useBias: fc.boolean() })
    .map(({ units, useBias }) => dense(units, { useBias })),
  fc.constant(relu()),
);
const network = fc.tuple(fc.integer({ min: 1, max: 5 }), fc.array(layer, { minLength: 1, maxLength: 4 }));

describe("weights by layer", () => {
  test("survive the flat array of the kernels, for any layers", () => {
    fc.assert(
      fc.property(network, ([inputs, layers]) => {
        const shape = shapesOf(inputs, layers);
        const values = initialize(shape, 1).map((_, index) => index);
        const weights = toLayers(shape, values);
        expect(weights).toHaveLength(layers.length);
        expect(fromLayers(shape, weights, "weights")).toEqual(values);
      }),
    );
  });

  test("are stored as weights, row by row, then biases", () => {
    expect(
      toLayers(shapesOf(2, [dense(2), relu(), dense(1)]), Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9)),
    ).toEqual([
      {
        weight: [
          [1, 2],
          [3, 4],
        ],
        bias: [5, 6],
      },
      {},
      { weight: [[7, 8]], bias: [9] },
    ]);
  });
});

describe("initial weights", () => {
  const wide = (weightInitializer: Parameters<typeof dense>[1]) =>
    flatten(initial(shapesOf(100, [dense(200, weightInitializer)]))[0].weight);
  const spread = (values: number[]) => {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return { low: Math.min(...values), high: Math.max(...values), mean };
  };

  test("are Glorot's by default: uniform in ±√(6 / (inputs + outputs))", () => {
    const limit = Math.sqrt(6 / 300);
    const { low, high, mean } = spread(wide({}));
    expect([low / limit, high / limit, mean / limit]).toEqual([
      expect.closeTo(-1, 2),
      expect.closeTo(1, 2),
      expect.closeTo(0, 1),
    ]);
    expect(Math.max(-low, high)).toBeLessThanOrEqual(limit);
  });

  test("of He are uniform in ±√(6 / inputs)", () => {
    const limit = Math.sqrt(6 / 100);
    const { low, high } = spread(wide({ weightInitializer: "heUniform" }));
    expect([low / limit, high / limit]).toEqual([expect.closeTo(-1, 2), expect.closeTo(1, 2)]);
  });

  test("of the article are uniform in [0, 1)", () => {
    const { low, high, mean } = spread(wide({ weightInitializer: initializers.uniform() }));
    expect([low, high, mean]).toEqual([expect.closeTo(0, 2), expect.closeTo(1, 2), expect.closeTo(0.5, 1)]);
    expect(low).toBeGreaterThanOrEqual(0);
    expect(high).toBeLessThan(1);
  });

  test("follow the options of an initializer", () => {
    const between = wide({ weightInitializer: initializers.uniform({ minimum: 2, maximum: 3 }) });
    expect(between.every((value) => value >= 2 && value < 3)).toBe(true);
    expect(new Set(wide({ weightInitializer: initializers.constant({ value: 0.5 }) }))).toEqual(
      new Set([0.5]),
    );
    expect(new Set(wide({ weightInitializer: "zeros" }))).toEqual(new Set([0]));
  });

  test("of biases are zero by default", () => {
    expect(initial(shapesOf(2, [dense(3)]))[0].bias).toEqual([0, 0, 0]);
    const [{ bias }] = initial(
      shapesOf(2, [dense(3, { biasInitializer: initializers.constant({ value: 1 }) })]),
    );
    expect(bias).toEqual([1, 1, 1]);
  });

  test("of a layer do not change if a layer is added after it", () => {
    const alone = initial(shapesOf(2, [dense(4)]));
    expect(initial(shapesOf(2, [dense(4), relu(), dense(4)]))[0]).toEqual(alone[0]);
  });

  test("of two equal layers differ", () => {
    const [first, second] = initial(shapesOf(4, [dense(4), dense(4)]));
    expect(first.weight).not.toEqual(second.weight);
  });

  test("follow from the seed", () => {
    const layers = shapesOf(3, [dense(3)]);
    expect(initial(layers, 5)).toEqual(initial(layers, 5));
    expect(initial(layers, 5)).not.toEqual(initial(layers, 6));
  });
});

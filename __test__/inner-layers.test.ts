/** predict returns the values of an inner layer: the same bits as in the full pass. */
import { describe, expect, test } from "vitest";
import {
  batchNorm,
  dense,
  dropout,
  embedding,
  type Layer,
  type Loss,
  layerNorm,
  Model,
  OptionError,
  relu,
  residual,
  StateError,
  sigmoid,
  softmax,
} from "../src/index.ts";
import { layers as table } from "../src/nn/layers.ts";
import { kernelNames } from "./kernels.ts";
import { standard, values } from "./programs.ts";
import { makeModel, rows } from "./samples.ts";

/** More than one chunk of 512 rows. */
const ROWS = 600;

const stacks: Record<string, Layer[]> = {
  "an autoencoder": [dense(3, { activation: "tanh" }), dense(1), dense(3), relu(), dense(5)],
  "wide layers": [dense(70), relu(), dense(33, { activation: "gelu" }), dense(17), softmax()],
  "layers that standardize": [
    dense(9),
    batchNorm(),
    relu(),
    layerNorm(),
    dense(5, { activation: "sigmoid" }),
  ],
  blocks: [dense(6), residual([layerNorm(), dense(6), relu()]), dropout({ rate: 0.5 }), softmax(), dense(2)],
  ...Object.fromEntries(
    Object.values(table)
      .filter(({ type }) => type !== "embedding" && type !== "residual")
      .map((entry) => [
        entry.type,
        [dense(5), standard("layer", table, entry) as unknown as Layer, dense(2)],
      ]),
  ),
};

function expectSame(actual: Float32Array, expected: Float32Array): void {
  expect(actual.every((value, at) => Object.is(value, expected[at]))).toBe(true);
  expect(actual).toHaveLength(expected.length);
}

describe.each(kernelNames)("values of an inner layer on the %s kernel", (kernel) => {
  const make = (inputs: number, layers: Layer[], loss: Loss = "meanSquaredError") =>
    new Model({ inputs, layers, loss, optimizer: "adam", kernel, seed: 5 });
  const x = values(3, ROWS * 4, -1, 1);
  const y = (outputs: number) => values(4, 64 * outputs, -1, 1);

  test.each(Object.entries(stacks))(
    "of %s, from which the other layers compute the prediction",
    (_, stack) => {
      const model = make(4, stack);
      model.fitSync(x.slice(0, 64 * 4), y(model.outputs), { epochs: 2 });
      expectInner(model, stack);
    },
  );

  test.each<[string, Loss, Layer[]]>([
    ["a sigmoid", "binaryCrossentropy", [dense(3, { activation: "sigmoid" }), dense(2), sigmoid()]],
    ["a softmax", "categoricalCrossentropy", [softmax(), dense(3, { activation: "softmax" }), softmax()]],
    ["one value", "sparseCategoricalCrossentropy", [dense(1), softmax(), dense(1), dense(3)]],
  ])("of %s, before a loss that is computed with such a layer", (_, loss, stack) => {
    expectInner(make(4, stack, loss), stack);
  });

  function expectInner(model: Model, stack: Layer[]): void {
    const weights = model.getWeights();
    const last = stack.length - 1;
    expectSame(model.predict(x, { layer: last }), model.predict(x));
    for (const count of [1, 3, ROWS]) {
      const given = x.slice(0, 4 * count);
      const expected = model.predict(given);
      for (let layer = 0; layer < last; layer++) {
        const inner = model.predict(given, { layer });
        expectSame(model.predict(given, { layer: layer - stack.length }), inner);
        const behind = make(inner.length / count, stack.slice(layer + 1));
        behind.setWeights(weights.slice(layer + 1));
        expectSame(behind.predict(inner), expected);
      }
    }
  }

  test("of an embedding", () => {
    const layers = [embedding({ column: 1, categories: 3, units: 2 }), dense(2)];
    const model = make(2, layers);
    const [{ weight }] = model.getWeights() as { weight: number[][] }[];
    expect(model.predict([0.5, 2], { layer: 0 })).toEqual([0.5, ...weight[2]]);
    expect(() => model.predict([0.5, 3], { layer: 0 })).toThrow("expected a category");
  });

  test("have the form of x", () => {
    const model = makeModel({ kernel });
    const flat = model.predict(Float32Array.from(rows.x.flat()), { layer: 1, threads: 2 });
    expect(flat).toHaveLength(50 * 8);
    const lists = model.predict(rows.x, { layer: 1 });
    expect(lists).toEqual(rows.x.map((row) => model.predict(row, { layer: 1 })));
    expect(Float32Array.from(lists.flat())).toEqual(flat);
    expect(model.predict({ x: Float32Array.from(rows.x.flat()) }, { layer: 1 })).toEqual(flat);
  });

  test("use the current weights", async () => {
    const model = makeModel({ kernel });
    const before = model.predict(rows.x, { layer: 0 });
    model.fitSync(rows.x, rows.y);
    const after = model.predict(rows.x, { layer: 0 });
    expect(after).not.toEqual(before);
    const copy = makeModel({ kernel });
    copy.predict(rows.x, { layer: 0 });
    copy.setWeights(model.getWeights());
    expect(copy.predict(rows.x, { layer: 0 })).toEqual(after);
    expect(Model.fromBytes(model.toBytes(), { kernel }).predict(rows.x, { layer: 0 })).toEqual(after);
    const training = model.fit(rows.x, rows.y, { epochs: 3 });
    expect(model.predict(rows.x, { layer: 0 })).toHaveLength(50);
    await training;
    expect(model.predict(rows.x, { layer: 0 })).not.toEqual(after);
  });

  test("do not change the model", () => {
    const [model, other] = [makeModel({ kernel }), makeModel({ kernel })];
    for (const one of [model, other]) {
      one.fitSync(rows.x, rows.y);
      if (one === model) one.predict(rows.x, { layer: 0 });
      one.fitSync(rows.x, rows.y);
    }
    expect(model.toJSON()).toEqual(other.toJSON());
  });

  test("of an unknown layer are refused, and the error lists the layers", () => {
    const model = makeModel({ kernel });
    for (const layer of [3, -4, 0.5, "0", null, Number.NaN]) {
      const call = () => model.predict(rows.x, { layer: layer as number });
      expect(call).toThrow(OptionError);
      expect(call).toThrow("predict: layer: expected a whole number from -3 to 2, received ");
      expect(call).toThrow("Layers: 0 (dense), 1 (relu), 2 (dense)");
    }
  });

  test("of a disposed model are refused", () => {
    const model = makeModel({ kernel });
    model.predict(rows.x, { layer: 0 });
    model.dispose();
    expect(() => model.predict(rows.x, { layer: 0 })).toThrow(StateError);
  });
});

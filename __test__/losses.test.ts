/**
 * What is specific to the cross-entropies: the last layer that they absorb, their targets, their stability.
 */
import { describe, expect, test } from "vitest";
import {
  adam,
  DataError,
  dense,
  type Layer,
  type Loss,
  losses,
  Model,
  OptionError,
  relu,
  ShapeError,
  sigmoid,
  softmax,
  xor,
} from "../src/index.ts";
import { expectNear, flatten, kernelNames } from "./kernels.ts";
import { failureOf } from "./samples.ts";

const { binaryCrossentropy, categoricalCrossentropy, sparseCategoricalCrossentropy } = losses;

const make = (layers: Layer[], loss: Loss, kernel: (typeof kernelNames)[number] = "typescript", inputs = 3) =>
  new Model({ inputs, layers, loss, optimizer: adam({ learningRate: 0.01 }), seed: 1, kernel });

/** Returns a model whose only layer copies its inputs, so that a test can choose the logits. */
function identity(outputs: number, last: Layer[], loss: Loss, kernel: (typeof kernelNames)[number]): Model {
  const model = make([dense(outputs), ...last], loss, kernel, outputs);
  const weight = Array.from({ length: outputs }, (_, row) =>
    Array.from({ length: outputs }, (_, column) => (row === column ? 1 : 0)),
  );
  model.setWeights([{ weight, bias: new Array(outputs).fill(0) }, ...last.map(() => ({}))]);
  return model;
}

describe("fromLogits", () => {
  const logits = (layers: Layer[], loss: Loss) => make(layers, loss).toJSON().loss.fromLogits;

  test.each([
    ["binaryCrossentropy", "sigmoid"],
    ["categoricalCrossentropy", "softmax"],
    ["sparseCategoricalCrossentropy", "softmax"],
  ] as const)("of %s is true, but false after %s", (loss, last) => {
    expect(logits([dense(3)], loss)).toBe(true);
    expect(logits([dense(3), relu()], loss)).toBe(true);
    expect(logits([dense(3), last, dense(3)], loss)).toBe(true);
    expect(logits([dense(3), last], loss)).toBe(false);
    expect(logits([dense(3, { activation: last })], loss)).toBe(false);
    expect(logits([dense(3), last], { type: loss, fromLogits: false })).toBe(false);
    expect(logits([dense(3)], { type: loss, fromLogits: false })).toBe(false);
  });

  test("can be true after a last layer that belongs to another loss", () => {
    expect(logits([dense(3), softmax()], "binaryCrossentropy")).toBe(true);
    expect(logits([dense(3), sigmoid()], "categoricalCrossentropy")).toBe(true);
  });

  test.each([
    [binaryCrossentropy({ fromLogits: true }), [dense(1), sigmoid()], "sigmoid"],
    [categoricalCrossentropy({ fromLogits: true }), [dense(3, { activation: "softmax" })], "softmax"],
    [sparseCategoricalCrossentropy({ fromLogits: true }), [dense(3), "softmax"], "softmax"],
  ] as [{ type: string } & Loss, Layer[], string][])(
    "cannot be true after the layer that belongs to it: %j",
    (loss, layers, last) => {
      const message = `loss ${loss.type}: fromLogits: expected false after the last layer, ${last}, received true`;
      expect(() => make(layers, loss)).toThrow(OptionError);
      expect(() => make(layers, loss)).toThrow(message);
    },
  );

  test("is kept in a saved model", () => {
    const model = make([dense(3), softmax()], "categoricalCrossentropy");
    const copy = Model.fromJSON(JSON.stringify(model));
    expect(copy.toJSON()).toEqual(model.toJSON());
  });
});

describe.each(kernelNames)("on the %s kernel", (kernel) => {
  const x = [
    [0.5, -1, 2],
    [-0.25, 0.75, 1],
  ];
  const pairs = [
    [
      "binaryCrossentropy",
      "sigmoid",
      [
        [0, 1, 0.25],
        [1, 1, 0],
      ],
    ],
    [
      "categoricalCrossentropy",
      "softmax",
      [
        [0, 0.25, 0.75],
        [1, 0, 0],
      ],
    ],
    ["sparseCategoricalCrossentropy", "softmax", [2, 0]],
  ] as const;

  test.each(pairs)(
    "%s absorbs %s: the loss is that of the logits, and predictions use the layer",
    (loss, last, y) => {
      for (const labelSmoothing of [0, 0.2]) {
        const options = { type: loss, labelSmoothing } as const;
        const [plain, absorbing, inDense] = [
          make([dense(4, { activation: "tanh" }), dense(3)], options, kernel),
          make([dense(4, { activation: "tanh" }), dense(3), last], options, kernel),
          make([dense(4, { activation: "tanh" }), dense(3, { activation: last })], options, kernel),
        ];
        const targets = y as unknown as number[][];
        const [expected, ...others] = [plain, absorbing, inDense].map((model) => ({
          evaluated: model.evaluate(x, targets),
          gradients: flatten(model.gradients(x, targets)),
        }));
        for (const other of others) expect(other).toEqual(expected);
        const logits = make([dense(3)], "meanSquaredError", kernel);
        const applied = make([dense(3), last], "meanSquaredError", kernel);
        expectNear(flatten(make([dense(3), last], options, kernel).predict(x)), flatten(applied.predict(x)));
        expect(logits.predict(x)).not.toEqual(applied.predict(x));
      }
    },
  );

  test.each(pairs)("%s after %s as the only layer is the loss of the inputs", (loss, last, y) => {
    const model = make([last], loss, kernel);
    const logits = identity(3, [], loss, kernel);
    const targets = y as unknown as number[][];
    expectNear([model.evaluate(x, targets).loss], [logits.evaluate(x, targets).loss]);
    const [row] = model.predict(x);
    expectNear(row, identity(3, [last], loss, kernel).predict(x)[0]);
  });

  test.each([1000, -1000])("logits of %d give a finite loss and finite gradients", (logit) => {
    const far = [[logit, -logit, 0]];
    const cases: [Loss, Layer[], number[][] | number[], number][] = [];
    for (const last of [[], [sigmoid()]]) {
      cases.push(["binaryCrossentropy", last, [[0, 1, 1]], logit > 0 ? (2000 + Math.LN2) / 3 : Math.LN2 / 3]);
    }
    for (const last of [[], [softmax()]]) {
      cases.push(["categoricalCrossentropy", last, [[0.5, 0.5, 0]], 1000]);
      cases.push(["sparseCategoricalCrossentropy", last, [2], 1000]);
      cases.push([sparseCategoricalCrossentropy({ labelSmoothing: 0.3 }), last, [2], 1000]);
    }
    for (const [loss, last, y, expected] of cases) {
      const model = identity(3, last, loss, kernel);
      const { loss: value, layers } = model.gradients(far, y as number[][]);
      expect(Math.abs(value - expected)).toBeLessThan(1e-3);
      expect(flatten(layers).every(Number.isFinite)).toBe(true);
      const [prediction] = model.predict(far);
      expect(prediction.every(Number.isFinite)).toBe(true);
    }
  });

  test("softmax returns probabilities for any logits", () => {
    const model = identity(3, [softmax()], "meanSquaredError", kernel);
    const [first, second, third] = model.predict([
      [1000, 1000, -1000],
      [-3e38, -3e38, -3e38],
      [0, Math.log(2), Math.log(5)],
    ]);
    expectNear(first, [0.5, 0.5, 0]);
    expectNear(second, [1 / 3, 1 / 3, 1 / 3]);
    expectNear(third, [1 / 8, 2 / 8, 5 / 8]);
  });

  describe("without the matching last layer, predictions are probabilities", () => {
    const none = { fromLogits: false };
    const smallest = 2 ** -23;

    test("that are clipped, with a gradient of zero there", () => {
      const y = [[1, 0, 1]];
      const binary = identity(3, [], binaryCrossentropy(none), kernel);
      const clipped = binary.gradients([[-2, 5, 0.5]], y);
      expectNear([clipped.loss], [(-2 * Math.log(smallest) + Math.LN2) / 3]);
      expectNear(clipped.layers[0].bias as number[], [0, 0, -2 / 3]);
      const categorical = identity(3, [], categoricalCrossentropy(none), kernel);
      const shares = categorical.gradients([[0, 0.5, 1.5]], [[0.25, 0.5, 0.25]]);
      expectNear([shares.loss], [-0.25 * Math.log(smallest) + 0.5 * Math.LN2]);
      expectNear(shares.layers[0].bias as number[], [0, -1, 0]);
    });

    test("whose logarithm is not clipped otherwise", () => {
      const sparse = identity(3, [], sparseCategoricalCrossentropy(none), kernel);
      expectNear([sparse.evaluate([[0.5, 0.25, 0.125]], [2]).loss], [Math.log(8)]);
    });
  });

  test("XOR is learned with binaryCrossentropy, and with sparseCategoricalCrossentropy on 2 outputs", () => {
    const data = xor({ examples: 500, seed: 1 });
    const accuracyOf = (last: Layer[], loss: Loss, classOf: (row: number[]) => number) => {
      const model = make([dense(32), relu(), ...last], loss, kernel, 2);
      model.fitSync(data, { epochs: 100, batchSize: 10 });
      const rows = Array.from({ length: data.rows }, (_, row) =>
        Array.from(data.x.slice(2 * row, 2 * row + 2)),
      );
      const right = model.predict(rows).filter((row, index) => classOf(row) === data.y[index]);
      return right.length / data.rows;
    };
    const half = ([value]: number[]) => (value >= 0.5 ? 1 : 0);
    const larger = ([first, second]: number[]) => (second > first ? 1 : 0);
    expect(accuracyOf([dense(1), sigmoid()], "binaryCrossentropy", half)).toBeGreaterThan(0.95);
    expect(accuracyOf([dense(2)], "sparseCategoricalCrossentropy", larger)).toBeGreaterThan(0.95);
    expect(
      accuracyOf([dense(2, { activation: "softmax" })], "sparseCategoricalCrossentropy", larger),
    ).toBeGreaterThan(0.95);
  });

  test("poisson continues as a tangent below its smallest rate, and stays finite", () => {
    const model = identity(3, [], "poisson", kernel);
    const [smallest, target] = [2 ** -23, 2];
    const { loss, layers } = model.gradients([[-0.5, 0, 1]], [[target, target, 0]]);
    const tangent = (p: number) => p - target * (Math.log(smallest) + (p - smallest) / smallest);
    expect(Math.abs(loss / ((tangent(-0.5) + tangent(0) + 1) / 3) - 1)).toBeLessThan(1e-6);
    const slope = 1 - target / smallest;
    for (const [at, expected] of [slope / 3, slope / 3, 1 / 3].entries()) {
      expect(Math.abs((layers[0].bias as number[])[at] / expected - 1)).toBeLessThan(1e-6);
    }
  });

  test("labels are a single column, in every form", () => {
    const model = make([dense(3)], "sparseCategoricalCrossentropy", kernel);
    const forms = [[2, 0], [[2], [0]], Float32Array.of(2, 0), Uint8Array.of(2, 0)];
    const values = forms.map((y) => model.evaluate(x, y).loss);
    expect(new Set(values).size).toBe(1);
    expect(model.evaluate({ x, y: [2, 0] }).loss).toBe(values[0]);
  });
});

describe("an invalid target is refused, without any change", () => {
  const whole = "expected a class, a whole number from 0 to 2, received";
  const share = "expected a target from 0 to 1, received";
  const fine = {
    sparseCategoricalCrossentropy: [0],
    categoricalCrossentropy: [1, 0, 0],
    binaryCrossentropy: [1, 0, 0],
    hinge: [1, -1, 1],
    poisson: [0, 2.5, 7],
  };
  test.each([
    ["sparseCategoricalCrossentropy", [-1], `y: row 1: ${whole} -1`],
    ["sparseCategoricalCrossentropy", [3], `y: row 1: ${whole} 3`],
    ["sparseCategoricalCrossentropy", [1.5], `y: row 1: ${whole} 1.5`],
    ["categoricalCrossentropy", [0, 2, -1], `y: row 1, column 1: ${share} 2`],
    ["categoricalCrossentropy", [1.5, 0, -0.5], `y: row 1, column 0: ${share} 1.5`],
    ["categoricalCrossentropy", [0, 0, 0], "y: row 1: expected targets with the sum 1, received the sum 0"],
    ["categoricalCrossentropy", [1, 1, 0], "y: row 1: expected targets with the sum 1, received the sum 2"],
    ["binaryCrossentropy", [0, 0, -0.5], `y: row 1, column 2: ${share} -0.5`],
    ["binaryCrossentropy", [0, 7, 0], `y: row 1, column 1: ${share} 7`],
    ["hinge", [1, 0, 1], "y: row 1, column 1: expected a target of -1 or 1, received 0"],
    ["poisson", [1, 0, -0.5], "y: row 1, column 2: expected a target of at least 0, received -0.5"],
  ] as const)("%s: %j", async (loss, wrong, message) => {
    const model = make([dense(3)], loss);
    const before = JSON.stringify(model);
    const x = [
      [1, 2, 3],
      [3, 2, 1],
    ];
    const y = [fine[loss], [...wrong]];
    const calls = [
      () => model.fitSync(x, y),
      () => model.fit(x, y),
      () => model.epochs(x, y).next(),
      () => model.evaluate(x, y),
      () => model.gradients(x, y),
    ];
    for (const call of calls) {
      const error = await failureOf(call);
      expect(error).toBeInstanceOf(DataError);
      expect(error).toMatchObject({ message });
    }
    expect(JSON.stringify(model)).toBe(before);
  });

  test("one-hot rows instead of labels have the wrong length", () => {
    const model = make([dense(3)], "sparseCategoricalCrossentropy");
    const call = () => model.evaluate([[1, 2, 3]], [[0, 1, 0]]);
    expect(call).toThrow(ShapeError);
    expect(call).toThrow(
      "y: row 0: expected 1 target, received 3; a row of y is the index of the right class, from 0; for a share for each class use the loss categoricalCrossentropy",
    );
  });

  test("labels instead of one-hot rows are refused, and the error describes a row", () => {
    const model = make([dense(3)], "categoricalCrossentropy");
    const call = () =>
      model.evaluate(
        [
          [1, 2, 3],
          [4, 5, 6],
        ],
        [0, 1],
      );
    expect(call).toThrow(ShapeError);
    expect(call).toThrow(
      "expected 3 outputs for each of 2 rows, received 2 values; for the index of a class in each row use the loss sparseCategoricalCrossentropy",
    );
  });

  test.each(["categoricalCrossentropy", "binaryCrossentropy"] as const)(
    "labels instead of rows of targets are refused: %s names the loss for labels",
    (loss) => {
      const model = make([dense(3)], loss);
      const x = [0, 1, 2, 3, 4, 5].map((row) => [row, 0, 1]);
      for (const labels of [[0, 1, 2, 2, 1, 0], Uint8Array.of(0, 1, 2, 2, 1, 0)]) {
        const given = `expected 3 outputs for each of 6 rows, received 6 values`;
        expect(() => model.evaluate(x, labels)).toThrow(given);
        expect(() => model.evaluate(x, labels)).toThrow("use the loss sparseCategoricalCrossentropy");
        expect(() => model.evaluate(x.slice(0, 3), labels.slice(0, 3))).toThrow("for each of 3 rows");
      }
    },
  );

  test.each([
    ["values of a loss without classes", "meanSquaredError", [0, 1, 2]],
    ["fractions", "binaryCrossentropy", [0.1, 0.2, 0.3]],
    ["numbers above the number of outputs", "categoricalCrossentropy", [1, 2, 3]],
  ] as const)("%s are not taken for labels", (_, loss, y) => {
    const model = make([dense(3)], loss);
    const call = () => model.evaluate(Array(3).fill([1, 2, 3]), y);
    expect(call).toThrow(
      /received 3 values; pass a row of outputs for each row of x, like \[\[…\], \[…\]\]$/,
    );
  });

  test.each([
    ["booleans", [true, false, true], /y: row 0, column 0: expected .*true; convert it with Number\(…\)$/],
    ["a missing target", [0, null, 1], /y: row 1, column 0: expected a finite number, received null$/],
    ["fewer targets", [0, 1], /expected x and y with the same number of rows, received 3 of x and 2 of y$/],
    ["shares in one flat list", Array(9).fill(0), /9 of y.*; for a share for each class use the loss/],
  ])("%s instead of labels cause an error with suitable advice", (_, y, message) => {
    const model = make([dense(3)], "sparseCategoricalCrossentropy");
    expect(() => model.evaluate(Array(3).fill([1, 2, 3]), y as number[])).toThrow(message);
  });

  test("names of classes are not indices", () => {
    const model = make([dense(3)], "sparseCategoricalCrossentropy");
    const call = () => model.evaluate([[1, 2, 3]], ["setosa"] as unknown as number[]);
    expect(call).toThrow(DataError);
    expect(call).toThrow('received "setosa"; replace text by numbers, like labels.indexOf("setosa")');
  });

  test("shares with the rounding of 32 bits are accepted", () => {
    const model = make([dense(3)], "categoricalCrossentropy");
    expect(model.evaluate([[1, 2, 3]], [[1 / 3, 1 / 3, 1 / 3]]).loss).toBeGreaterThan(0);
  });
});

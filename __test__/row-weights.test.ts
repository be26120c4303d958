/** Weights of rows and of classes in training. */
import { describe, expect, test } from "vitest";
import { takeRows } from "../src/data/split.ts";
import {
  DataError,
  dense,
  type FitOptions,
  type Loss,
  Model,
  OptionError,
  ShapeError,
  sgd,
  trainMany,
} from "../src/index.ts";
import { expectNear, flatten, kernelNames } from "./kernels.ts";
import { data, failureOf, makeModel, someRows } from "./samples.ts";

const weights = Array.from({ length: data.rows }, (_, row) => (row % 4) / 2);

describe.each(kernelNames)("on the %s kernel", (kernel) => {
  const trained = (options: FitOptions) => {
    const model = makeModel({ kernel });
    const history = model.fitSync(data, { batchSize: 8, epochs: 2, ...options });
    return { weights: flatten(model.getWeights()), loss: history.loss };
  };

  describe("sampleWeight", () => {
    test("multiplies each row's loss, and the mean is the loss of the epoch", () => {
      const losses = weights.map((_, row) => makeModel({ kernel }).evaluate(someRows(row, row + 1)).loss);
      const expected = losses.reduce((sum, loss, row) => sum + loss * weights[row], 0) / data.rows;
      expectNear([trained({ batchSize: 50, sampleWeight: weights }).loss[0]], [expected]);
    });

    test("multiplies each row's gradient", () => {
      const optimizer = (learningRate: number) => sgd({ learningRate });
      const [half, twice] = [0.1, 0.05].map((rate) => makeModel({ kernel, optimizer: optimizer(rate) }));
      half.fitSync(data, { sampleWeight: new Float32Array(50).fill(0.5), epochs: 3 });
      twice.fitSync(data, { epochs: 3 });
      expectNear(flatten(half.getWeights()), flatten(twice.getWeights()));
    });

    test("is a list or any typed array, with the same effect in each call", async () => {
      const expected = trained({ sampleWeight: weights });
      expect(trained({ sampleWeight: Float64Array.from(weights) })).toEqual(expected);
      expect(expected.weights).not.toEqual(trained({}).weights);
      const options = { batchSize: 8, epochs: 2, sampleWeight: weights };
      const [awaited, pulled, one, other] = Array.from({ length: 4 }, () => makeModel({ kernel }));
      await awaited.fit(data, options);
      for await (const { loss } of pulled.epochs(data, options)) expect(loss).toBeGreaterThan(0);
      await trainMany([one, other], data, options);
      for (const model of [awaited, pulled, one, other]) {
        expect(flatten(model.getWeights())).toEqual(expected.weights);
      }
    });

    test("is for a single dataset, not for a list of them", async () => {
      const many = () => trainMany([makeModel({ kernel })], [data], { sampleWeight: weights });
      expect(await failureOf(many)).toEqual(
        new OptionError("trainMany: sampleWeight: expected one dataset for all models, received a list"),
      );
    });

    test.each<[string, number[], new (message: string) => Error, string]>([
      ["below zero", weights.with(3, -1), DataError, "row 3: expected at least 0, received -1"],
      ["all zero", weights.map(() => 0), DataError, "all weights are 0"],
      ["not a number", weights.with(4, Number.NaN), DataError, "row 4, column 0: expected a finite number"],
      ["too few", weights.slice(1), ShapeError, "expected 50 weights, received 49"],
    ])("is refused if weights are %s, without any change of the model", async (_, given, kind, message) => {
      const model = makeModel({ kernel });
      const before = model.toJSON();
      const error = await failureOf(() => model.fit(data, { sampleWeight: given }));
      expect(error).toBeInstanceOf(kind);
      expect((error as Error).message).toMatch(/^fit: sampleWeight: /);
      expect((error as Error).message).toContain(message);
      expect(model.toJSON()).toEqual(before);
    });

    test("is refused if only rows of the validation have a weight", async () => {
      const sampleWeight = weights.map((_, row) => Number(row >= 45));
      const options = { sampleWeight, validationSplit: 0.1, validationShuffle: false };
      const call = () => makeModel({ kernel }).fit(data, options);
      expect(await failureOf(call)).toEqual(
        new DataError("fit: sampleWeight: the weights of all 45 rows to train on are 0"),
      );
    });

    test.each([true, false])(
      "is for the rows that a validationSplit leaves for training, shuffled: %s",
      (shuffled) => {
        const options = { validationSplit: 0.2, validationShuffle: shuffled };
        const split = makeModel({ kernel });
        const { validationRows } = split.fitSync(data, { sampleWeight: weights, ...options });
        const kept = [...weights.keys()].filter((row) => !validationRows?.includes(row));
        const first = makeModel({ kernel });
        first.fitSync(takeRows(data, Uint32Array.from(kept)), {
          sampleWeight: kept.map((row) => weights[row]),
        });
        expect(split.getWeights()).toEqual(first.getWeights());
      },
    );
  });

  describe("classWeight", () => {
    const x = Array.from({ length: 12 }, (_, row) => [row / 6 - 1, (row % 3) - 1]);
    const labels = x.map((_, row) => [0, 0, 1, 0][row % 4]);
    const oneHot = labels.map((label) => [0, 1, 2].map((index) => Number(index === label)));
    const targets: Record<
      string,
      { loss: Loss; y: number[] | number[][]; outputs: number; classes: number }
    > = {
      labels: { loss: "sparseCategoricalCrossentropy", y: labels, outputs: 3, classes: 3 },
      "one-hot rows": { loss: "categoricalCrossentropy", y: oneHot, outputs: 3, classes: 3 },
      "a column of 0 and 1": { loss: "binaryCrossentropy", y: labels, outputs: 1, classes: 2 },
      "a column of -1 and 1": {
        loss: "hinge",
        y: labels.map((label) => 2 * label - 1),
        outputs: 1,
        classes: 2,
      },
    };
    const make = (loss: Loss, outputs: number) =>
      new Model({ inputs: 2, layers: [dense(outputs)], loss, optimizer: "sgd", kernel, seed: 1 });
    const outcome = ({ loss, y, outputs }: (typeof targets)[string], options: FitOptions) => {
      const model = make(loss, outputs);
      const history = model.fitSync(x, y, { batchSize: 5, epochs: 2, ...options });
      return { weights: model.getWeights(), loss: history.loss };
    };

    describe.each(Object.entries(targets))("of %s", (_, given) => {
      test("is the weight of its rows", () => {
        const classWeight = [0.5, 3, 1].slice(0, given.classes);
        const sampleWeight = labels.map((label) => classWeight[label]);
        expect(outcome(given, { classWeight })).toEqual(outcome(given, { sampleWeight }));
        expect(outcome(given, { classWeight })).not.toEqual(outcome(given, {}));
      });

      test("can be an object by class, with 1 for omitted classes", () => {
        const first = given.loss === "hinge" ? "-1" : "0";
        expect(outcome(given, { classWeight: { [first]: 0.5, 1: 3 } })).toEqual(
          outcome(given, { classWeight: [0.5, 3, 1].slice(0, given.classes) }),
        );
        expect(outcome(given, { classWeight: { 1: 3 } })).toEqual(
          outcome(given, { classWeight: [1, 3, 1].slice(0, given.classes) }),
        );
      });

      test('"balanced" gives classes in the data the same total weight, and the rows 1 on average', () => {
        // 9 rows of one class, 3 of the other. A third class does not occur and is not counted.
        const sampleWeight = labels.map((label) => (label === 0 ? 12 / (2 * 9) : 12 / (2 * 3)));
        expect(outcome(given, { classWeight: "balanced" })).toEqual(outcome(given, { sampleWeight }));
      });

      test("multiplies the sample weights", () => {
        const classWeight = [2, 4, 1].slice(0, given.classes);
        const factors = labels.map((_label, row) => row / 8);
        const sampleWeight = factors.map((factor, row) => factor * classWeight[labels[row]]);
        const both = outcome(given, { sampleWeight: factors, classWeight });
        expect(both).toEqual(outcome(given, { sampleWeight }));
      });
    });

    test("is that of the largest share if a row is not one-hot", () => {
      const y = oneHot.map((row) => row.map((share) => 0.8 * share + 0.2 / 3));
      const soft = { ...targets["one-hot rows"], y };
      const sampleWeight = labels.map((label) => [1, 2, 3][label]);
      expect(outcome(soft, { classWeight: [1, 2, 3] })).toEqual(outcome(soft, { sampleWeight }));
    });

    const half = labels.map(() => 0.5);
    test.each<[string, Loss, number[] | number[][], number, unknown, new (message: string) => Error, string]>(
      [
        [
          "a loss without classes",
          "meanSquaredError",
          labels,
          1,
          [1, 2],
          OptionError,
          'kind "values", 1 in a row',
        ],
        [
          "several independent outputs",
          "binaryCrossentropy",
          oneHot,
          3,
          "balanced",
          OptionError,
          'targets of the kind "probabilities", 3 in a row. Fix: use sampleWeight',
        ],
        [
          "a target between 0 and 1",
          "binaryCrossentropy",
          half,
          1,
          [1, 2],
          DataError,
          "y: row 0: expected a class, 0 or 1",
        ],
        [
          "too few classes",
          "sparseCategoricalCrossentropy",
          labels,
          3,
          [1, 2],
          ShapeError,
          "expected 3 weights, received 2",
        ],
        [
          "too many classes",
          "binaryCrossentropy",
          labels,
          1,
          [1, 2, 3],
          ShapeError,
          "expected 2 weights, received 3",
        ],
        [
          "a negative weight",
          "binaryCrossentropy",
          labels,
          1,
          [1, -2],
          DataError,
          "class 1: expected at least 0, received -2",
        ],
        [
          "a word",
          "binaryCrossentropy",
          labels,
          1,
          "balance",
          OptionError,
          'expected "balanced", a list of 2 weights, the first for class 0, or an object by class, received "balance"',
        ],
        [
          "a Map of weights by class",
          "binaryCrossentropy",
          labels,
          1,
          new Map([[0, 1]]),
          OptionError,
          "or an object by class, received an object (Map)",
        ],
        [
          "an unknown class name",
          "sparseCategoricalCrossentropy",
          labels,
          3,
          { 0: 1, 3: 2 },
          OptionError,
          'expected weights for the classes 0 to 2, received one for "3"',
        ],
        [
          "0 for a class of -1 and 1",
          "hinge",
          labels.map((label) => 2 * label - 1),
          1,
          { 0: 1 },
          OptionError,
          'expected weights for the classes -1 and 1, received one for "0"',
        ],
        [
          "a boolean as a class if targets are numbers",
          "binaryCrossentropy",
          labels,
          1,
          { true: 2 },
          OptionError,
          'expected weights for the classes 0 and 1, received one for "true"',
        ],
        [
          "a weight by class that is not a number",
          "binaryCrossentropy",
          labels,
          1,
          { 1: "2" },
          DataError,
          'class 1: expected a finite number, received "2"',
        ],
        [
          "zeros for all classes in the data",
          "sparseCategoricalCrossentropy",
          labels,
          3,
          [0, 0, 1],
          DataError,
          "the weights of all 12 rows to train on are 0",
        ],
      ],
    )("is refused: %s", async (_, loss, y, outputs, classWeight, kind, message) => {
      const model = make(loss, outputs);
      const before = model.toJSON();
      const error = await failureOf(() => model.fit(x, y, { classWeight } as FitOptions));
      expect(error).toBeInstanceOf(kind);
      expect((error as Error).message).toMatch(/^fit: classWeight: /);
      expect((error as Error).message).toContain(message);
      expect(model.toJSON()).toEqual(before);
    });

    test("that leaves only zeros when multiplied by sampleWeight is refused", async () => {
      const { loss, y, outputs } = targets.labels;
      const sampleWeight = labels.map((label) => Number(label === 0));
      const call = () => make(loss, outputs).fit(x, y, { classWeight: [0, 1, 1], sampleWeight });
      expect(await failureOf(call)).toEqual(
        new DataError("fit: sampleWeight · classWeight: the weights of all 12 rows to train on are 0"),
      );
    });
  });
});

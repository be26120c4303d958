/** The rows that `validationSplit` holds out. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { holdOut } from "../src/data/split.ts";
import { dense, Model, softmax } from "../src/index.ts";
import { kernelNames } from "./kernels.ts";
import { data, makeModel } from "./samples.ts";

const sizes = fc.record({
  classes: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 6 }),
  share: fc.double({ min: 0.02, max: 0.98, noNaN: true }),
  seed: fc.integer({ min: 0 }),
});

/** Rows sorted by class, as tables often are. */
const sorted = (classes: readonly number[]) =>
  classes.flatMap((size, at) => new Array<number>(size).fill(at));

test("every row is in one part, both parts are in ascending order, and each class has its share", () => {
  fc.assert(
    fc.property(sizes, ({ classes, share, seed }) => {
      const labels = sorted(classes);
      const rows = labels.length;
      const kept = Math.floor(Number((rows * (1 - share)).toPrecision(12)));
      fc.pre(kept > 0 && kept < rows);
      const { training, heldOut } = holdOut(rows, { share, seed, classOf: (row) => labels[row] });
      expect(training.length).toBe(kept);
      expect([...training, ...heldOut].sort((a, b) => a - b)).toEqual([...labels.keys()]);
      for (const part of [training, heldOut]) expect([...part]).toEqual([...part].sort((a, b) => a - b));
      for (const [at, size] of classes.entries()) {
        const count = heldOut.filter((row) => labels[row] === at).length;
        expect(Math.abs(count - (size * heldOut.length) / rows)).toBeLessThanOrEqual(1);
      }
    }),
  );
});

test("a class with a single row is used for training if another class has enough rows", () => {
  const labels = [0, 1, 2, 3, ...new Array<number>(20).fill(4)];
  for (let seed = 0; seed < 50; seed++) {
    const { heldOut } = holdOut(24, { share: 0.25, seed, classOf: (row) => labels[row] });
    expect([...heldOut].filter((row) => row < 4)).toEqual([]);
  }
});

test("without a seed, the last rows are held out", () => {
  const { training, heldOut } = holdOut(10, { share: 0.25, seed: undefined, classOf: undefined });
  expect([[...training], [...heldOut]]).toEqual([
    [0, 1, 2, 3, 4, 5, 6],
    [7, 8, 9],
  ]);
});

describe.each(kernelNames)("on the %s kernel", (kernel) => {
  test("the rows follow from the model's seed, and do not depend on the order of the training", () => {
    const rows = (seed: number, shuffle = true) =>
      makeModel({ kernel, seed }).fitSync(data, { validationSplit: 0.2, shuffle }).validationRows;
    expect(rows(1)).toHaveLength(10);
    expect(rows(1)).toEqual(rows(1, false));
    expect(rows(1)).not.toEqual(rows(2));
  });

  test.each([
    ["sparseCategoricalCrossentropy", (label: number) => [label]],
    ["categoricalCrossentropy", (label: number) => [0, 1, 2].map((one) => Number(one === label))],
  ] as const)("a table sorted by class is validated on every class, with %s", (loss, target) => {
    const labels = sorted([20, 20, 20]);
    const model = new Model({ inputs: 1, layers: [dense(3), softmax()], loss, optimizer: "adam", kernel });
    const { validationRows } = model.fitSync(
      labels.map((label) => [label]),
      labels.map(target),
      { validationSplit: 0.1 },
    );
    expect(validationRows?.map((row) => labels[row])).toEqual([0, 0, 1, 1, 2, 2]);
  });

  test("validationShuffle without validationSplit is refused", () => {
    expect(() => makeModel({ kernel }).fitSync(data, { validationShuffle: false })).toThrow(
      "fitSync: validationShuffle: expected validationSplit too, received none",
    );
  });
});

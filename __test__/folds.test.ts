/** The rows of each fold, by the definitions of scikit-learn. */
import { describe, expect, test } from "vitest";
import { type Folding, foldRows } from "../src/data/folds.ts";
import { OptionError } from "../src/errors.ts";

function dataset(y: readonly number[], outputs = 1) {
  const rows = y.length / outputs;
  return { x: new Float32Array(rows), y: Float32Array.from(y), inputs: 1, outputs, rows };
}

const fold = (y: readonly number[], options: Partial<Folding> = {}, outputs = 1) =>
  foldRows(dataset(y, outputs), { folds: 3, stratify: false, groups: undefined, seed: 1, ...options });

const zeros = (rows: number) => new Array<number>(rows).fill(0);

/** Returns the number of rows of each class that a fold holds out. */
function held(y: readonly number[], options: Partial<Folding>) {
  const classes = [...new Set(y)];
  return fold(y, options).map(({ heldOut }) =>
    classes.map((of) => [...heldOut].filter((row) => y[row] === of).length),
  );
}

describe("folds", () => {
  test.each([
    [10, 3, [4, 3, 3]],
    [9, 3, [3, 3, 3]],
    [5, 5, [1, 1, 1, 1, 1]],
    [11, 4, [3, 3, 3, 2]],
  ])("of %i rows in %i parts have these sizes, and each row is held out once", (rows, folds, sizes) => {
    const splits = fold(zeros(rows), { folds });
    expect(splits.map(({ heldOut }) => heldOut.length)).toEqual(sizes);
    const all = Array.from({ length: rows }, (_, row) => row);
    expect(splits.flatMap(({ heldOut }) => [...heldOut]).sort((a, b) => a - b)).toEqual(all);
    for (const { training, heldOut } of splits) {
      expect([...training, ...heldOut].sort((a, b) => a - b)).toEqual(all);
      expect([...training]).toEqual([...training].sort((a, b) => a - b));
    }
  });

  test("are equal for equal seeds, and different for different seeds", () => {
    const rows = (seed: number) => fold(zeros(30), { seed }).map(({ heldOut }) => heldOut.join());
    expect(rows(1)).toEqual(rows(1));
    expect(rows(1)).not.toEqual(rows(2));
    expect(rows(1)[0]).not.toBe([...Array(10).keys()].join());
  });

  // The results of StratifiedKFold in scikit-learn 1.9.1 for the same classes.
  test.each([
    [
      [0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2],
      [
        [3, 1, 1],
        [2, 2, 1],
        [2, 1, 1],
      ],
    ],
    [
      [2, 0, 2, 0, 2, 0, 2, 2],
      [
        [2, 1],
        [2, 1],
        [1, 1],
      ],
    ],
  ])("of the classes %j have a proportional share of each", (y, expected) => {
    for (const seed of [1, 2, 3]) expect(held(y, { stratify: true, seed })).toEqual(expected);
    const rows = (seed: number) => fold(y, { stratify: true, seed }).map(({ heldOut }) => heldOut.join());
    expect(new Set([1, 2, 3, 4].map((seed) => rows(seed).join(" "))).size).toBeGreaterThan(1);
  });

  test("treat a row of several targets as a class", () => {
    const splits = fold([1, 0, 0, 1, 1, 0, 0, 1], { stratify: true, folds: 2 }, 2);
    for (const { heldOut } of splits) {
      expect([...heldOut].filter((row) => row === 0 || row === 2)).toHaveLength(1);
    }
  });

  test("keep groups together, and are balanced by placing the largest group first", () => {
    const groups = ["a", "b", "b", "c", "c", "c", "d", "d", "d", "d", "a", "e"];
    for (const seed of [1, 2, 3]) {
      const splits = fold(zeros(12), { groups, seed });
      // Like GroupKFold in scikit-learn 1.9.1: d; c and e; a and b.
      expect(splits.map(({ heldOut }) => heldOut.length)).toEqual([4, 4, 4]);
      for (const { training, heldOut } of splits) {
        const names = new Set([...heldOut].map((row) => groups[row]));
        expect([...training].some((row) => names.has(groups[row]))).toBe(false);
      }
    }
  });

  test("accept group numbers in a typed array", () => {
    const groups = Int32Array.from([1, 2, 3, 1, 2, 3]);
    for (const { heldOut } of fold(zeros(6), { groups })) {
      expect(groups[heldOut[0]]).toBe(groups[heldOut[1]]);
    }
  });

  test.each<[string, readonly number[], Partial<Folding>, RegExp]>([
    ["one fold", zeros(9), { folds: 1 }, /folds: expected at least 2, received 1/],
    ["more folds than rows", zeros(2), {}, /folds: expected at most the 2 rows, received 3/],
    [
      "a class that is too small",
      [0, 0, 0, 1, 1],
      { stratify: true },
      /stratify: y: expected at least 3 rows of each class, one for each fold, received 2 of class 1, the first in row 3/,
    ],
    ["more folds than groups", zeros(4), { groups: [1, 1, 2, 2] }, /at most the 2 groups, received 3/],
    [
      "groups for another number of rows",
      zeros(4),
      { groups: [1, 1, 2] },
      /groups: expected 4, one for each row, received 3/,
    ],
    ["invalid groups", zeros(2), { groups: [1, Number.NaN] }, /groups: row 1: .*received NaN/],
    [
      "a single group for all rows",
      zeros(4),
      { groups: "a" as never },
      /groups: expected a name or a number for each row/,
    ],
    ["both", zeros(4), { groups: [1, 2, 3, 4], stratify: true }, /stratify or groups, received both/],
  ])("refuse %s", (_, y, options, text) => {
    expect(() => fold(y, options)).toThrow(text);
    if (y.length === 9) expect(() => fold(y, options)).toThrow(OptionError);
  });
});

// Folds and splits, whatever the table: no group in two folds, no look ahead, each class in its share.
import fc from "fast-check";
import { expect, test } from "vitest";
import { dealRows } from "../../src/table/folds.ts";
import { splitTable } from "../../src/table/index.ts";
import type { Target } from "../../src/table/target.ts";

/** A target of classes or numbers; rows with NaN have none. */
function targetOf(values: readonly number[], classes?: number): Target {
  const rows = Uint32Array.from(values.keys()).filter((row) => !Number.isNaN(values[row]));
  const description =
    classes === undefined
      ? ({ name: "y", task: "regression", reason: "" } as const)
      : ({
          ...({ name: "y", task: "classification", reason: "" } as const),
          classes: Array.from({ length: classes }, (_, at) => `c${at}`),
        } as const);
  return { description, rows, values: Float64Array.from(values) };
}

const seeds = fc.nat({ max: 1000 });
const someFolds = fc.integer({ min: 2, max: 7 });

/** Every row with a target is held out as often as it should, and is not in the training of that fold. */
function expectPartition(target: Target, splits: ReturnType<typeof dealRows>) {
  const held = splits.flatMap(({ heldOut }) => Array.from(heldOut));
  expect(held.sort((a, b) => a - b)).toEqual(Array.from(target.rows));
  for (const { training, heldOut } of splits) {
    expect(Array.from([...training, ...heldOut]).sort((a, b) => a - b)).toEqual(Array.from(target.rows));
    expect(heldOut.length).toBeGreaterThan(0);
  }
}

test("every fold has each class within one row of its share", () => {
  const value = fc.oneof({ weight: 5, arbitrary: fc.nat({ max: 3 }) }, fc.constant(Number.NaN));
  fc.assert(
    fc.property(
      fc.array(value, { minLength: 10, maxLength: 80 }),
      someFolds,
      seeds,
      (values, folds, seed) => {
        const target = targetOf(values, 4);
        fc.pre(target.rows.length >= folds);
        const splits = dealRows(target, { folds, seed }, "test");
        expectPartition(target, splits);
        for (let label = 0; label < 4; label++) {
          const share = values.filter((one) => one === label).length / folds;
          for (const { heldOut } of splits) {
            const own = Array.from(heldOut).filter((row) => values[row] === label).length;
            expect(Math.abs(own - share)).toBeLessThan(1);
          }
        }
      },
    ),
  );
});

test("no group is in two folds, nor in both parts of a split", () => {
  const groups = fc.array(fc.nat({ max: 12 }).map(String), { minLength: 10, maxLength: 80 });
  fc.assert(
    fc.property(groups, someFolds, seeds, (list, folds, seed) => {
      fc.pre(new Set(list).size > 1);
      const target = targetOf(list.map(Number));
      const splits = dealRows(target, { folds, seed, groups: list }, "test");
      expectPartition(target, splits);
      expect(splits).toHaveLength(Math.min(folds, new Set(list).size));
      const namesOf = (rows: Uint32Array) => new Set(Array.from(rows, (row) => list[row]));
      for (const { training, heldOut } of splits)
        expect(isApart(namesOf(training), namesOf(heldOut))).toBe(true);
      const rows = list.map((group) => ({ group }));
      const parts = splitTable(rows, { groups: "group", seed });
      const [first, second] = [parts.training, parts.test].map(
        (part) => new Set(part.map(({ group }) => group)),
      );
      expect(isApart(first, second)).toBe(true);
      expect(parts.training.length + parts.test.length).toBe(rows.length);
    }),
  );
});

const isApart = (one: ReadonlySet<string>, other: ReadonlySet<string>) =>
  [...one].every((name) => !other.has(name));

test("the folds of groups have the sizes of scikit-learn's GroupKFold", () => {
  const groups = Array.from({ length: 50 }, (_, row) => String((row * row) % 11));
  const splits = dealRows(targetOf(groups.map(Number)), { folds: 4, seed: 1, groups }, "test");
  expect(splits.map(({ heldOut }) => heldOut.length).sort((a, b) => a - b)).toEqual(GROUP_SIZES);
});

/** `sorted(len(b) for _, b in GroupKFold(4).split(g, groups=g))` of scikit-learn 1.9.1. */
const GROUP_SIZES = [9, 9, 14, 18];

test("no fold learns from rows of its own time or later, and no test is before its training", () => {
  const times = fc.array(fc.nat({ max: 30 }), { minLength: 10, maxLength: 80 });
  fc.assert(
    fc.property(times, someFolds, (list, folds) => {
      fc.pre(new Set(list).size > 1);
      const splits = dealRows(targetOf(list), { folds, seed: 1, times: Float64Array.from(list) }, "test");
      const ends = (rows: Uint32Array) => Array.from(rows, (row) => list[row]).sort((a, b) => a - b);
      let last = Number.NEGATIVE_INFINITY;
      for (const { training, heldOut } of splits) {
        const [before, after] = [ends(training), ends(heldOut)];
        expect(before.at(-1) as number).toBeLessThan(after[0]);
        // Every row before the fold is learned from.
        expect(training).toHaveLength(list.filter((time) => time < after[0]).length);
        expect(after[0]).toBeGreaterThan(last);
        last = after.at(-1) as number;
      }
      const rows = list.map((time) => ({ time: new Date(86_400_000 * time) }));
      const earliest = Math.min(...list);
      fc.pre(list.filter((time) => time === earliest).length <= 0.5 * list.length);
      const parts = splitTable(rows, { time: "time", share: 0.4 });
      const [first, second] = [parts.training, parts.test].map((part) =>
        part.map(({ time }) => time.getTime()),
      );
      expect(Math.max(...first)).toBeLessThan(Math.min(...second));
    }),
  );
});

test("folds of different times are those of scikit-learn's TimeSeriesSplit", () => {
  const times = Float64Array.from({ length: 60 }, (_, row) => (row * 7) % 60);
  const splits = dealRows(targetOf(Array.from(times)), { folds: 5, seed: 1, times }, "test");
  // `[(len(a), b[0], b[-1]) for a, b in TimeSeriesSplit(5).split(np.zeros(60))]`
  const found = splits.map(({ training, heldOut }) => {
    const held = Array.from(heldOut, (row) => times[row]).sort((a, b) => a - b);
    return [training.length, held[0], held[held.length - 1]];
  });
  expect(found).toEqual([
    [10, 10, 19],
    [20, 20, 29],
    [30, 30, 39],
    [40, 40, 49],
    [50, 50, 59],
  ]);
});

test("a split by target has each class within one row of its share", () => {
  const kinds = fc.array(fc.constantFrom("a", "b", "c"), { minLength: 10, maxLength: 80 });
  fc.assert(
    fc.property(kinds, fc.double({ min: 0.1, max: 0.8, noNaN: true }), seeds, (list, share, seed) => {
      const rows = list.map((kind, row) => ({ kind, row }));
      const parts = splitTable(rows, { target: "kind", share, seed });
      expect([...parts.training, ...parts.test].sort((a, b) => a.row - b.row)).toEqual(rows);
      const total = parts.test.length / rows.length;
      for (const kind of ["a", "b", "c"]) {
        const all = list.filter((one) => one === kind).length;
        const own = parts.test.filter((one) => one.kind === kind).length;
        expect(Math.abs(own - total * all)).toBeLessThanOrEqual(1);
      }
    }),
  );
});

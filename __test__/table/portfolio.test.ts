import { describe, expect, it } from "vitest";
import { fitTable } from "../../src/table/index.ts";
import { mish, relu, type Shape } from "../../src/table/learner/members.ts";
import { foldsFor, portfolio, QUALITIES } from "../../src/table/learner/portfolios.ts";

const shape: Shape = { inputs: 10, lookups: [], outputs: 1, task: "regression" };
const kinds = { relu, mish };

describe("a table of more rows", () => {
  const sizes = [100, 5_000, 20_000, 70_000, 100_000, 262_000, 1_000_000, 10_000_000];

  it("has networks on fewer folds: five up to 50,000 rows, two from 125,000", () => {
    expect(sizes.map(foldsFor)).toEqual([5, 5, 5, 4, 3, 2, 2, 2]);
    expect([50_000, 55_000, 56_000, 125_000].map(foldsFor)).toEqual([5, 5, 4, 2]);
  });

  it.each(QUALITIES)("has as many networks of each kind, in the portfolio %s", (quality) => {
    for (const task of ["classification", "regression"] as const) {
      const [all, few] = [5, 2].map((folds) => portfolio(quality, task, folds));
      expect(few.map(({ member }) => member)).toEqual(all.map(({ member }) => member));
      expect(few.map(({ networks }) => networks * 2.5)).toEqual(all.map(({ networks }) => networks));
    }
  });

  it.each(Object.keys(kinds) as (keyof typeof kinds)[])(
    "is gone through less often by %s, but four times at least, so a training visits few rows more than 1.25 million",
    (name) => {
      const fits = sizes.map((rows) => kinds[name].fit(shape, rows));
      for (const [at, { epochs }] of fits.entries()) {
        expect(epochs).toBeGreaterThanOrEqual(4);
        if (sizes[at] >= 20_000)
          expect(epochs * sizes[at]).toBeLessThanOrEqual(Math.max(1.4e6, 4 * sizes[at]));
      }
    },
  );

  it.each(Object.keys(kinds) as (keyof typeof kinds)[])(
    "is learned by %s in larger batches, with a rate that grows as their root",
    (name) => {
      const fits = [70_000, 70_001, 140_001].map((rows) => kinds[name].fit(shape, rows));
      expect(fits.map(({ batchSize }) => batchSize)).toEqual([64, 128, 256]);
      // The ReLU network has the rate of its optimizer where it has none of its own.
      const rates = fits.map(({ rate }) => rate?.(0.15) ?? 1e-3);
      expect(rates[1] / rates[0]).toBeCloseTo(Math.SQRT2);
      expect(rates[2] / rates[0]).toBeCloseTo(2);
    },
  );
});

it("fitTable of 130,000 rows trains two networks of a kind, and scores rows that they did not learn", async () => {
  const x = Float64Array.from({ length: 130_000 }, (_, row) => (row * 7919) % 1000);
  const y = Float64Array.from(x, (value) => value % 100);
  const totals = new Set<number>();
  const model = await fitTable(
    { x, y },
    {
      ...{ target: "y", quality: "fast", seed: 1 },
      onProgress({ total }, control) {
        totals.add(total);
        control.stop();
      },
    },
  );
  expect([...totals]).toEqual([4]);
  expect(model.scores.r2).toBeGreaterThan(0.2);
});

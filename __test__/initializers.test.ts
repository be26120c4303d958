import { describe, expect, test } from "vitest";
import { configure } from "../src/formats/configuration.ts";
import { dense, initializers } from "../src/index.ts";
import type { Initializer } from "../src/nn/initializers.ts";
import { shapes } from "../src/nn/program.ts";
import { initialize } from "../src/nn/weights.ts";
import { complete, create, type Option, type Table } from "../src/options.ts";
import { uniform } from "../src/random.ts";
import { standard, valuesOf } from "./programs.ts";

const table = initializers as Table<Initializer>;

/** Returns an array of [outputs][inputs], filled from a seed. */
function fill(given: unknown, outputs = 200, inputs = 100, seed = 1): Float32Array {
  const values = new Float32Array(outputs * inputs);
  const draw = uniform(seed, { purpose: 99, index: 0 });
  const place = { inputs, outputs, columns: inputs };
  create("initializer", table, complete("initializer", table, given, "initializer"))(values, draw, place);
  return values;
}

function statistics(values: Float32Array) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  const deviation = Math.sqrt(variance);
  const within = values.filter((value) => Math.abs(value - mean) < deviation).length / values.length;
  return { mean, deviation, within, low: Math.min(...values), high: Math.max(...values) };
}

describe.each(Object.entries(table))("%s", (type, entry) => {
  const base = standard("initializer", table, entry);

  test("fills the whole array with finite numbers, the same for the same seed", () => {
    const values = fill(type);
    expect(values.every(Number.isFinite)).toBe(true);
    expect(fill(type)).toEqual(values);
    const isRandom = new Set(values).size > 1;
    if (isRandom) expect(fill(type, 200, 100, 2)).not.toEqual(values);
  });

  test("fills a bias and a single weight", () => {
    for (const inputs of [1, 16]) expect(fill(type, 1, inputs).every(Number.isFinite)).toBe(true);
  });

  test.each(Object.entries(entry.options as Record<string, Option<unknown>>))(
    "depends on its option %s",
    (name, option) => {
      const values = valuesOf(option).filter((value) => value !== base[name]);
      expect(values).not.toEqual([]);
      for (const value of values) expect(fill({ ...base, [name]: value })).not.toEqual(fill(base));
    },
  );
});

describe("is uniform within ± its limit:", () => {
  test.each([
    ["glorotUniform", Math.sqrt(6 / 300)],
    ["heUniform", Math.sqrt(6 / 100)],
    ["lecunUniform", Math.sqrt(3 / 100)],
  ])("%s", (type, limit) => {
    const { mean, deviation, within, low, high } = statistics(fill(type));
    expect(Math.abs(mean)).toBeLessThan(0.02 * limit);
    expect(deviation / limit).toBeCloseTo(1 / Math.sqrt(3), 2);
    expect(within).toBeCloseTo(1 / Math.sqrt(3), 1);
    expect(low).toBeGreaterThanOrEqual(-limit);
    expect(high).toBeLessThanOrEqual(limit);
    expect((high - low) / limit).toBeGreaterThan(1.99);
  });
});

describe("is normal:", () => {
  test.each([
    ["normal", 1, 0],
    [{ type: "normal", mean: 3, stddev: 0.5 }, 0.5, 3],
    ["glorotNormal", Math.sqrt(2 / 300), 0],
    ["heNormal", Math.sqrt(2 / 100), 0],
    ["lecunNormal", Math.sqrt(1 / 100), 0],
  ])("%j", (given, expected, center) => {
    const { mean, deviation, within, low, high } = statistics(fill(given));
    // Four standard errors of 20000 values.
    expect(Math.abs(mean - center)).toBeLessThan((4 * expected) / Math.sqrt(20_000));
    expect(Math.abs(deviation / expected - 1)).toBeLessThan(4 / Math.sqrt(40_000));
    expect(Math.abs(within - 0.6827)).toBeLessThan(0.0132);
    // Of 20000 values, about one is beyond four standard deviations, and some are beyond three on either
    // side.
    expect((center - low) / expected).toBeGreaterThan(3);
    expect((high - center) / expected).toBeGreaterThan(3);
    expect((high - low) / expected).toBeLessThan(11);
  });

  test("neighbors are independent", () => {
    const values = fill("normal");
    for (const distance of [1, 2, 3]) {
      const products = values.slice(distance).map((value, at) => value * values[at]);
      expect(Math.abs(statistics(products).mean)).toBeLessThan(4 / Math.sqrt(20_000));
    }
  });
});

test("a truncated normal has no values beyond two stddev, and the standard deviation of the rest", () => {
  const values = fill({ type: "truncatedNormal", mean: -1, stddev: 0.5 });
  const { mean, deviation, low, high } = statistics(values);
  expect(Math.abs(mean + 1)).toBeLessThan(0.02);
  // √(1 - 4 φ(2) / (Φ(2) - Φ(-2)))
  expect(deviation / 0.5).toBeCloseTo(0.8796, 2);
  expect(low).toBeGreaterThan(-2);
  expect(high).toBeLessThan(0);
  expect(high - low).toBeGreaterThan(1.98);
});

describe("an orthogonal matrix", () => {
  /** Returns the products of all pairs of rows, or of columns. */
  function products(values: Float32Array, rows: number, columns: number, of: "rows" | "columns"): number[] {
    const [count, length] = of === "rows" ? [rows, columns] : [columns, rows];
    const at = (vector: number, index: number) =>
      of === "rows" ? values[vector * columns + index] : values[index * columns + vector];
    const indices = Array.from({ length }, (_, index) => index);
    return Array.from({ length: count * count }, (_, pair) => {
      const [a, b] = [Math.floor(pair / count), pair % count];
      return indices.reduce((sum, index) => sum + at(a, index) * at(b, index), 0);
    });
  }

  test.each([
    [1, 1],
    [1, 7],
    [7, 1],
    [2, 2],
    [16, 16],
    [5, 33],
    [33, 5],
    [64, 64],
    [128, 40],
  ])("of %i rows and %i columns", (rows, columns) => {
    for (const gain of [1, 2.5]) {
      const values = fill({ type: "orthogonal", gain }, rows, columns);
      const of = rows <= columns ? "rows" : "columns";
      const count = Math.min(rows, columns);
      for (const [pair, product] of products(values, rows, columns, of).entries()) {
        const expected = Math.floor(pair / count) === pair % count ? gain * gain : 0;
        expect(Math.abs(product - expected)).toBeLessThan(1e-6 * gain * gain);
      }
    }
  });

  test("is uniformly distributed: a single value has either sign, and so has the first value", () => {
    const first = (size: number) =>
      Array.from({ length: 400 }, (_, seed) => fill("orthogonal", size, size, seed)[0]);
    expect(new Set(first(1))).toEqual(new Set([1, -1]));
    for (const size of [1, 2, 5]) {
      // Values in a column of a random rotation have mean 0 and mean square 1 / size.
      const values = first(size);
      const squares = values.map((value) => value * value);
      expect(Math.abs(values.reduce((sum, value) => sum + value) / 400)).toBeLessThan(4 / Math.sqrt(400));
      expect(Math.abs((squares.reduce((sum, value) => sum + value) / 400) * size - 1)).toBeLessThan(0.25);
    }
  });
});

test("a seed gives the same weights in every version", () => {
  const layers = [dense(2, { biasInitializer: "uniform" })];
  const shape = shapes(configure({ inputs: 2, layers, loss: "meanSquaredError", optimizer: "sgd" }));
  expect(Array.from(initialize(shape, 12345))).toEqual([
    -0.7483362555503845, -0.40498360991477966, 0.7426453232765198, 0.31428080797195435, 0.20787090063095093,
    0.7210845351219177,
  ]);
});

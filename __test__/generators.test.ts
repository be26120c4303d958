/** The generators of data: their formulas, and what all of them share. */
import { describe, expect, test } from "vitest";
import { blobs, circles, type Dataset, friedman1, moons, spirals, xor } from "../src/index.ts";

type Generator = (options?: { examples?: number; seed?: number; noise?: number }) => Dataset<ArrayBuffer>;
const generators = { xor, moons, circles, spirals, blobs, friedman1 } as Record<string, Generator>;

const row = ({ x, inputs }: Dataset, at: number) => Array.from(x.subarray(at * inputs, (at + 1) * inputs));
const each = (data: Dataset, check: (values: number[], y: number, at: number) => void) => {
  for (let at = 0; at < data.rows; at++) check(row(data, at), data.y[at], at);
};

describe.each(Object.entries(generators))("%s", (name, generate) => {
  test("is the same for the same seed, and has the same first rows for more examples", () => {
    const data = generate({ examples: 200, seed: 1 });
    expect(data.x).toHaveLength(data.rows * data.inputs);
    expect(data.y).toHaveLength(data.rows * data.outputs);
    expect(generate({ examples: 200, seed: 1 })).toEqual(data);
    expect(generate({ examples: 200, seed: 2 }).x).not.toEqual(data.x);
    const few = generate({ examples: 7, seed: 1 });
    expect(few.x).toEqual(data.x.slice(0, 7 * data.inputs));
    expect(few.y).toEqual(data.y.slice(0, 7));
  });

  test("has 1000 examples of seed 0 by default", () => {
    expect(generate()).toEqual(generate({ examples: 1000, seed: 0 }));
  });

  test("draws other numbers than the other generators", () => {
    const own = Array.from(generate({ examples: 50, seed: 1 }).x);
    for (const [other, make] of Object.entries(generators)) {
      if (other !== name) expect(Array.from(make({ examples: 50, seed: 1 }).x)).not.toEqual(own);
    }
  });

  test("refuses what is not an option or out of its range", () => {
    expect(() => generate({ exampels: 5 } as object)).toThrow(
      `${name}: unknown option "exampels". Did you mean "examples"?`,
    );
    expect(() => generate({ examples: 0 })).toThrow(
      `${name}: examples: expected a whole number of at least 1, received 0`,
    );
    expect(() => generate({ seed: -1 })).toThrow(`${name}: seed: expected a whole number from 0 to 2^53 - 1`);
  });
});

test.each([moons, circles, spirals])("%o adds noise with the given standard deviation", (generate) => {
  const exact = generate({ examples: 20_000, seed: 3 });
  const noisy = generate({ examples: 20_000, seed: 3, noise: 0.25 });
  expect(noisy.y).toEqual(exact.y);
  const squares = noisy.x.reduce((sum, value, at) => sum + (value - exact.x[at]) ** 2, 0);
  expect(Math.sqrt(squares / exact.x.length)).toBeCloseTo(0.25, 2);
  expect(() => generate({ noise: -1 })).toThrow(/noise: expected a finite number of at least 0/);
});

test("moons are two half circles, each with every other row", () => {
  each(moons({ examples: 100, seed: 1 }), ([first, second], y, at) => {
    expect(y).toBe(at % 2);
    const [across, up] = y === 0 ? [first, second] : [1 - first, 0.5 - second];
    expect(Math.hypot(across, up)).toBeCloseTo(1, 5);
    expect(up).toBeGreaterThanOrEqual(0);
  });
});

test("circles have the radius 1 and the given one", () => {
  each(circles({ examples: 100, seed: 1, factor: 0.5 }), ([first, second], y) => {
    expect(Math.hypot(first, second)).toBeCloseTo(y === 0 ? 1 : 0.5, 5);
  });
  expect(() => circles({ factor: 1 })).toThrow(
    /circles: factor: expected a finite number of at least 0 below 1|factor/,
  );
});

test("spirals wind by their turns, and their arms are as far apart as possible", () => {
  const [arms, turns] = [3, 1.5];
  each(spirals({ examples: 99, seed: 1, arms, turns }), ([first, second], y, at) => {
    expect(y).toBe(at % arms);
    const radius = Math.hypot(first, second);
    expect(radius).toBeLessThanOrEqual(1);
    const angle = 2 * Math.PI * (turns * radius + y / arms);
    expect(first).toBeCloseTo(radius * Math.cos(angle), 4);
    expect(second).toBeCloseTo(radius * Math.sin(angle), 4);
  });
  expect(() => spirals({ arms: 1 })).toThrow(
    "spirals: arms: expected a whole number of at least 2, received 1",
  );
});

test("blobs are around their centers, with the given standard deviation", () => {
  const data = blobs({ examples: 30_000, centers: 3, inputs: 4, stddev: 0.5, seed: 1 });
  expect(data.inputs).toBe(4);
  for (const center of [0, 1, 2]) {
    const rows = Array.from({ length: 10_000 }, (_, at) => row(data, 3 * at + center));
    for (let input = 0; input < 4; input++) {
      const values = rows.map((one) => one[input]);
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
      expect(Math.sqrt(variance)).toBeCloseTo(0.5, 1);
      expect(Math.abs(mean)).toBeLessThan(10.1);
    }
  }
  expect(data.y.slice(0, 6)).toEqual(Float32Array.of(0, 1, 2, 0, 1, 2));
});

test("friedman1 depends on its first five inputs", () => {
  const data = friedman1({ examples: 100, inputs: 7, seed: 1 });
  each(data, (values, y) => {
    const [a, b, c, d, e] = values;
    expect(values).toHaveLength(7);
    for (const value of values) expect(value >= 0 && value < 1).toBe(true);
    expect(y).toBeCloseTo(10 * Math.sin(Math.PI * a * b) + 20 * (c - 0.5) ** 2 + 10 * d + 5 * e, 4);
  });
  const noisy = friedman1({ examples: 100, inputs: 7, seed: 1, noise: 2 });
  expect(noisy.x).toEqual(data.x);
  const squares = noisy.y.reduce((sum, value, at) => sum + (value - data.y[at]) ** 2, 0);
  expect(Math.sqrt(squares / 100)).toBeCloseTo(2, 0);
  expect(() => friedman1({ inputs: 4 })).toThrow(
    "friedman1: inputs: expected a whole number of at least 5, received 4",
  );
});

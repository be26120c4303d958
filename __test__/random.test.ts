/**
 * The generator: published vectors, uniform draws, uniform permutations, and the same values as in
 * crates/core/tests/random.rs.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { draw, drawBlock, permutation, purpose, type Stream, uniform } from "../src/random.ts";
import { draws } from "./programs.ts";

const block = (seed: number, stream: Stream, index: number) => {
  const words = new Uint32Array(4);
  drawBlock(seed, stream, index, words);
  return Array.from(words);
};

const order = (seed: number, stream: Stream, length: number) => {
  const indices = new Uint32Array(length);
  permutation(seed, stream, indices);
  return Array.from(indices);
};

const shuffle = (epoch: number): Stream => ({ purpose: purpose.shuffle, index: epoch });
const data: Stream = { purpose: purpose.data, index: 0 };

/** crates/core/tests/random.rs has the same literals. */
const knownOrders: [seed: number, epoch: number, order: number[]][] = [
  [0, 0, [0, 1, 6, 8, 9, 2, 5, 7, 4, 3]],
  [7, 3, [11, 5, 8, 6, 3, 1, 0, 9, 2, 10, 7, 4, 12]],
  [2 ** 53 - 1, 2 ** 32 - 1, [1, 5, 7, 4, 6, 3, 0, 2]],
];

/** The number of draws in a test of frequencies. */
const MANY = 40_000;

describe("drawBlock", () => {
  // kat_vectors of the Random123 distribution, "philox4x32 10". The seeds and counters of the last two exceed
  // 2^53, so numbers cannot hold them. They are compared with the plain definition below, and drawBlock is
  // compared with that definition.
  test("returns the published vector of zeros", () => {
    const expected = [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8];
    expect(block(0, { purpose: 0, index: 0 }, 0)).toEqual(expected);
  });

  test("is defined by a function that returns the published vectors of ones and of pi", () => {
    const ones = 0xffff_ffff;
    expect(philox([ones, ones, ones, ones], [ones, ones])).toEqual([
      0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd,
    ]);
    expect(philox([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0])).toEqual([
      0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1,
    ]);
  });

  /** Philox4x32-10 as in its paper, with integers of any size. */
  function philox(counter: readonly number[], key: readonly number[]): number[] {
    let [c0, c1, c2, c3] = counter.map(BigInt);
    let [k0, k1] = key.map(BigInt);
    const low = (value: bigint) => value & 0xffff_ffffn;
    for (let round = 0; round < 10; round++) {
      const [p0, p1] = [c0 * 0xd251_1f53n, c2 * 0xcd9e_8d57n];
      [c0, c1, c2, c3] = [(p1 >> 32n) ^ c1 ^ k0, low(p1), (p0 >> 32n) ^ c3 ^ k1, low(p0)];
      [k0, k1] = [low(k0 + 0x9e37_79b9n), low(k1 + 0xbb67_ae85n)];
    }
    return [c0, c1, c2, c3].map(Number);
  }

  test("equals that definition for any seed, stream and counter", () => {
    const word = fc.nat(0xffff_ffff);
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.maxSafeNat(), word, word, (seed, index, upper, lower) => {
        const halves = (value: number) => [value % 2 ** 32, Math.floor(value / 2 ** 32)];
        const expected = philox([...halves(index), lower, upper], halves(seed));
        expect(block(seed, { purpose: upper, index: lower }, index)).toEqual(expected);
      }),
      draws,
    );
  });
});

describe("draw", () => {
  test("is a function of seed, stream and counter", () => {
    const blocks = [...block(9, data, 0), ...block(9, data, 1)];
    expect(Array.from({ length: 8 }, (_, counter) => draw(9, data, counter))).toEqual(blocks);
    const others = [draw(10, data, 0), draw(9, { ...data, index: 1 }, 0), draw(9, shuffle(0), 0)];
    expect(new Set([draw(9, data, 0), ...others]).size).toBe(4);
  });
});

describe("uniform", () => {
  const drawn = Array.from({ length: MANY }, uniform(2, data));

  test("draws from [0, 1) in steps of 2^-24", () => {
    expect(drawn.every((value) => value >= 0 && value < 1 && Number.isInteger(value * 2 ** 24))).toBe(true);
  });

  test("uses the upper 24 bits of the draws, in order", () => {
    const expected = Array.from({ length: 9 }, (_, counter) => (draw(2, data, counter) >>> 8) / 2 ** 24);
    expect(drawn.slice(0, 9)).toEqual(expected);
  });

  test("has mean 1/2, variance 1/12, and uncorrelated neighbors", () => {
    const mean = (list: readonly number[]) => list.reduce((sum, value) => sum + value, 0) / list.length;
    const off = drawn.map((value) => value - 0.5);
    // Four standard deviations of each estimate.
    expect(Math.abs(mean(off))).toBeLessThan(4 / Math.sqrt(12 * MANY));
    expect(Math.abs(mean(off.map((value) => value * value)) - 1 / 12)).toBeLessThan(
      4 / Math.sqrt(180 * MANY),
    );
    const products = off.slice(1).map((value, at) => value * off[at]);
    expect(Math.abs(mean(products))).toBeLessThan(4 / (12 * Math.sqrt(MANY)));
  });

  test("fills 16 bins evenly", () => {
    const boxes = new Array<number>(16).fill(0);
    for (const value of drawn) boxes[Math.floor(value * 16)]++;
    const expected = MANY / 16;
    const square = boxes.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    // Chi-squared with 15 degrees of freedom is above 37.7 in one of a thousand cases.
    expect(square).toBeLessThan(37.7);
  });
});

describe("permutation", () => {
  test("contains every index once, for any seed, epoch and length", () => {
    const word = fc.nat(0xffff_ffff);
    fc.assert(
      fc.property(fc.maxSafeNat(), word, fc.nat(300), (seed, epoch, length) => {
        const sorted = order(seed, shuffle(epoch), length).sort((a, b) => a - b);
        expect(sorted).toEqual(Array.from({ length }, (_, index) => index));
      }),
      draws,
    );
  });

  test("returns each of the 24 orders of 4 equally often", () => {
    const counts = new Map<string, number>();
    const [epochs, expected] = [12_000, 500];
    for (let epoch = 0; epoch < epochs; epoch++) {
      const key = order(1, shuffle(epoch), 4).join();
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    const square = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    // Chi-squared with 23 degrees of freedom is above 49.7 in one of a thousand cases.
    expect(square).toBeLessThan(49.7);
  });

  test.each(knownOrders)("of seed %d, epoch %d equals the native one: %j", (seed, epoch, expected) => {
    expect(order(seed, shuffle(epoch), expected.length)).toEqual(expected);
  });
});

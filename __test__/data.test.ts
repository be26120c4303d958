import { createContext, runInContext } from "node:vm";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readExamples, readMatrix } from "../src/data/examples.ts";
import { xor } from "../src/index.ts";

const two = { name: "x", columns: 2, unit: "inputs", listIsColumn: false };
const column = { name: "y", columns: 1, unit: "outputs", listIsColumn: true };

describe("xor", () => {
  const { x, y, rows, inputs, outputs } = xor({ examples: 1000, seed: 1 });

  test("has two values in [0, 1) and one label per row", () => {
    expect({ rows, inputs, outputs }).toEqual({ rows: 1000, inputs: 2, outputs: 1 });
    expect(x).toHaveLength(2000);
    expect(y).toHaveLength(1000);
    expect(x.every((value) => value >= 0 && value < 1)).toBe(true);
  });

  test("is 1 if exactly one of the two values is at least 0.5", () => {
    for (let row = 0; row < rows; row++) {
      const [first, second] = [x[2 * row] >= 0.5, x[2 * row + 1] >= 0.5];
      expect(y[row]).toBe(first !== second ? 1 : 0);
    }
  });

  test("covers the four quadrants evenly", () => {
    const quadrants = [0, 0, 0, 0];
    for (let row = 0; row < rows; row++)
      quadrants[(x[2 * row] >= 0.5 ? 2 : 0) + (x[2 * row + 1] >= 0.5 ? 1 : 0)]++;
    for (const count of quadrants) expect(Math.abs(count - 250)).toBeLessThan(60);
  });

  test("is the same for the same seed, and has the same first rows for more examples", () => {
    expect(xor({ examples: 1000, seed: 1 })).toEqual({ x, y, rows, inputs, outputs });
    expect(xor({ examples: 1000, seed: 2 }).x).not.toEqual(x);
    expect(xor({ examples: 10, seed: 1 }).x).toEqual(x.slice(0, 20));
  });

  test("has 1000 examples of seed 0 by default", () => {
    expect(xor()).toEqual(xor({ examples: 1000, seed: 0 }));
  });
});

describe("x and y are accepted in every form", () => {
  const float = fc.float({ noNaN: true, noDefaultInfinity: true });
  const table = fc.array(fc.tuple(float, float), { minLength: 1, maxLength: 20 });

  test("with the same values", () => {
    fc.assert(
      fc.property(table, (rows) => {
        const values = Float32Array.from(rows.flat());
        const forms = [
          rows,
          rows.map((row) => Float32Array.from(row)),
          rows.map((row, index) => (index % 2 ? row : Float64Array.from(row))),
          values,
          Float64Array.from(rows.flat()),
        ];
        for (const form of forms) expect(readMatrix(form, two)).toMatchObject({ values, rows: rows.length });
      }),
    );
  });

  test("and a value that is not finite is found at any position", () => {
    for (let length = 1; length <= 13; length++) {
      for (let row = 0; row < length; row++) {
        for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
          const values = new Float32Array(length).fill(-2);
          values[row] = wrong;
          expect(() => readMatrix(values, column)).toThrow(`row ${row}, column 0: expected a finite number`);
        }
      }
    }
  });

  test("and the form is kept, for predictions", () => {
    expect(readMatrix([1, 2], two).form).toBe("row");
    expect(readMatrix([[1, 2]], two).form).toBe("rows");
    expect(readMatrix(Float32Array.of(1, 2), two).form).toBe("flat");
    expect(readMatrix([1, 2, 3], column).form).toBe("rows");
  });

  test("including integers of any width", () => {
    const arrays = [
      Int8Array,
      Uint8Array,
      Uint8ClampedArray,
      Int16Array,
      Uint16Array,
      Int32Array,
      Uint32Array,
    ];
    for (const NumberArray of arrays) {
      expect(readMatrix(NumberArray.of(1, 2, 3, 4), two).values).toEqual(Float32Array.of(1, 2, 3, 4));
    }
  });

  test("including arrays of another realm", () => {
    const realm = createContext({});
    const foreign = (code: string): unknown => runInContext(code, realm);
    const forms = [
      "[[1, 2], [3, 4]]",
      "[Float32Array.of(1, 2), Float64Array.of(3, 4)]",
      "Float32Array.of(1, 2, 3, 4)",
      "Uint8Array.of(1, 2, 3, 4)",
    ];
    for (const form of forms) {
      const { values } = readMatrix(foreign(form), two);
      expect(values).toEqual(Float32Array.of(1, 2, 3, 4));
      expect(values).toBeInstanceOf(Float32Array);
    }
    expect(() => readMatrix(foreign("new BigInt64Array(2)"), two)).toThrow("received a BigInt64Array of 2");
    expect(() => readMatrix(foreign("new DataView(new ArrayBuffer(8))"), two)).toThrow(
      "received an object (DataView)",
    );
    expect(() => readMatrix(foreign("new Float32Array(new SharedArrayBuffer(8))"), two)).toThrow(
      "a view of a SharedArrayBuffer",
    );
  });

  test("a length or class of its own does not affect an array's values", () => {
    class Table extends Float32Array {
      override get length() {
        return 2;
      }
    }
    const values = Float32Array.of(1, 2, 3, 4);
    for (const given of [Object.defineProperty(values.slice(), "length", { value: 2 }), new Table(values)]) {
      const read = readMatrix(given, two);
      expect(read).toMatchObject({ values, rows: 2 });
      expect(read.values).toHaveLength(4);
    }
  });

  test("rows are copied, also those in shared memory", () => {
    const shared = new Float32Array(new SharedArrayBuffer(8));
    shared.set([1, 2]);
    const { values } = readMatrix([shared, [3, 4]], two);
    shared.fill(0);
    expect(values).toEqual(Float32Array.of(1, 2, 3, 4));
  });

  test("rows of any length are copied, and a value that is not finite is found", () => {
    for (const columns of [1, 31, 32, 33, 100]) {
      for (const List of [Float32Array, Float64Array, Int16Array]) {
        const rows = [0, 1, 2].map((row) => new List(columns).map((_, at) => row * columns + at));
        const expected = { ...two, columns };
        expect(readMatrix(rows, expected).values).toEqual(
          Float32Array.from({ length: 3 * columns }, (_, at) => at),
        );
        if (List === Int16Array) continue;
        rows[1][columns - 1] = Number.NaN;
        expect(() => readMatrix(rows, expected)).toThrow(
          `row 1, column ${columns - 1}: expected a finite number, received NaN`,
        );
      }
    }
  });

  test("a view of a buffer is only that part of it", () => {
    const buffer = Float32Array.of(1, 2, 3, 4, 5, 6);
    expect(readMatrix(buffer.subarray(2, 6), two)).toMatchObject({
      values: Float32Array.of(3, 4, 5, 6),
      rows: 2,
    });
  });

  test("a list of numbers is a row of x, or a column of y if one column is expected", () => {
    expect(readMatrix([1, 2], two).rows).toBe(1);
    expect(readMatrix([1, 2], column).rows).toBe(2);
    expect(readMatrix([1, 2], { ...column, columns: 2 }).rows).toBe(1);
  });

  test("the largest 32-bit values are accepted, and values are rounded to 32 bits", () => {
    const largest = 3.4028234663852886e38;
    expect(readMatrix([largest, -largest], two).values).toEqual(Float32Array.of(largest, -largest));
    expect(readMatrix([0.1, 1e-50], two).values).toEqual(Float32Array.of(0.1, 0));
  });
});

test("x and y form a dataset with this number of rows", () => {
  expect(
    readExamples(
      {
        x: [
          [1, 2],
          [3, 4],
        ],
        y: [5, 6],
      },
      { columns: 2, categories: [] },
      { columns: 1, unit: "outputs", lossOfLabels: "sparseCategoricalCrossentropy" },
    ),
  ).toEqual({
    x: Float32Array.of(1, 2, 3, 4),
    y: Float32Array.of(5, 6),
    inputs: 2,
    outputs: 1,
    rows: 2,
  });
});

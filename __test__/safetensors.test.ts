/** The file format itself, without models: what is written, and what is refused. */
import { describe, expect, test } from "vitest";
import { readHeader, readValues, swap, write } from "../src/formats/safetensors.ts";
import { DataError, FormatError } from "../src/index.ts";

const twoTensors = [
  { name: "b", shape: [2, 2], values: Float32Array.of(1, 2, 3, 4) },
  { name: "a", shape: [1], values: Float32Array.of(-0.5) },
];

/** Returns a file with this header and this number of bytes of values. */
function file(header: unknown, values = 0): Uint8Array {
  const text = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + values);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

const tensor = (begin: number, end: number, shape = [(end - begin) / 4]) => ({
  dtype: "F32",
  shape,
  data_offsets: [begin, end],
});

describe("a file in the safetensors format", () => {
  test("is the header's length, the header with spaces up to a multiple of 8, and the values", () => {
    const bytes = write({ note: "ö" }, twoTensors, "test");
    const header =
      '{"__metadata__":{"note":"ö"},"b":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"a":{"dtype":"F32","shape":[1],"data_offsets":[16,20]}}';
    const view = new DataView(bytes.buffer);
    const length = Number(view.getBigUint64(0, true));
    const text = new TextDecoder().decode(bytes.subarray(8, 8 + length));
    expect(text.trimEnd()).toBe(header);
    expect(text).toMatch(/\} {0,7}$/);
    expect(length % 8).toBe(0);
    const values = Array.from({ length: 5 }, (_, at) => view.getFloat32(8 + length + 4 * at, true));
    expect(values).toEqual([1, 2, 3, 4, -0.5]);
    expect(bytes).toHaveLength(8 + length + 20);
  });

  test("is read with its texts, shapes and values, at any offset in memory", () => {
    const bytes = write({ note: "ö" }, twoTensors, "test");
    const elsewhere = new Uint8Array(bytes.length + 3).subarray(3);
    elsewhere.set(bytes);
    const { metadata, tensors } = readHeader(elsewhere);
    expect(metadata).toEqual(new Map([["note", "ö"]]));
    expect([...tensors.keys()]).toEqual(["b", "a"]);
    for (const { name, shape, values } of twoTensors) {
      const place = tensors.get(name)!;
      expect(place.shape).toEqual(shape);
      const target = new Float32Array(values.length);
      readValues(elsewhere, place, target, name);
      expect(target).toEqual(values);
    }
  });

  test("may have no tensors, empty tensors, and tensors without dimensions", () => {
    expect(readHeader(file({}))).toEqual({ metadata: new Map(), tensors: new Map() });
    const header = { a: tensor(0, 0, [0, 3]), b: tensor(0, 4, []), c: tensor(4, 4, [0]) };
    expect(readHeader(file(header, 4)).tensors.get("b")).toMatchObject({ shape: [] });
  });

  test("may list its tensors in any order in the header", () => {
    const { tensors } = readHeader(file({ a: tensor(4, 8), b: tensor(0, 4) }, 8));
    expect(tensors.get("a")!.start - tensors.get("b")!.start).toBe(4);
  });
});

test("on a big-endian machine, bytes are swapped", () => {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setFloat32(0, 1.5, false);
  view.setFloat32(4, -3e20, false);
  swap(bytes);
  expect([view.getFloat32(0, true), view.getFloat32(4, true)]).toEqual([1.5, Math.fround(-3e20)]);
});

const bytesOf = (...values: number[]) => Uint8Array.from(values);

const refused: [what: string, bytes: Uint8Array, message: string][] = [
  ["nothing", bytesOf(), "it is not a model file: expected at least 8 bytes, received 0"],
  ["less than a length", bytesOf(1, 0, 0, 0), "expected at least 8 bytes, received 4"],
  [
    "a header that exceeds the file",
    bytesOf(9, 0, 0, 0, 0, 0, 0, 0, 123),
    "it is not a model file, or its end is missing: expected a header of at most 1 bytes, received 9",
  ],
  [
    "the largest length",
    bytesOf(255, 255, 255, 255, 255, 255, 255, 255, 123),
    "it is not a model file: expected a header of at most 1 bytes, received 18446744073709551615",
  ],
  [
    "no header",
    bytesOf(0, 0, 0, 0, 0, 0, 0, 0),
    'it is not a model file: header: expected a "{" at its beginning',
  ],
  ["a list as the header", file("[]"), 'header: expected a "{" at its beginning'],
  ["space before the header", file(" {}"), 'header: expected a "{" at its beginning'],
  ["zeros after the header", file("{}\0\0"), "header: character 2: expected nothing after the value"],
  [
    "a header that is not UTF-8",
    file("{}").fill(0xff, 9),
    "it is not a model file: header: expected text in UTF-8",
  ],
  ["half a header", file('{"a":'), "header: character 5: expected a value, received the end"],
  [
    "the same tensor twice",
    file(
      '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
      4,
    ),
    "expected each name once",
  ],
  ["a number as a tensor", file({ a: 1 }), 'tensor "a": expected an object, received 1'],
  [
    "a tensor of another type",
    file({ a: { ...tensor(0, 4), dtype: "F16" } }, 4),
    'tensor "a": dtype: expected "F32", received "F16"',
  ],
  [
    "no dtype",
    file({ a: { ...tensor(0, 4), dtype: undefined } }, 4),
    'tensor "a": dtype: expected "F32", received undefined',
  ],
  [
    "an unknown field",
    file({ a: { ...tensor(0, 4), strides: [1] } }, 4),
    'tensor "a": unknown field "strides"',
  ],
  [
    "no shape",
    file({ a: { ...tensor(0, 4), shape: undefined } }, 4),
    'tensor "a": shape: expected a list of at most 8 sizes, received undefined',
  ],
  [
    "a negative size",
    file({ a: tensor(0, 4, [-1]) }, 4),
    'tensor "a": shape: expected whole numbers of at least 0, received -1',
  ],
  [
    "a fractional size",
    file({ a: tensor(0, 4, [0.5]) }, 4),
    'tensor "a": shape: expected whole numbers of at least 0, received 0.5',
  ],
  [
    "a string as a size",
    file({ a: { ...tensor(0, 4), shape: ["1"] } }, 4),
    'tensor "a": shape: expected whole numbers of at least 0, received "1"',
  ],
  [
    "too many dimensions",
    file({ a: tensor(0, 4, new Array(9).fill(1)) }, 4),
    'tensor "a": shape: expected a list of at most 8 sizes, received an array of 9',
  ],
  [
    "a shape larger than its bytes",
    file({ a: tensor(0, 4, [1e9]) }, 4),
    'tensor "a": data_offsets: expected 4000000000 bytes for shape [1000000000], received 0 to 4',
  ],
  [
    "a shape with more values than can be counted",
    file({ a: tensor(0, 4, [2 ** 52, 2 ** 52, 2 ** 52]) }, 4),
    'tensor "a": data_offsets: expected',
  ],
  [
    "one offset",
    file({ a: { ...tensor(0, 4), data_offsets: [0] } }, 4),
    'tensor "a": data_offsets: expected a list of 2 sizes',
  ],
  [
    "offsets in the wrong order",
    file({ a: tensor(4, 0, [1]) }, 4),
    'tensor "a": data_offsets: expected 4 bytes for shape [1], received 4 to 0',
  ],
  [
    "an offset above 2^53",
    file({ a: tensor(0, 2 ** 60, [1]) }, 4),
    "expected whole numbers of at least 0, received 1152921504606847000",
  ],
  [
    "overlapping tensors",
    file({ a: tensor(0, 8), b: tensor(4, 12) }, 12),
    'tensor "b": data_offsets: expected to begin at 8, received 4: it overlaps the one before it',
  ],
  [
    "one tensor under two names",
    file({ a: tensor(0, 4), b: tensor(0, 4) }, 4),
    'tensor "b": data_offsets: expected to begin at 4, received 0: it overlaps',
  ],
  [
    "a gap between tensors",
    file({ a: tensor(0, 4), b: tensor(8, 12) }, 12),
    'tensor "b": data_offsets: expected to begin at 4, received 8: it leaves a gap before it',
  ],
  [
    "a gap before the first tensor",
    file({ a: tensor(4, 8) }, 8),
    'tensor "a": data_offsets: expected to begin at 0, received 4: it leaves a gap before it',
  ],
  [
    "values without a tensor",
    file({ a: tensor(0, 4) }, 5),
    "expected 4 bytes of values after the header, received 5",
  ],
  ["too few values", file({ a: tensor(0, 8) }, 4), "expected 8 bytes of values after the header, received 4"],
  [
    "metadata that is not an object",
    file({ __metadata__: [] }),
    "header: __metadata__: expected an object, received an array of 0",
  ],
  [
    "metadata that is not text",
    file({ __metadata__: { a: 1 } }),
    'header: __metadata__: "a": expected a text, received 1',
  ],
];

describe("other bytes cause a FormatError:", () => {
  test.each(refused)("%s", (_, bytes, message) => {
    expect(() => readHeader(bytes)).toThrow(FormatError);
    expect(() => readHeader(bytes)).toThrow(message);
  });

  test("a header above the limit, for any length of the file", () => {
    const bytes = bytesOf(1, 225, 245, 5, 0, 0, 0, 0, 123);
    expect(() => readHeader(bytes, 1e12)).toThrow(
      "expected a header of at most 100000000 bytes, received 100000001",
    );
  });
});

test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
  "a value of %s is refused with its place",
  (value) => {
    const bytes = write({}, [{ name: "a", shape: [3], values: Float32Array.of(1, value, 2) }], "test");
    const read = () => readValues(bytes, readHeader(bytes).tensors.get("a")!, new Float32Array(3), "a");
    expect(read).toThrow(DataError);
    expect(read).toThrow(`tensor "a": value 1: expected a finite number, received ${value}`);
  },
);

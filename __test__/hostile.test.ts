/**
 * Untrusted files: reading one returns a model or throws a FormatError, and takes little time and memory.
 *
 * Every run draws the same few thousand cases. `npm run fuzz -- <seconds>` draws new ones for that time.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readSnapshot } from "../src/formats/bytes.ts";
import { write } from "../src/formats/safetensors.ts";
import {
  adam,
  callbacks,
  dense,
  FormatError,
  type KernelChoice,
  load,
  Model,
  sgd,
  softmax,
} from "../src/index.ts";
import { headerEnd, headerOf, withHeader } from "./headers.ts";
import { fuzzSeconds, isValidRefusal, nestedModel, testRandomCases } from "./hostile.ts";
import { kernelNames } from "./kernels.ts";
import { data, failureOf, makeModel, secondsUsed } from "./samples.ts";

/** Returns a checkpoint that includes the weights of the best epoch. */
function checkpoint(): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), "myelin-hostile-"));
  const path = join(folder, "checkpoint.safetensors");
  const list = [callbacks.earlyStopping(), callbacks.checkpoint({ path })];
  makeModel({ layers: [dense(2), dense(1)] }).fitSync(data, { epochs: 3, callbacks: list });
  const bytes = new Uint8Array(readFileSync(path));
  rmSync(folder, { recursive: true });
  return bytes;
}

/** Valid files to change: with and without the optimizer's state and a history, and a checkpoint. */
const validFiles: readonly Uint8Array[] = [
  trained(makeModel({ layers: [dense(3, { activation: "tanh" }), dense(1)], kernel: "typescript" })).toBytes({
    optimizerState: true,
  }),
  trained(
    makeModel({
      layers: [dense(2), softmax()],
      loss: "sparseCategoricalCrossentropy",
      optimizer: adam(),
      kernel: "typescript",
    }),
  ).toBytes({ optimizerState: true, history: false }),
  makeModel({
    layers: [dense(2, { useBias: false }), dense(1)],
    optimizer: sgd(),
    kernel: "typescript",
  }).toBytes(),
  nestedModel("typescript").toBytes({ optimizerState: true }),
  checkpoint(),
];

function trained(model: Model): Model {
  model.fitSync(data, { epochs: 2 });
  return model;
}

/** Texts that replace a number in a file. */
const numbers = fc.oneof(
  fc.constantFrom(
    "-1",
    "0",
    "1",
    "4",
    "1e9",
    "1000000000",
    "2147483647",
    "4294967296",
    "9007199254740993",
    "1e308",
    "0.5",
    "-0",
    "NaN",
    "null",
    "[]",
    "{}",
    '"1"',
    "true",
  ),
  fc.nat(64).map(String),
);
const words = fc.oneof(
  fc.constantFrom(
    "__proto__",
    "constructor",
    "toString",
    "dense",
    "relu",
    "F16",
    "F32",
    "I64",
    "0.weight",
    "1.bias",
    "optimizer.0.0.weight",
    "__metadata__",
    "myelin",
    "type",
    "",
  ),
  fc.string({ maxLength: 5 }),
);
/** Texts that may be put anywhere. */
const pieces = fc.oneof(
  numbers,
  words.map((word) => JSON.stringify(word)),
  fc.constantFrom(
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    '"',
    "\\",
    " ",
    "\0",
    "\\u0000",
    "\\ud800",
    "[".repeat(300),
    "[[],".repeat(100),
  ),
  fc.string({ unit: "binary", maxLength: 3 }),
);

/** One change of a file. */
type Change = (bytes: Uint8Array) => Uint8Array;

const edited: fc.Arbitrary<Change> = fc
  .array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(255)), { minLength: 1, maxLength: 4 })
  .map((edits) => (bytes) => {
    const result = bytes.slice();
    for (const [share, byte] of edits) result[Math.floor(share * (result.length - 1))] = byte;
    return result;
  });

const truncatedOrExtended: fc.Arbitrary<Change> = fc
  .tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.uint8Array({ maxLength: 40 }))
  .map(([share, more]) => (bytes) => {
    const kept = bytes.subarray(0, Math.round(share * bytes.length));
    const result = new Uint8Array(kept.length + more.length);
    result.set(kept);
    result.set(more, kept.length);
    return result;
  });

const length: fc.Arbitrary<Change> = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).chain((large) =>
  fc.constantFrom(large, large % 5000n).map((given) => (bytes: Uint8Array) => {
    const result = bytes.slice();
    new DataView(result.buffer).setBigUint64(0, given, true);
    return result;
  }),
);

/** Replaces one match of a pattern in the header, or in a text of its metadata. */
function replaced(pattern: RegExp, put: fc.Arbitrary<string>): fc.Arbitrary<Change> {
  return fc.tuple(fc.nat(), put, fc.boolean()).map(([at, text, within]) => (bytes) => {
    const header = headerOf(bytes);
    if (!within) return withHeader(bytes, replaceOne(header, pattern, at, text));
    const { __metadata__: metadata, ...tensors } = JSON.parse(header);
    const names = Object.keys(metadata);
    const name = names[at % names.length];
    const changed = { ...metadata, [name]: replaceOne(metadata[name], pattern, at, text) };
    return withHeader(bytes, JSON.stringify({ __metadata__: changed, ...tensors }));
  });
}

function replaceOne(text: string, pattern: RegExp, nth: number, put: string): string {
  const found = [...text.matchAll(pattern)];
  const { 0: old, index } = found[nth % found.length];
  return text.slice(0, index) + put + text.slice(index + old.length);
}

const change: fc.Arbitrary<Change> = fc.oneof(
  edited,
  truncatedOrExtended,
  length,
  replaced(/-?\d+(\.\d+)?(e-?\d+)?/g, numbers),
  replaced(
    /"[^"\\]*"/g,
    words.map((word) => JSON.stringify(word)),
  ),
  replaced(/[[\]{},:"]|[\w.-]+/g, pieces),
);

/** A file with one change or two. The second one may find no match anymore. */
const hostile: fc.Arbitrary<Uint8Array> = fc
  .tuple(fc.constantFrom(...validFiles), change, fc.option(change, { nil: undefined, freq: 2 }))
  .map(([bytes, first, second]) => {
    const once = first(bytes);
    try {
      return second?.(once) ?? once;
    } catch {
      return once;
    }
  });

const kernel = fc.constantFrom(...kernelNames);

/** The limit for each of these small files. It includes garbage collection after other files. */
const MOST_SECONDS = 1;

function expectModelOrFormatError(bytes: Uint8Array, kernel: KernelChoice = "typescript"): void {
  const started = secondsUsed();
  try {
    using model = Model.fromBytes(bytes, { kernel });
    if (model.inputs < 1e6) expect(model.predict(new Float32Array(model.inputs))).toHaveLength(model.outputs);
    Model.fromBytes(model.toBytes({ optimizerState: true }), { kernel }).dispose();
    readSnapshot(bytes, "a checkpoint");
  } catch (error) {
    if (!isValidRefusal(error)) throw error;
  }
  expect(secondsUsed() - started).toBeLessThan(MOST_SECONDS);
}

describe("reading a file returns a model or throws a FormatError", () => {
  test("if it is truncated at any byte", () => {
    for (const bytes of validFiles) {
      for (let end = 0; end < bytes.length; end++) {
        expect(() => Model.fromBytes(bytes.subarray(0, end))).toThrow(FormatError);
      }
    }
  });

  test("if one bit of any byte of its header is flipped", () => {
    for (const bytes of validFiles) {
      for (let at = 0; at < headerEnd(bytes); at++) {
        const flipped = bytes.slice();
        flipped[at] ^= 1 << (at % 8);
        expectModelOrFormatError(flipped);
      }
    }
  });

  test("after random changes", () => {
    fc.assert(fc.property(hostile, kernel, expectModelOrFormatError), { seed: 1, numRuns: 3000 });
  });

  test("and load throws the same errors as fromBytes", async () => {
    const folder = mkdtempSync(join(tmpdir(), "myelin-hostile-"));
    const path = join(folder, "model.safetensors");
    const outcome = (read: () => unknown) =>
      failureOf(async () => {
        const model = (await read()) as Model;
        throw new Error(`fromBytes: a model of ${model.parameters} parameters`);
      });
    const property = fc.asyncProperty(hostile, async (bytes) => {
      writeFileSync(path, bytes);
      const [fromBytes, fromFile] = [
        (await outcome(() => Model.fromBytes(bytes))) as Error,
        (await outcome(() => load(path))) as Error,
      ];
      expect(fromFile.name).toBe(fromBytes.name);
      const place = `load: ${JSON.stringify(path)}`;
      expect(fromFile.message.replace(place, "fromBytes")).toBe(fromBytes.message);
    });
    await fc.assert(property, { seed: 1, numRuns: 300 });
    rmSync(folder, { recursive: true });
  });

  const property = fc.property(hostile, kernel, expectModelOrFormatError);
  testRandomCases(fuzzSeconds, 5000, property, "files, each a model or a FormatError");
});

/** The limit of the memory that reading takes, in bytes per byte of the file. */
const BYTES_PER_BYTE = 40;

const long = (text: string, times: number) => text.repeat(times);
const tensors = (count: number) =>
  Array.from({ length: count }, (_, at) => `"${at}":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}`).join(
    ",",
  );
const inMetadata = (text: string) => write({ myelin: text }, [], "test");
const description = JSON.parse(JSON.parse(headerOf(validFiles[2])).__metadata__.myelin);
const described = (fields: object) => inMetadata(JSON.stringify({ ...description, ...fields }));
const list = long("0,", 1e6).slice(0, -1);

const large: [what: string, make: () => Uint8Array][] = [
  ["ten million brackets", () => withHeader(validFiles[0], `{"a":${long("[", 1e7)}`)],
  ["ten million braces", () => withHeader(validFiles[0], long('{"":', 2.5e6))],
  ["ten million brackets in the metadata", () => inMetadata(long("[", 1e7))],
  ["a million empty lists", () => inMetadata(`[${long("[],", 1e6)}0]`)],
  [
    "a million names",
    () => withHeader(validFiles[0], `{${Array.from({ length: 1e6 }, (_, at) => `"${at}":0`).join(",")}}`),
  ],
  ["140,000 empty tensors", () => withHeader(new Uint8Array(8), `{${tensors(140_000)}}`)],
  ["a name of ten million letters", () => withHeader(validFiles[0], `{"${long("a", 1e7)}":1}`)],
  ["an unknown layer with a name of ten million letters", () => described({ layers: [long("a", 1e7)] })],
  ["an unknown field with a name of ten million letters", () => described({ [long("a", 1e7)]: 1 })],
  ["a number of ten million digits", () => inMetadata(long("1", 1e7))],
  ["ten million backslashes", () => inMetadata(`"${long("\\", 1e7)}`)],
  ["ten million spaces", () => inMetadata(long(" ", 1e7))],
  ["twenty thousand layers", () => described({ layers: new Array(2e4).fill({ type: "relu" }) })],
  ["a million layers that are not layers", () => described({ layers: new Array(1e6).fill(0) })],
  [
    "a history of a million epochs",
    () =>
      inMetadata(
        `${JSON.stringify(description).slice(0, -1)},"history":{"epoch":[${list}],"loss":[${list}],"learningRate":[${list}],"seconds":[${list}]}}`,
      ),
  ],
];

describe("a large file takes little time and memory", () => {
  test.each(large)("%s", (_, make) => {
    const bytes = make();
    const before = process.memoryUsage().rss;
    const started = secondsUsed();
    try {
      Model.fromBytes(bytes, { kernel: "typescript" });
    } catch (error) {
      expect(error).toBeInstanceOf(FormatError);
      expect((error as Error).message.length).toBeLessThan(2000);
    }
    expect(secondsUsed() - started).toBeLessThan(10);
    expect(process.memoryUsage().rss - before).toBeLessThan(BYTES_PER_BYTE * bytes.length + 2e8);
  });
});

/**
 * Bytes in the safetensors format ⇄ named arrays of numbers and texts about them.
 *
 * The length of the header, 8 bytes, little-endian; the header, JSON, which may end in spaces; then the
 * values of all tensors without a gap: https://github.com/huggingface/safetensors#format
 *
 * ```text
 * {"__metadata__": {name: text}, name: {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}, …}
 * ```
 */
import { FormatError, notFinite, show, withinMemory } from "../errors.ts";
import { decodeText, encodeText } from "../host.ts";
import { checkMemory } from "../memory.ts";
import { parseStrictly } from "./strict-json.ts";

/** An array of numbers with its name. */
export interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** Row by row. */
  readonly values: Float32Array;
}

/** Where in a file the values of a tensor are. */
export interface Place {
  readonly shape: readonly number[];
  /** The first byte, and the one after the last. */
  readonly start: number;
  readonly end: number;
}

/** What a file says of its values. */
export interface Header {
  readonly metadata: ReadonlyMap<string, string>;
  readonly tensors: ReadonlyMap<string, Place>;
}

const DTYPE = "F32";
const METADATA = "__metadata__";
/** The bytes that say how long the header is. */
export const PREFIX = 8;
/** The longest header, as in the format's own implementation. */
const MOST_HEADER = 100_000_000;

const NO_MODEL = "it is not a model file";

/** Whether this machine keeps numbers as the format does; nearly all do. */
const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** Turns the bytes of each number round, in place. */
export function swap(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += 4) bytes.subarray(at, at + 4).reverse();
}

/** The bytes of a file, in pieces that come one after the other: what need not be copied is not. */
export type Pieces = readonly Uint8Array<ArrayBuffer>[];

/**
 * A file with these texts and tensors, in this order: its header, then the values, of which those that lie one
 * after the other in memory are one piece. An error's message begins with the place.
 *
 * @throws FormatError if the header would be longer than any.
 */
export function toPieces(
  metadata: Readonly<Record<string, string>>,
  tensors: readonly Tensor[],
  place: string,
): Pieces {
  let offset = 0;
  const entries = tensors.map(({ name, shape, values }) => {
    const begin = offset;
    offset += values.byteLength;
    return [name, { dtype: DTYPE, shape, data_offsets: [begin, offset] }] as const;
  });
  const text = JSON.stringify({ [METADATA]: metadata, ...Object.fromEntries(entries) });
  const header = encodeText(text);
  // With spaces up to a multiple of 8, so that whoever maps the file finds the numbers aligned.
  const start = PREFIX + Math.ceil(header.length / 8) * 8;
  if (start - PREFIX > MOST_HEADER) {
    throw new FormatError(
      `${place}: the texts about the tensors take ${start - PREFIX} bytes, at most ${MOST_HEADER} can be written; leave a long one out, like { history: false }`,
    );
  }
  const beginning = new Uint8Array(start);
  new DataView(beginning.buffer).setBigUint64(0, BigInt(start - PREFIX), true);
  beginning.fill(0x20, PREFIX);
  beginning.set(header, PREFIX);
  return [beginning, ...joined(tensors.map(({ values }) => toBytes(values)))];
}

/** The bytes of numbers as the format has them. */
function toBytes({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
  if (isLittleEndian) return bytes;
  const swapped = bytes.slice();
  swap(swapped);
  return swapped;
}

/** Pieces that lie one after the other in one buffer as one. */
function joined(pieces: Pieces): Uint8Array<ArrayBuffer>[] {
  const result: Uint8Array<ArrayBuffer>[] = [];
  for (const piece of pieces) {
    const last = result.at(-1);
    if (last?.buffer === piece.buffer && last.byteOffset + last.length === piece.byteOffset) {
      result[result.length - 1] = new Uint8Array(piece.buffer, last.byteOffset, last.length + piece.length);
    } else result.push(piece);
  }
  return result;
}

/**
 * The same in one array.
 *
 * @throws FormatError if the header would be longer than any, KernelError if the memory does not do.
 */
export function write(
  metadata: Readonly<Record<string, string>>,
  tensors: readonly Tensor[],
  place: string,
): Uint8Array<ArrayBuffer> {
  const pieces = toPieces(metadata, tensors, place);
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const size = `${place}: ${length} bytes`;
  checkMemory(length, size);
  const bytes = withinMemory(`${size} do not fit in memory`, () => new Uint8Array(length));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/**
 * Where the header ends and the values begin, from the first 8 bytes of a file of so many.
 *
 * @throws FormatError if that lies outside of the file, or the header is longer than any.
 */
export function headerEnd(bytes: Uint8Array, size: number): number {
  if (bytes.length < PREFIX) {
    throw new FormatError(`${NO_MODEL}: expected at least ${PREFIX} bytes, received ${bytes.length}`);
  }
  const length = new DataView(bytes.buffer, bytes.byteOffset, PREFIX).getBigUint64(0, true);
  const most = Math.min(MOST_HEADER, size - PREFIX);
  if (length > most) {
    // The beginning of any text gives a huge number, that of a file that was cut off does not.
    const what =
      bytes[0] === 0x7b
        ? `${NO_MODEL}; a model's JSON is read by Model.fromJSON`
        : length > MOST_HEADER
          ? NO_MODEL
          : `${NO_MODEL}, or its end is missing`;
    throw new FormatError(`${what}: expected a header of at most ${most} bytes, received ${length}`);
  }
  return PREFIX + Number(length);
}

/**
 * Reads and checks all that comes before the values in a file of `size` bytes, of which these are at least
 * the first: every value belongs to one tensor.
 *
 * @throws FormatError that says what does not fit.
 */
export function readHeader(bytes: Uint8Array, size = bytes.length): Header {
  const end = headerEnd(bytes, size);
  const header = parseStrictly(decode(bytes.slice(PREFIX, end)), "header");
  if (!isObject(header)) throw new FormatError(`header: expected an object, received ${show(header)}`);
  const tensors = new Map<string, Place>();
  for (const [name, given] of Object.entries(header)) {
    if (name !== METADATA) tensors.set(name, readEntry(given, `tensor ${show(name)}`, end));
  }
  checkPlaces(tensors, end, size);
  return { metadata: readMetadata(header[METADATA] ?? {}), tensors };
}

/** Text in UTF-8 that begins with a brace, as the format demands. */
function decode(bytes: Uint8Array): string {
  if (bytes[0] !== 0x7b) throw new FormatError(`${NO_MODEL}: header: expected a "{" at its beginning`);
  try {
    return decodeText(bytes);
  } catch (error) {
    throw new FormatError(`${NO_MODEL}: header: expected text in UTF-8`, { cause: error });
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function readMetadata(given: unknown): ReadonlyMap<string, string> {
  if (!isObject(given)) {
    throw new FormatError(`header: ${METADATA}: expected an object, received ${show(given)}`);
  }
  for (const [name, text] of Object.entries(given)) {
    if (typeof text !== "string") {
      throw new FormatError(`header: ${METADATA}: ${show(name)}: expected a text, received ${show(text)}`);
    }
  }
  return new Map(Object.entries(given as Record<string, string>));
}

/** A tensor's entry; `start` is where the values begin. */
function readEntry(given: unknown, place: string, start: number): Place {
  if (!isObject(given)) throw new FormatError(`${place}: expected an object, received ${show(given)}`);
  const { dtype, shape, data_offsets: offsets, ...rest } = given;
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw new FormatError(`${place}: unknown field ${show(unknown)}`);
  if (dtype !== DTYPE) {
    throw new FormatError(`${place}: dtype: expected "${DTYPE}", received ${show(dtype)}`);
  }
  const [begin, end] = readSizes(offsets, `${place}: data_offsets`, 2);
  const bytes = readSizes(shape, `${place}: shape`).reduce(
    (product, length) => product * length,
    Float32Array.BYTES_PER_ELEMENT,
  );
  // A product beyond 2^53 is not exact, and no file is as long.
  if (end - begin !== bytes) {
    throw new FormatError(
      `${place}: data_offsets: expected ${bytes} bytes for shape [${shape}], received ${begin} to ${end}`,
    );
  }
  return { shape: shape as number[], start: start + begin, end: start + end };
}

/** The most dimensions that a tensor may have; ours have one or two. */
const MOST_DIMENSIONS = 8;

function readSizes(given: unknown, place: string, length?: number): readonly number[] {
  const fits = Array.isArray(given) && (length === undefined || given.length === length);
  if (!fits || given.length > MOST_DIMENSIONS) {
    const expected = length ?? `at most ${MOST_DIMENSIONS}`;
    throw new FormatError(`${place}: expected a list of ${expected} sizes, received ${show(given)}`);
  }
  const wrong = given.find((size) => !Number.isSafeInteger(size) || size < 0);
  if (wrong !== undefined) {
    throw new FormatError(`${place}: expected whole numbers of at least 0, received ${show(wrong)}`);
  }
  return given;
}

/** Checks that the tensors lie one after the other, from the header's end to that of the file. */
function checkPlaces(tensors: ReadonlyMap<string, Place>, start: number, size: number): void {
  const inOrder = [...tensors].sort(([, a], [, b]) => a.start - b.start || a.end - b.end);
  let at = start;
  for (const [name, place] of inOrder) {
    if (place.start !== at) {
      const what = place.start < at ? "overlaps the one before it" : "leaves a gap before it";
      throw new FormatError(
        `tensor ${show(name)}: data_offsets: expected to begin at ${at - start}, received ${place.start - start}: it ${what}`,
      );
    }
    at = place.end;
  }
  if (at !== size) {
    throw new FormatError(
      `expected ${at - start} bytes of values after the header, received ${size - start}`,
    );
  }
}

/** Copies the values of a tensor, which must be finite, into an array of that length. */
export function readValues(
  bytes: Uint8Array,
  { start, end }: Place,
  target: Float32Array,
  name: string,
): void {
  const copy = new Uint8Array(target.buffer, target.byteOffset, target.byteLength);
  copy.set(bytes.subarray(start, end));
  if (!isLittleEndian) swap(copy);
  // One sum tells whether all are finite, since a number times 0 is 0, and anything else NaN.
  let sum = 0;
  for (let at = 0; at < target.length; at++) sum += target[at] * 0;
  if (sum === 0) return;
  const wrong = target.findIndex((value) => !Number.isFinite(value));
  throw notFinite(`tensor ${show(name)}: value ${wrong}`, target[wrong]);
}

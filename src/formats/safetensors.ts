/**
 * The safetensors format: named arrays of numbers, and texts as metadata.
 *
 * A file consists of the length of the header (8 bytes, little-endian), the header (JSON, which may end in
 * spaces), and the values of all tensors without gaps: https://github.com/huggingface/safetensors#format
 *
 * ```text
 * {"__metadata__": {name: text}, name: {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}, …}
 * ```
 */
import { FormatError, notFinite, show, withinMemory } from "../errors.ts";
import { decodeText, encodeText } from "../host.ts";
import { checkMemory } from "../memory.ts";
import { parseStrictly } from "./strictJson.ts";

/** A named array of numbers. */
export interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** In row-major order. */
  readonly values: Float32Array;
}

/** The location of a tensor's values in a file. */
export interface TensorLocation {
  readonly shape: readonly number[];
  /** The index of the first byte; `end` is the index after the last. */
  readonly start: number;
  readonly end: number;
}

/** The header of a file. */
export interface Header {
  readonly metadata: ReadonlyMap<string, string>;
  readonly tensors: ReadonlyMap<string, TensorLocation>;
}

const DTYPE = "F32";
const METADATA = "__metadata__";
/** The number of bytes before the header, which contain its length. */
export const PREFIX = 8;
/** The longest header in bytes, as in the reference implementation. */
const MOST_HEADER = 100_000_000;

const NOT_A_MODEL = "it is not a model file";
const FIX = ". Fix: give what save or toBytes wrote; readTable of myelin/table reads the rows of a table";

/** Whether this machine is little-endian like the format. Nearly all are. */
const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** Reverses the bytes of each 32-bit number, in place. */
export function swap(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += 4) bytes.subarray(at, at + 4).reverse();
}

/** The bytes of a file as consecutive pieces, which avoids copying large arrays. */
export type Pieces = readonly Uint8Array<ArrayBuffer>[];

/**
 * Returns a file with these texts and tensors: the header, then the values in the given order. Tensors that
 * are adjacent in memory become one piece. The messages of errors begin with `place`.
 *
 * @throws FormatError if the header would be too long.
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
  // The header ends in spaces up to a multiple of 8, so that the numbers of a memory-mapped file are aligned.
  const start = PREFIX + Math.ceil(header.length / 8) * 8;
  if (start - PREFIX > MOST_HEADER) {
    throw new FormatError(
      `${place}: expected a header of at most ${MOST_HEADER} bytes, received ${start - PREFIX}. Fix: leave out the history with { history: false }`,
    );
  }
  const beginning = new Uint8Array(start);
  new DataView(beginning.buffer).setBigUint64(0, BigInt(start - PREFIX), true);
  beginning.fill(0x20, PREFIX);
  beginning.set(header, PREFIX);
  return [beginning, ...joinAdjacent(tensors.map(({ values }) => toBytes(values)))];
}

/** Returns numbers as little-endian bytes: a view where possible, else a copy. */
function toBytes({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
  if (isLittleEndian) return bytes;
  const swapped = bytes.slice();
  swap(swapped);
  return swapped;
}

/** Joins pieces that are adjacent in the same buffer. */
function joinAdjacent(pieces: Pieces): Uint8Array<ArrayBuffer>[] {
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
 * Returns the same file in one array.
 *
 * @throws FormatError if the header would be too long, KernelError if the file does not fit in memory.
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
 * Returns the index at which the header ends and the values begin, from the first 8 bytes of a file of `size`
 * bytes.
 *
 * @throws FormatError if the index is outside of the file, or the header is too long.
 */
export function headerEnd(bytes: Uint8Array, size: number): number {
  if (bytes.length < PREFIX) {
    throw new FormatError(
      `${NOT_A_MODEL}: expected at least ${PREFIX} bytes, received ${bytes.length}${FIX}`,
    );
  }
  const length = new DataView(bytes.buffer, bytes.byteOffset, PREFIX).getBigUint64(0, true);
  const most = Math.min(MOST_HEADER, size - PREFIX);
  if (length > most) {
    // The first bytes of a text are a huge number. Those of a truncated file are not.
    const what =
      bytes[0] === 0x7b
        ? `${NOT_A_MODEL}; a model's JSON is read by Model.fromJSON`
        : length > MOST_HEADER
          ? NOT_A_MODEL
          : `${NOT_A_MODEL}, or its end is missing`;
    const fix = length > MOST_HEADER ? FIX : "";
    throw new FormatError(`${what}: expected a header of at most ${most} bytes, received ${length}${fix}`);
  }
  return PREFIX + Number(length);
}

/**
 * Reads the header of a file of `size` bytes, of which `bytes` contains at least the header. Checks that
 * every value of the file belongs to exactly one tensor.
 *
 * @throws FormatError that names the wrong field.
 */
export function readHeader(bytes: Uint8Array, size = bytes.length): Header {
  const end = headerEnd(bytes, size);
  const header = parseStrictly(decode(bytes.slice(PREFIX, end)), "header");
  if (!isObject(header)) throw new FormatError(`header: expected an object, received ${show(header)}`);
  const tensors = new Map<string, TensorLocation>();
  for (const [name, given] of Object.entries(header)) {
    if (name !== METADATA) tensors.set(name, readEntry(given, `tensor ${show(name)}`, end));
  }
  checkLocations(tensors, end, size);
  return { metadata: readMetadata(header[METADATA] ?? {}), tensors };
}

/** Decodes UTF-8 text that begins with a brace, as the format requires. */
function decode(bytes: Uint8Array): string {
  if (bytes[0] !== 0x7b) throw new FormatError(`${NOT_A_MODEL}: header: expected a "{" at its beginning`);
  try {
    return decodeText(bytes);
  } catch (error) {
    throw new FormatError(`${NOT_A_MODEL}: header: expected text in UTF-8`, { cause: error });
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

/** Reads the entry of a tensor. `start` is the index at which the values of the file begin. */
function readEntry(given: unknown, place: string, start: number): TensorLocation {
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
  // A product above 2^53 is not exact, but no file is that long.
  if (end - begin !== bytes) {
    throw new FormatError(
      `${place}: data_offsets: expected ${bytes} bytes for shape [${shape}], received ${begin} to ${end}`,
    );
  }
  return { shape: shape as number[], start: start + begin, end: start + end };
}

/** The most dimensions of a tensor. Those of models have one or two. */
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

/** Checks that the tensors fill the file from the end of the header, without gaps or overlaps. */
function checkLocations(tensors: ReadonlyMap<string, TensorLocation>, start: number, size: number): void {
  const inOrder = [...tensors].sort(([, a], [, b]) => a.start - b.start || a.end - b.end);
  let at = start;
  for (const [name, location] of inOrder) {
    if (location.start !== at) {
      const what = location.start < at ? "overlaps the one before it" : "leaves a gap before it";
      throw new FormatError(
        `tensor ${show(name)}: data_offsets: expected to begin at ${at - start}, received ${location.start - start}: it ${what}`,
      );
    }
    at = location.end;
  }
  if (at !== size) {
    throw new FormatError(
      `expected ${at - start} bytes of values after the header, received ${size - start}`,
    );
  }
}

/** Copies the values of a tensor into `target`, which has its length, and checks that all are finite. */
export function readValues(
  bytes: Uint8Array,
  { start, end }: TensorLocation,
  target: Float32Array,
  name: string,
): void {
  const copy = new Uint8Array(target.buffer, target.byteOffset, target.byteLength);
  copy.set(bytes.subarray(start, end));
  if (!isLittleEndian) swap(copy);
  // The sum is 0 exactly if all values are finite: a finite number times 0 is 0, any other value gives NaN.
  let sum = 0;
  for (let at = 0; at < target.length; at++) sum += target[at] * 0;
  if (sum === 0) return;
  const wrong = target.findIndex((value) => !Number.isFinite(value));
  throw notFinite(`tensor ${show(name)}: value ${wrong}`, target[wrong]);
}

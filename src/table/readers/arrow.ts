/** Arrow IPC as frames, files (Feather) and streams, decoded by flechette. */
import { CompressionType, setCompressionCodec, type Table, tableFromIPC } from "@uwdata/flechette";
import { compressors } from "hyparquet-compressors";
import { DataError, FormatError, MyelinError } from "../../errors.ts";
import { Frame } from "../frame.ts";
import { compactCells } from "./compact.ts";
import { lz4Frame } from "./lz4Frame.ts";
import { type ByteSource, wholeOf } from "./source.ts";

/** We only read. */
const noEncoder = () => {
  throw new Error("no encoder");
};

let areCodecsSet = false;
function setCodecs(): void {
  if (areCodecsSet) return;
  areCodecsSet = true;
  const zstd = compressors.ZSTD as NonNullable<typeof compressors.ZSTD>;
  setCompressionCodec(CompressionType.ZSTD, {
    encode: noEncoder,
    decode: (bytes, length) => zstd(bytes, length as number),
  });
  setCompressionCodec(CompressionType.LZ4_FRAME, {
    encode: noEncoder,
    decode: (bytes, length) => lz4Frame(bytes, length as number),
  });
}

/** Dates as `Date`, and whole numbers of 64 bits as they are. */
const EXTRACTION = { useDate: true, useBigInt: true } as const;

function decode<T>(place: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof MyelinError) throw error;
    throw new FormatError(
      `${place}: it cannot be read as Arrow: ${(error as Error).message}. Fix: write the file anew`,
      { cause: error },
    );
  }
}

function toFrame(table: Table): Frame {
  const cells = new Map<string, ArrayLike<unknown>>();
  for (const [at, name] of table.names.entries()) {
    cells.set(name as string, compactCells(table.getChildAt(at).toArray() as ArrayLike<unknown>));
  }
  return new Frame(cells, table.numRows);
}

const noRows = (place: string) => new DataError(`${place}: expected rows, received a table without any`);

/** Reads a whole file or stream. */
export async function readArrow(source: ByteSource): Promise<Frame> {
  setCodecs();
  const bytes = await wholeOf(source);
  const frame = decode(source.place, () => toFrame(tableFromIPC(bytes, EXTRACTION)));
  if (frame.rows === 0) throw noRows(source.place);
  return frame;
}

/** What a message of the format is; the numbers are the format's. */
const SCHEMA = 1;
const DICTIONARY = 2;
const RECORDS = 3;

const PREFIX = 8;
/** A file begins with "ARROW1" and two bytes; its messages follow as in a stream. */
const FILE_PREFIX = 8;

/** Reads frames of up to `rows` rows; one batch of records is in memory at a time. */
export async function* streamArrow(source: ByteSource, rows: number): AsyncGenerator<Frame> {
  setCodecs();
  const { place } = source;
  const before: Uint8Array[] = [];
  let count = 0;
  for await (const { kind, bytes } of messages(source)) {
    if (kind === SCHEMA || kind === DICTIONARY) before.push(bytes);
    if (kind !== RECORDS) continue;
    const frame = decode(place, () => toFrame(tableFromIPC([...before, bytes], EXTRACTION)));
    count += frame.rows;
    yield* frame.blocks(rows);
  }
  if (count === 0) throw noRows(place);
}

/** The messages of a file or a stream, each in bytes of its own. */
async function* messages(source: ByteSource) {
  const bytes = new Taker(source);
  const start = await bytes.peek(PREFIX);
  if (String.fromCharCode(...start.subarray(0, 6)) === "ARROW1") await bytes.take(FILE_PREFIX);
  for (;;) {
    const prefix = await bytes.peek(PREFIX);
    if (prefix.length < 4) return;
    const view = new DataView(prefix.buffer, prefix.byteOffset, prefix.length);
    // Since version 0.15 the length follows a mark.
    const isMarked = view.getInt32(0, true) === -1;
    if (isMarked && prefix.length < PREFIX) return;
    const metadata = view.getInt32(isMarked ? 4 : 0, true);
    if (metadata <= 0) return;
    const head = (isMarked ? 8 : 4) + metadata;
    const header = (await bytes.peek(head)).subarray(isMarked ? 8 : 4);
    if (header.length < metadata) throw short(source.place);
    const { kind, body } = decode(source.place, () => readHeader(header));
    const message = await bytes.take(head + body);
    if (message.length < head + body) throw short(source.place);
    yield { kind, bytes: message };
  }
}

const short = (place: string) =>
  new FormatError(`${place}: the Arrow data ends too early. Fix: write the file anew`);

/** The kind of a message and the length of its body, from its flatbuffer. */
function readHeader(header: Uint8Array): { readonly kind: number; readonly body: number } {
  const view = new DataView(header.buffer, header.byteOffset, header.length);
  const table = view.getInt32(0, true);
  const fields = table - view.getInt32(table, true);
  const offset = (field: number) =>
    field < view.getInt16(fields, true) ? view.getInt16(fields + field, true) : 0;
  const [kind, body] = [offset(6), offset(10)];
  return {
    kind: kind === 0 ? 0 : view.getUint8(table + kind),
    body: body === 0 ? 0 : Number(view.getBigInt64(table + body, true)),
  };
}

/** Takes bytes from a source by their number. */
class Taker {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #held: Uint8Array[] = [];
  #size = 0;

  constructor(source: ByteSource) {
    this.#chunks = source.chunks()[Symbol.asyncIterator]();
  }

  async #fill(length: number): Promise<Uint8Array> {
    while (this.#size < length) {
      const { done, value } = await this.#chunks.next();
      if (done) break;
      this.#held.push(value);
      this.#size += value.length;
    }
    if (this.#held.length !== 1) {
      const all = new Uint8Array(this.#size);
      let at = 0;
      for (const part of this.#held) {
        all.set(part, at);
        at += part.length;
      }
      this.#held = [all];
    }
    return this.#held[0];
  }

  /** The next bytes, fewer where the source ends; they stay. */
  async peek(length: number): Promise<Uint8Array> {
    return (await this.#fill(length)).subarray(0, length);
  }

  /** The next bytes, as a copy that begins where numbers may. */
  async take(length: number): Promise<Uint8Array> {
    const held = await this.#fill(length);
    this.#held = [held.subarray(length)];
    this.#size = this.#held[0].length;
    return held.slice(0, length);
  }
}

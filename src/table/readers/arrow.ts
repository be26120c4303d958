/** Arrow IPC as frames, files (Feather) and streams, decoded by flechette. */
import {
  type Batch,
  CompressionType,
  setCompressionCodec,
  type Table,
  tableFromIPC,
} from "@uwdata/flechette";
import { decompress } from "fzstd";
import { DataError, FormatError, MyelinError } from "../../errors.ts";
import { Frame } from "../frame.ts";
import { DICTIONARY, messages, RECORDS, SCHEMA } from "./arrowMessages.ts";
import { compactCells } from "./compact.ts";
import { lz4Frame } from "./lz4.ts";
import type { ByteSource } from "./source.ts";

/** Refuses to write, which no reader does. */
const noEncoder = () => {
  throw new Error("no encoder");
};

/** The largest plausible ratio of a buffer's length to its compressed length. */
const LARGEST_RATIO = 100_000;

function checkLength(bytes: Uint8Array, length: number | undefined): number {
  if (length !== undefined && length >= 0 && length <= LARGEST_RATIO * bytes.length) return length;
  throw new Error(`a buffer of ${bytes.length} bytes cannot have ${length}`);
}

let areCodecsSet = false;
function setCodecs(): void {
  if (areCodecsSet) return;
  areCodecsSet = true;
  setCompressionCodec(CompressionType.ZSTD, {
    encode: noEncoder,
    // A copy is aligned for 64-bit numbers.
    decode(bytes, length) {
      checkLength(bytes, length);
      return decompress(bytes).slice();
    },
  });
  setCompressionCodec(CompressionType.LZ4_FRAME, {
    encode: noEncoder,
    decode: (bytes, length) => lz4Frame(bytes, checkLength(bytes, length)),
  });
}

/** Dates as `Date`, and whole numbers of 64 bits as they are. */
const EXTRACTION = { useDate: true, useBigInt: true } as const;

/** Converts an error of flechette to a {@link FormatError} that names the place. */
function refusal(place: string, error: unknown): MyelinError {
  if (error instanceof MyelinError) return error;
  return new FormatError(
    `${place}: it cannot be read as Arrow: ${(error as Error).message}. Fix: write the file anew`,
    { cause: error },
  );
}

/** The properties of flechette's batches that are checked. */
interface Buffers {
  readonly length: number;
  readonly values?: ArrayLike<number | bigint>;
  readonly offsets?: ArrayLike<number | bigint>;
  readonly sizes?: ArrayLike<number | bigint>;
  readonly children?: readonly Buffers[];
  readonly dictionary?: { readonly data: readonly Buffers[] };
}

/** The most cells of a batch that has no buffers, as of nulls. */
const MOST_NULLS = 10_000_000;

/** Checks that a batch has the buffers of its cells, before a cell is read. */
function checkBuffers(batch: Buffers): void {
  const { length, values, offsets, sizes, children = [], dictionary } = batch;
  const room = Math.max(8 * (values?.length ?? 0), (offsets?.length ?? 1) - (sizes === undefined ? 1 : 0));
  const isBare = values === undefined && offsets === undefined;
  if (!(length >= 0 && length <= (isBare ? MOST_NULLS : room)))
    throw new Error(`${length} cells have too few bytes`);
  // A text is a part of the values, a list a part of the cells of its child.
  const end = values?.length ?? children[0]?.length ?? 0;
  for (let at = 0; offsets !== undefined && at < length; at++) {
    const start = Number(offsets[at]);
    const stop = sizes === undefined ? Number(offsets[at + 1]) : start + Number(sizes[at]);
    if (!(start >= 0 && start <= stop && stop <= end)) throw new Error("a cell is not within its buffer");
  }
  children.forEach(checkBuffers);
  dictionary?.data.forEach(checkBuffers);
}

function toFrame(table: Table): Frame {
  const cells = new Map<string, ArrayLike<unknown>>();
  for (const [at, name] of table.names.entries()) {
    const column = table.getChildAt(at);
    if (column.length !== table.numRows) throw new Error("its columns have different lengths");
    for (const batch of column.data as unknown as readonly Batch<unknown>[])
      checkBuffers(batch as unknown as Buffers);
    cells.set(name as string, compactCells(column.toArray() as ArrayLike<unknown>));
  }
  return new Frame(cells, table.numRows);
}

const noRows = (place: string) => new DataError(`${place}: expected rows, received a table without any`);

/** Reads a whole file or stream. */
export async function readArrow(source: ByteSource): Promise<Frame> {
  setCodecs();
  try {
    const all: Uint8Array[] = [];
    for await (const { bytes } of messages(source)) all.push(bytes);
    const frame = toFrame(tableFromIPC(all, EXTRACTION));
    if (frame.rows === 0) throw noRows(source.place);
    return frame;
  } catch (error) {
    throw refusal(source.place, error);
  }
}

/** Reads frames of up to `rows` rows. Keeps one record batch and the dictionaries in memory. */
export async function* streamArrow(source: ByteSource, rows: number): AsyncGenerator<Frame> {
  setCodecs();
  const before: Uint8Array[] = [];
  let count = 0;
  try {
    for await (const { kind, bytes } of messages(source)) {
      if (kind === SCHEMA || kind === DICTIONARY) before.push(bytes);
      if (kind !== RECORDS) continue;
      const frame = toFrame(tableFromIPC([...before, bytes], EXTRACTION));
      count += frame.rows;
      if (frame.rows > 0) yield* frame.blocks(rows);
    }
  } catch (error) {
    throw refusal(source.place, error);
  }
  if (count === 0) throw noRows(source.place);
}

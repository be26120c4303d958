/** Parquet files as frames, read by hyparquet: one group of rows after the other. */

import { decompress as decompressZstd } from "fzstd";
import type { AsyncBuffer, DecodedArray, ParquetScan } from "hyparquet";
import { parquetMetadataAsync, parquetScan, parquetSchema } from "hyparquet/src/index.js";
import type { Compressors } from "hyparquet-compressors";
import { gunzip } from "hyparquet-compressors/src/gzip.js";
import { decompressLz4 } from "hyparquet-compressors/src/lz4.js";
import { snappyUncompressor } from "hysnappy";
import { DataError, FormatError, MyelinError, show } from "../../errors.ts";
import { builtin } from "../../host.ts";
import { unknownName } from "../../options.ts";
import { Frame, joinFrames } from "../frame.ts";
import { compactCells } from "./compact.ts";
import { lz4Block } from "./lz4.ts";
import type { ByteSource } from "./source.ts";

interface Zlib {
  brotliDecompressSync(bytes: Uint8Array): Uint8Array;
}

/**
 * Decompresses Brotli with the host's own library. One in JavaScript would bring its dictionary, which takes
 * as much room as all other readers together.
 */
function decompressBrotli(bytes: Uint8Array): Uint8Array {
  const zlib = builtin<Zlib>("zlib");
  if (zlib !== undefined) return zlib.brotliDecompressSync(bytes);
  throw new Error("this host has no Brotli decompression; write the file with Snappy or Zstandard");
}

const decompressors: Compressors = {
  SNAPPY: snappyUncompressor(),
  GZIP: (bytes, length) => gunzip(bytes, new Uint8Array(length)),
  BROTLI: decompressBrotli,
  ZSTD: (bytes) => decompressZstd(bytes),
  LZ4: decompressLz4,
  /** hyparquet-compressors refuses the empty block of a page without values. */
  LZ4_RAW(bytes, length) {
    const out = new Uint8Array(length);
    lz4Block(bytes, out, 0);
    return out;
  },
};

/** Converts errors of hyparquet to a {@link FormatError} that names the place. */
async function reading<T>(place: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof MyelinError) throw error;
    throw new FormatError(
      `${place}: it cannot be read as Parquet: ${(error as Error).message}. Fix: write the file anew, or read it with DuckDB: format: "duckdb"`,
      { cause: error },
    );
  }
}

interface Scan extends ParquetScan {
  readonly names: readonly string[];
}

async function scan(source: ByteSource, columns: readonly string[] | undefined): Promise<Scan> {
  const { place, slice, size = 0 } = source;
  return reading(place, async () => {
    const file: AsyncBuffer = {
      byteLength: size,
      async slice(start, end = size) {
        const bytes = await (slice as NonNullable<typeof slice>)(start, end);
        const { buffer, byteOffset, byteLength } = bytes;
        return byteLength === buffer.byteLength ? buffer : buffer.slice(byteOffset, byteOffset + byteLength);
      },
    };
    const metadata = await parquetMetadataAsync(file);
    const all = parquetSchema(metadata).children.map(({ element }) => element.name);
    const unknown = columns?.find((name) => !all.includes(name));
    if (unknown !== undefined) throw unknownName(`${place}: columns`, "column", unknown, all);
    const names = columns ?? all;
    const opened = await parquetScan({ file, metadata, compressors: decompressors, columns: [...names] });
    return { ...opened, names };
  });
}

/** Yields a frame for each row group. */
async function* groups(source: ByteSource, columns: readonly string[] | undefined): AsyncGenerator<Frame> {
  const { names, ranges, readColumn } = await scan(source, columns);
  let count = 0;
  for (const { rowStart, rowEnd } of ranges) {
    const cells = new Map<string, ArrayLike<unknown>>();
    for (const column of names) {
      const here = `${source.place}: column ${show(column)}: rows ${rowStart} to ${rowEnd - 1}`;
      const data: DecodedArray = await reading(here, () => readColumn({ column, rowStart, rowEnd }));
      cells.set(column, compactCells(data));
    }
    const rows = rowEnd - rowStart;
    count += rows;
    if (rows > 0) yield new Frame(cells, rows);
  }
  if (count === 0) throw new DataError(`${source.place}: expected rows, received a table without any`);
}

/** Reads a whole file, or some of its columns. */
export async function readParquet(source: ByteSource, columns?: readonly string[]): Promise<Frame> {
  const frames: Frame[] = [];
  for await (const frame of groups(source, columns)) frames.push(frame);
  return joinFrames(frames);
}

/** Reads frames of up to `rows` rows. Keeps one row group in memory. */
export async function* streamParquet(
  source: ByteSource,
  rows: number,
  columns?: readonly string[],
): AsyncGenerator<Frame> {
  for await (const frame of groups(source, columns)) yield* frame.blocks(rows);
}

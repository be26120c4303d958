/** Where the bytes of a table come from: a file, a web address, a blob, memory, a stream. */
import { type OpenFile, openFile } from "#files";
import { DataError, FileError, OptionError, show } from "../../errors.ts";
import { nextTurn } from "../../host.ts";
import { interruptible, readPieces } from "../reading.ts";

/** A stream of the web: what `response.body` and `blob.stream()` are. */
export interface ByteStream {
  getReader(): {
    read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
    cancel(): Promise<void>;
  };
}

/**
 * What holds a table: the path of a file, a `URL` (`file:`, `http:` or `https:`), a `Blob` or a `File`,
 * bytes, a stream of bytes, or the text itself. A string with a line break is text, and so is JSON: what begins
 * with `[{`, `{"` or `[]`. Any other one is a path.
 */
export type TableInput =
  | string
  | URL
  | Blob
  | ArrayBuffer
  | Uint8Array
  | ByteStream
  | AsyncIterable<Uint8Array | string>;

/** Bytes in order, and where there is random access also by position. */
export interface ByteSource {
  /** The call and the source, as errors name them. */
  readonly place: string;
  /** The name of the file, for its ending. */
  readonly name: string | undefined;
  /** The number of bytes; undefined where only the end of a stream tells. */
  readonly size: number | undefined;
  /** The path, where it is a file of this machine. */
  readonly path?: string;
  /** The bytes of a part. Undefined for a stream, which can be read once and in order. */
  readonly slice: ((start: number, end: number) => Promise<Uint8Array<ArrayBuffer>>) | undefined;
  /** All bytes in order; a stream gives them once. */
  chunks(): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

/** Bytes that are read at a time. */
const CHUNK = 1 << 20;

const isText = (source: string) => /[\r\n]|^\s*(\[\s*[\]{]|\{\s*["}])/.test(source);

const turn = () => new Promise<void>((resolve) => nextTurn(resolve));

/** Makes a source with random access. */
export function ofParts(
  common: Pick<ByteSource, "place" | "name"> & { readonly path?: string },
  size: number,
  slice: (start: number, end: number) => Promise<Uint8Array<ArrayBuffer>>,
  close: () => Promise<void> = async () => {},
): ByteSource {
  const { place, name, path } = common;
  return {
    ...{ place, name, ...(path !== undefined && { path }) },
    size,
    slice,
    close,
    async *chunks() {
      for (let start = 0; start < size; start += CHUNK) {
        const bytes = await slice(start, Math.min(start + CHUNK, size));
        if (bytes.length === 0) throw new FileError(`${place}: the file became shorter while it was read`);
        yield bytes;
      }
    },
  };
}

function ofBytes(place: string, bytes: Uint8Array): ByteSource {
  return ofParts({ place, name: undefined }, bytes.length, async (start, end) => {
    // Bytes are there at once: other work has its turn between parts.
    await turn();
    return bytes.subarray(start, end) as Uint8Array<ArrayBuffer>;
  });
}

function ofFile(call: string, file: OpenFile): ByteSource {
  const { path, size } = file;
  return ofParts(
    { place: `${call}: ${JSON.stringify(path)}`, name: path, path },
    size,
    (start, end) => file.read(start, end - start),
    () => file.close(),
  );
}

function ofStream(
  place: string,
  name: string | undefined,
  pieces: AsyncIterable<unknown>,
  signal?: AbortSignal,
): ByteSource {
  let reading: AsyncGenerator<Uint8Array, void, undefined> | undefined;
  const begin = () =>
    interruptible(signal, async function* (both) {
      for await (const piece of readPieces(pieces, { signal: both })) {
        if (typeof piece === "string") yield new TextEncoder().encode(piece);
        else if (piece instanceof Uint8Array) yield piece;
        else
          throw new DataError(
            `${place}: expected a stream of bytes or texts, received one of ${show(piece)}. Fix: give records to fitTable as they are`,
          );
      }
    });
  return {
    place,
    name,
    size: undefined,
    slice: undefined,
    chunks() {
      reading = begin();
      return reading;
    },
    async close() {
      await reading?.return();
    },
  };
}

async function* piecesOf(stream: ByteStream): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  let isDone = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      isDone = done;
      if (done || value === undefined) return;
      yield value;
    }
  } finally {
    if (!isDone) await reader.cancel();
  }
}

async function ofAddress(call: string, url: URL, signal: AbortSignal | undefined): Promise<ByteSource> {
  const place = `${call}: ${JSON.stringify(url.href)}`;
  let response: Response;
  try {
    response = await fetch(url, signal === undefined ? {} : { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw new FileError(`${place} cannot be fetched: ${reasonOf(error)}`, { cause: error });
  }
  if (!response.ok || response.body === null) {
    throw new FileError(`${place} cannot be fetched: the server answered ${response.status}`);
  }
  return ofStream(place, url.pathname, piecesOf(response.body as ByteStream), signal);
}

function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? cause.message : message;
}

/** Opens the source of a table. An abort of the signal ends the wait for its bytes. */
export async function openSource(input: unknown, call: string, signal?: AbortSignal): Promise<ByteSource> {
  if (typeof input === "string" && isText(input)) {
    return ofBytes(`${call}: the text`, new TextEncoder().encode(input));
  }
  if (typeof input === "string" && /^https?:\/\//.test(input)) return ofAddress(call, new URL(input), signal);
  if (typeof input === "string") {
    if (input.trim() !== "") return ofFile(call, await openFile(input, call));
    throw new DataError(`${call}: expected a table, received an empty text`);
  }
  if (input instanceof URL && /^https?:$/.test(input.protocol)) return ofAddress(call, input, signal);
  if (input instanceof URL) return ofFile(call, await openFile(input, call));
  if (input instanceof ArrayBuffer) return ofBytes(`${call}: the bytes`, new Uint8Array(input));
  if (input instanceof Uint8Array) return ofBytes(`${call}: the bytes`, input);
  if (typeof Blob === "function" && input instanceof Blob) {
    const { name } = input as { name?: string };
    const place = name === undefined ? `${call}: the blob` : `${call}: ${JSON.stringify(name)}`;
    return ofParts({ place, name }, input.size, async (start, end) => {
      return new Uint8Array(await input.slice(start, end).arrayBuffer());
    });
  }
  if (input !== null && typeof input === "object") {
    if (Symbol.asyncIterator in input)
      return ofStream(`${call}: the stream`, undefined, input as AsyncIterable<unknown>, signal);
    if ("getReader" in input)
      return ofStream(`${call}: the stream`, undefined, piecesOf(input as ByteStream), signal);
  }
  throw new OptionError(
    `${call}: expected a path, a URL, a Blob, bytes, a stream or the text of a table, received ${show(input)}. Fix: give records and columns in memory to fitTable as they are`,
  );
}

/** Collects a stream in memory, so that it has random access. Returns any other source unchanged. */
export async function withSlices(source: ByteSource): Promise<ByteSource> {
  if (source.slice !== undefined) return source;
  const bytes = await collect(source.chunks());
  const { place, name } = source;
  return { ...ofBytes(place, bytes), name };
}

/** Returns all bytes of a source in one array. */
export async function wholeOf(source: ByteSource): Promise<Uint8Array<ArrayBuffer>> {
  if (source.slice === undefined || source.size === undefined) return collect(source.chunks());
  return source.slice(0, source.size);
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const list: Uint8Array[] = [];
  for await (const chunk of chunks) list.push(chunk);
  return joinBytes(list);
}

/** Returns the bytes of all chunks in one array. */
export function joinBytes(list: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(list.reduce((size, { length }) => size + length, 0));
  let at = 0;
  for (const chunk of list) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** Returns the first bytes of a source, and a source that still has them. */
export async function peek(
  source: ByteSource,
  length: number,
): Promise<{ readonly head: Uint8Array; readonly source: ByteSource }> {
  if (source.slice !== undefined) {
    return { head: await source.slice(0, Math.min(length, source.size ?? length)), source };
  }
  const iterator = source.chunks()[Symbol.asyncIterator]();
  const first: Uint8Array[] = [];
  let size = 0;
  while (size < length) {
    const { done, value } = await iterator.next();
    if (done) break;
    first.push(value);
    size += value.length;
  }
  const head = await collect(fromList(first));
  return {
    head,
    source: {
      ...source,
      async *chunks() {
        if (head.length > 0) yield head;
        yield* { [Symbol.asyncIterator]: () => iterator };
      },
    },
  };
}

async function* fromList(list: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* list;
}

/** Makes a source of the decompressed bytes of a gzip source. */
export function gunzipped(source: ByteSource): ByteSource {
  const { place, name } = source;
  return ofStream(place, name?.replace(/\.gz$/i, ""), inflate(source));
}

async function* inflate(source: ByteSource): AsyncGenerator<Uint8Array> {
  const unzip = new DecompressionStream("gzip");
  const writer = unzip.writable.getWriter();
  // What fails here fails the reader below.
  const written = (async () => {
    try {
      for await (const chunk of source.chunks()) await writer.write(chunk as Uint8Array<ArrayBuffer>);
      await writer.close();
    } catch (error) {
      await writer.abort(error).catch(() => {});
    }
  })();
  try {
    yield* piecesOf(unzip.readable as ByteStream);
  } catch (error) {
    throw new DataError(`${source.place}: the gzip data is damaged: ${reasonOf(error)}`);
  }
  await written;
}

/**
 * The messages of Arrow IPC, files and streams: split, and checked so that no number in them can ask for more
 * work or memory than there are bytes. The format: https://arrow.apache.org/docs/format/Columnar.html, its
 * flatbuffers: https://github.com/apache/arrow/blob/main/format/Message.fbs and Schema.fbs.
 */
import { FormatError } from "../../errors.ts";
import type { ByteSource } from "./source.ts";

/** What a message is; the numbers are the format's. */
export const SCHEMA = 1;
export const DICTIONARY = 2;
export const RECORDS = 3;

/** A message with its head and its body. */
export interface Message {
  readonly kind: number;
  readonly bytes: Uint8Array;
}

const PREFIX = 8;
/** A file begins with "ARROW1" and two bytes; its messages follow as in a stream. */
const FILE_PREFIX = 8;
const MOST_DEPTH = 64;

/** The union of a field's type that has a vector. */
const UNION = 14;

const damaged = (what: string) => new Error(`a message is damaged: ${what}`);

/** Reads a table of a flatbuffer. `DataView` throws for positions outside the bytes. */
class Fields {
  readonly #view: DataView;
  readonly #at: number;
  readonly #offsets: number;

  /** Opens the table that the offset at `place` points to. */
  constructor(view: DataView, place: number) {
    this.#view = view;
    this.#at = place + view.getInt32(place, true);
    this.#offsets = this.#at - view.getInt32(this.#at, true);
  }

  /** Returns the position of a field, or 0 if the table lacks it. */
  place(field: number): number {
    const offset =
      field < this.#view.getInt16(this.#offsets, true) ? this.#view.getInt16(this.#offsets + field, true) : 0;
    return offset === 0 ? 0 : this.#at + offset;
  }

  byte(field: number): number {
    const place = this.place(field);
    return place === 0 ? 0 : this.#view.getUint8(place);
  }

  long(field: number): number {
    const place = this.place(field);
    return place === 0 ? 0 : Number(this.#view.getBigInt64(place, true));
  }

  /**
   * Returns the positions of a vector's entries of `stride` bytes. Throws if they are not within the message.
   */
  vector(field: number, stride: number): number[] {
    const place = this.place(field);
    if (place === 0) return [];
    const start = place + this.#view.getInt32(place, true);
    const length = this.#view.getInt32(start, true);
    if (length < 0 || start + 4 + length * stride > this.#view.byteLength)
      throw damaged("a list is too long");
    return Array.from({ length }, (_, at) => start + 4 + at * stride);
  }
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

/** Checks the head of a message. Returns its kind and the length of its body. */
function readHead(head: Uint8Array): { readonly kind: number; readonly body: number } {
  const view = viewOf(head);
  const message = new Fields(view, 0);
  const [kind, body] = [message.byte(6), message.long(10)];
  if (!Number.isSafeInteger(body) || body < 0) throw damaged("the length of a body is not a length");
  const place = message.place(8);
  if (place === 0) throw damaged("it has no content");
  if (kind === SCHEMA) checkSchema(view, place);
  else if (kind === RECORDS) checkBatch(view, place, body);
  else if (kind === DICTIONARY) {
    const data = new Fields(view, place).place(6);
    if (data === 0) throw damaged("a dictionary has no values");
    checkBatch(view, data, body);
  }
  return { kind, body };
}

function checkSchema(view: DataView, place: number): void {
  const schema = new Fields(view, place);
  // A field takes bytes of its own, unless the message leads in circles.
  let left = view.byteLength;
  const checkField = (at: number, depth: number) => {
    if (--left < 0 || depth > MOST_DEPTH) throw damaged("its fields lead in circles");
    const field = new Fields(view, at);
    field.vector(16, 4);
    const type = field.place(10);
    if (field.byte(8) === UNION && type !== 0) new Fields(view, type).vector(6, 4);
    for (const child of field.vector(14, 4)) checkField(child, depth + 1);
  };
  schema.vector(8, 4);
  schema.vector(10, 8);
  for (const at of schema.vector(6, 4)) checkField(at, 0);
}

function checkBatch(view: DataView, place: number, body: number): void {
  const batch = new Fields(view, place);
  batch.vector(6, 16);
  batch.vector(12, 8);
  for (const at of batch.vector(8, 16)) {
    const [start, length] = [view.getBigInt64(at, true), view.getBigInt64(at + 8, true)].map(Number);
    if (start < 0 || length < 0 || start + length > body) throw damaged("a buffer is not within the body");
  }
}

/** Yields the messages of a file or a stream. */
export async function* messages(source: ByteSource): AsyncGenerator<Message> {
  const bytes = new Taker(source);
  const start = await bytes.peek(PREFIX);
  const isFile = String.fromCharCode(...start.subarray(0, 6)) === "ARROW1";
  if (isFile) await bytes.take(FILE_PREFIX);
  for (;;) {
    const prefix = await bytes.peek(PREFIX);
    // A stream may end so; a file has a mark of the end, and a footer.
    if (prefix.length < PREFIX && (isFile || prefix.length > 4)) throw tooShort(source.place);
    if (prefix.length < PREFIX) return;
    const view = viewOf(prefix);
    // Since version 0.15 the length follows a mark.
    const first = view.getInt32(0, true) === -1 ? 8 : 4;
    const length = view.getInt32(first - 4, true);
    if (length <= 0) return;
    const head = (await bytes.peek(first + length)).subarray(first);
    const { kind, body } = readHead(head);
    const message = await bytes.take(first + length + body);
    if (message.length < first + length + body) throw tooShort(source.place);
    yield { kind, bytes: message };
  }
}

const tooShort = (place: string) =>
  new FormatError(`${place}: the Arrow data ends too early. Fix: give the whole file`);

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

  /** Returns the next bytes without taking them; fewer at the end of the source. */
  async peek(length: number): Promise<Uint8Array> {
    return (await this.#fill(length)).subarray(0, length);
  }

  /** Takes the next bytes, as a copy that is aligned for 64-bit numbers. */
  async take(length: number): Promise<Uint8Array> {
    const held = await this.#fill(length);
    this.#held = [held.subarray(length)];
    this.#size = this.#held[0].length;
    return held.slice(0, length);
  }
}

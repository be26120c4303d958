/**
 * The records of TensorBoard's event files: messages of
 * [event.proto](https://github.com/tensorflow/tensorboard/blob/master/tensorboard/compat/proto/event.proto)
 * in the framing of TFRecord files.
 */
import { encodeText } from "../host.ts";
import { crc32c } from "./crc32c.ts";

/** The time of an event. */
export interface EventTime {
  /** Seconds since 1970. */
  readonly seconds: number;
  readonly epoch: number;
}

/** A number under the name of its curve. */
export type Scalar = readonly [tag: string, value: number];

/** The wire types, which tell how a field is encoded. */
const wire = { varint: 0, fixed64: 1, lengthDelimited: 2, fixed32: 5 };

/** A buffer that converts numbers to little-endian bytes. */
const view = new DataView(new ArrayBuffer(8));

/** A message of [Protocol Buffers](https://protobuf.dev/programming-guides/encoding/), field by field. */
class Message {
  readonly bytes: number[] = [];

  /**
   * Appends a whole number of at least 0 in groups of 7 bits, the lowest first. Each byte but the last has
   * its highest bit set.
   */
  #varint(value: number): void {
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.bytes.push((rest % 128) + 128);
    this.bytes.push(rest);
  }

  #key(field: number, type: number): void {
    this.#varint(field * 8 + type);
  }

  /** Appends the first bytes of `view`. */
  #pushView(count: number): this {
    for (let at = 0; at < count; at++) this.bytes.push(view.getUint8(at));
    return this;
  }

  varint(field: number, value: number): this {
    this.#key(field, wire.varint);
    this.#varint(value);
    return this;
  }

  float64(field: number, value: number): this {
    this.#key(field, wire.fixed64);
    view.setFloat64(0, value, true);
    return this.#pushView(8);
  }

  float32(field: number, value: number): this {
    this.#key(field, wire.fixed32);
    view.setFloat32(0, value, true);
    return this.#pushView(4);
  }

  /** Appends a text in UTF-8, or the bytes of another message. */
  lengthDelimited(field: number, bytes: ArrayLike<number>): this {
    this.#key(field, wire.lengthDelimited);
    this.#varint(bytes.length);
    // One by one, because spreading a list takes ten times as long.
    for (let at = 0; at < bytes.length; at++) this.bytes.push(bytes[at]);
    return this;
  }
}

/** Returns an `Event` with the fields that all events have: `wall_time` = 1 and `step` = 2. */
function event({ seconds, epoch }: EventTime): Message {
  return new Message().float64(1, seconds).varint(2, epoch);
}

/**
 * Masks a CRC as TFRecord files do: rotates it by 15 bits and adds a constant. A CRC of data that contains
 * CRCs is otherwise of little use.
 */
function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** Returns a TFRecord: length, masked CRC-32C of the length, data, masked CRC-32C of the data. */
function record({ bytes }: Message): Uint8Array {
  const framed = new Uint8Array(8 + 4 + bytes.length + 4);
  const view = new DataView(framed.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint32(8, masked(crc32c(framed.subarray(0, 8))), true);
  framed.set(bytes, 12);
  view.setUint32(12 + bytes.length, masked(crc32c(bytes)), true);
  return framed;
}

/** Returns the first record of a file: `file_version` = 3. */
export function versionRecord({ seconds }: EventTime): Uint8Array {
  return record(event({ seconds, epoch: 0 }).lengthDelimited(3, encodeText("brain.Event:2")));
}

/**
 * Returns a record which says that a training continues from this epoch. Readers then ignore this epoch and
 * later ones in other files of the run. `session_log` = 7 with `status` = 1: `START` = 1.
 */
export function startRecord(at: EventTime): Uint8Array {
  return record(event(at).lengthDelimited(7, new Message().varint(1, 1).bytes));
}

/**
 * Returns a record of scalars by tag: `summary` = 5 of `value` = 1, each with `tag` = 1 and `simple_value` =
 * 2, of 32 bits.
 */
export function scalarsRecord(at: EventTime, scalars: readonly Scalar[]): Uint8Array {
  const summary = new Message();
  for (const [tag, value] of scalars) {
    summary.lengthDelimited(1, new Message().lengthDelimited(1, encodeText(tag)).float32(2, value).bytes);
  }
  return record(event(at).lengthDelimited(5, summary.bytes));
}

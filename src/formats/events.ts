/**
 * The records of TensorBoard's event files: messages of
 * [event.proto](https://github.com/tensorflow/tensorboard/blob/master/tensorboard/compat/proto/event.proto)
 * in the framing of TFRecord files.
 */
import { encodeText } from "../host.ts";
import { crc32c } from "./crc32c.ts";

/** When an event was. */
export interface Moment {
  /** Seconds since 1970. */
  readonly seconds: number;
  readonly epoch: number;
}

/** A number under the name of its curve. */
export type Figure = readonly [tag: string, value: number];

/** How the bytes of a field tell their length. */
const wire = { varint: 0, eight: 1, counted: 2, four: 5 };

/** Where numbers become bytes, little-endian. */
const view = new DataView(new ArrayBuffer(8));

/** A message of [Protocol Buffers](https://protobuf.dev/programming-guides/encoding/), field by field. */
class Message {
  readonly bytes: number[] = [];

  /** A whole number from 0 in groups of 7 bits, the lowest first; each but the last has its highest bit set. */
  #varint(value: number): void {
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.bytes.push((rest % 128) + 128);
    this.bytes.push(rest);
  }

  #key(field: number, type: number): void {
    this.#varint(field * 8 + type);
  }

  /** The first bytes of `view`. */
  #viewed(count: number): this {
    for (let at = 0; at < count; at++) this.bytes.push(view.getUint8(at));
    return this;
  }

  whole(field: number, value: number): this {
    this.#key(field, wire.varint);
    this.#varint(value);
    return this;
  }

  float64(field: number, value: number): this {
    this.#key(field, wire.eight);
    view.setFloat64(0, value, true);
    return this.#viewed(8);
  }

  float32(field: number, value: number): this {
    this.#key(field, wire.four);
    view.setFloat32(0, value, true);
    return this.#viewed(4);
  }

  /** A text in UTF-8, or the bytes of another message. */
  counted(field: number, bytes: ArrayLike<number>): this {
    this.#key(field, wire.counted);
    this.#varint(bytes.length);
    // One by one: to spread a list costs ten times as much.
    for (let at = 0; at < bytes.length; at++) this.bytes.push(bytes[at]);
    return this;
  }
}

/** The fields that every `Event` has: `wall_time` = 1 and `step` = 2. */
function event({ seconds, epoch }: Moment): Message {
  return new Message().float64(1, seconds).whole(2, epoch);
}

/** CRCs of data that holds CRCs lose their worth, so TFRecord files rotate them by 15 bits and add a number. */
function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** A record of a TFRecord file: length, masked CRC-32C of the length, data, masked CRC-32C of the data. */
function record({ bytes }: Message): Uint8Array {
  const framed = new Uint8Array(8 + 4 + bytes.length + 4);
  const view = new DataView(framed.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint32(8, masked(crc32c(framed.subarray(0, 8))), true);
  framed.set(bytes, 12);
  view.setUint32(12 + bytes.length, masked(crc32c(bytes)), true);
  return framed;
}

/** The first record of a file: `file_version` = 3. */
export function versionRecord({ seconds }: Moment): Uint8Array {
  return record(event({ seconds, epoch: 0 }).counted(3, encodeText("brain.Event:2")));
}

/**
 * Says that a training goes on from this epoch: readers leave out what other files of the run have of it and of
 * later ones. `session_log` = 7 with `status` = 1: `START` = 1.
 */
export function startRecord(at: Moment): Uint8Array {
  return record(event(at).counted(7, new Message().whole(1, 1).bytes));
}

/** Figures by tag: `summary` = 5 of `value` = 1, each with `tag` = 1 and `simple_value` = 2, of 32 bits. */
export function figuresRecord(at: Moment, figures: readonly Figure[]): Uint8Array {
  const summary = new Message();
  for (const [tag, value] of figures) {
    summary.counted(1, new Message().counted(1, encodeText(tag)).float32(2, value).bytes);
  }
  return record(event(at).counted(5, summary.bytes));
}

/**
 * The records of TensorBoard's event files: messages of
 * [event.proto](https://github.com/tensorflow/tensorboard/blob/master/tensorboard/compat/proto/event.proto)
 * in the framing of TFRecord files.
 */
import { crc32c } from "./crc32c.ts";

/** When an event was. */
export interface Moment {
  /** Seconds since 1970. */
  readonly seconds: number;
  readonly epoch: number;
}

/** A number under the name of its curve. */
export type Figure = readonly [tag: string, value: number];

const encoder = new TextEncoder();

/** A whole number from 0 in groups of 7 bits, the lowest first; each but the last has its highest bit set. */
function varint(value: number): number[] {
  const groups: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) groups.push((rest % 128) + 128);
  return [...groups, rest];
}

/** A little-endian number. */
function bytesOf(size: number, set: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(size);
  set(new DataView(bytes.buffer));
  return bytes;
}

const float64 = (value: number) => bytesOf(8, (view) => view.setFloat64(0, value, true));
const float32 = (value: number) => bytesOf(4, (view) => view.setFloat32(0, value, true));
const uint32 = (value: number) => bytesOf(4, (view) => view.setUint32(0, value, true));
const uint64 = (value: number) => bytesOf(8, (view) => view.setBigUint64(0, BigInt(value), true));

/** How the bytes of a field tell their length. */
const wire = { varint: 0, eight: 1, counted: 2, four: 5 };

/** The beginning of a field: its number in the message, and how it tells its length. */
const key = (field: number, type: number) => field * 8 + type;

const counted = (field: number, bytes: ArrayLike<number>) => [
  key(field, wire.counted),
  ...varint(bytes.length),
  ...Array.from(bytes),
];

/** The fields that every `Event` has: `wall_time` = 1 and `step` = 2. */
const moment = ({ seconds, epoch }: Moment) => [
  key(1, wire.eight),
  ...float64(seconds),
  key(2, wire.varint),
  ...varint(epoch),
];

/** CRCs of data that holds CRCs lose their worth, so TFRecord files rotate them by 15 bits and add a number. */
function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** A record of a TFRecord file: length, masked CRC-32C of the length, data, masked CRC-32C of the data. */
function record(data: readonly number[]): Uint8Array {
  const length = uint64(data.length);
  return Uint8Array.from([
    ...length,
    ...uint32(masked(crc32c(length))),
    ...data,
    ...uint32(masked(crc32c(data))),
  ]);
}

/** The first record of a file: `file_version` = 3. */
export function versionRecord({ seconds }: Moment): Uint8Array {
  return record([...moment({ seconds, epoch: 0 }), ...counted(3, encoder.encode("brain.Event:2"))]);
}

/**
 * Says that a training goes on from this epoch: readers leave out what other files of the run have of it and of
 * later ones. `session_log` = 7 with `status` = 1: `START` = 1.
 */
export function startRecord(at: Moment): Uint8Array {
  return record([...moment(at), ...counted(7, [key(1, wire.varint), 1])]);
}

/** Figures by tag: `summary` = 5 of `value` = 1, each with `tag` = 1 and `simple_value` = 2, of 32 bits. */
export function figuresRecord(at: Moment, figures: readonly Figure[]): Uint8Array {
  const values = figures.flatMap(([tag, value]) =>
    counted(1, [...counted(1, encoder.encode(tag)), key(2, wire.four), ...float32(value)]),
  );
  return record([...moment(at), ...counted(5, values)]);
}

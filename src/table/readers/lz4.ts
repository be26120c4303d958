/**
 * LZ4: blocks, as Parquet has them, and frames, as Arrow has them: a header, then blocks that are compressed
 * or not. The formats: https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md and lz4_Block_format.md
 * beside it.
 */

const MAGIC = 0x184d2204;
const LEAST_MATCH = 4;

/** Decompresses a frame that holds `length` bytes. */
export function lz4Frame(bytes: Uint8Array, length: number): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(0, true) !== MAGIC) throw new Error("the data is not an LZ4 frame");
  const flags = view.getUint8(4);
  const [hasBlockSum, hasSize, hasDictionary] = [16, 8, 1].map((bit) => (flags & bit) !== 0);
  // The flags, a descriptor of blocks, and a sum of the header.
  let at = 6 + (hasSize ? 8 : 0) + (hasDictionary ? 4 : 0) + 1;
  const out = new Uint8Array(length);
  let done = 0;
  for (;;) {
    const word = view.getUint32(at, true);
    at += 4;
    if (word === 0) break;
    const isCompressed = word < 2 ** 31;
    const end = at + (word % 2 ** 31);
    if (end > bytes.length) throw new Error("an LZ4 block ends too early");
    if (isCompressed) done = lz4Block(bytes.subarray(at, end), out, done);
    else {
      out.set(bytes.subarray(at, end), done);
      done += end - at;
    }
    at = end + (hasBlockSum ? 4 : 0);
  }
  if (done !== length) throw new Error(`expected ${length} bytes in an LZ4 frame, received ${done}`);
  return out;
}

/**
 * Decompresses a block into `out` from `start` on; what is before it may be repeated.
 *
 * @returns where the block ends in `out`.
 */
export function lz4Block(bytes: Uint8Array, out: Uint8Array, start: number): number {
  let at = 0;
  let done = start;
  const more = (length: number) => {
    if (length < 15) return length;
    let sum = length;
    let byte = 255;
    while (byte === 255) {
      byte = bytes[at++];
      sum += byte;
    }
    return sum;
  };
  while (at < bytes.length) {
    const token = bytes[at++];
    const literals = more(token >> 4);
    if (!(done + literals <= out.length)) throw new Error("an LZ4 block is longer than it should be");
    out.set(bytes.subarray(at, at + literals), done);
    at += literals;
    done += literals;
    if (at >= bytes.length) break;
    const offset = bytes[at] | (bytes[at + 1] << 8);
    at += 2;
    const end = done + more(token & 15) + LEAST_MATCH;
    if (offset === 0 || offset > done || !(end <= out.length))
      throw new Error("an LZ4 block repeats what is not there");
    // Bytes may repeat what they have just written.
    for (; done < end; done++) out[done] = out[done - offset];
  }
  return done;
}

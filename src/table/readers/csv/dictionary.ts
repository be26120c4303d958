/** Numbers the distinct texts of a column by their bytes, so that a repeated text creates no string. */

const byteDecoder = new TextDecoder("latin1");
const textDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const FIRST_ENTRIES = 64;
const FIRST_BYTES = 1024;

/** The seed of {@link Dictionary}'s hash: FNV-1a, 32 bits. */
export const HASH_SEED = 0x811c9dc5 | 0;
/** The multiplier of {@link Dictionary}'s hash. */
export const HASH_PRIME = 0x01000193;

/** Numbers texts in UTF-8 in the order in which they first occur. */
export class Dictionary {
  /** The number of distinct texts. */
  size = 0;
  #bytes = new Uint8Array(FIRST_BYTES);
  /** Where each text ends; it begins where the one before it ends. */
  #ends = new Uint32Array(FIRST_ENTRIES);
  #hashes = new Int32Array(FIRST_ENTRIES);
  /** An open-addressed table of numbers plus 1; 0 is free. */
  #slots = new Int32Array(2 * FIRST_ENTRIES);
  readonly #texts: string[] = [];

  /** The number of bytes that the texts take. */
  get bytes(): number {
    return this.size === 0 ? 0 : this.#ends[this.size - 1];
  }

  /**
   * Returns the number of the text `source[from..to]`, and adds it if it is new. `hash` is the FNV-1a hash of
   * its bytes.
   */
  add(source: Uint8Array, from: number, to: number, hash: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    const ends = this.#ends;
    const own = this.#bytes;
    let slot = (hash ^ (hash >>> 15)) & mask;
    for (;;) {
      const code = slots[slot] - 1;
      if (code < 0) break;
      if (this.#hashes[code] === hash) {
        let at = code === 0 ? 0 : ends[code - 1];
        if (ends[code] - at === to - from) {
          let place = from;
          while (place < to && source[place] === own[at]) {
            place++;
            at++;
          }
          if (place === to) return code;
        }
      }
      slot = (slot + 1) & mask;
    }
    return this.#insert(source, from, to, hash, slot);
  }

  #insert(source: Uint8Array, from: number, to: number, hash: number, slot: number): number {
    const code = this.size;
    if (code === this.#ends.length) {
      this.#ends = grown(this.#ends, 2 * code);
      this.#hashes = grown(this.#hashes, 2 * code);
    }
    const start = this.bytes;
    const end = start + to - from;
    if (end > this.#bytes.length) this.#bytes = grown(this.#bytes, Math.max(2 * this.#bytes.length, end));
    this.#bytes.set(source.subarray(from, to), start);
    this.#ends[code] = end;
    this.#hashes[code] = hash;
    this.#slots[slot] = code + 1;
    this.size = code + 1;
    if (2 * this.size > this.#slots.length) this.#rehash();
    return code;
  }

  #rehash(): void {
    const slots = new Int32Array(2 * this.#slots.length);
    const mask = slots.length - 1;
    for (let code = 0; code < this.size; code++) {
      const hash = this.#hashes[code];
      let slot = (hash ^ (hash >>> 15)) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = code + 1;
    }
    this.#slots = slots;
  }

  /**
   * Returns the texts by their numbers. A later call returns the same list, with the texts added since.
   *
   * @throws TypeError if a text is not UTF-8.
   */
  texts(): readonly string[] {
    const { size } = this;
    const done = this.#texts.length;
    if (done === size) return this.#texts;
    const first = done === 0 ? 0 : this.#ends[done - 1];
    const bytes = this.#bytes.subarray(first, this.bytes);
    // One string of the bytes as they are, which has a character a byte: ASCII texts are parts of it.
    const characters = byteDecoder.decode(bytes);
    let start = 0;
    for (let code = done; code < size; code++) {
      const end = this.#ends[code] - first;
      this.#texts.push(
        isAscii(bytes, start, end)
          ? characters.slice(start, end)
          : textDecoder.decode(bytes.subarray(start, end)),
      );
      start = end;
    }
    return this.#texts;
  }

  /** Returns the text of a number that `add` returned. */
  text(code: number): string {
    return this.texts()[code];
  }
}

function grown<T extends Uint8Array | Uint32Array | Int32Array>(array: T, length: number): T {
  const copy = new (array.constructor as new (length: number) => T)(length);
  copy.set(array);
  return copy;
}

function isAscii(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (bytes[at] > 127) return false;
  return true;
}

/** Returns the FNV-1a hash of bytes. */
export function hashOf(bytes: Uint8Array, from: number, to: number): number {
  let hash = HASH_SEED;
  for (let at = from; at < to; at++) hash = Math.imul(hash ^ bytes[at], HASH_PRIME);
  return hash;
}

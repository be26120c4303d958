/**
 * The only source of randomness: a counter-based generator of 32-bit integer operations.
 *
 * Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011). A draw is a function
 * of seed, stream and counter, so it can be made anywhere and again, and both kernels make the same ones.
 */

/** What a stream is for: the upper half of its number. */
export const purpose = { initialization: 1, shuffle: 2, data: 3 } as const;

/** A purpose with an index that counts layers, epochs and so on. */
export interface Stream {
  readonly purpose: number;
  readonly index: number;
}

const SHIFT = 2 ** 32;

/** The upper 32 bits of the product of two 32-bit numbers; exact, since each part stays below 2^53. */
function multiplyHigh(a: number, b: number): number {
  const low = (a & 0xffff) * b;
  const high = (a >>> 16) * b;
  return Math.floor((high + Math.floor(low / 0x10000)) / 0x10000);
}

/** Writes the four draws of the counters `4 block` to `4 block + 3`. */
export function drawBlock(seed: number, stream: Stream, block: number, words: Uint32Array): void {
  let key0 = seed >>> 0;
  let key1 = Math.floor(seed / SHIFT) >>> 0;
  let word0 = block >>> 0;
  let word1 = Math.floor(block / SHIFT) >>> 0;
  let word2 = stream.index >>> 0;
  let word3 = stream.purpose >>> 0;
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(word0, 0xd2511f53);
    const low0 = Math.imul(word0, 0xd2511f53);
    const high1 = multiplyHigh(word2, 0xcd9e8d57);
    const low1 = Math.imul(word2, 0xcd9e8d57);
    word0 = (high1 ^ word1 ^ key0) >>> 0;
    word1 = low1 >>> 0;
    word2 = (high0 ^ word3 ^ key1) >>> 0;
    word3 = low0 >>> 0;
    key0 = (key0 + 0x9e3779b9) >>> 0;
    key1 = (key1 + 0xbb67ae85) >>> 0;
  }
  words[0] = word0;
  words[1] = word1;
  words[2] = word2;
  words[3] = word3;
}

/**
 * One draw: a whole number from 0 to 2^32 - 1.
 *
 * `seed` and `counter` are whole numbers from 0 to 2^53 - 1.
 */
export function draw(seed: number, stream: Stream, counter: number): number {
  const words = new Uint32Array(4);
  drawBlock(seed, stream, Math.floor(counter / 4), words);
  return words[counter % 4];
}

/** Makes a function that gives the uniform draws of a stream one by one, from [0, 1) in steps of 2^-24. */
export function uniform(seed: number, stream: Stream): () => number {
  const words = new Uint32Array(4);
  let counter = 0;
  return () => {
    if (counter % 4 === 0) drawBlock(seed, stream, counter / 4, words);
    return (words[counter++ % 4] >>> 8) / 0x1000000;
  };
}

/**
 * Fills `order` with a permutation of its indices: Fisher and Yates' shuffle, whose i-th exchange takes
 * draw i.
 *
 * An index is the upper word of `draw * (i + 1)`; the bias of that is below `order.length / 2^32`.
 */
export function permutation(seed: number, stream: Stream, order: Uint32Array): void {
  for (let index = 0; index < order.length; index++) order[index] = index;
  const words = new Uint32Array(4);
  for (let index = order.length - 1; index > 0; index--) {
    if (index % 4 === 3 || index === order.length - 1) {
      drawBlock(seed, stream, Math.floor(index / 4), words);
    }
    const other = multiplyHigh(words[index % 4], index + 1);
    const moved = order[index];
    order[index] = order[other];
    order[other] = moved;
  }
}

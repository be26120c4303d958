/**
 * The only source of randomness: a counter-based generator of 32-bit integer operations.
 *
 * Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011). A draw is a function of
 * seed, stream and counter. So draws can be made in any order and repeated, and both kernels make the same.
 */

/** What a stream is used for: the upper half of its number. */
export const purpose = {
  initialization: 1,
  shuffle: 2,
  data: 3,
  noise: 4,
  folds: 5,
  search: 6,
  importance: 7,
  samples: 8,
  validation: 9,
} as const;

/** A purpose with an index that counts layers, epochs and so on. */
export interface Stream {
  readonly purpose: number;
  readonly index: number;
}

const SHIFT = 2 ** 32;

/** Returns the upper 32 bits of the product of two 32-bit numbers, from products of their 16-bit halves. */
function multiplyHigh(a: number, b: number): number {
  const [a0, a1, b0, b1] = [a & 0xffff, a >>> 16, b & 0xffff, b >>> 16];
  const middle = (Math.imul(a1, b0) + (Math.imul(a0, b0) >>> 16)) >>> 0;
  const other = (Math.imul(a0, b1) + (middle & 0xffff)) >>> 0;
  return (Math.imul(a1, b1) + (middle >>> 16) + (other >>> 16)) >>> 0;
}

/**
 * Replaces the four words of a counter by four draws, under a key of two words: Philox4x32-10. Its words have
 * a sign here: V8 computes with these as integers, and with others as floats.
 */
function philox(firstKey: number, secondKey: number, words: Uint32Array): void {
  let key0 = firstKey | 0;
  let key1 = secondKey | 0;
  let [word0, word1, word2, word3] = [words[0] | 0, words[1] | 0, words[2] | 0, words[3] | 0];
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(word0, 0xd2511f53);
    const low0 = Math.imul(word0, 0xd2511f53);
    const high1 = multiplyHigh(word2, 0xcd9e8d57);
    const low1 = Math.imul(word2, 0xcd9e8d57);
    word0 = high1 ^ word1 ^ key0;
    word1 = low1;
    word2 = high0 ^ word3 ^ key1;
    word3 = low0;
    key0 = (key0 + 0x9e3779b9) | 0;
    key1 = (key1 + 0xbb67ae85) | 0;
  }
  words[0] = word0;
  words[1] = word1;
  words[2] = word2;
  words[3] = word3;
}

/** Writes the four draws of the counters `4 block` to `4 block + 3`. */
export function drawBlock(seed: number, stream: Stream, block: number, words: Uint32Array): void {
  words[0] = block >>> 0;
  words[1] = Math.floor(block / SHIFT);
  words[2] = stream.index;
  words[3] = stream.purpose;
  philox(seed >>> 0, Math.floor(seed / SHIFT) >>> 0, words);
}

/**
 * Returns one draw: a whole number from 0 to 2^32 - 1.
 *
 * `seed` and `counter` are whole numbers from 0 to 2^53 - 1.
 */
export function draw(seed: number, stream: Stream, counter: number): number {
  const words = new Uint32Array(4);
  drawBlock(seed, stream, Math.floor(counter / 4), words);
  return words[counter % 4];
}

/** Returns a function that returns the uniform draws of a stream in turn: in [0, 1), in steps of 2^-24. */
export function uniform(seed: number, stream: Stream): () => number {
  const words = new Uint32Array(4);
  let counter = 0;
  return () => {
    if (counter % 4 === 0) drawBlock(seed, stream, counter / 4, words);
    return (words[counter++ % 4] >>> 8) / 0x1000000;
  };
}

/**
 * Returns a function that draws from the standard normal distribution: two values from two uniform draws in
 * [0, 1) (Box and Muller, 1958).
 */
export function standardNormal(draw: () => number): () => number {
  let spare: number | undefined;
  return () => {
    const value = spare;
    spare = undefined;
    if (value !== undefined) return value;
    const radius = Math.sqrt(-2 * Math.log(1 - draw()));
    const angle = 2 * Math.PI * draw();
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
}

/** The number of rows whose noise is drawn together: a block of draws has one word for each. */
export const NOISE_ROWS = 4;

/**
 * Writes the key of one layer's noise in one step: four words. `layer` is the layer's index among the layers
 * with noise, `step` the index of the step in the model's life.
 */
export function noiseKey(seed: number, layer: number, step: number, key: Uint32Array): void {
  drawBlock(seed, { purpose: purpose.noise, index: layer }, step, key);
}

const noiseWords = new Uint32Array(4);

/**
 * Writes the draws for `NOISE_ROWS` rows of the batch, from row `NOISE_ROWS * group` on, and `width`
 * features, row by row: uniform between 0 and 1, both excluded, as odd multiples of 2^-24.
 *
 * Two words of `key` are Philox's key, and two are the upper half of its counter. The lower half is the
 * feature and `group`. Each of the four words drawn is for one row of the group.
 */
export function noiseDraws(key: Uint32Array, group: number, width: number, draws: Float32Array): void {
  for (let feature = 0; feature < width; feature++) {
    noiseWords[0] = feature;
    noiseWords[1] = group;
    noiseWords[2] = key[2];
    noiseWords[3] = key[3];
    philox(key[0], key[1], noiseWords);
    for (let row = 0; row < NOISE_ROWS; row++) {
      draws[row * width + feature] = ((noiseWords[row] >>> 8) | 1) / 0x1000000;
    }
  }
}

/**
 * Fills `order` with a permutation of its indices: Fisher and Yates' shuffle, whose i-th exchange uses draw
 * i.
 *
 * An index is the upper word of `draw * (i + 1)`; its bias is below `order.length / 2^32`.
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

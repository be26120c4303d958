// The article's training run, in the numbers and the data that every participant shares.

/** A 2-64-1 net on XOR: 1000 examples in batches of 5 are 200 steps an epoch, 60,000 in 300 epochs. */
export const article = { examples: 1000, units: 64, batchSize: 5, learningRate: 0.01, epochs: 300 };

export const steps = (epochs) => (epochs * article.examples) / article.batchSize;

/** Uniform values in [0, 1) from a linear congruential generator: one seed, one start. */
export function uniform(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/**
 * The data for peers; Myelin's participants use the package's own generator.
 * @returns {{ input: number[], output: number[] }[]} the label is 1 if exactly one value is at least 0.5
 */
export function xorExamples() {
  const random = uniform(1);
  return Array.from({ length: article.examples }, () => {
    const input = [random(), random()];
    return { input, output: [input[0] >= 0.5 !== input[1] >= 0.5 ? 1 : 0] };
  });
}

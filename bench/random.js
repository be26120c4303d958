// Random numbers for the benchmark's data and start values, the same for every participant.

/**
 * Returns a generator of uniform values in [0, 1), a linear congruential one. A seed determines the sequence.
 */
export function uniform(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

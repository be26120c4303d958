// Draws for the bench's data and start values, the same for every participant.

/** Uniform values in [0, 1) from a linear congruential generator: one seed, one sequence. */
export function uniform(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

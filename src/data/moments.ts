/** The mean and the standard deviation of numbers. */

/** Returns the mean and the population standard deviation, whose divisor is the number of values. */
export function momentsOf(values: ArrayLike<number>): { readonly mean: number; readonly stddev: number } {
  let sum = 0;
  for (let at = 0; at < values.length; at++) sum += values[at];
  const mean = sum / values.length;
  let squares = 0;
  for (let at = 0; at < values.length; at++) squares += (values[at] - mean) ** 2;
  return { mean, stddev: Math.sqrt(squares / values.length) };
}

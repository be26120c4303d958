/** Quantiles of numbers: calibrated by rows that the networks did not learn from, and never crossing. */

/** Quantiles of rows. */
export interface QuantileRows {
  /** Their shares, in ascending order. */
  readonly levels: readonly number[];
  /** [rows][levels], in the target's unit; ascending in each row. */
  readonly values: Float64Array;
}

/**
 * What must be added to the predictions of a quantile for a share `level` of new rows to be at or below it:
 * the quantile of the residuals target - prediction, of rows that were not learned from, with the correction
 * for a finite number of them (conformalized quantile regression, each tail by itself; Romano, Patterson and
 * Candès, 2019). Of n residuals in ascending order it is number ⌈(n + 1) level⌉ above the median, else number
 * ⌊(n + 1) level⌋; by weight where there are weights.
 *
 * Where n is too small for the level, it is `beyond` to the outside.
 */
export function conformalShift(
  level: number,
  targets: Float64Array,
  predictions: ArrayLike<number>,
  weights: Float64Array | undefined,
  beyond: number,
): number {
  const rows = targets.length;
  const residuals = new Float64Array(rows);
  for (let row = 0; row < rows; row++) residuals[row] = targets[row] - predictions[row];
  const isUpper = level >= 0.5;
  if (weights === undefined) {
    residuals.sort();
    const number = isUpper ? Math.ceil((rows + 1) * level - 1e-9) : Math.floor((rows + 1) * level + 1e-9);
    if (number < 1) return -beyond;
    return number > rows ? beyond : residuals[number - 1];
  }
  const order = Array.from(residuals.keys()).sort((a, b) => residuals[a] - residuals[b]);
  let total = 0;
  for (const weight of weights) total += weight;
  // The new row counts as one of mean weight, as it does without weights.
  const wanted = level * total * (1 + 1 / rows);
  let sum = 0;
  let last = -beyond;
  for (const row of order) {
    if (weights[row] === 0) continue;
    sum += weights[row];
    if (isUpper ? sum >= wanted - 1e-9 * total : sum > wanted + 1e-9 * total)
      return isUpper ? residuals[row] : last;
    last = residuals[row];
  }
  return isUpper ? beyond : last;
}

/**
 * Makes quantiles of predictions, [rows][levels]: adds the shifts, keeps them within the range of the
 * targets, and sorts each row, so that they never cross (rearrangement; Chernozhukov, Fernández-Val and
 * Galichon, 2010). Changes the predictions.
 */
export function calibrate(
  values: Float64Array,
  shifts: readonly number[],
  [low, high]: readonly [number, number],
): void {
  const width = shifts.length;
  for (let start = 0; start < values.length; start += width) {
    for (let at = 0; at < width; at++) {
      const value = Math.min(high, Math.max(low, values[start + at] + shifts[at]));
      // Insertion: they are few, and nearly sorted.
      let place = start + at;
      while (place > start && values[place - 1] > value) {
        values[place] = values[place - 1];
        place--;
      }
      values[place] = value;
    }
  }
}

/** The mean of a value of each row, by weight. */
export function weightedMean(
  rows: number,
  weights: Float64Array | undefined,
  of: (row: number) => number,
): number {
  let [sum, total] = [0, 0];
  for (let row = 0; row < rows; row++) {
    const weight = weights === undefined ? 1 : weights[row];
    sum += weight * of(row);
    total += weight;
  }
  return sum / total;
}

/**
 * The mean over rows, by weight, and over quantiles of the pinball loss: q (t - p) where the target t is
 * above the quantile p of the share q, else (1 - q) (p - t). (Koenker and Bassett, 1978.)
 */
export function pinballLoss(
  targets: Float64Array,
  { levels, values }: QuantileRows,
  weights?: Float64Array,
): number {
  return weightedMean(targets.length, weights, (row) => {
    let sum = 0;
    for (const [at, level] of levels.entries()) {
      const rest = targets[row] - values[row * levels.length + at];
      sum += rest > 0 ? level * rest : (level - 1) * rest;
    }
    return sum / levels.length;
  });
}

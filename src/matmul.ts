/**
 * The three products that a dense layer needs, row-major. Sums are made in doubles.
 *
 * Rows and lengths are arguments because the arrays have room for a whole batch and the last one may be
 * smaller.
 */

/** The sizes of a product y = W x + b. */
export interface Sizes {
  readonly inputs: number;
  readonly outputs: number;
}

/** output[row] = weight · input[row] + bias; weight is [outputs][inputs]. */
export function forward(
  { inputs, outputs }: Sizes,
  weight: Float32Array,
  bias: Float32Array | undefined,
  input: Float32Array,
  output: Float32Array,
  rows: number,
): void {
  for (let row = 0; row < rows; row++) {
    const inputStart = row * inputs;
    for (let unit = 0; unit < outputs; unit++) {
      const weightStart = unit * inputs;
      let sum = bias === undefined ? 0 : bias[unit];
      for (let at = 0; at < inputs; at++) sum += weight[weightStart + at] * input[inputStart + at];
      output[row * outputs + unit] = sum;
    }
  }
}

/** inputGradient[row] = weightᵀ · gradient[row]; `sums` is scratch of at least `inputs` values. */
export function inputGradient(
  { inputs, outputs }: Sizes,
  weight: Float32Array,
  gradient: Float32Array,
  result: Float32Array,
  sums: Float64Array,
  rows: number,
): void {
  for (let row = 0; row < rows; row++) {
    for (let at = 0; at < inputs; at++) sums[at] = 0;
    for (let unit = 0; unit < outputs; unit++) {
      const factor = gradient[row * outputs + unit];
      const weightStart = unit * inputs;
      for (let at = 0; at < inputs; at++) sums[at] += factor * weight[weightStart + at];
    }
    const start = row * inputs;
    for (let at = 0; at < inputs; at++) result[start + at] = sums[at];
  }
}

/**
 * weightGradient = Σ over rows of gradient[row] ⊗ input[row]; `sums` is scratch of at least `inputs`
 * values.
 */
export function weightGradient(
  { inputs, outputs }: Sizes,
  gradient: Float32Array,
  input: Float32Array,
  result: Float32Array,
  sums: Float64Array,
  rows: number,
): void {
  for (let unit = 0; unit < outputs; unit++) {
    for (let at = 0; at < inputs; at++) sums[at] = 0;
    for (let row = 0; row < rows; row++) {
      const factor = gradient[row * outputs + unit];
      const start = row * inputs;
      for (let at = 0; at < inputs; at++) sums[at] += factor * input[start + at];
    }
    const weightStart = unit * inputs;
    for (let at = 0; at < inputs; at++) result[weightStart + at] = sums[at];
  }
}

/** biasGradient = Σ over rows of gradient[row] */
export function biasGradient(
  outputs: number,
  gradient: Float32Array,
  result: Float32Array,
  rows: number,
): void {
  for (let unit = 0; unit < outputs; unit++) {
    let sum = 0;
    for (let row = 0; row < rows; row++) sum += gradient[row * outputs + unit];
    result[unit] = sum;
  }
}

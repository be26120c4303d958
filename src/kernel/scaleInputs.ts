/** Multiplies the inputs of rows by their factors, where there are any. Returns the rows. */
export function scaleInputs<Rows extends Float32Array>(x: Rows, scales: Float32Array | undefined): Rows {
  if (scales) for (let at = 0; at < x.length; at++) x[at] *= scales[at % scales.length];
  return x;
}
